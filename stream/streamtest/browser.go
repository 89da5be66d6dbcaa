//go:build unix

package streamtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// browserPatience bounds the wait for an answer.
const browserPatience = time.Minute

// Browser is a Chromium without a window and with one page, which is told what to do over
// a pair of pipes (the Chrome DevTools Protocol; each message ends with a zero byte). It
// belongs to the test's goroutine.
type Browser struct {
	t       testing.TB
	to      *os.File
	pipe    *os.File      // the answers
	from    *bufio.Reader // of pipe
	session string        // of the page; empty for the browser itself
	id      int
}

// StartBrowser runs Chromium until the test ends. Without Chromium the test is skipped.
// Media play there without a click.
func StartBrowser(t testing.TB) *Browser {
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
	in, to := pipe(t)
	from, out := pipe(t)
	dir, err := os.MkdirTemp("", "browser-") // t.TempDir would fail on what is still being written
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe", "--user-data-dir="+dir, "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4, as the option wants them
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.WaitDelay = time.Second // its helpers may have the output open for longer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
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
	b := &Browser{t: t, to: to, pipe: from, from: bufio.NewReader(from)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	return b
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// Open loads a URL into the page. It does not wait until the page is complete.
func (b *Browser) Open(url string) {
	b.t.Helper()
	var page struct{ ErrorText string }
	b.call("Page.navigate", map[string]any{"url": url}, &page)
	if page.ErrorText != "" {
		b.t.Fatalf("browser: opening %s: %s", url, page.ErrorText)
	}
}

// Eval gives the value of a JavaScript expression in the page, which must have a JSON
// form. An expression that throws is an error: while the page loads, most do.
func (b *Browser) Eval(expression string, result any) error {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &r)
	if e := r.ExceptionDetails; e != nil {
		return fmt.Errorf("browser: %s %s", e.Text, e.Exception.Description)
	}
	return json.Unmarshal(r.Result.Value, result)
}

// Screenshot gives the page as a PNG.
func (b *Browser) Screenshot() []byte {
	b.t.Helper()
	var r struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &r)
	return r.Data
}

// call sends a command and waits for its result. Events are left out.
func (b *Browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.id++
	m := map[string]any{"id": b.id, "method": method, "params": params}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	if err == nil {
		err = b.pipe.SetReadDeadline(time.Now().Add(browserPatience))
	}
	for err == nil {
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if text, err = b.from.ReadBytes(0); err == nil {
			err = json.Unmarshal(text[:len(text)-1], &answer)
		}
		switch {
		case err != nil || answer.ID != b.id:
		case answer.Error != nil:
			b.t.Fatalf("browser: %s: %s", method, answer.Error.Message)
		default:
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatalf("browser: %s: %v", method, err)
			}
			return
		}
	}
	b.t.Fatalf("browser: %s: %v", method, err)
}
