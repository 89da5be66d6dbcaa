package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc"
)

// rtcServer starts a server of WebRTC, and gives the URL of its HTTP server.
func rtcServer(t *testing.T) string {
	t.Helper()
	s := protocol.NewServer(protocol.Config{
		HTTP:   []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}},
		Logger: slog.New(slog.DiscardHandler),
	}, rtc.New(rtc.Config{Listen: []string{"127.0.0.1:0"}, Candidates: rtc.Candidates{Hosts: []string{"127.0.0.1"}}}))
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return "http://" + s.HTTPAddrs("http")[0].String()
}

// TestRTC: publishers and players by WHIP and WHEP, and by SRS's own API, with what they report.
func TestRTC(t *testing.T) {
	base := rtcServer(t)
	for name, o := range map[string]rtcOptions{
		"WHIP": {publish: base + "/rtc/v1/whip/?app=live&stream=a{i}", url: base + "/rtc/v1/whep/?app=live&stream=a{i}"},
		"JSON": {publish: base + "/rtc/v1/publish/?streamurl=webrtc://127.0.0.1/live/b{i}", url: base + "/rtc/v1/play/?streamurl=webrtc://127.0.0.1/live/b{i}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.n, o.publishers, o.streams, o.rate, o.duration, o.bitrate, o.fps, o.gop = 4, 2, 2, 50, 2*time.Second, 600_000, 25, time.Second
			r, err := runRTC(&o)
			require.NoError(t, err)
			require.NoError(t, r.sound())
			require.Equal(t, []int{4, 4, 2}, []int{r.Playing, r.Connected, r.Publishing})
			require.Zero(t, r.Refused)
			require.Greater(t, r.Sent, uint64(100))
			require.Greater(t, r.Packets, uint64(200))
			require.Greater(t, r.BitRate, 200_000.)
			require.Greater(t, r.Latency.Count, uint64(20))
			require.Positive(t, r.Latency.P50)
			require.Positive(t, r.Jitter)
		})
	}
	for _, u := range []string{"", "rtmp://127.0.0.1/live/a", "http://192.0.2.1/rtc/v1/whep/", ":"} {
		_, err := runRTC(&rtcOptions{url: u, n: 1, streams: 1, rate: 1, duration: time.Second, fps: 25, gop: time.Second})
		require.Error(t, err, u)
	}
	r, err := runRTC(&rtcOptions{publish: base + "/none", publishers: 1, streams: 1, rate: 1, bitrate: 600_000, duration: time.Second, fps: 25, gop: time.Second})
	require.NoError(t, err)
	require.Error(t, r.sound())
	require.Contains(t, r.Error, "rtc: 4")
}
