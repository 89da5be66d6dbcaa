//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// The clock's picture: the time of capture in ms, a bit a block, in the upper rows.
const (
	clockWidth, clockHeight = 320, 180
	clockBits, clockBlock   = 32, clockWidth / 32
	clockRows               = 40
)

// publishClock publishes pictures that tell when they were made, with a tone, a key frame a second.
func (s *server) publishClock(name string) {
	s.t.Helper()
	needs(s.t, "ffmpeg")
	cmd := exec.CommandContext(s.t.Context(), "ffmpeg", "-v", "error",
		"-f", "rawvideo", "-pix_fmt", "gray", "-s", fmt.Sprintf("%dx%d", clockWidth, clockHeight), "-r", "25", "-i", "pipe:",
		"-f", "lavfi", "-i", "sine=440:sample_rate=44100", "-map", "0:v", "-map", "1:a",
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "25", "-bf", "0", "-x264-params", "scenecut=0",
		"-c:a", "aac", "-b:a", "64k", "-flush_packets", "1", "-f", "flv", fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s", s.rtmp, name))
	in, err := cmd.StdinPipe()
	require.NoError(s.t, err)
	cmd.Stderr = os.Stderr
	require.NoError(s.t, cmd.Start())
	done := make(chan struct{})
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); <-done; _ = cmd.Wait() })
	go func() {
		defer close(done)
		start := time.Now()
		for i := 0; ; i++ {
			time.Sleep(time.Until(start.Add(time.Duration(i) * 40 * time.Millisecond)))
			if _, err := in.Write(clockPicture(time.Now(), i)); err != nil {
				return
			}
		}
	}()
}

func clockPicture(at time.Time, n int) []byte {
	b := make([]byte, clockWidth*clockHeight)
	now := uint32(at.UnixMilli())
	for y := range clockHeight {
		row := b[y*clockWidth : (y+1)*clockWidth]
		for x := range row {
			switch {
			case y < clockRows && now>>(clockBits-1-x/clockBlock)&1 == 1:
				row[x] = 235
			case y < clockRows:
				row[x] = 16
			default:
				row[x] = byte(64 + (x+y+4*n)%128) // something that moves
			}
		}
	}
	return b
}

// playerPage is a page with one of the players. What it sees is in the variable seen.
const playerPage = `<!doctype html><video id=video width=320 height=180 muted autoplay playsinline></video><script src=LIBRARY></script><script>
const video = document.getElementById('video'), canvas = new OffscreenCanvas(320, 180), pen = canvas.getContext('2d', {willReadFrequently: true});
const seen = {stalls: 0, errors: [], latency: [], bad: 0, span: 0};
let first, started = false, last = -1, stuck = 0;
const fail = e => seen.errors.push(String(e));
try { START } catch (e) { fail(e.stack) }
setInterval(() => {
	if (video.readyState < 2) return;
	if (video.currentTime > 0.5) started = true;
	if (started) {
		stuck = video.currentTime === last ? stuck + 1 : 0;
		if (stuck === 10) seen.stalls++; // half a second
		last = video.currentTime;
	}
	pen.drawImage(video, 0, 0, 320, 180);
	const d = pen.getImageData(0, 20, 320, 1).data;
	let at = 0;
	for (let i = 0; i < 32; i++) {
		const v = d[4 * (i * 10 + 5)];
		if (v > 80 && v < 170) { seen.bad++; return; }
		at = at * 2 + (v > 128 ? 1 : 0);
	}
	if (!started) return;
	seen.latency.push((Date.now() % 4294967296 - at) / 1000);
	first ??= at;
	seen.span = (at - first) / 1000;
}, 50);
</script>`

