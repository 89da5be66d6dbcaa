package transcode

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// residue gives how far y is below the sine of frequency f that fits it best, in dB, and by how many
// samples that sine is behind the one that starts at y's first sample.
func residue(y []float32, f, rate float64) (db, late, level float64) {
	var s, c float64
	for i, v := range y {
		w := 2 * math.Pi * f * float64(i) / rate
		s += float64(v) * math.Sin(w)
		c += float64(v) * math.Cos(w)
	}
	s, c = 2*s/float64(len(y)), 2*c/float64(len(y))
	var signal, noise float64
	for i, v := range y {
		w := 2 * math.Pi * f * float64(i) / rate
		fit := s*math.Sin(w) + c*math.Cos(w)
		signal += fit * fit
		noise += (float64(v) - fit) * (float64(v) - fit)
	}
	return 10 * math.Log10(signal/(noise+1e-30)), -math.Atan2(c, s) / (2 * math.Pi * f) * rate, math.Hypot(s, c)
}

// TestResample: a tone keeps its frequency, level and time at every rate, in blocks of any size.
func TestResample(t *testing.T) {
	for _, from := range []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000} {
		for _, to := range []int{44100, 48000} {
			if from == to {
				continue
			}
			t.Run(fmt.Sprint(from, " to ", to), func(t *testing.T) {
				for _, part := range []float64{0.02, 0.4} { // of the lower rate
					resampleTone(t, from, to, 10*math.Round(part/10*float64(min(from, to))))
				}
			})
		}
	}
}

// resampleTone takes half a second of two channels with a tone of f Hz, a multiple of ten.
func resampleTone(t *testing.T, from, to int, f float64) {
	r, err := newResampler(from, to, 2)
	require.NoError(t, err)
	in := make([]float32, 2*from/2)
	for i := range from / 2 {
		v := 0.5 * math.Sin(2*math.Pi*f*float64(i)/float64(from))
		in[2*i], in[2*i+1] = float32(v), float32(-v/2)
	}
	var out []float32
	for n := 1; len(in) > 0; n = n*3%1021 + 1 {
		n := min(2*n, len(in))
		out, in = r.push(out, in[:n]), in[n:]
	}
	require.InDelta(t, to/2, len(out)/2, float64(r.reach()*to/from+2))
	for c, amp := range []float64{0.5, -0.25} {
		var y []float32
		for i := c; i < len(out); i += 2 {
			y = append(y, out[i]/float32(amp))
		}
		skip, period := to/10, float64(to)/f
		db, late, level := residue(y[skip:skip+to/5], f, float64(to))
		require.InDelta(t, 0, math.Remainder(late+float64(skip), period), 0.01)
		require.InDelta(t, 1, level, 0.001)
		require.Greater(t, db, 80.0)
	}
}

// TestResampleRefuses: no rate makes a filter without bounds.
func TestResampleRefuses(t *testing.T) {
	for _, rate := range []int{-1, 0, 1, 44101, 47999, 1 << 30} {
		_, err := newResampler(rate, Rate, 2)
		require.ErrorIs(t, err, stream.ErrUnsupported, "%d", rate)
	}
}

// TestResampleAllocates: nothing, once the buffers are there.
func TestResampleAllocates(t *testing.T) {
	r, err := newResampler(44100, Rate, 2)
	require.NoError(t, err)
	in, out := make([]float32, 2*1024), make([]float32, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() { out = r.push(out[:0], in) }))
}

// BenchmarkResample tells how many times real time two channels are.
func BenchmarkResample(b *testing.B) {
	r, err := newResampler(44100, Rate, 2)
	if err != nil {
		b.Fatal(err)
	}
	in, out, n := make([]float32, 2*1024), make([]float32, 0, 4096), 0
	b.ReportAllocs()
	for b.Loop() {
		out = r.push(out[:0], in)
		n++
	}
	b.ReportMetric(float64(n)*1024/44100/b.Elapsed().Seconds(), "x")
}
