package hls_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/srsgo/srs/hls"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// HLS in a server that an application has already: what is published to its hub, by whatever brings it, is
// listed.
func Example() {
	settings := hls.Vhost{Enabled: true, Fragment: 2 * time.Second, Window: 10 * time.Second, NoCtx: true}
	srv := protocol.NewServer(protocol.Config{}, hls.New(hls.Config{Vhost: func(string) hls.Vhost { return settings }}))
	if err := srv.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Shutdown(context.Background())
	handler := srv.Handler("http")

	pub, err := srv.Hub().Publish(context.Background(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "cam"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // four times as fast as it would be live
		_ = streamtest.Publish(ctx, pub, streamtest.H264Only().Loop(0), 4)
		_ = pub.Close(nil)
		close(ended)
	}()
	defer func() { stop(); <-ended }()

	for range 3000 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live/cam.m3u8", nil))
		if head, _, ok := strings.Cut(w.Body.String(), "#EXT-X-MEDIA"); w.Code == http.StatusOK && ok {
			fmt.Print(head)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	// Output:
	// #EXTM3U
	// #EXT-X-VERSION:3
}
