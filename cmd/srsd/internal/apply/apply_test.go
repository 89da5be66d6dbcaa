package apply

import (
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

// load reads a configuration from text, with "listen" added.
func load(t *testing.T, text string, env ...string) *conf.File {
	t.Helper()
	f, err := conf.Load(conf.Options{
		Path: "srs.conf", Environ: append([]string{}, env...),
		ReadFile: func(name string) ([]byte, error) {
			if name != "srs.conf" {
				return nil, fs.ErrNotExist
			}
			return []byte("listen 1935; max_connections 100; " + text), nil
		},
		Docker: func() bool { return false }, MaxFiles: func() uint64 { return 0 }, LocalIPs: func() int { return 1 },
	})
	require.NoError(t, err, text)
	return f
}

func newConfig(t *testing.T, text string, env ...string) *Config {
	t.Helper()
	c, err := New(load(t, text, env...), slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err, text)
	return c
}

func TestApplied(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range applied {
		require.True(t, conf.Known(p), p)
		require.False(t, seen[p], "%s is there twice", p)
		seen[p] = true
	}
	require.True(t, Applied(conf.Use{Path: "stream_caster.listen", Caster: "flv"}))
	require.False(t, Applied(conf.Use{Path: "stream_caster.listen", Caster: "gb28181"}))
	require.False(t, Applied(conf.Use{Path: "vhost.exec.enabled"}))
}

func TestSettings(t *testing.T) {
	yes, no := true, false
	base := stream.Settings{CacheFrames: 2500, Queue: 30 * time.Second, FirstPacket: 20 * time.Second, Idle: 5 * time.Second}
	for text, change := range map[string]func(*stream.Settings){
		"": func(*stream.Settings) {},
		"play { gop_cache off; gop_cache_max_frames 100; }": func(s *stream.Settings) { s.NoCache, s.CacheFrames = true, 100 },
		"play { gop_cache_max_frames 0; }":                  func(s *stream.Settings) { s.CacheFrames = -1 },
		"play { queue_length 10; }":                         func(s *stream.Settings) { s.Queue = 10 * time.Second },
		"play { time_jitter full; }":                        func(s *stream.Settings) { s.Jitter = stream.JitterFull },
		"play { time_jitter zero; }":                        func(s *stream.Settings) { s.Jitter = stream.JitterZero },
		"play { time_jitter off; }":                         func(s *stream.Settings) { s.Jitter = stream.JitterOff },
		"time_jitter off;":                                  func(s *stream.Settings) { s.Jitter = stream.JitterOff },
		"play { mix_correct on; atc on; }":                  func(s *stream.Settings) { s.MixCorrect, s.ATC = true, true },
		"play { atc_auto on; }":                             func(s *stream.Settings) { s.ATCAuto = true },
		"play { reduce_sequence_header on; }":               func(s *stream.Settings) { s.ReduceConfigs = true },
		"tcp_nodelay on;":                                   func(s *stream.Settings) { s.NoDelay = &yes },
		"tcp_nodelay off;":                                  func(s *stream.Settings) { s.NoDelay = &no },

		"min_latency on;":  func(s *stream.Settings) { s.Flush.Mode, s.NoDelay = stream.FlushEach, &no },
		"min_latency off;": func(*stream.Settings) {},
		"play { mw_latency 100; }": func(s *stream.Settings) {
			s.Flush = stream.Flush{Mode: stream.FlushWindow, Window: 100 * time.Millisecond}
		},
		"play { mw_latency 100; } min_latency on;": func(s *stream.Settings) { s.Flush.Mode, s.NoDelay = stream.FlushEach, &no },
		"play { mw_latency 0; mw_msgs 4; }": func(s *stream.Settings) {
			s.Flush = stream.Flush{Mode: stream.FlushWindow, Messages: 4}
		},
		"play { mw_latency 0; }": func(s *stream.Settings) {
			s.Flush = stream.Flush{Mode: stream.FlushWindow, Messages: 8}
		},
		"play { mw_msgs 4; }": func(s *stream.Settings) {
			s.Flush = stream.Flush{Mode: stream.FlushWindow, Window: 350 * time.Millisecond}
		},
		"play { send_min_interval 2.5; }": func(s *stream.Settings) { s.Flush.MinInterval = 2500 * time.Microsecond },

		"publish { mr on; }":                 func(s *stream.Settings) { s.ReadWindow = 350 * time.Millisecond },
		"publish { mr on; mr_latency 100; }": func(s *stream.Settings) { s.ReadWindow = 100 * time.Millisecond },
		"publish { mr on; mr_latency 0; }":   func(s *stream.Settings) { s.ReadWindow = -1 },
		"publish { mr off; }":                func(s *stream.Settings) { s.ReadWindow = -1 },
		"publish { mr_latency 100; }":        func(*stream.Settings) {},
		"publish { firstpkt_timeout 1000; normal_timeout 500; kickoff_for_idle 2.5; }": func(s *stream.Settings) {
			s.FirstPacket, s.Idle, s.KickIdle = time.Second, 500*time.Millisecond, 2500*time.Millisecond
		},
	} {
		want := base
		change(&want)
		got, err := newConfig(t, "vhost v { "+text+" }").Settings(stream.Key{Vhost: "v"})
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
	got, err := newConfig(t, "vhost v { }", "SRS_VHOST_MIN_LATENCY=on").Settings(stream.Key{Vhost: "v"})
	require.NoError(t, err)
	require.Equal(t, stream.FlushEach, got.Flush.Mode)
}

func TestVhosts(t *testing.T) {
	c := newConfig(t, "chunk_size 5000; vhost a { } vhost b { enabled off; } vhost c { chunk_size 200; in_ack_size 6000; out_ack_size 0; }")
	require.Equal(t, protocol.VhostSet{"a": true, "b": false, "c": true}, c.Server().Vhosts)
	for _, name := range []string{"b", "d"} {
		_, err := c.Settings(stream.Key{Vhost: name})
		require.ErrorIs(t, err, stream.ErrNotFound)
	}
	r := c.rtmp()
	require.Equal(t, 5000, r.ChunkSize)
	require.Equal(t, rtmp.Vhost{ChunkSize: 5000, OutAckSize: 2500000}, r.Vhost("a"))
	require.Equal(t, rtmp.Vhost{ChunkSize: 200, InAckSize: 6000, OutAckSize: -1}, r.Vhost("c"))
	require.NotNil(t, newConfig(t, "").Server().Vhosts, "without a vhost nothing is accepted")
}

func TestRemux(t *testing.T) {
	def := flv.Remux{Mount: flv.DefaultMount, Mounts: []string{}}
	for text, change := range map[string]func(*flv.Remux){
		"":            func(*flv.Remux) {},
		"enabled on;": func(x *flv.Remux) { x.Enabled = true },
		"enabled on; mount [vhost]/x/[stream].flv;":  func(x *flv.Remux) { x.Enabled, x.Mount = true, "[vhost]/x/[stream].flv" },
		"has_audio off; guess_has_av off;":           func(x *flv.Remux) { x.NoAudio, x.NoGuess = true, true },
		"has_video off; drop_if_not_match off;":      func(x *flv.Remux) { x.NoVideo, x.KeepUnannounced = true, true },
		"has_video on; has_audio on; fast_cache 30;": func(x *flv.Remux) { x.FastCache = 30 * time.Second },
		"mount [vhost]/x/[stream].ts; mounts /a/[stream].aac b/[stream].mp4;": func(x *flv.Remux) {
			x.Mount, x.Mounts = "[vhost]/x/[stream].ts", []string{"/a/[stream].aac", "b/[stream].mp4"}
		},
	} {
		want := def
		change(&want)
		c := newConfig(t, "vhost v { http_remux { "+text+" } }")
		require.Equal(t, want, c.flv()[0].Vhost("v"), text)
		require.Equal(t, c.rtmp().MetaData, c.flv()[0].MetaData)
		require.Equal(t, flv.Remux{}, c.flv()[0].Vhost("none"))
	}
}

func TestServer(t *testing.T) {
	c := newConfig(t, `http_server { enabled on; listen 127.0.0.1:81; crossdomain off;
		https { enabled on; listen 444; key k; cert c; } }`)
	s := c.Server()
	require.Equal(t, 100, s.MaxConns)
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	require.Equal(t, []protocol.HTTPListener{
		{Name: "http", Listen: []string{"127.0.0.1:81"}, NoCORS: true, Forwarded: local},
		{Name: "http", Listen: []string{":444"}, NoCORS: true, CertFile: "c", KeyFile: "k", Forwarded: local},
	}, s.HTTP)
	require.Empty(t, newConfig(t, "").Server().HTTP)
	require.Equal(t, []protocol.HTTPListener{
		{Name: "api", Listen: []string{":1985"}},
		{Name: "api", Listen: []string{":1990"}, CertFile: "c", KeyFile: "k"},
		{Name: "exporter", Listen: []string{":9972"}},
	}, newConfig(t, `http_api { enabled on; trusted_proxies none; https { enabled on; key k; cert c; } } exporter { enabled on; }`).Server().HTTP)
	require.Equal(t, []string{":1935"}, c.rtmp().Listen)

	var names []string
	for _, f := range c.rtmp().ServerInfo {
		names = append(names, f.Name)
	}
	require.Equal(t, "srs_sig srs_server srs_license srs_url srs_version srs_authors srs_pid", strings.Join(names, " "))

	// Without a value of listen there is no port, not the library's default one.
	f, err := conf.Load(conf.Options{EnvOnly: true, Environ: []string{"SRS_MAX_CONNECTIONS=100"}})
	require.NoError(t, err)
	c, err = New(f, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	require.NotNil(t, c.rtmp().Listen)
	require.Empty(t, c.rtmp().Listen)
}

func TestCasters(t *testing.T) {
	c := newConfig(t, `vhost __defaultVhost__ { }
		stream_caster { enabled on; caster flv; listen 8936; output rtmp://127.0.0.1/[app]/[stream]; }
		stream_caster { enabled on; caster mpegts_over_udp; listen 8935; }
		stream_caster { caster flv; listen 8937; }
		stream_caster { enabled on; caster flv; listen 8938; }`)
	list := c.flv()
	require.Len(t, list, 2)
	require.Equal(t, flv.Ingest{Listen: []string{":8936"}, Output: "rtmp://127.0.0.1/[app]/[stream]"}, list[0].Ingest)
	require.Equal(t, flv.Ingest{Listen: []string{":8938"}}, list[1].Ingest)
	require.False(t, list[1].Vhost("__defaultVhost__").Enabled)
	require.Len(t, c.Modules(Control{}), 8)
}

func TestCertificateErrors(t *testing.T) {
	_, err := New(load(t, "rtmps { enabled on; cert none.crt; key none.key; }"), slog.New(slog.DiscardHandler), nil)
	require.ErrorContains(t, err, "srs.conf:1: rtmps: ")
}

func TestWarnings(t *testing.T) {
	f := load(t, `
vhost v {
	exec { enabled on; }
	http_remux { enabled on; mount [vhost]/[app]/[stream].ogg; }
	dash { dash_timeshift 60; } # has a warning of its own
}
stream_caster { enabled on; caster flv; }
stream_caster { enabled on; caster gb28181; listen 9000; }`, "SRS_SRT_SERVER_ENABLED=on")
	require.Equal(t, []string{
		"srs.conf:3: vhost.exec.enabled is known and not applied yet",
		"srs.conf:8: stream_caster.enabled is known and not applied yet",
		"srs.conf:8: stream_caster.caster is known and not applied yet",
		"srs.conf:8: stream_caster.listen is known and not applied yet",
		"SRS_SRT_SERVER_ENABLED: srt_server.enabled is known and not applied yet",
		`srs.conf:4: vhost.http_remux: mount "[vhost]/[app]/[stream].ogg": only .flv, .ts, .mp4, .aac and .mp3 are served`,
		"srs.conf:7: stream_caster.enabled: it has no effect without a listen port",
	}, Warnings(f))
}
