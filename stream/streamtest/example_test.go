package streamtest_test

import (
	"context"
	"fmt"

	"github.com/srsgo/srs/stream/streamtest"
)

// A test of something that takes a stream in and gives it out: here the Recorder is
// directly behind the publisher.
func Example() {
	clip := streamtest.H264AAC()
	var rec streamtest.Recorder
	if err := streamtest.Publish(context.Background(), &rec, clip.Source(), 0); err != nil {
		fmt.Println(err)
	}
	fmt.Println(streamtest.Diff(clip.Packets(), rec.Packets(), streamtest.Compare{}))
	for _, t := range clip.Tracks().List {
		fmt.Println(t.Codec, t.Width, t.Height, t.SampleRate)
	}
	// Output:
	// <nil>
	// H264 320 180 0
	// AAC 0 0 44100
}