// players are the libraries, and how each plays ADDRESS. low says that it is to keep close to live.
var players = map[string]struct{ library, start string }{
	"hls.js": {"hls.js/dist/hls.min.js", `
		const p = new Hls({lowLatencyMode: LOW, maxLiveSyncPlaybackRate: LOW ? 1.1 : 1}); // 1, its default, never catches up
		p.on(Hls.Events.ERROR, (_, e) => { if (e.fatal) fail(e.details + ' ' + (e.error || '')); });
		p.loadSource(ADDRESS); p.attachMedia(video);`},
	"dash.js": {"dashjs/dist/modern/umd/dash.all.min.js", `
		const p = dashjs.MediaPlayer().create();
		p.updateSettings({debug: {logLevel: 0}, streaming: {delay: {applyServiceDescription: true}}});
		p.on('error', e => fail(JSON.stringify(e.error || e)));
		p.initialize(video, ADDRESS, true);`},
	"shaka-player": {"shaka-player/dist/shaka-player.compiled.js", `
		shaka.polyfill.installAll();
		const p = new shaka.Player();
		p.addEventListener('error', e => fail(e.detail.code + ' ' + e.detail.data));
		p.attach(video).then(() => { p.configure({streaming: {lowLatencyMode: LOW}}); return p.load(ADDRESS); }).catch(e => fail(e.code + ' ' + e.data));`},
	"mpegts.js": {"mpegts.js/dist/mpegts.js", `
		const p = mpegts.createPlayer({type: TYPE, isLive: true, url: ADDRESS}, {liveBufferLatencyChasing: true});
		p.on(mpegts.Events.ERROR, (a, b, c) => fail(a + ' ' + b + ' ' + JSON.stringify(c)));
		p.attachMediaElement(video); p.load(); p.play();`},
	"MSE": {"mpegts.js/dist/mpegts.js", `
		const source = new MediaSource(), wait = [];
		video.src = URL.createObjectURL(source);
		source.onsourceopen = () => {
			const b = source.addSourceBuffer('video/mp4; codecs="avc1.42C00D,mp4a.40.2"'), s = new WebSocket(ADDRESS.replace('http', 'ws'));
			const next = () => { if (!b.updating && wait.length) b.appendBuffer(wait.shift()); };
			b.onupdateend = () => { if (video.currentTime === 0 && video.buffered.length) video.currentTime = video.buffered.start(0); next(); };
			s.binaryType = 'arraybuffer';
			s.onmessage = e => { wait.push(e.data); next(); };
		};`},
}

// watched is what a page saw.
type watched struct {
	Stalls, Bad int
	Errors      []string
	Latency     []float64 // s, of each look
	Span        float64   // s, from the first picture's capture to the last's
	Time        float64   // of the media, s
	Frames      int
	Width       int
	State       string
}

const sight = `({...seen, time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames, width: video.videoWidth,
	state: 'ready ' + video.readyState + ', buffered ' + [...Array(video.buffered.length).keys()].map(i => video.buffered.start(i) + '-' + video.buffered.end(i))})`

// watch plays a URL in a page until something failed, enough is seen, or for so long.
func (s *server) watch(b *streamtest.Browser, player, url string, low bool, limit time.Duration, enough func(watched) bool) (w watched) {
	s.t.Helper()
	b.Open(fmt.Sprintf("http://127.0.0.1:%d/%s", s.http, s.playerPage(player, url, low)))
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		w = watched{}
		if b.Eval(sight, &w) == nil && (len(w.Errors) > 0 || enough(w)) { // an error while the page loads
			break
		}
	}
	if dir := os.Getenv("SRS_SCREENSHOTS"); dir != "" {
		file := filepath.Join(dir, s.t.Name()+".png")
		require.NoError(s.t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(s.t, os.WriteFile(file, b.Screenshot(), 0o644))
	}
	return w
}

// playerPage makes the server have a page that plays a URL, and gives the page's name.
func (s *server) playerPage(player, url string, low bool) string {
	s.t.Helper()
	p, root := players[player], filepath.Join(s.dir, "objs/nginx/html")
	library, err := os.ReadFile(filepath.Join(os.Getenv("SRS_NODE_MODULES"), p.library))
	require.NoError(s.t, err)
	require.NoError(s.t, os.MkdirAll(root, 0o755))
	require.NoError(s.t, os.WriteFile(filepath.Join(root, player+".js"), library, 0o644))
	kind := "mpegts"
	if filepath.Ext(url) == ".flv" {
		kind = "flv"
	}
	start := strings.NewReplacer("ADDRESS", strconv.Quote(url), "LOW", strconv.FormatBool(low), "TYPE", strconv.Quote(kind)).Replace(p.start)
	page := strings.NewReplacer("LIBRARY", "/"+player+".js", "START", start).Replace(playerPage)
	name := player + strings.ReplaceAll(filepath.Base(url), ".", "-") + ".html"
	require.NoError(s.t, os.WriteFile(filepath.Join(root, name), []byte(page), 0o644))
	return name
}

