//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

const rtcConf = basic + `http_api { enabled on; listen 127.0.0.1:API; }
rtc_server { enabled on; listen RTC; candidate *; tcp { enabled on; listen RTC; } protocol all; }
vhost __defaultVhost__ { http_remux { enabled on; } hls { enabled on; hls_memory on; hls_fragment 1; }
	rtc { enabled on; rtmp_to_rtc on; rtc_to_rtmp on; } dvr { enabled on; dvr_path ./[stream].mp4; dvr_apply live/browser; } }
`

func launchRTC(t *testing.T) *server {
	t.Helper()
	return launch(t, strings.ReplaceAll(rtcConf, "RTC", fmt.Sprint(freePort(t))), nil, "-c", "srs.conf")
}

// rtcClient is a client of WebRTC that is not ours, in Python.
type rtcClient struct {
	cmd *exec.Cmd
	out strings.Builder
}

// python runs a program of testdata as one that plays or publishes, for some seconds.
func (s *server) python(file, action, name string, seconds int, more ...string) *rtcClient {
	s.t.Helper()
	path := map[string]string{"play": "whep", "publish": "whip"}[action]
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Duration(seconds)*time.Second+time.Minute)
	c := &rtcClient{cmd: exec.CommandContext(ctx, debianPython, append([]string{file, action,
		fmt.Sprintf("http://127.0.0.1:%d/rtc/v1/%s/?app=live&stream=%s", s.api, path, name), fmt.Sprint(seconds)}, more...)...)}
	c.cmd.Stdout = &c.out
	require.NoError(s.t, c.cmd.Start())
	s.t.Cleanup(func() { cancel(); _ = c.cmd.Wait() })
	return c
}

// debianPython has Debian's modules.
const debianPython = "/usr/bin/python3"

// aiortc is a client of aiortc.
func (s *server) aiortc(action, name string, seconds int) *rtcClient {
	s.t.Helper()
	if exec.Command(debianPython, "-c", "import aiortc, aiohttp").Run() != nil {
		s.t.Skip("python3-aiortc and python3-aiohttp are not installed")
	}
	return s.python("testdata/aiortc_client.py", action, name, seconds)
}

// heard is what a client saw.
type heard struct {
	Video, Audio, Deleted int
	Loudness              float64
	Size, State           string
}

func (c *rtcClient) wait(t *testing.T) (h heard) {
	t.Helper()
	require.NoError(t, c.cmd.Wait())
	require.NoError(t, json.Unmarshal([]byte(c.out.String()), &h), c.out.String())
	return h
}

// figures are what the page for WebRTC shows.
type figures struct {
	State        string
	Video, Audio struct {
		Codec                  string
		Packets, Frames, Width int
	}
}

// page opens the page that publishes or plays, and waits until media flow.
func (s *server) page(b *streamtest.Browser, path string) figures {
	s.t.Helper()
	b.Open(fmt.Sprintf("http://127.0.0.1:%d/players/%s", s.http, path))
	var f figures
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if b.Eval(`({...figures, state: $('state').value})`, &f) == nil && f.Video.Frames > 30 && f.Audio.Packets > 30 {
			return f
		}
	}
	require.FailNow(s.t, "nothing flows", "%s: %+v", path, f)
	return f
}

// hears listens to what the page plays until there is sound.
func (s *server) hears(b *streamtest.Browser) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		var loudest float64
		return b.Eval(`(() => {
			if (!globalThis.ear) {
				const c = new AudioContext();
				globalThis.ear = c.createAnalyser();
				c.createMediaStreamSource($('video').srcObject).connect(ear);
			}
			const a = new Float32Array(ear.fftSize);
			ear.getFloatTimeDomainData(a);
			return Math.max(...a);
		})()`, &loudest) == nil && loudest > 0.01
	}, time.Minute, 100*time.Millisecond, "sound")
}

