package hook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/hook"
	"github.com/srsgo/srs/stream"
)

// An application that nobody may publish to.
func ExampleNew() {
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"code":1}`)
	}))
	defer application.Close()
	ctx := context.Background()
	srv := protocol.NewServer(protocol.Config{}, hook.New(hook.Config{Vhost: func(string) hook.Vhost {
		return hook.Vhost{OnPublish: []string{application.URL}}
	}}))
	if err := srv.Start(ctx); err != nil {
		panic(err)
	}
	defer func() { _ = srv.Shutdown(ctx) }()

	request := stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "camera"}}
	_, err := srv.Hub().Publish(ctx, request)
	fmt.Println("publish:", err != nil)
	p, err := srv.Hub().Play(ctx, request)
	fmt.Println("play:", err != nil)
	_ = p.Close()
	// Output:
	// publish: true
	// play: false
}
