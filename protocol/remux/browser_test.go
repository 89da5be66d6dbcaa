//go:build unix

package remux_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// page is a module that serves a page with a script, and the library that it uses.
type page struct{ script string }

func (p *page) Info() protocol.Info { return protocol.Info{Name: "page"} }

func (p *page) Start(_ context.Context, h *protocol.Host) error {
	m := h.HTTP("http")
	m.Handle("/page.html", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><video id=video muted autoplay></video><script src=/mpegts.js></script><script>` +
			`const video = document.getElementById('video'), errors = [];` + p.script + `</script>`))
	}))
	m.Handle("/mpegts.js", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../cmd/srsd/internal/demo/web/mpegts.js")
	}))
	return nil
}

func (p *page) Shutdown(context.Context) error { return nil }

const (
	mpegtsJS = `
		const player = mpegts.createPlayer({type: 'mpegts', isLive: true, url: FROM}, {enableWorker: false});
		player.on(mpegts.Events.ERROR, (...e) => errors.push(e.map(String).join(' ')));
		player.attachMediaElement(video);
		player.load();
		player.play();`
	// What comes in messages is appended as it is. Clips that are played again and again have gaps in
	// between, which a player has to jump over.
	sourceJS = `
		const source = new MediaSource(), queue = [];
		video.src = URL.createObjectURL(source);
		source.onsourceopen = () => {
			const buffer = source.addSourceBuffer('video/mp4; codecs="CODECS"');
			const next = () => {
				for (let i = 0; i < video.buffered.length; i++) {
					const start = video.buffered.start(i);
					if (video.readyState < 3 && video.currentTime < start && (i == 0 || video.currentTime > start - 0.5)) video.currentTime = start;
				}
				if (queue.length && !buffer.updating) buffer.appendBuffer(queue.shift());
			};
			buffer.onupdateend = next;
			buffer.onerror = () => errors.push('SourceBuffer');
			video.onerror = () => errors.push(video.error.message);
			const socket = new WebSocket(FROM);
			socket.binaryType = 'arraybuffer';
			socket.onmessage = e => { queue.push(e.data); next(); };
			socket.onclose = e => errors.push('closed ' + e.code);
		};`
)

// screen is what somebody at the page sees.
type screen struct {
	Time   float64 // of the media, in seconds
	Frames int     // decoded and shown
	Width  int
	Stalls int
	Ready  int          // readyState
	Ranges [][2]float64 // buffered, in seconds
	Errors []string
}

const look = `({time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
	width: video.videoWidth, stalls: stalls, ready: video.readyState, errors: errors,
	ranges: Array.from({length: video.buffered.length}, (_, i) => [video.buffered.start(i), video.buffered.end(i)])})`

// TestBrowser plays in Chromium: transport streams with mpegts.js, MP4 with nothing but
// Media Source Extensions.
func TestBrowser(t *testing.T) {
	b := streamtest.StartBrowser(t)
	script := map[string]string{".ts": mpegtsJS, ".mp4": sourceJS}
	for _, x := range []struct {
		clip      *streamtest.Clip
		over, ext string
	}{
		{streamtest.H264AAC(), "ws", ".ts"},
		{streamtest.H264AAC(), "http", ".ts"},
		{streamtest.H264MP3(), "ws", ".ts"},
		{streamtest.H264AAC(), "ws", ".mp4"},
		{streamtest.H264BFramesAAC(), "ws", ".mp4"},
		{streamtest.H264Opus(), "ws", ".mp4"},
		{streamtest.AV1AAC(), "ws", ".mp4"},
		{streamtest.VP9Opus(), "ws", ".mp4"},
	} {
		t.Run(x.clip.Name+" "+x.over+" "+x.ext, func(t *testing.T) {
			r := newRig(t, flv.Remux{}, &page{
				`let stalls = 0; video.addEventListener('waiting', () => { if (video.currentTime > 0) stalls++ });` +
					strings.NewReplacer("FROM", "'"+x.over+"://' + location.host + '/live/av"+x.ext+"'", "CODECS", codecs(t, x.clip)).Replace(script[x.ext]),
			})
			p := r.publish(t, "av")
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- streamtest.Publish(ctx, p, x.clip.Loop(0), 1) }()
			defer func() { stop(); <-done }()

			b.Open("http://" + r.addr + "/page.html")
			await := func(what string, ok func(screen) bool) screen {
				t.Helper()
				var s screen
				for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					if b.Eval(look, &s) == nil && ok(s) {
						return s
					}
					require.Empty(t, s.Errors)
				}
				t.Fatalf("%s: not in time; last seen: %+v", what, s)
				return s
			}
			first := await("the first picture", func(s screen) bool { return s.Frames > 0 && s.Width > 0 })
			last := await("four seconds", func(s screen) bool { return s.Time >= first.Time+4.2 && s.Frames >= first.Frames+70 })
			video := x.clip.Tracks().List[x.clip.Tracks().First(stream.KindVideo)]
			require.Equal(t, video.Width, last.Width)
			t.Logf("%+v", last)
			b.Open("about:blank")
		})
	}
}

// codecs gives the codecs parameter for what .mp4 has of a clip, as an application would know it.
func codecs(t *testing.T, c *streamtest.Clip) string {
	var list []stream.Track
	for _, x := range c.Tracks().List {
		if d, err := cmaf.Describe(x, nil); err == nil {
			list = append(list, d)
		}
	}
	require.NotEmpty(t, list)
	return cmaf.Codecs(list...)
}
