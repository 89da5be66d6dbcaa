package transcode_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// beeps is a tone in the first tenth of each second.
func beeps(at time.Duration) float64 {
	if at%time.Second < 100*time.Millisecond {
		return 0.5 * math.Sin(2*math.Pi*1000*at.Seconds())
	}
	return 0
}

// heard gives when tones begin in packets, by their own times, whatever is between them.
func heard(t *testing.T, in []*stream.Packet) (begins []time.Duration) {
	t.Helper()
	d, err := codecs[in[0].Info().Codec]().NewDecoder(*in[0].Info())
	require.NoError(t, err)
	quiet := time.Duration(-1 << 62)
	for _, p := range in {
		x, err := d.Decode(p.Payload, p.PTS)
		require.NoError(t, err)
		for i := 0; i < len(x.Samples); i += x.Channels {
			at := p.PTS + stream.FromTicks(int64(i/x.Channels), x.Rate)
			if math.Abs(float64(x.Samples[i])) > 0.25 {
				if at > quiet+300*time.Millisecond {
					begins = append(begins, at)
				}
				quiet = at
			}
		}
	}
	return begins
}

// move gives packets with another time each.
func move(in []*stream.Packet, to func(i int, p *stream.Packet)) []*stream.Packet {
	out := make([]*stream.Packet, 0, len(in))
	for i, p := range in {
		q := *p
		to(i, &q)
		q.DTS = q.PTS
		out = append(out, &q)
	}
	return out
}

// TestTime: what is heard keeps its time through holes, jitter, drift and jumps, and the times that
// come out only grow.
func TestTime(t *testing.T) {
	const length = 8 * time.Second
	in := encode(t, raw, 1, 0, length, beeps)
	for name, x := range map[string]struct {
		in     []*stream.Packet
		at     func(time.Duration) time.Duration // when what was at a time is heard
		within time.Duration
		breaks int // packets marked as not continuing
	}{
		"steady": {in: in},
		"late start": {
			in: move(in, func(_ int, p *stream.Packet) { p.PTS += time.Hour }),
			at: func(d time.Duration) time.Duration { return d + time.Hour },
		},
		"rounded": {in: move(in, func(_ int, p *stream.Packet) { p.PTS = p.PTS.Round(time.Millisecond) }), within: time.Millisecond},
		"jitter": {
			in: move(in, func(i int, p *stream.Packet) {
				p.PTS += time.Duration(i*7919%41-20) * time.Millisecond / 2
			}), within: 12 * time.Millisecond,
		},
		"lost": { // 25 packets in one place, one every half a second, marked
			in: slices.DeleteFunc(move(in, func(i int, p *stream.Packet) {
				if i == 40 || i%24 == 0 {
					p.Flags |= stream.Discontinuity
				}
			}), func(p *stream.Packet) bool {
				i := stream.Ticks(p.PTS-in[0].PTS, 48000) / 1024
				return i > 14 && i < 40 || i%24 == 23
			}),
		},
		"hole": { // of more than a second
			in: move(in, func(_ int, p *stream.Packet) {
				if p.PTS > 3500*time.Millisecond {
					p.PTS += 5 * time.Second
				}
			}),
			at: func(d time.Duration) time.Duration {
				if d > 3500*time.Millisecond {
					return d + 5*time.Second
				}
				return d
			}, breaks: 1,
		},
		"drift": { // a clock that is off by 1 %: half a packet, and what averaging takes
			in: move(in, func(_ int, p *stream.Packet) { p.PTS += p.PTS / 100 }),
			at: func(d time.Duration) time.Duration { return d + d/100 }, within: 25 * time.Millisecond,
		},
		"back": {
			in: move(in, func(_ int, p *stream.Packet) {
				if p.PTS > 3500*time.Millisecond {
					p.PTS -= 300 * time.Millisecond
				}
			}),
			at: func(d time.Duration) time.Duration {
				if d > 3500*time.Millisecond {
					return d - 300*time.Millisecond
				}
				return d
			}, breaks: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := convert(t, all(), bare, x.in)
			breaks := 0
			for i, p := range out {
				require.Equal(t, p.DTS, p.PTS)
				if i > 0 {
					require.Greater(t, p.PTS, out[i-1].PTS)
				}
				if p.Flags&stream.Discontinuity != 0 {
					breaks++
				}
			}
			require.Equal(t, x.breaks, breaks)
			want := heard(t, in)
			got := heard(t, out)
			if name == "lost" { // the tone at 0 s and what was in the hole
				require.Greater(t, len(got), 4)
				want = slices.DeleteFunc(want, func(d time.Duration) bool { return !near(got, d, 30*time.Millisecond) })
			}
			require.Len(t, got, len(want))
			for i := range want {
				w := want[i]
				if x.at != nil {
					w = x.at(w)
				}
				require.InDelta(t, w.Seconds(), got[i].Seconds(), (x.within + time.Millisecond).Seconds(), "tone %d", i)
			}
		})
	}
}

