//go:build unix

package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// screen is what somebody at the page sees of a stream.
type screen struct {
	Time   float64 // of the media, in seconds
	Frames int     // decoded and shown
	Width  int
	State  string // the page's line below the picture
	URL    string // what it plays
}

// look reads the page, once that is loaded.
const look = `(() => {
	const v = document.getElementById('video');
	if (!v || document.readyState !== 'complete') return {};
	return {
		time: v.currentTime, frames: v.getVideoPlaybackQuality().totalVideoFrames, width: v.videoWidth,
		state: document.getElementById('state').value, url: document.getElementById('url').value,
	};
})()`

// awaitScreen looks until ok.
func awaitScreen(t *testing.T, b *streamtest.Browser, what string, ok func(screen) bool) screen {
	t.Helper()
	var s screen
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		s = screen{}
		if b.Eval(look, &s) == nil && ok(s) {
			return s
		}
		require.NotContains(t, s.State, "failed")
	}
	t.Fatalf("%s: not in time; last seen: %+v", what, s)
	return s
}

// TestBrowser plays the demo's page, over HTTP and over WebSocket.
func TestBrowser(t *testing.T) {
	b := streamtest.StartBrowser(t)
	s := launch(t, "", []string{"SRS_LISTEN=RTMP", "SRS_HTTP_SERVER_LISTEN=HTTP"}, "-demo")
	for query, scheme := range map[string]string{"": "http", "?ws": "ws"} {
		b.Open(fmt.Sprintf("http://127.0.0.1:%d/%s", s.http, query))
		stream := fmt.Sprintf("%s://127.0.0.1:%d/live/livestream.flv", scheme, s.http)
		first := awaitScreen(t, b, "the first picture by "+scheme, func(x screen) bool { return x.URL == stream && x.Frames > 0 })
		last := awaitScreen(t, b, "a second of video by "+scheme, func(x screen) bool {
			return x.Frames >= first.Frames+20 && x.Time >= first.Time+0.8
		})
		require.Equal(t, stream, last.URL)
		require.Equal(t, 640, last.Width)
		require.Equal(t, "playing 640×360", last.State)
	}
}
