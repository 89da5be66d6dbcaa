package transcode_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// music gives a chord that is struck twice a second, with noise in it.
func music() func(time.Duration) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	return func(at time.Duration) float64 {
		t := at.Seconds()
		beat := math.Mod(t, 0.5)
		v := 0.05 * (2*r.Float64() - 1) * math.Exp(-20*beat)
		for _, f := range []float64{220, 277.2, 329.6, 1318.5, 4186} {
			v += 0.12 * math.Sin(2*math.Pi*f*t) * math.Exp(-4*beat)
		}
		return v
	}
}

// discard is a sink that counts.
type discard struct{ n int }

func (d *discard) WritePacket(*stream.Packet) error { d.n++; return nil }

// BenchmarkConvert tells how many times real time a conversion is (x), and what it allocates for a
// packet that comes in: the packets that go out are two allocations each.
func BenchmarkConvert(b *testing.B) {
	for _, x := range []struct {
		name string
		in   []*stream.Packet
		to   stream.Codec
	}{
		{"AAC-Opus", encode(b, stream.AAC, 2, 0, 10*time.Second, music()), stream.Opus},
		{"AAC44100-Opus", sound(streamtest.H264AAC().Packets()), stream.Opus},
		{"MP3-Opus", sound(streamtest.H264MP3().Packets()), stream.Opus},
		{"Opus-AAC", encode(b, stream.Opus, 2, 0, 10*time.Second, music()), stream.AAC},
		{"Opus-AAC-mono", encode(b, stream.Opus, 1, 0, 10*time.Second, music()), stream.AAC},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			s := all().New(x.to, &discard{})
			step := (x.in[len(x.in)-1].PTS - x.in[0].PTS) / time.Duration(len(x.in)-1)
			round := step * time.Duration(len(x.in))
			i := 0
			for b.Loop() {
				p := *x.in[i%len(x.in)]
				p.Tracks = x.in[0].Tracks
				p.PTS += round * time.Duration(i/len(x.in))
				p.DTS = p.PTS
				if err := s.WritePacket(&p); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(step.Seconds()*float64(i)/b.Elapsed().Seconds(), "x")
		})
	}
}
