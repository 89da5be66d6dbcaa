package rtc_test

import (
	"context"
	"log"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/codec/transcode/aac"
	"github.com/srsgo/srs/protocol/codec/transcode/opus"
	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
)

// A server for RTMP and WebRTC, each of which plays what is published by the other:
// http://127.0.0.1:8080/players/whip.html publishes, and whep.html there plays.
func ExampleNew() {
	server := protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{":8080"}}}},
		rtmp.New(rtmp.Config{}),
		rtc.New(rtc.Config{}),
	)
	sound := transcode.New(transcode.Config{Codecs: []transcode.Codec{opus.Codec(), aac.Codec()}})
	server.Hub().SetSettings(func(stream.Key) (stream.Settings, error) {
		return stream.Settings{Convert: sound}, nil
	})
	log.Fatal(server.Run(context.Background()))
}

// Behind a NAT the public address is named, and clients whose networks block UDP come by TCP.
func ExampleConfig() {
	_ = rtc.New(rtc.Config{
		Listen:     []string{":8000"},
		ListenTCP:  []string{":8000"},
		Candidates: rtc.Candidates{Hosts: []string{"203.0.113.7"}, NoInterfaces: true},
	})
}
