package playlist

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	parser "github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/stretchr/testify/require"
)

func segments(name string, first int, durations ...float64) (list []Segment) {
	for i, d := range durations {
		list = append(list, Segment{URI: fmt.Sprintf("%s-%d.ts", name, first+i), Duration: time.Duration(d * float64(time.Second))})
	}
	return list
}

// golden gives what SRS 6.0.157 answered.
func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(b)
}

func TestSRS(t *testing.T) {
	again := segments("av", 62, 2, 1.8, 2.023, 2, 2, 2, 2)
	again[2].Discontinuity = true
	m := Media{Sequence: 62, TargetDuration: 3, Segments: again}
	require.Equal(t, golden(t, "discontinuity.m3u8"), string(m.Append(nil, "")))

	list := segments("av", 382, 2, 2, 2, 2, 2, 2)
	m = Media{Sequence: 382, TargetDuration: 2, Segments: list}
	require.Equal(t, golden(t, "ctx.m3u8"), string(m.Append(nil, "hls_ctx=2s4g6a60")))
	require.Equal(t, golden(t, "master.m3u8"), string(AppendCtxMaster(nil, "/live/av.m3u8?hls_ctx=2s4g6a60&ht=3&x=1", "")))
	require.Equal(t, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1,CODECS=\"avc1.42C00C\"\na.m3u8\n", string(AppendCtxMaster(nil, "a.m3u8", "avc1.42C00C")))

	keys := segments("av", 16, 2, 2, 2, 2, 2, 2, 2)
	for i, iv := range map[int]string{2: "1F6CD74322B0C7A1DD8F2EAE6AADBB16", 5: "A36AA1231186FD1254CBCB239ADE2034"} {
		b, err := hex.DecodeString(iv)
		require.NoError(t, err)
		for j := i; j < min(i+3, len(keys)); j++ { // equal keys are one, wherever they are
			keys[j].Key = &Key{Method: "AES-128", URI: fmt.Sprintf("http://key.test/k/live/av-%d.key", 16+i), IV: b}
		}
	}
	m = Media{Sequence: 16, TargetDuration: 2, Segments: keys}
	require.Equal(t, golden(t, "aes128.m3u8"), string(m.Append(nil, "")))
}

