package rtmp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// A player says what a stream consists of. The server and its publisher, which it needs,
// are in the same process here.
func ExampleDialPlay() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := protocol.NewServer(protocol.Config{Listeners: map[string]net.Listener{"here": l}},
		rtmp.New(rtmp.Config{Listen: []string{"here"}}))
	if err := server.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer server.Shutdown(ctx)
	url := "rtmp://" + l.Addr().String() + "/live/stream"
	publisher, err := rtmp.DialPublish(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer publisher.Close()
	if err := stream.Copy(publisher, streamtest.H264AAC().Source()); err != nil {
		log.Fatal(err)
	}

	player, err := rtmp.DialPlay(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer player.Close()
	for packet, err := range stream.Packets(player) {
		if err != nil {
			log.Fatal(err)
		}
		if packet.Flags&stream.KeyFrame != 0 {
			break
		}
	}
	for _, t := range player.Tracks().List {
		fmt.Println(t.Codec, t.Width, t.Height, t.SampleRate)
	}
	// Unordered output:
	// H264 320 180 0
	// AAC 0 0 44100
}

// A relay plays a stream on one server and publishes it to another one.
func ExampleDialPublish() {
	src, err := rtmp.DialPlay(context.Background(), "rtmp://example.com/live/stream", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	dst, err := rtmp.DialPublish(context.Background(), "rtmps://example.org/live/copy?key=secret", &rtmp.ClientConfig{
		Flush: 20 * time.Millisecond, // fewer, larger writes
	})
	if errors.Is(err, stream.ErrBusy) {
		log.Fatal("somebody publishes there already")
	}
	if err != nil {
		log.Fatal(err)
	}
	defer dst.Close()
	if err := stream.Copy(dst, src); err != nil {
		log.Fatal(err)
	}
}
