package rtmp

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/url"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

func TestClientURL(t *testing.T) {
	for _, c := range []struct{ url, addr, tcURL, app, stream string }{
		{"rtmp://h/live/s", "h:1935", "rtmp://h/live", "live", "s"},
		{"rtmp://h:19350/live/s", "h:19350", "rtmp://h:19350/live", "live", "s"},
		{"RTMPS://h/live/s", "h:443", "rtmps://h/live", "live", "s"},
		{"rtmp://[::1]/live/s", "[::1]:1935", "rtmp://[::1]/live", "live", "s"},
		{"rtmp://[::1]:19350/live/s", "[::1]:19350", "rtmp://[::1]:19350/live", "live", "s"},
		{"rtmp://h/a/b/s", "h:1935", "rtmp://h/a/b", "a/b", "s"},
		{"rtmp://h//live/s/", "h:1935", "rtmp://h/live", "live", "s"},
		{"rtmp://h/live/s?k=v&a=b", "h:1935", "rtmp://h/live", "live", "s?k=v&a=b"},
		{"rtmp://h/live/s?token=a/b+c==", "h:1935", "rtmp://h/live", "live", "s?token=a/b+c=="},
		{"rtmp://h/live?vhost=v/s", "h:1935", "rtmp://h/live?vhost=v", "live?vhost=v", "s"},
		{"rtmp://h/live?vhost=v/s?k=v", "h:1935", "rtmp://h/live?vhost=v", "live?vhost=v", "s?k=v"},
		{"rtmp://h/live...vhost...v/s", "h:1935", "rtmp://h/live...vhost...v", "live...vhost...v", "s"},
		{"rtmp://h/live#k=v/s", "h:1935", "rtmp://h/live#k=v", "live#k=v", "s"},
		{"rtmp://h/live/_definst_/s", "h:1935", "rtmp://h/live/_definst_", "live/_definst_", "s"},
		{"rtmp://h/s", "h:1935", "rtmp://h/__defaultApp__", "__defaultApp__", "s"},
		{"rtmp://h/live/%20s", "h:1935", "rtmp://h/live", "live", "%20s"},
	} {
		got, err := parseTarget(c.url)
		require.NoError(t, err, c.url)
		require.Equal(t, c.addr, got.addr, c.url)
		require.Equal(t, []string{c.tcURL, c.app, c.stream}, []string{got.tcURL(), got.app, got.stream}, c.url)
		again, err := parseTarget(got.String())
		require.NoError(t, err, c.url)
		require.Equal(t, got, again, c.url)
	}
	for _, bad := range []string{
		"", "h/live/s", "http://h/live/s", "rtmp://", "rtmp:///live/s", "rtmp://h", "rtmp://h/", "rtmp://h?x/y",
		"rtmp://h:0/a/s", "rtmp://h:99999/a/s", "rtmp://[::1/a/s", "rtmp://h/live/s\r\n", "rtmp://h/a b/s",
		"rtmp://user:secret@h/live/s", "rtmp://h/" + string(make([]byte, 5000)),
	} {
		_, err := parseTarget(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestClientReconnectURL(t *testing.T) {
	from, err := parseTarget("rtmp://h:19350/live/s?k=v")
	require.NoError(t, err)
	for _, c := range [][2]string{
		{"", "rtmp://h:19350/live/s?k=v"},
		{"rtmp://other/app", "rtmp://other/app/s?k=v"},
		{"rtmps://other:444/a/b?vhost=v", "rtmps://other:444/a/b?vhost=v/s?k=v"},
		{"//192.0.2.0/realtimeapp", "rtmp://192.0.2.0/realtimeapp/s?k=v"},
		{"/realtimeapp", "rtmp://h:19350/realtimeapp/s?k=v"},
		{"rtmp://other", "rtmp://other/__defaultApp__/s?k=v"},
	} {
		to, err := reconnectTarget(from, c[0])
		require.NoError(t, err, c[0])
		require.Equal(t, c[1], to.String())
	}
	for _, bad := range []string{"http://h/live", "file:///etc/passwd", "rtmp://", "javascript:x", "%zz"} {
		_, err := reconnectTarget(from, bad)
		require.Error(t, err, bad)
	}
}

func TestClientPlay(t *testing.T) {
	streamtest.CheckLeaks(t)
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.HEVCAAC(), streamtest.VP9Opus()} {
		args := make(chan command, 1)
		base := fakeServer(t, func(f *fakeConn) {
			args <- f.plays()
			f.stream(clip.Packets())
			f.say(appendEvent(nil, 1, 9)) // the end of another stream
			f.say(appendEvent(nil, eventStreamEOF, 1))
			f.idle()
		})
		p, err := DialPlay(testContext(t), base+"/live/a?k=v", nil)
		require.NoError(t, err)
		require.Equal(t, base+"/live/a?k=v", p.URL())
		c := <-args
		require.Equal(t, "a?k=v", c.str(0))
		require.Equal(t, -2000.0, c.number(1, 0))
		got, err := readAll(p)
		require.NoError(t, err)
		streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{})
		require.Equal(t, len(clip.Tracks().List), len(p.Tracks().List))
		_, err = p.ReadPacket()
		require.Equal(t, io.EOF, err, "final")
		require.NoError(t, p.Close())
		require.NoError(t, p.Close())
	}
}

// TestClientConnect holds what connect tells.
func TestClientConnect(t *testing.T) {
	streamtest.CheckLeaks(t)
	got := make(chan command, 1)
	base := fakeServer(t, func(f *fakeConn) {
		f.handshake()
		got <- f.wait("connect")
	})
	_, err := DialPublish(testContext(t), base+"/live?vhost=v/a", &ClientConfig{
		ConnectArgs: []amf.Field{{Name: "srs_id", Value: "x"}}, PageURL: "http://p/",
	})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	c := <-got
	o := c.fields()
	require.Equal(t, "live?vhost=v", o.String("app"))
	require.Equal(t, base+"/live?vhost=v", o.String("tcUrl"))
	require.Equal(t, "http://p/", o.String("pageUrl"))
	require.Contains(t, o.String("flashVer"), "FMLE/")
	require.Equal(t, 15.0, o.Number("capsEx"))
	list, _ := o.Get("fourCcList")
	require.Contains(t, list, "hvc1")
	for _, name := range []string{"videoFourCcInfoMap", "audioFourCcInfoMap"} {
		v, _ := o.Get(name)
		require.Equal(t, amf.Object{{Name: "*", Value: 4.0}}, v)
	}
	require.Equal(t, "x", objectOf(c.args[0]).String("srs_id"))
}

// TestClientPlayEnds holds the ways in which a stream is over.
func TestClientPlayEnds(t *testing.T) {
	streamtest.CheckLeaks(t)
	data := func(values ...any) func(*fakeConn) {
		return func(f *fakeConn) { f.message(chunk.Data0, 0, amf.AppendAll(nil, values...)) }
	}
	complete := amf.Object{{Name: "level", Value: "status"}, {Name: "code", Value: "NetStream.Play.Complete"}}
	for name, end := range map[string]func(*fakeConn){
		"eof":       func(f *fakeConn) { f.say(appendEvent(nil, eventStreamEOF, 1)) },
		"unpublish": func(f *fakeConn) { f.status("status", "NetStream.Play.UnpublishNotify") },
		"stop":      func(f *fakeConn) { f.status("status", "NetStream.Play.Stop") },
		"complete":  data("onPlayStatus", complete),
		"complete3": func(f *fakeConn) {
			f.message(chunk.Data3, 0, append([]byte{0}, amf.AppendAll(nil, "onPlayStatus", 0.0, nil, complete)...))
		},
		"close": func(f *fakeConn) { _ = f.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			base := fakeServer(t, func(f *fakeConn) {
				f.plays()
				f.stream(streamtest.AACOnly().Packets()[:3])
				data("onStatus", amf.Object{{Name: "code", Value: "NetStream.Data.Start"}})(f)
				f.message(chunk.Command0, 0, []byte{1, 2, 3})
				end(f)
				f.idle()
			})
			p, err := DialPlay(testContext(t), base+"/live/a", nil)
			require.NoError(t, err)
			defer p.Close()
			got, err := readAll(p)
			require.NoError(t, err)
			require.Len(t, got, 3)
		})
	}
}

