// Command smallest is a streaming server in ten lines: publish to it over RTMP, watch over RTMP,
// HTTP-FLV and WebSocket-FLV.
//
//	go run ./examples/smallest
//	ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/livestream
//	ffplay rtmp://127.0.0.1/live/livestream
//	ffplay http://127.0.0.1:8080/live/livestream.flv
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}}},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		flv.New(flv.Config{}),
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
