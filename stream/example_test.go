package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/srsgo/srs/stream"
)

// A publisher writes packets into a hub, a player reads them from its newest key frame on.
func ExampleHub() {
	hub := stream.NewHub(stream.HubConfig{})
	defer hub.Close(context.Background())
	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "demo"}

	pub, err := hub.Publish(context.Background(), stream.Request{Key: key})
	if err != nil {
		panic(err)
	}
	tracks := &stream.Tracks{List: []stream.Track{{Codec: stream.H264, Config: []byte{1}}}}
	for i := range 8 {
		p := &stream.Packet{Tracks: tracks, DTS: time.Duration(i) * 40 * time.Millisecond, Payload: []byte{byte(i)}}
		p.PTS = p.DTS
		if i%5 == 0 {
			p.Flags = stream.KeyFrame
		}
		if err := pub.WritePacket(p); err != nil {
			panic(err)
		}
	}

	player, err := hub.Play(context.Background(), stream.Request{Key: key})
	if err != nil {
		panic(err)
	}
	defer player.Close()
	for range 3 {
		p, err := player.ReadPacket()
		if err != nil {
			panic(err)
		}
		fmt.Println(p.Info().Codec, p.DTS, p.Key())
	}
	pub.Close(nil)
	if _, err = player.ReadPacket(); errors.Is(err, io.EOF) {
		fmt.Println("end")
	}
	// Output:
	// H264 200ms true
	// H264 240ms false
	// H264 280ms false
	// end
}

// A gate refuses whoever does not know the word.
func ExampleGateFunc() {
	hub := stream.NewHub(stream.HubConfig{})
	hub.AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		if s.Action == stream.ActionPublish && s.Request.Param != "?token=sesame" {
			return &stream.DeniedError{Public: "wrong token"}
		}
		return nil
	}))
	_, err := hub.Publish(context.Background(), stream.Request{Key: stream.Key{App: "live", Name: "x"}})
	fmt.Println(err)
	// Output: stream: denied: wrong token
}
