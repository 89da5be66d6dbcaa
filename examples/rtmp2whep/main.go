// Command rtmp2whep plays in browsers, by WebRTC, what an encoder publishes over RTMP: in well under a
// second, with the sound as Opus. Pictures are not converted: H.264 without B-frames plays everywhere.
//
//	go run ./examples/rtmp2whep
//	ffmpeg -re -i FILE -c:v libx264 -bf 0 -g 50 -c:a aac -f flv rtmp://127.0.0.1/live/livestream
//	open http://127.0.0.1:8080/players/whep.html
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/codec/transcode/aac"
	"github.com/srsgo/srs/protocol/codec/transcode/opus"
	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

func main() {
	rtmpAddr := flag.String("rtmp", ":1935", "address for RTMP")
	httpAddr := flag.String("http", ":8080", "address for HTTP")
	rtcAddr := flag.String("rtc", ":8000", "UDP address for WebRTC")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{*httpAddr}}}},
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		rtc.New(rtc.Config{Listen: []string{*rtcAddr}}),
	)
	// A conversion runs once per stream, while a player needs it. Package aac is under the LGPL.
	sound := transcode.New(transcode.Config{Codecs: []transcode.Codec{opus.Codec(), aac.Codec()}})
	server.Hub().SetSettings(func(stream.Key) (stream.Settings, error) {
		return stream.Settings{Convert: sound}, nil
	})
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
