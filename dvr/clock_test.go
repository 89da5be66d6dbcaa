package dvr

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestClock has the times that the ways of time_jitter make: packets that belong before a file's first
// one, and steps.
func TestClock(t *testing.T) {
	ms := func(n ...int) (list []time.Duration) {
		for _, x := range n {
			list = append(list, time.Duration(x)*time.Millisecond)
		}
		return list
	}
	in := ms(1000, 990, 1040, 1080, 9080, 9120, 8120, 8160)
	for jitter, want := range map[stream.Jitter][]time.Duration{
		stream.JitterOff:    in,
		stream.JitterZero:   ms(0, 0, 40, 80, 8080, 8120, 7120, 7160),
		stream.JitterRepair: ms(0, 0, 40, 80, 8080, 8120, 7120, 7160),
		stream.JitterFull:   ms(0, 0, 40, 80, 90, 130, 140, 180),
	} {
		c := clock{jitter: jitter}
		for i, at := range in {
			p := c.packet(&stream.Packet{DTS: at, PTS: at + 20*time.Millisecond})
			require.Equal(t, want[i], p.DTS, "%d: packet %d", jitter, i)
			require.LessOrEqual(t, p.DTS, p.PTS)
		}
	}
}

// BenchmarkWrite is what a packet costs in each format, all but the disk's own time.
func BenchmarkWrite(b *testing.B) {
	clip := streamtest.H264AAC()
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		b.Run(ext[1:], func(b *testing.B) {
			disk, err := storage.NewDisk(b.TempDir())
			require.NoError(b, err)
			defer disk.Close()
			draft, err := disk.Create("x" + ext)
			require.NoError(b, err)
			defer draft.Close()
			f := &recording{out: &out{draft: draft}, tracks: clip.Tracks()}
			f.w = newWriter(ext, f.out)
			src := clip.Loop(0)
			b.ReportAllocs()
			for b.Loop() {
				p, err := src.ReadPacket()
				require.NoError(b, err)
				require.NoError(b, f.write(p))
				b.SetBytes(int64(len(p.Payload)))
			}
		})
	}
}
