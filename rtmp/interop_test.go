package rtmp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// need finds a program, or skips the test.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// process is a running program.
type process struct {
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan struct{}
	err  error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// launch starts a program, which the test's end kills if it runs still.
func launch(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s: %v\n%s", filepath.Base(path), p.err, tail(p.out.String(), 4<<10))
		}
	})
	return p
}

const programTime = 20 * time.Second

// end waits for the program's own end.
func (p *process) end(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(programTime):
		t.Fatalf("%s does not end", p.cmd.Path)
	}
}

func (p *process) succeed(t *testing.T) {
	t.Helper()
	if p.end(t); p.err != nil {
		t.Fatalf("%s: %v", filepath.Base(p.cmd.Path), p.err)
	}
}

// readFLV reads a file, as far as it goes.
func readFLV(t *testing.T, name string) []*stream.Packet {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []*stream.Packet
	for p, err := range stream.Packets(flv.NewReader(bytes.NewReader(b))) {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break // killed while it wrote
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// players waits until a stream has n players.
func (s *testServer) players(t *testing.T, name string, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d players of %s", n, name), func() bool {
		have := 0
		for x := range s.Hub().Sessions() {
			if x.Action == stream.ActionPlay && x.Request.Key.Name == name {
				have++
			}
		}
		return have == n
	})
}

// finish ends the players of a stream once they have got what was published.
func (s *testServer) finish(t *testing.T, name string) {
	t.Helper()
	var last uint64
	still := 0
	waitFor(t, "the players to have all", func() bool {
		var bytes uint64
		for x := range s.Hub().Sessions() {
			if x.Action == stream.ActionPlay && x.Request.Key.Name == name {
				bytes += x.Stats().Bytes
			}
		}
		if still++; bytes != last || bytes == 0 {
			last, still = bytes, 0
		}
		time.Sleep(20 * time.Millisecond)
		return still > 10
	})
	for x := range s.Hub().Sessions() {
		if x.Action == stream.ActionPlay && x.Request.Key.Name == name {
			x.Kick(nil)
		}
	}
}

func clipPath(name string) string { return filepath.Join("testdata", name+".flv") }

// slack is for what programs do to time stamps: ffmpeg rounds, and writes some audio
// time stamps anew.
const slack = 2 * time.Millisecond

// TestInteropFFmpeg: ffmpeg publishes, and what ffmpeg and rtmpdump get is what was sent.
func TestInteropFFmpeg(t *testing.T) {
	t.Parallel()
	ffmpeg := need(t, "ffmpeg")
	srv := runServer(t, serverConfig{})
	for _, clip := range []string{"h264-bframes-aac", "h264-mp3", "aac-only", "speex", "g711a"} {
		t.Run(clip, func(t *testing.T) {
			t.Parallel()
			url, dir := fmt.Sprintf("rtmp://%s/live/%s", srv.addr, clip), t.TempDir()
			out := filepath.Join(dir, "ffmpeg.flv")
			// What is probed at the start is written as well.
			play := launch(t, ffmpeg, "-v", "warning", "-y", "-copyts", "-i", url, "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "flv", out)
			n := 1
			var dump *process
			dumped := filepath.Join(dir, "rtmpdump.flv")
			if path, err := exec.LookPath("rtmpdump"); err == nil {
				dump = launch(t, path, "-v", "-r", url, "-o", dumped)
				n++
			}
			raw := srv.dial(t)
			raw.await(clip)
			srv.players(t, clip, n+1)
			sent := make(chan []*stream.Packet)
			go func() { sent <- raw.receivedToEnd() }()
			launch(t, ffmpeg, "-v", "warning", "-copyts", "-readrate", "4", "-i", clipPath(clip), "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "flv", url).succeed(t)
			source := readFLV(t, clipPath(clip))
			srv.finish(t, clip)
			streamtest.Equal(t, source, <-sent, streamtest.Compare{Tolerance: slack, AnyStart: true})
			play.end(t)
			streamtest.Equal(t, source, readFLV(t, out), streamtest.Compare{Tolerance: slack, AnyStart: true})
			// The second opinion: ffmpeg's hashes of the frames.
			want := hashes(t, ffmpeg, clipPath(clip))
			if got := hashes(t, ffmpeg, out); got == "" || !strings.HasSuffix(want, got) {
				t.Errorf("frames differ: source\n%s\nffmpeg\n%s", tail(want, 300), tail(got, 300))
			}
			if dump == nil {
				t.Log("rtmpdump is not installed")
				return
			}
			dump.end(t)
			streamtest.Equal(t, source, readFLV(t, dumped), streamtest.Compare{Tolerance: slack, AnyStart: true})
			if got := hashes(t, ffmpeg, dumped); got == "" || !strings.HasSuffix(want, got) {
				t.Errorf("frames differ: source\n%s\nrtmpdump\n%s", tail(want, 300), tail(got, 300))
			}
		})
	}
}

// hashes gives ffmpeg's hash of each packet of a file's video, or audio where that is all.
func hashes(t *testing.T, ffmpeg, file string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTime)
	defer cancel()
	track := "0:a"
	if strings.Contains(t.Name(), "h264") {
		track = "0:v"
	}
	b, err := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-i", file, "-map", track, "-c", "copy", "-f", "framehash", "-").Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ","); !strings.HasPrefix(line, "#") && len(f) == 6 {
			all = append(all, strings.TrimSpace(f[5]))
		}
	}
	return strings.Join(all, "\n")
}

