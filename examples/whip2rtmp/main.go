// Command whip2rtmp takes what browsers and OBS publish by WebRTC, and plays it over RTMP, HTTP-FLV and
// WebSocket-FLV too: with the sound as AAC, unless an RTMP player says that it knows Opus.
//
//	go run ./examples/whip2rtmp
//	open http://127.0.0.1:8080/players/whip.html, or in OBS the service WHIP with the server
//	http://127.0.0.1:8080/rtc/v1/whip/?app=live&stream=livestream
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
		rtc.New(rtc.Config{Listen: []string{*rtcAddr}}),
		rtmp.New(rtmp.Config{Listen: []string{*rtmpAddr}}),
		flv.New(flv.Config{}),
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
