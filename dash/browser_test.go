//go:build unix

package dash_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream/streamtest"
)

// page is a module that serves a page with a player.
type page struct{ modules, player, script string }

func (p *page) Info() protocol.Info { return protocol.Info{Name: "page"} }

func (p *page) Start(_ context.Context, h *protocol.Host) error {
	m := h.HTTP("http")
	m.Handle("/page.html", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><video id=video muted autoplay></video><script src=/player.js></script><script>` +
			`const video = document.getElementById('video'), errors = []; let player;` + p.script + `</script>`))
	}))
	m.Handle("/player.js", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(p.modules, p.player))
	}))
	return nil
}

func (p *page) Shutdown(context.Context) error { return nil }

const (
	dashJS = `
		player = dashjs.MediaPlayer().create();
		player.updateSettings({debug: {logLevel: 2}, streaming: {delay: {applyServiceDescription: true}, buffer: {fastSwitchEnabled: false}}});
		player.on('error', e => errors.push(JSON.stringify(e.error && {code: e.error.code, message: e.error.message})));
		player.initialize(video, URL, true);
		var latency = () => player.getCurrentLiveLatency();`
	shakaJS = `
		shaka.polyfill.installAll();
		player = new shaka.Player();
		player.addEventListener('error', e => errors.push(e.detail.code + ' ' + JSON.stringify(e.detail.data)));
		player.attach(video).then(() => {
			player.configure({streaming: {lowLatencyMode: LL}});
			return player.load(URL);
		}).catch(e => errors.push('load ' + e.code + ' ' + e));
		var latency = () => player.getStats().liveLatency;`
)

// screen is what somebody at the page sees.
type screen struct {
	Time    float64 // of the media, in seconds
	Frames  int     // decoded and shown
	Width   int
	Latency float64 // as the player tells it, in seconds
	Stalls  int
	Errors  []string
}

const look = `({time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
	width: video.videoWidth, latency: latency() || 0, stalls: stalls, errors: errors})`

// TestPlayers plays in Chromium with dash.js and shaka-player.
func TestPlayers(t *testing.T) {
	modules := os.Getenv("SRS_NODE_MODULES")
	if modules == "" {
		t.Skip("SRS_NODE_MODULES does not name a directory with dashjs and shaka-player")
	}
	low := dash.Vhost{Fragment: time.Second, LowLatency: dash.LowLatency{PartDuration: 200 * time.Millisecond}}
	for _, x := range []struct {
		name, player, script string
		vhost                dash.Vhost
		latency              float64 // below which it must get
	}{
		{"dash.js", "dashjs/dist/modern/umd/dash.all.min.js", dashJS, dash.Vhost{Fragment: 2 * time.Second}, 15},
		{"shaka", "shaka-player/dist/shaka-player.compiled.js", shakaJS, dash.Vhost{Fragment: 2 * time.Second}, 15},
		{"dash.js low latency", "dashjs/dist/modern/umd/dash.all.min.js", dashJS, low, 6},
		{"shaka low latency", "shaka-player/dist/shaka-player.compiled.js", shakaJS, low, 8},
	} {
		t.Run(x.name, func(t *testing.T) {
			url, ll := `"/live/av.mpd"`, "false"
			if x.vhost.LowLatency.PartDuration > 0 {
				ll = "true"
			}
			script := "let stalls = 0; video.addEventListener('waiting', () => { if (video.currentTime > 0) stalls++ });" +
				strings.NewReplacer("URL", url, "LL", ll).Replace(x.script)
			r := newRig(t, vhost(x.vhost), &page{modules, x.player, script})
			stop := r.live(key, streamtest.H264AAC())
			r.await("/live/av.mpd", nil)
			b := viewer{streamtest.StartBrowser(t)}
			b.Open(r.url + "/page.html")
			first := b.await(t, "the first picture", func(s screen) bool { return s.Frames > 0 && s.Width == 320 })
			b.await(t, "six seconds", func(s screen) bool { return s.Time >= first.Time+6 && s.Frames >= first.Frames+120 })
			last := b.await(t, "latency", func(s screen) bool { return s.Latency > 0 && s.Latency < x.latency })
			t.Logf("%+v", last)
			for range observe() {
				time.Sleep(time.Second)
				s, _ := b.look()
				t.Logf("%+v", s)
			}
			stop()
			time.Sleep(3 * time.Second) // players run dry
			gone, _ := b.look()
			r.live(key, streamtest.H264AAC())
			last = b.await(t, "the next publication", func(s screen) bool { return s.Frames >= gone.Frames+150 })
			t.Logf("%+v", last)
		})
	}
}

// observe is for how many seconds to go on watching.
func observe() int {
	d, _ := time.ParseDuration(os.Getenv("SRS_OBSERVE"))
	return int(d.Seconds())
}

// viewer is who looks at the page.
type viewer struct{ *streamtest.Browser }

// look reads the page. Before it is loaded there is nothing to see.
func (v viewer) look() (s screen, ok bool) {
	err := v.Eval(look, &s)
	return s, err == nil
}

// await looks until ok.
func (v viewer) await(t *testing.T, what string, ok func(screen) bool) screen {
	t.Helper()
	var s screen
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var read bool
		if s, read = v.look(); read && ok(s) {
			return s
		}
		require.Empty(t, s.Errors)
	}
	t.Fatalf("%s: not within %v; last seen: %+v", what, patience, s)
	return s
}