func near(all []time.Duration, d, by time.Duration) bool {
	return slices.ContainsFunc(all, func(x time.Duration) bool { return x-d < by && d-x < by })
}

// TestDamage: a packet that cannot be decoded is silence, and what follows is at its time.
func TestDamage(t *testing.T) {
	for _, x := range [][2]stream.Codec{{stream.AAC, stream.Opus}, {stream.Opus, stream.AAC}} {
		in := encode(t, x[0], 1, 0, 4*time.Second, beeps)
		out := convert(t, all(), x[1], move(in, func(_ int, p *stream.Packet) {
			switch p.PTS % time.Second / (20 * time.Millisecond) {
			case 20:
				p.Payload = nil
			case 25, 26, 27:
				p.Payload = p.Payload[:1]
			case 30:
				p.Payload = []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
			}
		}))
		got := heard(t, out)
		for _, d := range heard(t, in) {
			if d > 50*time.Millisecond { // at first a decoder has not all it needs
				require.True(t, near(got, d, 5*time.Millisecond), "%v at %v: %v", x[0], d, got)
			}
		}
	}
}

// TestTracks: sound may change its coding, come and go, in the middle of a stream.
func TestTracks(t *testing.T) {
	parts := []struct {
		clip *streamtest.Clip
		want stream.Codec
	}{
		{streamtest.H264AAC(), stream.Opus},
		{streamtest.H264Opus(), stream.Opus},
		{streamtest.H264MP3(), stream.Opus},
		{streamtest.H264Only(), 0},
		{streamtest.H264BFramesAAC(), stream.Opus},
	}
	var in []*stream.Packet
	for i, x := range parts {
		for _, p := range until(1500*time.Millisecond, x.clip.Packets()) {
			q := *p
			q.DTS, q.PTS = p.DTS+time.Duration(i)*10*time.Second, p.PTS+time.Duration(i)*10*time.Second
			in = append(in, &q)
		}
	}
	out := convert(t, all(), stream.Opus, in)
	for i, x := range parts {
		var pictures, sounds int
		for _, p := range out {
			if p.PTS/(10*time.Second) != time.Duration(i) {
				continue
			}
			switch p.Kind() {
			case stream.KindVideo:
				pictures++
			case stream.KindAudio:
				require.Equal(t, x.want, p.Info().Codec)
				sounds++
			}
		}
		require.NotZero(t, pictures)
		require.Equal(t, x.want != 0, sounds > 60, "%d packets of sound from %v", sounds, x.clip)
	}
}

// TestOrder: picture that comes before its sound waits for it, and not for sound that does not come.
func TestOrder(t *testing.T) {
	clip := streamtest.H264Opus()
	tracks := clip.Tracks()
	var out streamtest.Recorder
	s := all().New(stream.AAC, &out)
	for _, p := range clip.Packets() {
		require.NoError(t, s.WritePacket(p))
	}
	for i := 1; i < out.Len(); i++ {
		require.GreaterOrEqual(t, out.Packets()[i].DTS, out.Packets()[i-1].DTS)
	}
	require.Equal(t, stream.AAC, out.Packets()[0].Tracks.List[tracks.First(stream.KindAudio)].Codec)
	out.Reset()
	for i := range 20 {
		at := 10*time.Second + time.Duration(i)*40*time.Millisecond
		require.NoError(t, s.WritePacket(&stream.Packet{Tracks: tracks, Track: tracks.First(stream.KindVideo), DTS: at, PTS: at}))
	}
	require.Equal(t, at(out.Packets()), 10*time.Second+19*40*time.Millisecond)
	require.NoError(t, s.(ender).Close())
}

// at is the time of the newest packet.
func at(ps []*stream.Packet) time.Duration { return ps[len(ps)-1].DTS }

// TestMeta: metadata say what there is.
func TestMeta(t *testing.T) {
	meta := []stream.Field{{Name: "width", Value: 320.0}, {Name: "audiocodecid", Value: 1332770163.0},
		{Name: "audiosamplerate", Value: 44100.0}, {Name: "audiodatarate", Value: 32.0}, {Name: "stereo", Value: true}}
	in := move(encode(t, stream.Opus, 1, 0, time.Second, beeps), func(int, *stream.Packet) {})
	tracks := in[0].Tracks.WithMeta(meta)
	for _, p := range in {
		p.Tracks = tracks
	}
	out := convert(t, all(), stream.AAC, in)
	require.Equal(t, []stream.Field{{Name: "width", Value: 320.0}, {Name: "audiocodecid", Value: 10.0},
		{Name: "audiosamplerate", Value: 48000.0}, {Name: "stereo", Value: false}}, out[0].Tracks.Meta)
	require.Equal(t, 1, out[0].Info().Channels)
}
