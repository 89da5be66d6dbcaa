//go:build unix

package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// flows waits until the page for WebRTC in a browser has sent, or shown, pictures and sound.
func flows(t *testing.T, b *streamtest.Browser, url string) {
	t.Helper()
	get(t, url) // once the program listens
	b.Open(url)
	var f struct {
		State        string
		Video, Audio struct{ Frames, Packets int }
	}
	eventually(t, "media flow", func() bool {
		return b.Eval(`({...figures, state: $('state').value})`, &f) == nil && f.Video.Frames > 10 && f.Audio.Packets > 10
	})
}

// codecs gives those of the packets of pictures and sound.
func codecs(list []*stream.Packet) map[stream.Codec]bool {
	found := map[stream.Codec]bool{}
	for _, p := range list {
		if track := p.Info(); track != nil {
			found[track.Codec] = true
		}
	}
	return found
}

// What a browser publishes plays over HTTP-FLV with its sound as AAC, and over RTMP as it is, to a player
// that says that it knows Opus.
func whip2rtmp(t *testing.T, program string) {
	browser := streamtest.StartBrowser(t)
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr, "-rtc", freeAddr(t))
	flows(t, browser, "http://"+httpAddr+"/players/whip.html?autostart=true&source=canvas")

	got := codecs(playFLV(t, "http://"+httpAddr+"/live/livestream.flv", time.Second))
	require.Equal(t, map[stream.Codec]bool{stream.H264: true, stream.AAC: true}, got)
	got = codecs(playRTMP(t, "rtmp://"+rtmpAddr+"/live/livestream", time.Second))
	require.Equal(t, map[stream.Codec]bool{stream.H264: true, stream.Opus: true}, got)
}

// What is published over RTMP plays in a browser, with sound.
func rtmp2whep(t *testing.T, program string) {
	browser := streamtest.StartBrowser(t)
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr, "-rtc", freeAddr(t))
	publish(t, "rtmp://"+rtmpAddr+"/live/livestream", streamtest.H264AAC())
	flows(t, browser, "http://"+httpAddr+"/players/whep.html?autostart=true")
}

// What a browser published is an MP4 with both tracks once it has left.
func recordbrowser(t *testing.T, program string) {
	browser := streamtest.StartBrowser(t)
	httpAddr, dir := freeAddr(t), t.TempDir()
	out := start(t, program, "-http", httpAddr, "-rtc", freeAddr(t), "-dir", dir)
	flows(t, browser, "http://"+httpAddr+"/players/whip.html?autostart=true&source=canvas")
	browser.Open("about:blank") // which leaves
	eventually(t, "the recording is told of", func() bool { return strings.Contains(out.String(), "recorded "+dir) })

	list, err := filepath.Glob(dir + "/live/livestream.*.mp4")
	require.NoError(t, err)
	require.Len(t, list, 1)
	f, err := os.Open(list[0])
	require.NoError(t, err)
	defer f.Close()
	var p pmp4.Presentation
	require.NoError(t, p.Unmarshal(f))
	require.Len(t, p.Tracks, 2)
	for _, track := range p.Tracks {
		require.NotEmpty(t, track.Samples)
	}
}