// TestInteropGStreamer: rtmp2sink publishes, rtmp2src plays.
func TestInteropGStreamer(t *testing.T) {
	t.Parallel()
	launcher, inspect := need(t, "gst-launch-1.0"), need(t, "gst-inspect-1.0")
	for _, e := range []string{"rtmp2src", "rtmp2sink", "flvmux"} {
		if exec.Command(inspect, e).Run() != nil {
			t.Skipf("GStreamer has no element %s", e)
		}
	}
	srv := runServer(t, serverConfig{})
	url, out := fmt.Sprintf("rtmp://%s/live/gst", srv.addr), filepath.Join(t.TempDir(), "gst.flv")
	play := launch(t, launcher, "-q", "rtmp2src", "location="+url, "!", "filesink", "location="+out)
	raw := srv.dial(t)
	raw.await("gst")
	srv.players(t, "gst", 2)
	received := make(chan []*stream.Packet)
	go func() { received <- raw.receivedToEnd() }()
	launch(t, launcher, "-q", "filesrc", "location="+clipPath("h264-bframes-aac"), "!", "flvdemux", "name=d",
		"flvmux", "name=m", "streamable=true", "!", "rtmp2sink", "location="+url,
		"d.video", "!", "queue", "!", "h264parse", "!", "m.video", "d.audio", "!", "queue", "!", "aacparse", "!", "m.audio").succeed(t)
	srv.finish(t, "gst")
	play.end(t)
	// Its muxer and parsers decide on time stamps and configurations; the frames are the clip's.
	sent := <-received
	source := readFLV(t, clipPath("h264-bframes-aac"))
	streamtest.Equal(t, payloads(source), payloads(sent), streamtest.Compare{AnyStart: true, AnyEnd: true, AnyConfig: true, FreeSync: true})
	streamtest.Equal(t, sent, readFLV(t, out), streamtest.Compare{})
	if n := len(sent); n < len(source)*9/10 {
		t.Errorf("%d of %d packets arrived", n, len(source))
	}
}

// payloads gives packets without their times, for comparing contents alone.
func payloads(packets []*stream.Packet) []*stream.Packet {
	out := make([]*stream.Packet, len(packets))
	for i, p := range packets {
		q := *p
		q.DTS, q.PTS = 0, 0
		out[i] = &q
	}
	return out
}