func TestClientPlayFailures(t *testing.T) {
	streamtest.CheckLeaks(t)
	t.Run("truncated", func(t *testing.T) {
		base := fakeServer(t, func(f *fakeConn) {
			f.plays()
			m := chunk.Message{Header: chunk.Header{Type: chunk.Audio, ChunkStream: 6, StreamID: 1}, Payload: make([]byte, 100)}
			f.say(chunk.AppendMessage(nil, &m, 0)[:50])
		})
		p, err := DialPlay(testContext(t), base+"/live/a", nil)
		require.NoError(t, err)
		_, err = p.ReadPacket()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NoError(t, p.Close())
	})
	t.Run("silence", func(t *testing.T) {
		base := fakeServer(t, func(f *fakeConn) { f.plays(); f.idle() })
		p, err := DialPlay(testContext(t), base+"/live/a", &ClientConfig{IOTimeout: 30 * time.Millisecond})
		require.NoError(t, err)
		_, err = p.ReadPacket()
		var timeout interface{ Timeout() bool }
		require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
		require.NoError(t, p.Close())
	})
	t.Run("close", func(t *testing.T) {
		base := fakeServer(t, func(f *fakeConn) { f.plays(); f.idle() })
		p, err := DialPlay(testContext(t), base+"/live/a", nil)
		require.NoError(t, err)
		time.AfterFunc(20*time.Millisecond, func() { _ = p.Close() })
		_, err = p.ReadPacket()
		require.ErrorIs(t, err, stream.ErrClosed)
	})
	t.Run("malformed", func(t *testing.T) {
		base := fakeServer(t, func(f *fakeConn) {
			f.plays()
			for range badLimit + 1 {
				f.message(chunk.Video, 0, []byte{0x17, 1, 0})
			}
			f.idle()
		})
		p, err := DialPlay(testContext(t), base+"/live/a", nil)
		require.NoError(t, err)
		_, err = p.ReadPacket()
		require.ErrorContains(t, err, "malformed")
		require.NoError(t, p.Close())
	})
	t.Run("kicked", func(t *testing.T) {
		base := fakeServer(t, func(f *fakeConn) { f.plays(); f.status("error", playFailed); f.idle() })
		p, err := DialPlay(testContext(t), base+"/live/a", nil)
		require.NoError(t, err)
		_, err = p.ReadPacket()
		var s *StatusError
		require.ErrorAs(t, err, &s)
		require.NoError(t, p.Close())
	})
}

