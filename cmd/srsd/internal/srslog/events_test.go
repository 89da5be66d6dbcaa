package srslog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

// TestEvents has the messages of the library and the lines that SRS writes at those points.
func TestEvents(t *testing.T) {
	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}
	connect := []any{"ip", "1.2.3.4:5", "tls", false, "tcUrl", "rtmp://h:1935/live?token=Q1", "pageUrl", "http://p\n", "swfUrl", "s",
		"schema", "rtmp", "vhost", "h", "port", 1935, "app", "live"}
	connected := "[INFO] RTMP client ip=1.2.3.4:5, transport=plaintext\n" +
		`[INFO] connect app, tcUrl=rtmp://h:1935/live?token=***, pageUrl=http://p\n, swfUrl=s, schema=rtmp, vhost=h, port=1935, app=live, args=null` + "\n"
	session := func(typ string, more ...any) []any {
		return append([]any{"type", typ, "ip", "1.2.3.4:5", "stream", key, "vhost", "h", "param", "?token=Q2"}, more...)
	}
	identified := "[INFO] client identified, type=%s, vhost=h, app=live, stream=av, param=?token=***, duration=%dms\n"
	const source = "[INFO] source url=/live/av, ip=1.2.3.4, cache=1/2500, is_edge=0, source_id=%s\n"
	request := []any{"remote", "1.2.3.4:5", "method", "GET", "url", "http://h/live/av.flv?sign=Q3"}
	ended := []any{"remote", "1.2.3.4:5", "requests", 2}
	for _, c := range []struct {
		level slog.Level
		msg   string
		args  []any
		want  string
	}{
		{LevelInfo, "rtmp client connected", connect, connected},
		{LevelInfo, "rtmp publishes", session("fmle-publish"), fmt.Sprintf(identified, "fmle-publish", 0) + fmt.Sprintf(source, "/")},
		{LevelInfo, "rtmp plays", session("rtmp-play", "duration", time.Second, "source_id", "hgfedcba"),
			fmt.Sprintf(identified, "rtmp-play", 1000) + fmt.Sprintf(source, "hgfedcba/hgfedcba")},
		{LevelInfo, "flv plays", append(request, "stream", key, "source_id", "hgfedcba"), fmt.Sprintf(source, "hgfedcba/hgfedcba")},
		{LevelInfo, "http request", append(request, "n", 3, "length", -1),
			"[INFO] HTTP #3 1.2.3.4:5 GET http://h/live/av.flv?sign=***, content-length=-1\n"},
		{LevelInfo, "http connection ended", append(ended, "by", "client", "reason", "half a request"),
			"[WARN][0] client disconnect peer. ret=1007, remote=1.2.3.4:5, requests=2, reason=half a request\n"},
		{LevelInfo, "http connection ended", append(ended, "by", "client", "reason", "closed"),
			"[INFO] client finished. remote=1.2.3.4:5, requests=2, reason=closed\n"},
		{LevelInfo, "http connection ended", append(ended, "by", "server", "reason", "idle"),
			"[INFO] client finished. remote=1.2.3.4:5, requests=2, reason=idle\n"},

		{LevelWarn, "rtmp connect refused", append(connect, "err", protocol.ErrVhost),
			connected + "[ERROR][0] serve error code=2014(NoVhost)(there is no such vhost) : connect : protocol: no such vhost : stream: not found\n"},
		{LevelWarn, "rtmp publish refused", session("fmle-publish", "err", fmt.Errorf("x: %w", stream.ErrBusy)),
			fmt.Sprintf(identified, "fmle-publish", 0) + "[ERROR][0] serve error code=1028(StreamBusy)(the stream has a publisher) : publish : x : stream: busy: the stream has a publisher\n"},
		{LevelWarn, "rtmp play refused", []any{"type", "rtmp-play", "err", protocol.ErrStreamName},
			"[ERROR][0] serve error code=2051(StreamNameEmpty)(the stream has no name) : play : protocol: no stream name\n"},
		{LevelWarn, "flv play refused", append(request, "err", &stream.DeniedError{Err: stream.ErrNotFound}),
			"[ERROR][0] serve error code=2015(SecurityDenied)(the client is not let in) : play : stream: denied : stream: not found\n"},

		{LevelInfo, "rtmp connection ended", []any{"by", "client", "cause", io.EOF}, "[WARN][0] client disconnect peer. ret=1007\n"},
		{LevelInfo, "rtmp connection ended", []any{"by", "client", "cause", syscall.ECONNRESET}, "[WARN][104] client disconnect peer. ret=1007\n"},
		{LevelInfo, "rtmp connection ended", []any{"by", "server"}, "[INFO] client finished.\n"},
		{LevelWarn, "rtmp connection ended", []any{"err", stream.ErrShutdown}, "[INFO] client finished.\n"},
		{LevelWarn, "rtmp connection ended", []any{"err", os.ErrDeadlineExceeded},
			"[ERROR][0] serve error code=1011(SocketTimeout)(the peer was silent for too long) : service cycle : i/o timeout\n"},
		{LevelWarn, "rtmp connection ended", []any{"err", syscall.EPROTO},
			"[ERROR][71] serve error code=1(Failed)(the session failed) : service cycle : protocol error (protocol error)\n"},
		{LevelInfo, "flv play ended", []any{"bytes", 5, "reason", "client left"},
			"[INFO] flv play ended, bytes=5, reason=client left\n[WARN][0] client disconnect peer. ret=1007\n"},
		{LevelInfo, "flv play ended", []any{"reason", "stream ended"},
			"[INFO] flv play ended, reason=stream ended\n[WARN][0] server disconnect. ret=4040\n"},
		{LevelInfo, "flv play ended", []any{"reason", "kicked"}, "[INFO] flv play ended, reason=kicked\n"},
	} {
		t.Run(c.msg, func(t *testing.T) {
			got := write(t, Options{}, c.level, c.msg, append(c.args, "id", "abcdefgh")...)
			got = strings.ReplaceAll(got, "[2026-11-22 07:38:29.389]", "")
			require.Equal(t, c.want, strings.ReplaceAll(got, "[32151][abcdefgh]", ""))
			require.NotContains(t, got, "Q")
		})
	}
	off := Options{GOPCache: func(k stream.Key) (bool, int) { return k != key, 7 }}
	require.Contains(t, write(t, off, LevelInfo, "rtmp plays", session("rtmp-play")...), ", cache=0/7, ")
}

// TestEventLevels: it is the level of SRS's line that counts, not that of the record.
func TestEventLevels(t *testing.T) {
	for level, want := range map[slog.Level]int{LevelInfo: 3, LevelWarn: 2, LevelError: 1} {
		b := new(strings.Builder)
		b.WriteString("\n")
		l := slog.New(New(b, Options{Level: level}))
		l.Info("rtmp connection ended", "by", "server")
		l.Info("rtmp connection ended", "by", "client")
		l.Warn("rtmp connection ended", "err", io.ErrUnexpectedEOF)
		require.Equal(t, want, strings.Count(b.String(), "\n["), b.String())
	}
	h := New(io.Discard, Options{Level: LevelError})
	require.False(t, h.Enabled(context.Background(), LevelDebug))
}
