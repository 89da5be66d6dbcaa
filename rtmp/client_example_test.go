package rtmp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// A player counts the key frames of a stream.
func ExampleDialPlay() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p, err := rtmp.DialPlay(ctx, "rtmp://example.com/live/stream", nil)
	if errors.Is(err, stream.ErrNotFound) {
		log.Fatal("nobody publishes there")
	}
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	keys := 0
	for {
		packet, err := p.ReadPacket()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if packet.Flags&stream.KeyFrame != 0 {
			keys++
		}
	}
	fmt.Println(keys, "key frames of", len(p.Tracks().List), "tracks")
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
