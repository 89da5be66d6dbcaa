package hook

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
)

// beat starts a server with a heartbeat.
func beat(t *testing.T, cfg HeartbeatConfig) (*protocol.Server, *logs) {
	l := &logs{}
	s := protocol.NewServer(protocol.Config{ServerID: "vid-5481ey2", Logger: slog.New(slog.NewTextHandler(l, nil))}, NewHeartbeat(cfg))
	require.NoError(t, s.Start(context.Background()))
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s, l
}

// TestHeartbeat: the body has what is configured, in SRS's order.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	cfg := HeartbeatConfig{URL: c.url + "api/v1/servers", Interval: time.Millisecond, DeviceID: "my-device", IP: "192.0.2.7"}
	s, _ := beat(t, cfg)
	c.wait(t, 3)
	id := s.Identity()
	plain := `{"device_id":"my-device","ip":"192.0.2.7","server":"vid-5481ey2","service":"` + id.Service + `","pid":"` + strconv.Itoa(id.PID) + `"`
	for _, g := range c.wait(t, 3) {
		require.Equal(t, "POST", g.method)
		require.Equal(t, "/api/v1/servers", g.uri)
		require.Equal(t, "application/json", g.header.Get("Content-Type"))
		require.Equal(t, plain+"}", g.body)
	}
	cfg.Interval, cfg.UserAgent = time.Hour, "SRS/6.0.157(Hang)"
	cfg.Summaries = func() any { return map[string]any{"ok": true} }
	cfg.Ports = func() Ports {
		return Ports{RTMP: []string{"1935"}, HTTP: []string{"8080"}, API: []string{"1985"},
			SRT: []string{"udp://0.0.0.0:10080"}, RTC: []string{"udp://0.0.0.0:8000", "tcp://0.0.0.0:8000"}}
	}
	require.NoError(t, s.Reload(t.Context(), protocolConfig, NewHeartbeat(cfg)))
	var last got
	eventually(t, "the new configuration counts", func() bool {
		seen := c.wait(t, 1)
		last = seen[len(seen)-1]
		return last.header.Get("User-Agent") == cfg.UserAgent
	})
	require.Equal(t, plain+`,"summaries":{"ok":true},"rtmp":["1935"],"http":["8080"],"api":["1985"],`+
		`"srt":["udp://0.0.0.0:10080"],"rtc":["udp://0.0.0.0:8000","tcp://0.0.0.0:8000"]}`, last.body)
}

// TestHeartbeatDown: failures do not end it, and the log has when they begin and end.
func TestHeartbeatDown(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	c := newCallee(t, func(w http.ResponseWriter, _ got) {
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		_, _ = io.WriteString(w, "whatever")
	})
	down.Store(true)
	s, l := beat(t, HeartbeatConfig{URL: c.url, Interval: time.Millisecond})
	for i := range 2 {
		c.wait(t, 10*(i+1))
		down.Store(false)
		eventually(t, "it works", func() bool { return strings.Count(l.String(), "works again") == i+1 })
		down.Store(true)
		eventually(t, "it fails", func() bool { return strings.Count(l.String(), "heartbeat fails") == i+2 })
	}
	require.NoError(t, s.Shutdown(context.Background()))
	require.Equal(t, 3, strings.Count(l.String(), "heartbeat fails"), "%s", l)
	require.Equal(t, 2, strings.Count(l.String(), "works again"))
}

// TestHeartbeatHangs: a callee that hangs does not keep the server.
func TestHeartbeatHangs(t *testing.T) {
	t.Parallel()
	c := newCallee(t, func(_ http.ResponseWriter, g got) { time.Sleep(time.Millisecond) })
	hung := rawServer(t, hangs(""))
	s, l := beat(t, HeartbeatConfig{URL: hung})
	require.NoError(t, s.Shutdown(context.Background()))
	require.NotContains(t, l.String(), "heartbeat fails")

	s, l = beat(t, HeartbeatConfig{URL: c.url, Summaries: func() any { return func() {} }})
	eventually(t, "what is no JSON is told", func() bool { return strings.Contains(l.String(), "summaries") })
	require.NoError(t, s.Shutdown(context.Background()))
	require.Empty(t, c.hooks())
	require.Error(t, NewHeartbeat(HeartbeatConfig{}).Reload(New(Config{})))
}
