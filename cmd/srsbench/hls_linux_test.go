package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// liveHLS serves a playlist that grows by a segment of a quarter of a second as time goes by.
func liveHLS(t *testing.T, stuck func() bool) *httptest.Server {
	t.Helper()
	start := time.Now()
	body := strings.Repeat("x", 30_000)
	var mu sync.Mutex
	last := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/live/a.m3u8" && r.URL.RawQuery == "":
			_, _ = fmt.Fprint(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n/live/a.m3u8?hls_ctx=x\n")
		case r.URL.Path == "/live/a.m3u8":
			mu.Lock()
			if n := int(time.Since(start)/(250*time.Millisecond)) + 4; !stuck() {
				last = n
			}
			fmt.Fprintf(w, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-TARGETDURATION:0\n", last-4)
			for i := last - 4; i < last; i++ {
				fmt.Fprintf(w, "#EXTINF:0.250, no desc\na-%d.ts\n", i)
			}
			mu.Unlock()
			time.Sleep(10 * time.Millisecond) // a target duration of 0 would have the viewer spin
		case strings.HasSuffix(r.URL.Path, ".ts"):
			_, _ = w.Write([]byte(body))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestHLS(t *testing.T) {
	srv := liveHLS(t, func() bool { return false })
	r, err := runHLS(&hlsOptions{url: srv.URL + "/live/a.m3u8", n: 3, streams: 1, rate: 100, duration: 2 * time.Second})
	require.NoError(t, err)
	require.Equal(t, 3, r.Playing)
	require.Zero(t, r.Failed, r.Error)
	require.Positive(t, r.Playlists)
	require.InDelta(t, 24, r.Segments, 6)
	require.GreaterOrEqual(t, r.Bytes, r.Segments*30_000)
	require.Positive(t, r.Latency.P50)

	r, err = runHLS(&hlsOptions{url: srv.URL + "/none.m3u8", n: 1, streams: 1, rate: 100, duration: time.Second})
	require.NoError(t, err)
	require.Positive(t, r.Failed)
	require.Contains(t, r.Error, "404")
	for _, u := range []string{"", "rtmp://127.0.0.1/live/a", "http://192.0.2.1/a.m3u8"} {
		_, err := runHLS(&hlsOptions{url: u, n: 1, streams: 1, rate: 1, duration: time.Second})
		require.Error(t, err, u)
	}
}

// TestHLSStall: a viewer whose playlist stands still for longer than its buffer lasts has stalled.
func TestHLSStall(t *testing.T) {
	start := time.Now()
	srv := liveHLS(t, func() bool { d := time.Since(start); return d > 2500*time.Millisecond && d < 5*time.Second })
	r, err := runHLS(&hlsOptions{url: srv.URL + "/live/a.m3u8", n: 1, streams: 1, rate: 100, duration: 5 * time.Second})
	require.NoError(t, err)
	require.Positive(t, r.Stalls)
}

func TestParseHLS(t *testing.T) {
	l, err := parseHLS("#EXTM3U\r\n#EXT-X-TARGETDURATION:3\r\n#EXTINF:2.5,\r\na.ts\r\n#EXTINF:1,x\nb.ts\n#EXTINF:1,x\nc.ts\n#EXTINF:1,x\nd.ts\n")
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, l.target)
	require.Equal(t, hlsSegment{"a.ts", 2500 * time.Millisecond}, l.segments[0])
	require.Len(t, l.after(""), 3)
	require.Len(t, l.after("c.ts"), 1)
	require.Empty(t, l.after("d.ts"))
	for _, bad := range []string{"", "<html>", "#EXTM3U\n#EXT-X-TARGETDURATION:x\n", "#EXTM3U\n#EXTINF:x,\n"} {
		_, err := parseHLS(bad)
		require.Error(t, err, bad)
	}
}
