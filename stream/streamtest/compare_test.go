package streamtest

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

// change gives the clip's packets with packet i changed by f.
func change(c *Clip, i int, f func(*stream.Packet)) []*stream.Packet {
	packets := c.Packets()
	p := *packets[i]
	f(&p)
	packets[i] = &p
	return packets
}

// changeAll gives the clip's packets, each changed by f.
func changeAll(c *Clip, f func(*stream.Packet)) []*stream.Packet {
	packets := c.Packets()
	for i, p := range packets {
		x := *p
		f(&x)
		packets[i] = &x
	}
	return packets
}

func reconfigure(p *stream.Packet) {
	t := p.Tracks.List[0]
	t.Config = append([]byte{0}, t.Config...)
	p.Tracks = p.Tracks.With(t)
}

func TestDiffFinds(t *testing.T) {
	c := H264AAC() // packet 1 is the first of video
	k := slices.IndexFunc(c.Packets(), (*stream.Packet).Key)
	video := ofTrack(c.Packets(), 0)
	for _, x := range []struct {
		name string
		got  []*stream.Packet
		c    Compare
		want string
	}{
		{"nothing", nil, Compare{}, "audio 0: no packet of the track came, want 174"},
		{"no audio", video, Compare{}, "audio 0: no packet"},
		{"payload", change(c, k, func(p *stream.Packet) {
			p.Payload = slices.Clone(p.Payload)
			p.Payload[20]++
		}), Compare{}, "video 0: packet 0 (0 of want): payload differs from byte 20"},
		{"key", change(c, k, func(p *stream.Packet) { p.Flags = 0 }), Compare{}, "key flag"},
		{"config", change(c, k, reconfigure), Compare{}, "config is 00"},
		{"codec", change(c, k, func(p *stream.Packet) {
			x := p.Tracks.List[0]
			x.Codec = stream.HEVC
			p.Tracks = p.Tracks.With(x)
		}), Compare{}, "codec is HEVC, want H264"},
		{"pts", change(c, 9, func(p *stream.Packet) { p.PTS++ }), Compare{}, "PTS is off by 1ns"},
		{"dts", change(c, 9, func(p *stream.Packet) { p.DTS-- }), Compare{}, "DTS is off by -1ns"},
		{"sync", changeAll(c, func(p *stream.Packet) {
			p.PTS += time.Duration(p.Track) * time.Second
			p.DTS += time.Duration(p.Track) * time.Second
		}), Compare{Tolerance: time.Millisecond}, "not in sync"},
		{"drift", changeAll(c, func(p *stream.Packet) { p.PTS += p.PTS / 100 }),
			Compare{Tolerance: 5 * time.Millisecond, PTSOnly: true}, "PTS is off by"},
		{"short", c.Packets()[:270], Compare{}, "short of"},
		{"late", c.Packets()[5:], Compare{AnyEnd: true}, "payload differs"},
		{"hole", slices.Delete(c.Packets(), 100, 101), Compare{AnyStart: true}, "payload differs"},
		{"other", H264Opus().Packets(), Compare{AnyStart: true}, "none of those wanted"},
	} {
		t.Run(x.name, func(t *testing.T) {
			require.ErrorContains(t, Diff(c.Packets(), x.got, x.c), x.want)
		})
	}
	require.ErrorContains(t, Diff(video, c.Packets(), Compare{}), "audio 0: 174 packets of a track that should not be there")
	require.ErrorContains(t, Diff(c.Packets()[:270], c.Packets(), Compare{}), "should have ended")
}

func TestDiffLetsPass(t *testing.T) {
	c := H264BFramesAAC()
	for _, x := range []struct {
		name string
		got  []*stream.Packet
		c    Compare
	}{
		{"the same", c.Packets(), Compare{}},
		{"offset", changeAll(c, func(p *stream.Packet) { p.DTS += time.Hour; p.PTS += time.Hour }), Compare{}},
		{"flags", changeAll(c, func(p *stream.Packet) { p.Flags &= stream.KeyFrame }), Compare{}},
		{"interleaving", append(ofTrack(c.Packets(), 1), ofTrack(c.Packets(), 0)...), Compare{}},
		{"order of tracks", changeAll(c, func(p *stream.Packet) {
			p.Tracks = &stream.Tracks{List: []stream.Track{p.Tracks.List[1], p.Tracks.List[0]}}
			p.Track = 1 - p.Track
		}), Compare{}},
		{"config", changeAll(c, reconfigure), Compare{AnyConfig: true}},
		{"dts", changeAll(c, func(p *stream.Packet) { p.DTS = p.PTS }), Compare{PTSOnly: true}},
		{"clock", changeAll(c, func(p *stream.Packet) {
			p.PTS = stream.FromTicks(stream.Ticks(p.PTS, 8000), 8000)
			p.DTS = stream.FromTicks(stream.Ticks(p.DTS, 8000), 8000)
		}), Compare{Tolerance: 130 * time.Microsecond}},
		{"sync", changeAll(c, func(p *stream.Packet) {
			p.PTS += time.Duration(p.Track) * time.Second
			p.DTS += time.Duration(p.Track) * time.Second
		}), Compare{FreeSync: true}},
		{"part", c.Packets()[70:200], Compare{AnyStart: true, AnyEnd: true}},
	} {
		t.Run(x.name, func(t *testing.T) { Equal(t, c.Packets(), x.got, x.c) })
	}
	Equal(t, H264Resize().Packets(), H264Resize().Packets(), Compare{})
	Equal(t, FLV1Speex().Packets(), FLV1Speex().Packets(), Compare{})
}

func TestDiffData(t *testing.T) {
	tracks := AACOnly().Tracks()
	text := func(s string) []*stream.Packet {
		return append(AACOnly().Packets(), &stream.Packet{Tracks: tracks, Track: stream.Data, Codec: stream.AMF, Payload: []byte(s)})
	}
	require.NoError(t, Diff(text("a"), text("a"), Compare{}))
	require.ErrorContains(t, Diff(text("a"), text("b"), Compare{}), "data: packet 0")
}

// fakeTB notes a failure instead of failing.
type fakeTB struct {
	testing.TB
	failed   bool
	cleanups []func()
}

func (f *fakeTB) Helper()               {}
func (f *fakeTB) Failed() bool          { return f.failed }
func (f *fakeTB) Cleanup(fn func())     { f.cleanups = append(f.cleanups, fn) }
func (f *fakeTB) Errorf(string, ...any) { f.failed = true }
func (f *fakeTB) Fatalf(string, ...any) { f.failed = true; runtime.Goexit() }

func (f *fakeTB) run(fn func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	<-done
	for _, c := range f.cleanups {
		c()
	}
	return !f.failed
}

func TestEqualFails(t *testing.T) {
	var tb fakeTB
	require.False(t, tb.run(func() { Equal(&tb, H264AAC().Packets(), nil, Compare{}) }))
	require.Equal(t, "no packets\n", Summary(nil))
}
