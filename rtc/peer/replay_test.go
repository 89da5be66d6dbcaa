package peer

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReplays: each index passes once, and none that is older than the window, wherever numbers jump to.
func TestReplays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := &replays{}
	seen := map[uint64]bool{}
	base, highest := uint64(65000), uint64(0)
	for range 200_000 {
		base++
		if rnd.IntN(1000) == 0 {
			base += uint64(rnd.IntN(5000))
		}
		i := base - uint64(rnd.IntN(1500))
		want := !seen[i] && (len(seen) == 0 || i > highest || highest-i < replayWindow)
		require.Equal(t, want, r.fresh(i), "%d after %d", i, highest)
		if want && rnd.IntN(10) > 0 { // the others are forged
			r.mark(i)
			seen[i], highest = true, max(highest, i)
		}
	}
}

func TestReplaysFirst(t *testing.T) {
	for _, first := range []uint64{0, 1, 63, 64, 1 << 16} {
		r := &replays{}
		require.True(t, r.fresh(first))
		r.mark(first)
		require.False(t, r.fresh(first))
		require.True(t, r.fresh(first+1))
	}
}