// TestClientTimestamps holds that time goes on beyond 32 bits, and that headers at zero
// do not move it.
func TestClientTimestamps(t *testing.T) {
	streamtest.CheckLeaks(t)
	const late = 1<<32 - 100
	base := fakeServer(t, func(f *fakeConn) {
		f.plays()
		f.message(chunk.Audio, 0, []byte{0xaf, 0, 0x12, 0x10})
		for _, ts := range []uint32{late, late + 90, 0, 50} {
			f.message(chunk.Audio, ts, []byte{0xaf, 1, 1, 2, 3})
		}
		var tags []byte // an aggregate: two tags whose distance counts
		for _, ts := range []byte{7, 17} {
			tags = append(tags, chunk.Audio, 0, 0, 5, 0, 0, ts, 0, 0, 0, 0, 0xaf, 1, 1, 2, 3, 0, 0, 0, 16)
		}
		f.message(chunk.Aggregate, 100, tags)
	})
	p, err := DialPlay(testContext(t), base+"/live/a", nil)
	require.NoError(t, err)
	defer p.Close()
	got, err := readAll(p)
	require.NoError(t, err)
	var ms []int64
	for _, q := range got {
		ms = append(ms, q.DTS.Milliseconds())
	}
	require.Equal(t, []int64{late, late + 90, 1 << 32, 1<<32 + 50, 1<<32 + 100, 1<<32 + 110}, ms)
}

// TestClientControl holds the answers to pings, windows and bandwidth.
func TestClientControl(t *testing.T) {
	streamtest.CheckLeaks(t)
	ok := make(chan bool, 1)
	script := func(f *fakeConn) {
		f.say(appendControl(nil, chunk.SetPeerBandwidth, 5000, 2))
		good := binary.BigEndian.Uint32(f.control(chunk.WindowAckSize)) == 5000
		f.say(appendEvent(nil, eventPingRequest, 0xdeadbeef))
		b := f.control(chunk.UserControl)
		for len(b) == 10 { // the length of the player's buffer
			b = f.control(chunk.UserControl)
		}
		good = good && len(b) == 6 && b[1] == eventPingResponse && be32(b[2:]) == 0xdeadbeef
		f.say(appendControl(nil, chunk.WindowAckSize, 2000))
		f.say(appendControl(nil, chunk.SetChunkSize, 4000))
		m := chunk.Message{Header: chunk.Header{Type: chunk.Audio, ChunkStream: 6, StreamID: 1}, Payload: make([]byte, 3000)}
		m.Payload[0] = 0x2f // MP3
		f.say(chunk.AppendMessage(nil, &m, 4000))
		n := f.control(chunk.Acknowledgement)
		ok <- good && len(n) == 4 && be32(n) > 1000
		f.say(appendEvent(nil, eventStreamEOF, 1))
		f.idle()
	}
	ctx := testContext(t)
	play, err := DialPlay(ctx, fakeServer(t, func(f *fakeConn) { f.plays(); script(f) })+"/live/a", nil)
	require.NoError(t, err)
	got, err := readAll(play)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.True(t, <-ok)
	require.NoError(t, play.Close())

	pub, err := DialPublish(ctx, fakeServer(t, func(f *fakeConn) { f.publishes(); script(f) })+"/live/a", nil)
	require.NoError(t, err)
	require.True(t, <-ok, "a publisher that sends nothing answers too")
	require.NoError(t, pub.Close())
}

// dialerOfModule stands for a module that embeds the dialer.
type dialerOfModule struct {
	protocol.Module
	dialer
}

func TestClientDialer(t *testing.T) {
	streamtest.CheckLeaks(t)
	var d protocol.Dialer = &dialerOfModule{}
	require.Equal(t, []string{"rtmp", "rtmps"}, d.Schemes())
	clip := streamtest.H264Only()
	base := fakeServer(t, func(f *fakeConn) { f.plays(); f.stream(clip.Packets()) })
	u, err := url.Parse(base + "/live?vhost=v/a?k=v")
	require.NoError(t, err)
	src, err := d.Pull(testContext(t), u)
	require.NoError(t, err)
	require.Equal(t, u.String(), src.(*PlayConn).URL())
	got, err := readAll(src)
	require.NoError(t, err)
	streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{})
	require.NoError(t, src.Close())
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	src, err = d.Pull(ended, u)
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, src == nil)
	sink, err := d.Push(ended, u)
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, sink == nil)
}
