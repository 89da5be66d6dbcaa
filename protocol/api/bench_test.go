package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/stream"
)

// nowhere is a response that is thrown away.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkHandlers asks a server with 1,000 streams and 10,000 clients.
func BenchmarkHandlers(b *testing.B) {
	r := newRig(b, api.Config{})
	for i := range 1000 {
		k := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: fmt.Sprint(i)}
		pub, err := r.Hub().Publish(b.Context(), stream.Request{Key: k})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = pub.Close(nil) })
		for range 9 {
			p, err := r.Hub().Play(b.Context(), stream.Request{Key: k, URL: "rtmp://host/live", Remote: "192.0.2.1:5"})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = p.Close() })
		}
	}
	one := "/api/v1/streams/" + r.Identity().StreamID(stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "7"})
	h := r.Handler("api")
	for _, path := range []string{"/api/v1/versions", "/api/v1/summaries", "/api/v1/self_proc_stats", "/api/v1/vhosts/", "/api/v1/streams/", one,
		"/api/v1/clients/", "/api/v1/clients/?start=5000", "/api/v1/clients/?count=10000", "/api/v1/clients/nosuch"} {
		name := path
		if path == one {
			name = "/api/v1/streams/ID"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			q := httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)
			q.RemoteAddr = "127.0.0.1:9"
			for b.Loop() {
				h.ServeHTTP(nowhere{http.Header{}}, q)
			}
		})
	}
}