// receivedToEnd decodes what a player gets up to the end.
func (c *rawConn) receivedToEnd() []*stream.Packet {
	c.t.Helper()
	var d flv.Decoder
	var all []*stream.Packet
	for {
		m, err := c.recv()
		if err != nil {
			if !gone(err) {
				c.t.Error(err)
			}
			return all
		}
		typ := m.Type
		if typ == chunk.Data0 {
			typ = flv.TagScript
		}
		if typ == flv.TagAudio || typ == flv.TagVideo || typ == flv.TagScript {
			if all, err = d.Decode(all, typ, time.Duration(m.Timestamp)*time.Millisecond, m.Payload); err != nil {
				c.t.Error(err)
			}
		}
	}
}

// nginxRTMP runs nginx with an app for each of the given blocks, and gives its address.
func nginxRTMP(t *testing.T, apps string) string {
	t.Helper()
	nginx := need(t, "nginx")
	const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	if _, err := os.Stat(module); err != nil {
		t.Skip("nginx has no RTMP module: " + err.Error())
	}
	l := listen(t)
	addr, dir := l.Addr().String(), t.TempDir()
	_ = l.Close()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("load_module %s;\ndaemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr warn;\n"+
		"events { worker_connections 64; }\nrtmp { server {\nlisten %s;\naccess_log off;\n%s\n} }\n", module, dir, addr, apps)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	launch(t, nginx, "-p", dir, "-c", conf)
	waitFor(t, "nginx to listen", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return addr
}

// TestInteropNginxPush: what is published to nginx and pushed to us is what was sent.
func TestInteropNginxPush(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{})
	addr := nginxRTMP(t, fmt.Sprintf("application live { live on; push rtmp://%s/live; }", srv.addr))
	play := srv.dial(t)
	play.await("pushed")
	pub := (&testServer{addr: addr}).dial(t)
	pub.loose = chunk.NewReader(pub.Conn, chunk.Options{})
	publishToNginx(pub, "pushed")
	stop := paced(pub, streamtest.H264AAC().Packets())
	defer stop()
	got := play.received(150)
	streamtest.Equal(t, streamtest.H264AAC().Packets(), got, streamtest.Compare{AnyStart: true, AnyEnd: true})
}

// TestInteropNginxPull: nginx plays from us.
func TestInteropNginxPull(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{})
	addr := nginxRTMP(t, fmt.Sprintf("application live { live on; pull rtmp://%s/live name=pulled static; }", srv.addr))
	srv.players(t, "pulled", 1)
	play := (&testServer{addr: addr}).dial(t)
	play.loose = chunk.NewReader(play.Conn, chunk.Options{})
	play.sendConnect("rtmp://" + addr + "/live")
	play.until(`*NetConnection.Connect.Success*`)
	play.command("createStream", 2, 0)
	play.command("play", 3, 1, "pulled", -2000.0)
	play.until(`*NetStream.Play.Start*`)
	pub := srv.dial(t)
	pub.publish("pulled")
	stop := paced(pub, streamtest.H264AAC().Packets())
	defer stop()
	got := play.received(150)
	streamtest.Equal(t, streamtest.H264AAC().Packets(), got, streamtest.Compare{AnyStart: true, AnyEnd: true})
}

func publishToNginx(c *rawConn, name string) {
	c.t.Helper()
	c.sendConnect("rtmp://127.0.0.1/live")
	c.until(`*NetConnection.Connect.Success*`)
	c.control(chunk.SetChunkSize, 60000)
	c.command("createStream", 2, 0)
	c.command("publish", 3, 1, name, "live")
	c.until(`*NetStream.Publish.Start*`)
}

// paced publishes packets at four times their speed, on another goroutine.
func paced(c *rawConn, packets []*stream.Packet) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sink := &rawSink{c: c}
		_ = streamtest.Publish(ctx, sink, streamtest.Source(packets...), 4)
	}()
	return func() { cancel(); <-done }
}

// rawSink publishes packets one by one.
type rawSink struct {
	c      *rawConn
	before []*stream.Packet
}

func (s *rawSink) WritePacket(p *stream.Packet) error {
	b := publishBytes(s.c.out, append(slices.Clone(s.before), p))
	if len(s.before) > 0 { // only the packet: what goes before it was sent
		b = b[len(publishBytes(s.c.out, s.before)):]
	}
	s.before = []*stream.Packet{p}
	_, err := s.c.Write(b)
	return err
}