// latencyOf is the middle one, once the player has settled.
func (w *watched) latencyOf() float64 {
	l := slices.Clone(w.Latency[len(w.Latency)/3:])
	slices.Sort(l)
	return l[len(l)/2]
}

// TestPlayers plays what srsd makes with the players that people use, in Chromium: time moves, and the
// picture is the one that was published. With SRS_PLAYERS_TIME, which says for how long each plays, it is a
// measurement for a machine with nothing else to do: nothing stalls, and with low latency the picture is less
// than 2 s old.
func TestPlayers(t *testing.T) {
	if os.Getenv("SRS_NODE_MODULES") == "" {
		t.Skip("SRS_NODE_MODULES names no directory with hls.js, dashjs, shaka-player and mpegts.js")
	}
	b := streamtest.StartBrowser(t)
	common := basic + `vhost __defaultVhost__ {
		http_remux { enabled on; mounts [vhost]/[app]/[stream].ts [vhost]/[app]/[stream].mp4; }
		hls { enabled on; hls_fragment 1; hls_window 8; %s }
		dash { enabled on; dash_fragment 1; dash_window_size 8; %s } }`
	for _, x := range []struct {
		name, hls, dash string
		plays           []play
	}{
		{"plain", "", "", []play{{"hls.js", "a.m3u8", false}, {"dash.js", "a.mpd", false}, {"shaka-player", "a.mpd", false}, {"shaka-player", "a.m3u8", false}, {"mpegts.js", "a.ts", false},
			{"mpegts.js", "a.flv", false}, {"MSE", "a.mp4", false}}},
		{"fmp4", "hls_use_fmp4 on;", "", []play{{"hls.js", "a.m3u8", false}}},
		{"low", "hls_low_latency on;", "dash_low_latency on;", []play{{"hls.js", "a.m3u8", true}, {"dash.js", "a.mpd", true}, {"shaka-player", "a.mpd", true}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := launch(t, fmt.Sprintf(common, x.hls, x.dash), nil, "-c", "srs.conf")
			s.publishClock("a")
			s.list("/live/a.m3u8", "hls_ctx=")
			s.list("/live/a.mpd", "$RepresentationID$")
			for _, p := range x.plays {
				t.Run(p.player+" "+p.file, func(t *testing.T) {
					own := *s
					own.t = t
					own.plays(b, p)
				})
			}
		})
	}
}

// play is what a player plays.
type play struct {
	player, file string
	low          bool
}

// plays has a browser play, and looks at how it does.
func (s *server) plays(b *streamtest.Browser, p play) {
	t := s.t
	limit, err := time.ParseDuration(os.Getenv("SRS_PLAYERS_TIME"))
	measure := err == nil
	if !measure {
		limit = 2 * patience
	}
	begin := time.Now()
	w := s.watch(b, p.player, fmt.Sprintf("http://127.0.0.1:%d/live/%s", s.http, p.file), p.low, limit, func(w watched) bool {
		return !measure && w.Span > 2
	})
	require.Empty(t, w.Errors)
	require.Greater(t, w.Span, 2.0, "s of pictures: %+v", w)
	require.Equal(t, clockWidth, w.Width, w.State)
	require.Less(t, w.Bad, len(w.Latency)/2, "pictures that cannot be read")
	require.Greater(t, w.Frames, 25)
	require.Positive(t, w.Time)
	t.Logf("%.1f s of media in %v, %d frames, %d stalls, latency %.2f s", w.Time, time.Since(begin).Round(time.Millisecond), w.Frames, w.Stalls, w.latencyOf())
	if !measure {
		return
	}
	require.Greater(t, w.Frames, int(limit.Seconds()*25)*9/10)
	require.Zero(t, w.Stalls, w.State)
	if p.low && p.player != "shaka-player" { // which adds the suggested delay to its target
		require.Less(t, w.latencyOf(), 2.0)
	}
}
