//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser is a Chromium without a window, which is told what to do over a pair of pipes (the Chrome
// DevTools Protocol; each message ends with a zero byte).
type browser struct {
	t       *testing.T
	to      *os.File
	answers *os.File
	from    *bufio.Reader
	session string // of the page; empty for the browser itself
	id      int
}

// startBrowser runs Chromium with an empty page until the test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	in, to, err := os.Pipe()
	require.NoError(t, err)
	from, out, err := os.Pipe()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "srsd-browser-") // t.TempDir would fail on what is still being written
	require.NoError(t, err)
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe", "--user-data-dir="+dir, "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4, as the option wants them
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.WaitDelay = time.Second // its helpers may have the output open for longer
	require.NoError(t, cmd.Start())
	_, _ = in.Close(), out.Close()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with all processes of its own
		_ = cmd.Wait()
		_, _ = to.Close(), from.Close()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.NoError(t, from.SetReadDeadline(time.Now().Add(2*patience)))
	b := &browser{t: t, to: to, answers: from, from: bufio.NewReader(from)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

// deadline has calls fail after so long.
func (b *browser) deadline(d time.Duration) error {
	return b.answers.SetReadDeadline(time.Now().Add(d))
}

// call sends a command and waits for its result. Events are left out.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.id++
	m := map[string]any{"id": b.id, "method": method, "params": params}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	require.NoError(b.t, err)
	_, err = b.to.Write(append(text, 0))
	require.NoError(b.t, err, method)
	for {
		text, err := b.from.ReadBytes(0)
		require.NoError(b.t, err, method)
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		require.NoError(b.t, json.Unmarshal(text[:len(text)-1], &answer))
		if answer.ID != b.id {
			continue
		}
		if answer.Error != nil {
			b.t.Fatal(method, ": ", answer.Error.Message)
		}
		require.NoError(b.t, json.Unmarshal(answer.Result, result))
		return
	}
}

// screen is what somebody at the page sees of a stream.
type screen struct {
	Time   float64 // of the media, in seconds
	Frames int     // decoded and shown
	Width  int
	State  string // the page's line below the picture
	URL    string // what it plays
}

// look reads the page. Before it is loaded there is nothing to see.
func (b *browser) look() (s screen, err error) {
	const script = `(() => {
		const v = document.getElementById('video');
		if (!v || document.readyState !== 'complete') return '{}';
		return JSON.stringify({
			time: v.currentTime, frames: v.getVideoPlaybackQuality().totalVideoFrames, width: v.videoWidth,
			state: document.getElementById('state').value, url: document.getElementById('url').value,
		});
	})()`
	var r struct {
		Result           struct{ Value string }
		ExceptionDetails *struct{ Text string }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		return s, errors.New(r.ExceptionDetails.Text)
	}
	return s, json.Unmarshal([]byte(r.Result.Value), &s)
}

// awaitScreen looks until ok.
func (b *browser) awaitScreen(what string, ok func(screen) bool) screen {
	b.t.Helper()
	var s screen
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var err error
		if s, err = b.look(); err == nil && ok(s) {
			return s
		}
		require.NotContains(b.t, s.State, "failed")
	}
	b.t.Fatalf("%s: not within %v; last seen: %+v", what, patience, s)
	return s
}

// TestBrowser plays the demo's page, over HTTP and over WebSocket.
func TestBrowser(t *testing.T) {
	b := startBrowser(t)
	s := launch(t, "", []string{"SRS_LISTEN=RTMP", "SRS_HTTP_SERVER_LISTEN=HTTP"}, "-demo")
	for query, scheme := range map[string]string{"": "http", "?ws": "ws"} {
		var page struct{ ErrorText string }
		b.call("Page.navigate", map[string]any{"url": fmt.Sprintf("http://127.0.0.1:%d/%s", s.http, query)}, &page)
		require.Empty(t, page.ErrorText)
		stream := fmt.Sprintf("%s://127.0.0.1:%d/live/livestream.flv", scheme, s.http)
		first := b.awaitScreen("the first picture by "+scheme, func(x screen) bool { return x.URL == stream && x.Frames > 0 })
		last := b.awaitScreen("a second of video by "+scheme, func(x screen) bool {
			return x.Frames >= first.Frames+20 && x.Time >= first.Time+0.8
		})
		require.Equal(t, stream, last.URL)
		require.Equal(t, 640, last.Width)
		require.Equal(t, "playing 640×360", last.State)
	}
}
