package egress

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestNumbers: numbers are consecutive over wraps and gaps, and lead back to what they were given to.
func TestNumbers(t *testing.T) {
	packets := streamtest.H264Only().Packets()
	frames, _ := makeFrames(t, Config{Video: stream.H264, MTU: 150}, packets)
	frames = frames[len(frames)-40:]
	n := numbers{next: 1<<16 - 10}
	type place struct {
		f *Frame
		i int
	}
	given := map[uint16]place{}
	for k, f := range frames {
		if k%10 == 3 {
			continue // left out
		}
		for i := range f.Payloads {
			want := uint16(n.next)
			seq, _ := n.take(f, i)
			require.Equal(t, want, seq)
			given[want] = place{f, i}
		}
	}
	require.Greater(t, n.next, uint64(1<<16))
	for seq, want := range given {
		f, i, _ := n.find(seq)
		require.Same(t, want.f, f)
		require.Equal(t, want.i, i)
	}
	f, _, _ := n.find(uint16(n.next))
	require.Nil(t, f)
	f, _, _ = n.find(uint16(1<<16 - 11))
	require.Nil(t, f)
}

// TestNumbersLayers: another layer's frame of the same moment comes a tick later, also when it is asked
// for again; what follows keeps that distance.
func TestNumbersLayers(t *testing.T) {
	origin := &origin{}
	low, high := &track{origin: origin}, &track{origin: origin, layer: 1}
	add := func(tr *track, seq uint64, timestamp uint32) *Frame {
		f := &Frame{Seq: seq, Timestamp: timestamp, Payloads: make([][]byte, 1), track: tr}
		tr.recent.add(f)
		return f
	}
	n := numbers{next: 65535}
	for i, x := range []struct {
		f     *Frame
		shift uint32
	}{
		{add(low, 7, math.MaxUint32), 0}, {add(high, 90, math.MaxUint32), 1}, {add(high, 91, 3600), 1}, {add(low, 9, 7200), 0},
	} {
		seq, shift := n.take(x.f, 0)
		require.Equal(t, uint16(65535+i), seq)
		require.Equal(t, x.shift, shift, "frame %d", i)
		f, _, again := n.find(seq)
		require.Same(t, x.f, f)
		require.Equal(t, shift, again)
	}
}
