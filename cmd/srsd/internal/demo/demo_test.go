package demo

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

// TestRounds looks at the seam between two rounds: time goes on, at the clip's own pace.
func TestRounds(t *testing.T) {
	packets, err := read()
	require.NoError(t, err)
	require.True(t, packets[0].Kind() == stream.KindVideo || packets[1].Kind() == stream.KindVideo)
	synctest.Test(t, func(t *testing.T) {
		hub := stream.NewHub(stream.HubConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		r := stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: App, Name: Name}}
		pub, err := hub.Publish(ctx, r)
		require.NoError(t, err)
		player, err := hub.Play(ctx, r)
		require.NoError(t, err)
		start := time.Now()
		done := make(chan error)
		go func() { done <- play(ctx, pub, packets) }()
		last := map[stream.Kind]time.Duration{}
		count := map[stream.Kind]int{}
		var first time.Duration
		for count[stream.KindVideo] < 450 {
			p, err := player.ReadPacket()
			require.NoError(t, err)
			k := p.Kind()
			if k != stream.KindVideo && k != stream.KindAudio {
				continue
			}
			if count[k]++; count[k] == 1 && len(count) == 1 {
				first = p.DTS
			}
			if count[k] > 1 {
				step := p.DTS - last[k]
				require.InDelta(t, map[stream.Kind]float64{stream.KindVideo: 40, stream.KindAudio: 21.3}[k], float64(step.Milliseconds()), 3)
			}
			last[k] = p.DTS
			require.InDelta(t, time.Since(start).Seconds(), (p.DTS - first).Seconds(), 0.1)
		}
		require.Greater(t, time.Since(start), 2*length)
		cancel()
		require.NoError(t, <-done)
		_ = player.Close()
		_ = pub.Close(nil)
		require.NoError(t, hub.Close(t.Context()))
	})
}

func TestText(t *testing.T) {
	text := Addresses{RTMP: "127.0.0.1:1935", HTTP: "127.0.0.1:8080", API: "127.0.0.1:1985"}.Text()
	for _, want := range []string{"http://127.0.0.1:8080/\n", "ffplay rtmp://127.0.0.1/live/livestream\n",
		"ffplay http://127.0.0.1:8080/live/livestream.flv\n", "ws://127.0.0.1:8080/live/livestream.flv ",
		"curl http://127.0.0.1:1985/api/v1/streams/\n"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "rtmps")
	text = Addresses{RTMPS: "h:443", HTTPS: "h:444"}.Text()
	require.Contains(t, text, "ffplay rtmps://h/live/livestream\n")
	require.Contains(t, text, "ffplay https://h:444/live/livestream.flv\n")
}

func TestEnvironment(t *testing.T) {
	f, err := conf.Load(conf.Options{EnvOnly: true, Environ: Environ([]string{"SRS_LISTEN=[::]:2000 2001", "SRS_HTTP_SERVER_LISTEN="})})
	require.NoError(t, err)
	require.Equal(t, Addresses{RTMP: "127.0.0.1:2000", HTTP: "127.0.0.1:8080", API: "127.0.0.1:8080", RTC: "127.0.0.1:8000"}, AddressesOf(f.Root()))
	require.False(t, f.Root().Bool("http_api.auth.anonymous"))
	f, err = conf.Load(conf.Options{EnvOnly: true, Environ: Environ([]string{"SRS_HTTP_SERVER_LISTEN=81", "SRS_HTTP_API_LISTEN=82"})})
	require.NoError(t, err)
	require.Equal(t, Addresses{RTMP: "127.0.0.1:1935", HTTP: "127.0.0.1:81", API: "127.0.0.1:82", RTC: "127.0.0.1:8000"}, AddressesOf(f.Root()))
	require.False(t, f.Daemon())
	require.Equal(t, "console", f.Root().String("srs_log_tank"))
}
