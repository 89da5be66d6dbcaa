package mpegts

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func read(t testing.TB, r io.Reader) []*stream.Packet {
	var rec streamtest.Recorder
	require.NoError(t, stream.Copy(&rec, NewReader(r)))
	return rec.Packets()
}

// carried gives the packets of a clip without the tracks that a transport stream cannot
// carry.
func carried(packets []*stream.Packet) (out []*stream.Packet) {
	for _, p := range packets {
		if Carries(p.Info().Codec) {
			out = append(out, p)
		}
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		t.Run(clip.Name, func(t *testing.T) {
			want := carried(clip.Packets())
			// How much of the start of Opus to skip is not told by transport streams.
			c := streamtest.Compare{Tolerance: time.Second / hz, AnyConfig: strings.Contains(clip.Name, "Opus")}
			streamtest.Equal(t, want, read(t, bytes.NewReader(encode(clip.Packets()))), c)
			// Sound that shares a PES packet has the time that its samples say.
			c.Tolerance = 5 * time.Millisecond
			streamtest.Equal(t, want, read(t, bytes.NewReader(mux(t, clip.Packets()))), c)
		})
	}
}
