package rtmp_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// A server that takes RTMP publishers and players on port 1935.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	srv := protocol.NewServer(protocol.Config{}, rtmp.New(rtmp.Config{}))
	if err := srv.Run(ctx); err != nil {
		fmt.Println(err)
	}
}

// A server that lets nobody publish without a token.
func ExampleNew() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := protocol.NewServer(protocol.Config{Listeners: map[string]net.Listener{"rtmp": l}},
		rtmp.New(rtmp.Config{Listen: []string{"rtmp"}}))
	srv.Hub().AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		if s.Action == stream.ActionPublish && s.Request.Param != "?token=secret" {
			return &stream.DeniedError{Public: "The token is wrong."}
		}
		return nil
	}))
	if err := srv.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown(context.Background())

	_, err = rtmp.DialPublish(context.Background(), "rtmp://"+l.Addr().String()+"/live/livestream", nil)
	fmt.Println(err != nil)
	pub, err := rtmp.DialPublish(context.Background(), "rtmp://"+l.Addr().String()+"/live/livestream?token=secret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pub.Close())
	// Output:
	// true
	// <nil>
}

// Messages of a publisher: metadata and the sequence headers, then packets.
func ExampleEncoder() {
	e := &rtmp.Encoder{ChunkSize: 60000, Publish: true}
	clip := streamtest.H264AAC()
	messages := e.AppendTracks(nil, clip.Tracks(), 0)
	for _, p := range clip.Packets() {
		messages = e.AppendPacket(messages, p)
	}
	fmt.Println(len(messages) > 40_000)
	// Output: true
}
