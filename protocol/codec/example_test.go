package codec_test

import (
	"fmt"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// The decoder configuration tells what a track's numbers are.
func ExampleFillTrack() {
	t := stream.Track{Codec: stream.AAC, Config: []byte{0x12, 0x10}}
	if err := codec.FillTrack(&t); err != nil {
		panic(err)
	}
	fmt.Println(t.SampleRate, t.Channels)
	// Output: 44100 2
}
