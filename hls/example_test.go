package hls_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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
	defer pub.Close(nil)
	_ = stream.Copy(pub, streamtest.H264Only().Source())

	for range 1000 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live/cam.m3u8", nil))
		if w.Code == http.StatusOK {
			fmt.Print(w.Body)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	// Output:
	// #EXTM3U
	// #EXT-X-VERSION:3
	// #EXT-X-MEDIA-SEQUENCE:0
	// #EXT-X-TARGETDURATION:2
	// #EXTINF:2.000, no desc
	// cam-0.ts
}
