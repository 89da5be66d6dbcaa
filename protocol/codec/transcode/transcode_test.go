package transcode_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestClips: each clip's sound becomes the other coding, over the same time, and all else stays.
func TestClips(t *testing.T) {
	for _, x := range []struct {
		clip *streamtest.Clip
		to   stream.Codec
	}{
		{streamtest.H264AAC(), stream.Opus},
		{streamtest.AACOnly(), stream.Opus},
		{streamtest.H264MP3(), stream.Opus},
		{streamtest.H264Opus(), stream.AAC},
	} {
		t.Run(x.clip.Name+" "+x.to.String(), func(t *testing.T) {
			in := until(2*time.Second, x.clip.Packets())
			out := convert(t, all(), x.to, in)
			var picture [2][]*stream.Packet
			for i, ps := range [][]*stream.Packet{in, out} {
				for _, p := range ps {
					if p.Kind() == stream.KindVideo {
						picture[i] = append(picture[i], p)
					}
				}
			}
			if len(picture[0]) > 0 {
				streamtest.Equal(t, picture[0], picture[1], streamtest.Compare{})
			}
			a, b := sound(in), sound(out)
			require.Equal(t, x.to, b[0].Info().Codec)
			require.Equal(t, 48000, b[0].Info().SampleRate)
			require.Equal(t, a[0].Info().ID, b[0].Info().ID)
			pcm, rate := decode(t, b, time.Microsecond)
			end := b[0].PTS + stream.FromTicks(int64(len(pcm)), rate)
			was, wasRate := decode(t, a, 5*time.Millisecond)
			wasEnd := a[0].PTS + stream.FromTicks(int64(len(was)), wasRate)
			require.Less(t, b[0].PTS-a[0].PTS, 20*time.Millisecond)
			require.GreaterOrEqual(t, end, wasEnd-time.Millisecond)
			require.Less(t, end-wasEnd, 45*time.Millisecond)
			require.Greater(t, energy(pcm), energy(was)*0.8)
			require.Less(t, energy(pcm), energy(was)*1.2)
			if x.to != stream.Opus {
				for i := 1; i < len(out); i++ {
					require.GreaterOrEqual(t, out[i].DTS, out[i-1].DTS, "packet %d", i)
				}
			}
		})
	}
}

// energy is the root mean square.
func energy(pcm []float32) float64 {
	var s float64
	for _, v := range pcm {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s / float64(len(pcm)))
}

// click is silence but for a short one at 1 s.
func click(at time.Duration) float64 {
	d := (at - time.Second).Seconds() * 48000
	return 0.9 * math.Exp(-d*d/50) * math.Cos(d/4)
}

// TestClick: what is heard at a time is heard at that time, to the sample, after conversion there and
// back.
func TestClick(t *testing.T) {
	for _, from := range []stream.Codec{stream.AAC, stream.Opus} {
		in := encode(t, from, 2, 700*time.Millisecond, time.Second, click)
		position := func(ps []*stream.Packet) float64 {
			pcm, rate := decode(t, ps, time.Microsecond)
			return (sound(ps)[0].PTS + stream.FromTicks(int64(peak(pcm)), rate)).Seconds() * 48000
		}
		require.InDelta(t, 48000, position(in), 1)
		to := stream.Opus
		if from == stream.Opus {
			to = stream.AAC
		}
		there := convert(t, all(), to, in)
		require.InDelta(t, 48000, position(there), 1)
		require.InDelta(t, 48000, position(convert(t, all(), from, there)), 1)
	}
}
