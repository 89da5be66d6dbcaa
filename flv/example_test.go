package flv_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/stream"
)

// What is in a file?
func ExampleReader() {
	f, err := os.Open("testdata/h264-bframes-aac.flv")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	r := flv.NewReader(f)
	packets := map[stream.Kind]int{}
	for p, err := range stream.Packets(r) {
		if err != nil {
			log.Fatal(err)
		}
		packets[p.Kind()]++
	}
	for _, t := range r.Tracks().List {
		fmt.Println(t.Codec, t.Width, t.Height, t.SampleRate, packets[t.Kind()])
	}
	// Output:
	// H264 320 180 0 100
	// AAC 0 0 48000 189
}

// Only the first second of audio.
func ExampleWriter() {
	f, err := os.Open("testdata/h264-bframes-aac.flv")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	w := flv.NewWriter(&out, &flv.Encoder{HasAudio: true})
	for p, err := range stream.Packets(flv.NewReader(f)) {
		if err != nil {
			log.Fatal(err)
		}
		if p.DTS >= time.Second {
			break
		}
		if err := w.WritePacket(p); err != nil {
			log.Fatal(err)
		}
	}
	n := 0
	for range stream.Packets(flv.NewReader(&out)) {
		n++
	}
	fmt.Println(n, "packets")
	// Output: 45 packets
}
