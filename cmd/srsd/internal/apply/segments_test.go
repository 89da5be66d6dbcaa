package apply

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMaxMemory: directives are in MB, of each stream.
func TestMaxMemory(t *testing.T) {
	for text, want := range map[string][2]int{
		"": {512 << 20, 512 << 20},
		"hls { hls_max_memory 64; } dash { dash_max_memory 1; }": {64 << 20, 1 << 20},
	} {
		v := newConfig(t, "vhost v { "+text+" }").vhosts["v"]
		require.Equal(t, want, [2]int{v.hls.MaxMemory, v.dash.MaxMemory}, text)
	}
}
