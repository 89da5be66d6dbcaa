// Command custommodule is a server with a module of its own beside RTMP and HTTP-FLV: it takes part
// in every publication, and answers /streams.json on the listener that HTTP-FLV uses.
//
//	go run ./examples/custommodule
//	ffmpeg -re -i FILE -c copy -f flv rtmp://127.0.0.1/live/livestream
//	curl http://127.0.0.1:8080/streams.json
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
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
		protocol.Config{
			Logger: slog.Default(),
			HTTP:   []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}},
		},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		flv.New(flv.Config{}),
		&directory{},
	)
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
