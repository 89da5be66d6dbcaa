// Command hlsserver turns what is published over RTMP into HLS with low latency: about two seconds to
// players that know it, and plain HLS for all others.
//
//	go run ./examples/hlsserver
//	ffmpeg -re -i FILE -c:v libx264 -g 25 -c:a aac -f flv rtmp://127.0.0.1/live/livestream
//	ffplay http://127.0.0.1:8080/live/livestream.m3u8
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/srsgo/srs/hls"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	settings := hls.Vhost{Enabled: true, Fragment: time.Second, Window: 10 * time.Second, PartDuration: 200 * time.Millisecond}
	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}}},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		hls.New(hls.Config{Vhost: func(string) hls.Vhost { return settings }}),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
