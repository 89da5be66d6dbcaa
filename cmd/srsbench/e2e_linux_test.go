package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for the program where that starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "pin-exec" || os.Args[1] == "floor-server") {
		fmt.Fprintln(os.Stderr, command(os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// shortRun gives the options of a run of few seconds.
func shortRun(mode, url string, players, publishers int) *options {
	return &options{mode: mode, url: url, publishURL: url, players: players, publishers: publishers, rate: 200,
		duration: 2 * time.Second, settle: 500 * time.Millisecond, timeout: 5 * time.Second, bitrate: 600000, fps: 25,
		gop: time.Second, sample: 4, drain: 50 * time.Millisecond, pin: -1}
}

// checkRun runs a load that must go well: everybody served in full, nobody stalled.
func checkRun(t *testing.T, o *options) *report {
	t.Helper()
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	r, err := run(o, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	r.write(&text)
	if err := r.sound(); err != nil {
		t.Errorf("%v\n%s", err, &text)
	}
	for _, role := range []*roleReport{r.Players, r.Publishers} {
		if role == nil {
			continue
		}
		// The window cuts off a key frame (2 s of 600 kb/s: 8 %) at either end, and a busy machine more: only
		// what counts wrongly is outside of this.
		if role.Ratio < 0.4 || role.Ratio > 2 || role.Worst < 0.4 {
			t.Errorf("bit rate is %.3f of what is expected, worst %.3f\n%s", role.Ratio, role.Worst, &text)
		}
	}
	if o.mode == "both" && (r.Latency.Count == 0 || r.Latency.P50 > 1000) {
		t.Errorf("latency %+v", r.Latency)
	}
	if r.LostFrames > 0 || r.NotKey > 0 {
		t.Errorf("%d frames lost, %d starts without key frame", r.LostFrames, r.NotKey)
	}
	return r
}

// TestClipIsReadable has ffmpeg demux the stream and decode its sound.
func TestClipIsReadable(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg:", err)
	}
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("no ffprobe:", err)
	}
	c, err := newClip(600000, 25, time.Second, true)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	dechunk := &bodyReader{on: func(p []byte) error {
		b = append(b, p...)
		return nil
	}}
	w, p := c.wires(false), &publication{}
	p.w = w
	stream := []byte(flvHeader)
	for i := range w.start {
		stream = append(stream, w.start[i].stamp(0, 0, 0, 0)...)
	}
	for range 200 {
		stream = append(stream, p.next(c, 0)...)
	}
	if err := dechunk.feed(stream); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "clip.flv")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(ffmpeg, "-v", "warning", "-i", name, "-map", "0:a", "-f", "null", "-").CombinedOutput()
	if err != nil || strings.Contains(string(out), "aac") {
		t.Errorf("decoding the sound: %v\n%s", err, out)
	}
	// The slices are noise and decoders say so; demuxers must see H.264 all the same.
	out, err = exec.Command(ffprobe, "-v", "quiet", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets",
		"-of", "csv=p=0", name).Output()
	if err != nil || string(out) != "h264,74\naac,126\n" {
		t.Errorf("ffprobe: %v: %q", err, out)
	}
}

// TestNginx plays and publishes with nginx-rtmp.
func TestNginx(t *testing.T) {
	c := contest{nginx: "nginx", module: "/usr/lib/nginx/modules/ngx_rtmp_module.so", serverCPU: -1, dir: t.TempDir()}
	if _, err := exec.LookPath(c.nginx); err != nil {
		t.Skip("no nginx:", err)
	}
	if _, err := os.Stat(c.module); err != nil {
		t.Skip("no nginx-rtmp:", err)
	}
	t.Run("play", func(t *testing.T) {
		o := shortRun("both", "", 20, 1)
		r, err := c.load(entries["nginx"], o, nil)
		checkLoaded(t, r, err)
		if r.Latency.Count == 0 || r.Startup.P50 > 1500 || r.Server.RSS == 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("publish", func(t *testing.T) {
		o := shortRun("publish", "", 0, 20)
		r, err := c.load(entries["nginx-publish"], o, nil)
		checkLoaded(t, r, err)
	})
}

func checkLoaded(t *testing.T, r *report, err error) {
	t.Helper()
	if err == nil {
		err = r.sound()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []*roleReport{r.Players, r.Publishers} {
		if role != nil && (role.Ratio < 0.4 || role.Ratio > 2) {
			t.Errorf("bit rate: %+v", role)
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	o := shortRun("play", "rtmp://127.0.0.1:1/live/a", 3, 0)
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	r, err := run(o, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Players.Failed != 3 || r.sound() == nil || len(r.Reasons) != 1 {
		t.Errorf("%+v %v", r.Players, r.Reasons)
	}
}

func TestFloor(t *testing.T) {
	o := shortRun("floor", "", 20, 0)
	o.duration = 3 * time.Second
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	r, err := runFloor(o, 100*time.Millisecond, -1, nil)
	checkLoaded(t, r, err)
}

// relay is the least HTTP-FLV server: what is posted goes to whoever asks, from a key frame on.
type relay struct {
	mu      sync.Mutex
	start   [][]byte
	viewers map[chan []byte]bool // true once it had a key frame
}

func (r *relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodPost {
		r.publish(req.Body)
		return
	}
	out, flush := io.Writer(w), w.(http.Flusher).Flush
	if req.Header.Get("Upgrade") == "websocket" {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
		out, flush = frameWriter{conn}, func() {}
	}
	ch := make(chan []byte, 1000)
	r.mu.Lock()
	start := bytes.Join(append([][]byte{[]byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")}, r.start...), nil)
	r.viewers[ch] = false
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.viewers, ch)
		r.mu.Unlock()
	}()
	for b := start; ; {
		if _, err := out.Write(b); err != nil {
			return
		}
		flush()
		select {
		case b = <-ch:
		case <-req.Context().Done():
			return
		}
	}
}

// publish takes an FLV stream apart and hands its tags on.
func (r *relay) publish(body io.Reader) error {
	in := bufio.NewReader(body)
	if _, err := in.Discard(13); err != nil {
		return err
	}
	for {
		head, err := in.Peek(11)
		if err != nil {
			return err
		}
		tag := make([]byte, 11+uint24(head[1:])+4)
		if _, err := io.ReadFull(in, tag); err != nil {
			return err
		}
		frame, key := mediaKind(message{kind: tag[0], head: tag[11:]})
		r.mu.Lock()
		if !frame {
			r.start = append(r.start, tag)
		}
		for ch, on := range r.viewers {
			if on = on || key; on && frame {
				r.viewers[ch] = true
				select {
				case ch <- tag:
				default:
				}
			}
		}
		r.mu.Unlock()
	}
}

// frameWriter writes WebSocket frames.
type frameWriter struct{ w io.Writer }

func (f frameWriter) Write(b []byte) (int, error) {
	n := len(b)
	if n > 65535 {
		return 0, errors.New("too long")
	}
	_, err := f.w.Write(append([]byte{0x82, 126, byte(n >> 8), byte(n)}, b...))
	return n, err
}

// TestHTTP publishes FLV by POST and plays it over HTTP, HTTPS and WebSocket.
func TestHTTP(t *testing.T) {
	plain := httptest.NewUnstartedServer(&relay{viewers: map[chan []byte]bool{}})
	secure := httptest.NewUnstartedServer(&relay{viewers: map[chan []byte]bool{}})
	plain.Start()
	secure.StartTLS()
	for _, s := range []*httptest.Server{plain, secure} {
		defer s.Close()
		defer s.CloseClientConnections()
	}
	for _, url := range []string{plain.URL, secure.URL, strings.Replace(plain.URL, "http", "ws", 1)} {
		t.Run(url[:strings.IndexByte(url, ':')], func(t *testing.T) {
			o := shortRun("both", url+"/live/a.flv", 8, 1)
			o.publishURL = strings.Replace(o.url, "ws:", "http:", 1)
			checkRun(t, o)
		})
	}
}

func TestProc(t *testing.T) {
	d, err := parseStat([]byte("12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0"))
	if err != nil || d != 2*time.Second {
		t.Error(d, err)
	}
	for _, bad := range []string{"", "12 (x) S 1", "12 (a) S 1 2 3 4 5 6 7 8 9 10 x y 0 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	c := parseCores([]byte("cpu 1 1 1 1 1 1 1 1 0 0\ncpu0 10 0 20 60 10 0 5 5 0 0\ncpu1 1\n"), []int{0, 1})
	if c[0].total != 1100*time.Millisecond || c[0].idle != 700*time.Millisecond || c[0].softirq != 50*time.Millisecond || len(c) != 1 {
		t.Errorf("%+v", c)
	}
	s := sampler{pids: []int{os.Getpid()}, cpus: []int{0}}
	u := s.take(true)
	if u.rss == 0 || u.private == 0 || len(u.cpu) == 0 || u.tool == 0 {
		t.Errorf("%+v", u)
	}
}