// TestWebRTC: what an encoder publishes plays in browsers with sound, what a browser publishes plays in
// other browsers, by every other protocol, and is recorded.
func TestWebRTC(t *testing.T) {
	needs(t, "ffmpeg")
	needs(t, "ffprobe")
	s := launchRTC(t)
	viewer, publisher := streamtest.StartBrowser(t), streamtest.StartBrowser(t)
	api := fmt.Sprintf("api=%d", s.api)

	// RTMP to WebRTC.
	s.publishClock("clock")
	h := s.aiortc("play", "clock", 4).wait(t)
	require.Greater(t, h.Video, 30, "%+v", h)
	require.Greater(t, h.Audio, 50)
	require.Greater(t, h.Loudness, 100.)
	require.Equal(t, "320x180 connected 200", fmt.Sprint(h.Size, " ", h.State, " ", h.Deleted))
	f := s.page(viewer, "whep.html?autostart=true&app=live&stream=clock&"+api)
	require.Equal(t, 320, f.Video.Width)
	s.hears(viewer)

	// WebRTC to all.
	s.page(publisher, "whip.html?autostart=true&source=canvas&app=live&stream=browser&"+api)
	s.page(viewer, "whep.html?autostart=true&app=live&stream=browser&"+api)
	s.hears(viewer)
	for _, url := range []string{fmt.Sprintf("rtmp://127.0.0.1:%d/live/browser", s.rtmp), fmt.Sprintf("http://127.0.0.1:%d/live/browser.flv", s.http),
		fmt.Sprintf("http://127.0.0.1:%d/live/browser.m3u8", s.http)} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url).Output()
		cancel()
		require.NoError(t, err, url)
		require.Contains(t, string(out), "h264", url)
		require.Contains(t, string(out), "aac", url)
	}
	publisher.Open("about:blank") // which leaves
	s.await("rtc session ended")
	file := s.dir + "/browser.mp4"
	require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, time.Minute, 50*time.Millisecond)
	duration, packets := probe(t, file)
	require.Greater(t, duration, 1.)
	require.NotZero(t, packets["h264"])
	require.NotZero(t, packets["aac"])

	// Another implementation publishes.
	a := s.aiortc("publish", "python", 8)
	require.Eventually(t, func() bool { return strings.Contains(s.output(), "stream=/live/python, peer=") }, time.Minute, 50*time.Millisecond)
	h = s.aiortc("play", "python", 4).wait(t)
	require.Greater(t, h.Video, 20, "%+v", h)
	require.Greater(t, h.Audio, 50)
	require.Equal(t, 200, a.wait(t).Deleted)
}

// TestBrowserCodecs: what a browser publishes in a codec plays in another browser, which is not told which.
func TestBrowserCodecs(t *testing.T) {
	s := launchRTC(t)
	viewer, publisher := streamtest.StartBrowser(t), streamtest.StartBrowser(t)
	for _, codec := range []string{"VP8", "VP9", "AV1"} {
		query := fmt.Sprintf("autostart=true&app=live&stream=%s&api=%d", codec, s.api)
		require.Equal(t, codec, s.page(publisher, "whip.html?source=canvas&codec="+strings.ToLower(codec)+"&"+query).Video.Codec)
		f := s.page(viewer, "whep.html?"+query)
		require.Equal(t, codec, f.Video.Codec)
		require.Equal(t, 640, f.Video.Width)
	}
}

// TestGStreamer: a third implementation publishes and plays, HEVC as well as H.264.
func TestGStreamer(t *testing.T) {
	const file = "testdata/gst_client.py"
	if out, err := exec.Command(debianPython, file).CombinedOutput(); err != nil {
		t.Skipf("GStreamer has no WebRTC: %s", out)
	}
	s := launchRTC(t)
	for _, codec := range []string{"H264", "H265"} {
		publisher := s.python(file, "publish", codec, 60, codec)
		require.Eventually(t, func() bool { return strings.Contains(s.output(), "stream=/live/"+codec+", peer=") }, time.Minute, 50*time.Millisecond)
		h := s.python(file, "play", codec, 60, codec).wait(t)
		require.Greater(t, h.Video, 50, "%+v", h)
		require.Greater(t, h.Audio, 100)
		require.Greater(t, h.Loudness, 1000.)
		require.Equal(t, "320x240 connected 200", fmt.Sprint(h.Size, " ", h.State, " ", h.Deleted))
		require.NoError(t, publisher.cmd.Process.Signal(syscall.SIGTERM))
		require.Equal(t, 200, publisher.wait(t).Deleted)
	}
}
