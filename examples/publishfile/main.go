// Command publishfile is a server with a stream of its own: it plays an FLV file into the hub,
// round after round, as if an encoder published it.
//
//	go run ./examples/publishfile FILE.flv
//	ffplay http://127.0.0.1:8080/live/file.flv
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("publishfile: name one FLV file")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rtmpAddr, *httpAddr, flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends or the file cannot be published.
func run(ctx context.Context, rtmpAddr, httpAddr, file string) error {
	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{httpAddr}}}},
		rtmp.New(rtmp.Config{Listen: []string{rtmpAddr}}),
		flv.New(flv.Config{}),
	)
	if err := server.Start(ctx); err != nil {
		return err
	}
	err := publish(ctx, server.Hub(), file)
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(end))
}

// publish publishes the file as live/file until ctx ends.
func publish(ctx context.Context, hub *stream.Hub, file string) error {
	publisher, err := hub.Publish(ctx, stream.Request{
		Key:      stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "file"},
		Protocol: "file",
	})
	if err != nil {
		return err
	}
	start := time.Now()
	for at := time.Duration(0); err == nil; {
		at, err = play(ctx, publisher, file, start, at)
	}
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, publisher.Close(err))
}

// play writes the packets of the file, each when its time has come: the first at start+at. It gives
// the time at which a next round begins.
func play(ctx context.Context, dst stream.Sink, file string, start time.Time, at time.Duration) (time.Duration, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	shift, end, begun := at, at, false
	for p, err := range stream.Packets(flv.NewReader(f)) {
		if err != nil {
			return 0, err
		}
		if !begun {
			begun, shift = true, at-p.DTS
		}
		// A packet may be in other hands already: what changes is a copy. The payload stays.
		q := *p
		q.DTS += shift
		q.PTS += shift
		select {
		case <-time.After(time.Until(start.Add(q.DTS))):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if err := dst.WritePacket(&q); err != nil {
			return 0, err
		}
		end = max(end, q.DTS+40*time.Millisecond) // about a frame behind the last packet
	}
	if !begun {
		return 0, fmt.Errorf("%s has no packets", file)
	}
	return end, nil
}
