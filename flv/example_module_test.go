package flv_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// A server that plays whatever is published into its hub, here a clip.
func ExampleNew() {
	srv := protocol.NewServer(protocol.Config{
		HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}},
	}, flv.New(flv.Config{}))
	ctx, cancel := context.WithCancel(context.Background())
	if err := srv.Start(ctx); err != nil {
		log.Fatal(err)
	}
	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "clip"}
	pub, err := srv.Hub().Publish(ctx, stream.Request{Key: key})
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = streamtest.Publish(ctx, pub, streamtest.H264AAC().Loop(0), 1) }()

	resp, err := http.Get(fmt.Sprintf("http://%v/live/clip.flv", srv.HTTPAddrs("http")[0]))
	if err != nil {
		log.Fatal(err)
	}
	p, err := flv.NewReader(resp.Body).ReadPacket()
	fmt.Println(resp.Header.Get("Content-Type"), p.Info().Codec, err)
	_ = resp.Body.Close()
	cancel()
	_ = srv.Shutdown(ctx)
	// Output: video/x-flv H264 <nil>
}

// A stream of another server, into a hub.
func ExamplePull() {
	ctx := context.Background()
	hub := stream.NewHub(stream.HubConfig{})
	src, err := flv.Pull(ctx, "http://example.com/live/camera.flv", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	pub, err := hub.Publish(ctx, stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "camera"}})
	if err != nil {
		log.Fatal(err)
	}
	err = stream.Copy(pub, src)
	_ = pub.Close(err)
}
