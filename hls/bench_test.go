package hls

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// BenchmarkPacket is what TS segments cost, for each packet of a stream of 600 kb/s or so.
func BenchmarkPacket(b *testing.B) {
	r := newRig(b, one(plain(2*time.Second, 10*time.Second)))
	defer r.stop(b)
	c, err := newChannel(r.module, live, (plain(2*time.Second, 10*time.Second)).defaults(), 0, 0)
	require.NoError(b, err)
	k := newCutter(c)
	packets := pull(encoder{clip: streamtest.H264AAC(), gop: time.Second, until: time.Minute}.source())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := *packets[i%len(packets)]
		round := time.Duration(i/len(packets)) * time.Minute
		p.DTS, p.PTS = p.DTS+round, p.PTS+round
		k.write(&p)
	}
}

func pull(src stream.Source) (out []*stream.Packet) {
	for p := range stream.Packets(src) {
		out = append(out, p)
	}
	return out
}

// BenchmarkPlaylist is a request for a playlist without the network: of a viewer with hls_ctx, of one
// without, for a stream that is not there, and with parts.
func BenchmarkPlaylist(b *testing.B) {
	const part = 250 * time.Millisecond
	for _, x := range []struct {
		name  string
		noCtx bool
		part  time.Duration
		path  string
		zip   string
		code  int
	}{
		{"ctx", false, 0, "/live/av.m3u8?hls_ctx=abcdefgh", "", 200},
		{"shared", true, 0, "/live/av.m3u8", "", 200},
		{"absent", true, 0, "/live/none.m3u8", "", 404},
		{"low/ctx", false, part, "/live/av.v1.m3u8?hls_ctx=abcdefgh", "", 200},
		{"low/ctx/gzip", false, part, "/live/av.v1.m3u8?hls_ctx=abcdefgh", "gzip", 200},
		{"low/shared", true, part, "/live/av.v1.m3u8", "", 200},
	} {
		b.Run(x.name, func(b *testing.B) {
			v := plain(2*time.Second, 12*time.Second)
			v.NoCtx, v.PartDuration = x.noCtx, x.part
			r := newRig(b, one(v))
			defer r.stop(b)
			pub := r.begin(b, live)
			time.Sleep(50 * time.Millisecond) // the module begins to read
			require.NoError(b, streamtest.Publish(context.Background(), pub, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 47 * time.Second}.source(), 0))
			for end := time.Now().Add(10 * time.Second); r.get(b, "/live/av.m3u8").Code != 200 && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			r.get(b, x.path)
			req := httptest.NewRequest(http.MethodGet, "http://h.test"+x.path, nil)
			req.Header.Set("Accept-Encoding", x.zip)
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				r.handler.ServeHTTP(w, req)
				if w.Code != x.code {
					b.Fatal(w.Code)
				}
			}
			require.NoError(b, pub.Close(nil))
		})
	}
}
