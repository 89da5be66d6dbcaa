package api

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestFloat(t *testing.T) {
	for f, want := range map[float]string{0: "0.00", 2: "2.00", 52.1: "52.10", 0.005: "0.01", -1.5: "-1.50", 1e20: "100000000000000000000.00",
		float(math.Inf(1)): "0.00", float(math.Inf(-1)): "0.00"} {
		require.Equal(t, want, string(encode(f)))
	}
	require.Equal(t, "0.00", string(encode(float(math.NaN()))))
}

func TestObject(t *testing.T) {
	require.Equal(t, `{"b":1,"a\u003c\"":[2.00],"c":{}}`, string(encode(object{{"b", 1}, {`a<"`, []float{2}}, {"c", object{}}})))
	for _, x := range [][3]string{
		{`{"code":0}`, `{}`, `{"code":0}`}, {`{"code":0}`, `null`, `{"code":0}`}, {`{"code":0}`, `[1]`, `{"code":0}`},
		{`{"code":0}`, `{"a":{"b":"}"}}`, `{"code":0,"a":{"b":"}"}}`},
	} {
		require.Equal(t, x[2], string(beside([]byte(x[0]), []byte(x[1]))))
	}
}

func TestLeadingInt(t *testing.T) {
	for s, want := range map[string]int{"": 0, "5": 5, "12x": 12, "x": 0, "-3": 0, " 3": 0, "007": 7} {
		require.Equal(t, want, leadingInt(s), "%q", s)
	}
	require.GreaterOrEqual(t, leadingInt(strings.Repeat("9", 1000)), maxPage)
}

func TestMask(t *testing.T) {
	for s, want := range map[string]string{
		"srsd -c conf/srs.conf":                          "srsd -c conf/srs.conf",
		"srsd -c x --token=abc":                          "srsd -c x --token=***",
		"srs.conf:3: http_api.auth.token: no key here":   "srs.conf:3: http_api.auth.token: no key here",
		"relay rtmp://user:pass@host/a?k=v&secret=b&c=d": "relay rtmp://***@host/a?k=v&secret=***&c=d",
		"http://pass@host/":                              "http://***@host/",
		"stream_key=abc;x=y":                             "stream_key=***;x=y",
		"a b@c":                                          "a b@c",
	} {
		require.Equal(t, want, mask(s))
	}
	require.Equal(t, "srsd -password *** --token=*** -c x -key *** rtmp://***@h/",
		maskArgs([]string{"srsd", "-password", "abc", "--token=abc", "-c", "x", "-key", "k", "rtmp://u:p@h/"}))
	for s, want := range map[string]string{
		"":                               "",
		"rtmp://h:1935/live":             "rtmp://h:1935/live",
		"rtmp://h/live?vhost=v&k=w":      "rtmp://h/live?vhost=v&k=***",
		"rtmp://h/live?w":                "rtmp://h/live?***",
		"rtmp://h/live?domain=v?token=w": "rtmp://h/live?domain=v&token=***",
		"rtmp://u:p@h/live?":             "rtmp://***@h/live?",
	} {
		require.Equal(t, want, maskQuery(s))
	}
}

// FuzzMask: a text is cut at secrets, and grows by no more than what hides them.
func FuzzMask(f *testing.F) {
	f.Add("rtmp://user:pass@host/a?token=b&vhost=c")
	f.Fuzz(func(t *testing.T, s string) {
		s = s[:min(len(s), maxShown)]
		if got := maskQuery("rtmp://host/app?k=" + s); !strings.HasPrefix(got, "rtmp://host/app?k=***") {
			t.Errorf("%q of %q", got, s)
		}
		if got := mask(s); len(got) > 4*len(s)+len(hidden) {
			t.Errorf("%q of %q", got, s)
		}
	})
}

func TestTCURL(t *testing.T) {
	k := stream.Key{Vhost: "v", App: "live", Name: "av"}
	for _, x := range []struct{ kind, url, tc, name string }{
		{"fmle-publish", "rtmp://127.0.0.1:1935/live", "rtmp://127.0.0.1:1935/live", "av"},
		{"flv-play", "http://127.0.0.1:8080/live/av.flv?a=b", "http://127.0.0.1/live", "av.flv"},
		{"flv-play", "https://[::1]:8080/live/av.flv", "https://[::1]/live", "av.flv"},
		{"hls-play", "http://host/live/av.m3u8?hls_ctx=1", "http://host/live", "av.m3u8"},
		{"flv-play", "http://host/other/mount.flv", "http://host/live", "av"},
		{"rtc-play", "webrtc://host:1985/live/av", "webrtc://host/live", "av"},
		{"rtc-publish", "http://host/rtc/v1/whip/?app=live&stream=av", "", "av"},
		{"srt-play", "srt://192.0.2.1:10080?streamid=x", "srt://192.0.2.1/live", "av"},
		{"", "", "", "av"},
	} {
		q := &stream.Request{Key: k, Type: x.kind, URL: x.url}
		require.Equal(t, x.tc, tcURL(q), x.url)
		require.Equal(t, x.name, shownName(q), x.url)
	}
}