// low is a playlist of low latency.
func low() *Media {
	init := &Map{URI: "init.mp4"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	part := func(uri string, first bool) Part {
		return Part{URI: uri, Duration: 333333 * time.Microsecond, Independent: first}
	}
	return &Media{
		Version: 9, TargetDuration: 1, Sequence: 100, DiscontinuitySequence: 3, CanBlockReload: true,
		PartTarget: 334 * time.Millisecond, PartHoldBack: 1002 * time.Millisecond, HoldBack: 3 * time.Second, SkipUntil: 6 * time.Second,
		Segments: []Segment{
			{URI: "0.m4s", Duration: time.Second, Map: init, ProgramDateTime: at},
			{URI: "1.m4s", Duration: time.Second, Map: init, ProgramDateTime: at.Add(time.Second), Parts: []Part{part("1.0.m4s", true), part("1.1.m4s", false), part("1.2.m4s", false)}},
		},
		Open:        &Segment{Map: init, ProgramDateTime: at.Add(2 * time.Second), Parts: []Part{part("2.0.m4s", true)}},
		PreloadHint: "2.1.m4s", RenditionReports: []RenditionReport{{"audio.m3u8", 102, 0}, {"a.m3u8", 101, -1}},
	}
}

func TestLowLatency(t *testing.T) {
	require.Equal(t, golden(t, "low.m3u8"), string(low().Append(nil, "k=v")))

	list, err := parser.Unmarshal(low().Append(nil, ""))
	require.NoError(t, err)
	m := list.(*parser.Media)
	require.Len(t, m.Segments, 2)
	require.Len(t, m.Segments[1].Parts, 3)
	require.Len(t, m.Parts, 1)
	require.Equal(t, "2.1.m4s", m.PreloadHint.URI)
	require.True(t, m.ServerControl.CanBlockReload)
	require.Equal(t, 6*time.Second, *m.ServerControl.CanSkipUntil)
	require.Equal(t, "init.mp4", m.Map.URI)
}

// TestSkip: a delta update leaves out what ends before the skip boundary, and says how much.
func TestSkip(t *testing.T) {
	m := low()
	m.Segments = nil
	for i := range 12 {
		m.Segments = append(m.Segments, Segment{URI: fmt.Sprintf("%d.m4s", i), Duration: time.Second, Map: m.Open.Map})
	}
	m.Skip = true
	text := string(m.Append(nil, ""))
	// 6 s from the end, of which the open segment has a third: 6 segments are within.
	require.Contains(t, text, "#EXT-X-SKIP:SKIPPED-SEGMENTS=6\n")
	require.NotContains(t, text, "\n5.m4s")
	require.Contains(t, text, "\n6.m4s")
	require.NotContains(t, text, "#EXT-X-MAP", "it is in force from what was left out")
	require.Contains(t, text, "#EXT-X-MEDIA-SEQUENCE:100\n")
	m.Segments = m.Segments[:5]
	require.NotContains(t, string(m.Append(nil, "")), "SKIP:")
}

func TestMaster(t *testing.T) {
	m := Master{IndependentSegments: true, Variants: []Variant{
		{URI: "v.m3u8?x=1", Bandwidth: 800000, AverageBandwidth: 600000, Codecs: "avc1.64001F,mp4a.40.2", Width: 1280, Height: 720, FrameRate: 29.97, Audio: "a"},
		{URI: "w.m3u8", Bandwidth: 300000, Codecs: "avc1.64001F,mp4a.40.2", Audio: "a"},
	}, Renditions: []Rendition{
		{Type: "AUDIO", GroupID: "a", Name: "Eng\"lish\n", Language: "en", Default: true, Channels: "2", URI: "a.m3u8"},
		{Type: "AUDIO", GroupID: "a", Name: "Deutsch", Language: "de", AutoSelect: true, URI: "d.m3u8"},
	}}
	require.Equal(t, golden(t, "variants.m3u8"), string(m.Append(nil)))
	list, err := parser.Unmarshal(m.Append(nil))
	require.NoError(t, err)
	require.Len(t, list.(*parser.Multivariant).Variants, 2)
	require.Len(t, list.(*parser.Multivariant).Renditions, 2)
}

func TestVOD(t *testing.T) {
	m := Media{Version: 7, TargetDuration: 2, VOD: true, EndList: true, IndependentSegments: true, Segments: []Segment{
		{URI: "f.mp4", Duration: 2 * time.Second, Map: &Map{URI: "f.mp4", Length: 700}, Length: 5000, Offset: 700},
		{URI: "f.mp4", Duration: time.Second, Map: &Map{URI: "f.mp4", Length: 700}, Length: 3000, Offset: 5700, Gap: true},
	}}
	require.Equal(t, golden(t, "vod.m3u8"), string(m.Append(nil, "")))
	_, err := parser.Unmarshal(m.Append(nil, ""))
	require.NoError(t, err)
}

// FuzzEscape: no name ends the line or the quoted string that it stands in, and it comes back.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"live/av-1.ts", "a\nb\"c", "//host/x", "http://x/y", "ü?#%", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		e := Escape(name)
		require.False(t, strings.ContainsAny(e, "\r\n\"?#"), e)
		u, err := url.Parse(e)
		require.NoError(t, err)
		require.Empty(t, u.Scheme+u.Host)
		require.Equal(t, name, strings.TrimPrefix(u.Path, map[bool]string{true: "/."}[strings.HasPrefix(name, "//")]))
	})
}

// FuzzLines: no name makes a line of its own in a playlist.
func FuzzLines(f *testing.F) {
	f.Add("av-1.ts", "English")
	f.Add("a\n#EXT-X-ENDLIST\r\"", "a\",URI=\"x\r\n#EXT-X-ENDLIST")
	f.Fuzz(func(t *testing.T, file, name string) {
		uri := Escape(file)
		m := Media{Version: 9, TargetDuration: 1, PartTarget: time.Second, PartHoldBack: 3 * time.Second, PreloadHint: uri + "z",
			Segments: []Segment{{URI: uri + "x", Duration: time.Second, Map: &Map{URI: uri + "y"}, Parts: []Part{{URI: uri + "p", Duration: time.Second}}}}}
		text := string(m.Append(nil, ""))
		require.Equal(t, 11, strings.Count(text, "\n"), text)
		require.Contains(t, text, "\n"+uri+"x\n")
		require.NotContains(t, text, "\r")

		master := Master{Variants: []Variant{{URI: uri + "v", Bandwidth: 1, Codecs: name, Audio: name}},
			Renditions: []Rendition{{Type: "AUDIO", GroupID: name, Name: name, Language: name, URI: uri + "r"}}}
		text = string(master.Append(nil))
		require.Equal(t, 5, strings.Count(text, "\n"), text)
		require.Zero(t, strings.Count(text, `"`)%2, text)
		require.NotContains(t, text, "\r")
	})
}

func BenchmarkMedia(b *testing.B) {
	m := Media{Sequence: 100, TargetDuration: 2, Segments: segments("livestream", 100, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2)}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		m.Append(dst, "")
	}
}

func BenchmarkLowLatency(b *testing.B) {
	m := low()
	part := m.Segments[1]
	m.Segments = nil
	for i := range 10 {
		s := part
		if i < 7 {
			s.Parts = nil
		}
		m.Segments = append(m.Segments, s)
	}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		m.Append(dst, "")
	}
}
