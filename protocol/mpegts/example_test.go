package mpegts_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// A file is written, and read again.
func Example() {
	var file bytes.Buffer
	w := mpegts.NewWriter(&file, mpegts.Options{})
	if err := stream.Copy(w, streamtest.H264AAC().Source()); err != nil {
		log.Fatal(err)
	}
	if err := w.Flush(); err != nil { // writes the sound that waits for more
		log.Fatal(err)
	}
	keys := 0
	for p, err := range stream.Packets(mpegts.NewReader(&file)) {
		if err != nil {
			log.Fatal(err)
		}
		if p.Key() {
			keys++
		}
	}
	fmt.Println(keys, "key frames")
	// Output: 4 key frames
}

// Segments of a stream, each of which begins with tables and a key frame.
func ExampleMuxer() {
	var m mpegts.Muxer
	var segments [][]byte
	var open []byte
	for p := range stream.Packets(streamtest.H264AAC().Source()) {
		if p.Key() {
			if open != nil {
				segments = append(segments, m.Flush(open))
			}
			open = m.AppendSegmentStart(nil, p.Tracks, p.DTS)
		}
		if open != nil {
			open = m.AppendPacket(open, p)
		}
	}
	segments = append(segments, m.Flush(open))
	fmt.Println(len(segments), "segments")
	// Output: 4 segments
}