func TestProfiles(t *testing.T) {
	avc := func(profile, level byte) []byte { return []byte{1, profile, 0, level, 0xff} }
	hevc := func(profile, level byte) []byte {
		return append([]byte{1, 0x20 | profile, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, level}, 0)
	}
	for _, x := range []struct {
		codec          stream.Codec
		config         []byte
		profile, level string
	}{
		{stream.H264, avc(66, 10), "Baseline", "1"}, {stream.H264, avc(77, 13), "Main", "1.3"}, {stream.H264, avc(88, 31), "Extended", "3.1"},
		{stream.H264, avc(100, 40), "High", "4"}, {stream.H264, avc(110, 51), "High(10)", "5.1"}, {stream.H264, avc(122, 52), "High(422)", "5.2"},
		{stream.H264, avc(144, 62), "High(444)", "6.2"}, {stream.H264, avc(244, 9), "High(444+Predictive)", "Other"},
		{stream.H264, avc(1, 255), "Other", "Other"}, {stream.H264, nil, "Other", "Other"}, {stream.H264, []byte{1, 66, 0}, "Other", "Other"},
		{stream.HEVC, hevc(1, 30), "Main", "1"}, {stream.HEVC, hevc(2, 93), "Main10", "3.1"}, {stream.HEVC, hevc(3, 120), "Main Still Picture", "4"},
		{stream.HEVC, hevc(4, 186), "Rext", "6.2"}, {stream.HEVC, hevc(9, 0), "Other", "Other"}, {stream.HEVC, hevc(1, 63)[:12], "Other", "Other"},
		{stream.AV1, []byte{0x81, 0x05}, "Main", "3.1"}, {stream.AV1, []byte{0x81, 0x2d}, "High", "5.1"}, {stream.AV1, []byte{0x81}, "Other", "Other"},
		{stream.FLVVideo(4), nil, "Other", "Other"},
	} {
		profile, level := videoProfile(&stream.Track{Codec: x.codec, Config: x.config})
		require.Equal(t, []string{x.profile, x.level}, []string{profile, level}, "%v % x", x.codec, x.config)
	}
	for first, want := range map[byte]string{1 << 3: "Main", 2<<3 | 1: "LC", 3 << 3: "SSR", 5 << 3: "HE", 29 << 3: "HEv2", 4 << 3: "Other"} {
		require.Equal(t, want, audioProfile(&stream.Track{Codec: stream.AAC, Config: []byte{first, 0}}))
	}
	require.Equal(t, "Other", audioProfile(&stream.Track{Codec: stream.MP3}))
	require.Equal(t, "Other", audioProfile(&stream.Track{Codec: stream.AAC}))
	for c, want := range map[stream.Codec]string{stream.H264: "H264", stream.HEVC: "HEVC", stream.AV1: "AV1", stream.FLVVideo(4): "VP6",
		stream.FLVVideo(2): "Other", stream.FLVAudio(11): "Other", stream.AAC: "AAC", stream.MP3: "MP3", stream.Opus: "Opus", stream.VP9: "VP9"} {
		require.Equal(t, want, codecName(c))
	}
	for _, clip := range streamtest.Clips() {
		v, a := showTracks(clip.Tracks())
		require.Equal(t, clip.Tracks().Has(stream.KindVideo), v != nil, clip.Name)
		require.Equal(t, clip.Tracks().Has(stream.KindAudio), a != nil, clip.Name)
		if a != nil && a.Codec == "AAC" {
			require.Equal(t, "LC", a.Profile, clip.Name)
		}
	}
}

// TestRecent: what takes long to make is made rarely.
func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c recent[int]
		ask := func(keep, cost time.Duration) int {
			return c.get(keep, func(old int) int { time.Sleep(cost); return old + 1 })
		}
		require.Equal(t, 1, ask(0, 0))
		require.Equal(t, 2, ask(0, 2*time.Millisecond), "what costs nothing is always new")
		time.Sleep(199 * time.Millisecond)
		require.Equal(t, 2, ask(0, 0))
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, 3, ask(0, time.Minute))
		time.Sleep(time.Second)
		require.Equal(t, 4, ask(2*time.Second, 0), "nothing is kept for longer than a second")
		time.Sleep(time.Second)
		require.Equal(t, 4, ask(0, 0), "unless that was asked for")
	})
}

// TestSampler: on Linux all samples are there at once; rates come with the second look.
func TestSampler(t *testing.T) {
	var s sampler
	s.look(0, []string{"sda"})
	if proc("self/stat") == "" {
		require.Nil(t, s.self.Load())
		t.Log("there is no /proc here")
		return
	}
	first := s.self.Load()
	require.NotNil(t, first)
	require.False(t, first.started.After(time.Now()))
	for n := time.Duration(1); n <= 6; n++ {
		s.look(n*rusageEvery, nil)
	}
	require.NotSame(t, first, s.self.Load())
	require.NotNil(t, s.rusage.Load())
	require.NotNil(t, s.cpu.Load())
	require.NotNil(t, s.disk.Load())
	require.Positive(t, s.memory.Load().kbytes[0])
	require.Positive(t, float64(s.net.Load().uptime))
	require.Positive(t, s.rusage.Load().MaxRSS)
	require.GreaterOrEqual(t, s.cpu.Load().percent, 0.0)
	require.True(t, json.Valid(encode(object{{"x", s.self.Load().columns[0]}})))
}
