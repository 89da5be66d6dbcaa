package transcode

import (
	"fmt"
	"math"

	"github.com/srsgo/srs/stream"
)

const (
	taps      = 64  // of each phase, and more where the rate falls
	maxPhases = 640 // 11025 Hz to 48 kHz
	beta      = 9   // of the Kaiser window: 90 dB of attenuation
)

// resampler changes the sample rate by a ratio of whole numbers, with a polyphase filter. What comes
// out has no delay against what goes in: the first sample is the first sample's.
type resampler struct {
	channels int
	up, down int         // the ratio, in lowest terms
	phases   [][]float32 // up filters of equal length
	hist     [2][]float32
	phase    int
	skip     int // samples of hist that are done with, minus those not yet there
}

// newResampler refuses ratios that would take a filter of more than maxPhases.
func newResampler(from, to, channels int) (*resampler, error) {
	if from <= 0 || from > 192000 {
		return nil, fmt.Errorf("transcode: sample rate %d: %w", from, stream.ErrUnsupported)
	}
	g := gcd(from, to)
	r := &resampler{channels: channels, up: to / g, down: from / g}
	if r.up > maxPhases || r.down > 8*r.up {
		return nil, fmt.Errorf("transcode: sample rate %d to %d: %w", from, to, stream.ErrUnsupported)
	}
	r.design()
	r.reset()
	return r, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// design makes the filters: a sinc that ends below the lower of both Nyquist rates, in a Kaiser window.
func (r *resampler) design() {
	n, cut := taps, 1.0
	if r.down > r.up {
		n = (taps*r.down/r.up + 3) &^ 3
		cut = float64(r.up) / float64(r.down)
	}
	cut *= 0.93 // leaves the transition band below Nyquist
	r.phases = make([][]float32, r.up)
	all := make([]float32, r.up*n)
	for p := range r.phases {
		h := all[p*n : (p+1)*n]
		var sum float64
		w := make([]float64, n)
		for k := range h {
			x := float64(k-n/2+1) - float64(p)/float64(r.up) // time from the output sample, in input samples
			w[k] = sinc(cut*x) * kaiser(x/float64(n/2))
			sum += w[k]
		}
		for k := range h {
			h[k] = float32(w[k] / sum) // each phase passes DC alike
		}
		r.phases[p] = h
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is I0, the modified Bessel function of the first kind.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / 2 / k * x / 2 / k
		sum += term
	}
	return sum
}

// reach gives how many samples past the one in question a filter sees.
func (r *resampler) reach() int { return len(r.phases[0]) / 2 }

// reset begins anew: what comes next has silence before it.
func (r *resampler) reset() {
	for c := range r.channels {
		r.hist[c] = append(r.hist[c][:0], make([]float32, r.reach()-1)...)
	}
	r.phase, r.skip = 0, 0
}

// push takes interleaved samples and appends to dst those of the other rate that can be told by now.
func (r *resampler) push(dst, in []float32) []float32 {
	for c := range r.channels {
		for i := c; i < len(in); i += r.channels {
			r.hist[c] = append(r.hist[c], in[i])
		}
	}
	n := len(r.phases[0])
	have := len(r.hist[0])
	for r.skip+n <= have {
		h := r.phases[r.phase]
		for c := range r.channels {
			dst = append(dst, dot(h, r.hist[c][r.skip:r.skip+n]))
		}
		r.phase += r.down
		r.skip += r.phase / r.up
		r.phase %= r.up
	}
	done := min(r.skip, have)
	for c := range r.channels {
		r.hist[c] = r.hist[c][:copy(r.hist[c], r.hist[c][done:])]
	}
	r.skip -= done
	return dst
}

// dot is the inner product of two slices of one length, a multiple of four.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for i := 0; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	return s0 + s1 + s2 + s3
}
