//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// freePort gives a port of 127.0.0.1 that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// server is a srsd that runs.
type server struct {
	t          *testing.T
	cmd        *exec.Cmd
	dir        string
	rtmp, http int
	api        int
	ended      chan struct{}
	stdout     string // a file, since a process that takes its place has it too
}

// output is what it wrote up to now: the console, and the log file.
func (s *server) output() string {
	out, _ := os.ReadFile(s.stdout)
	log, _ := os.ReadFile(filepath.Join(s.dir, "srs.log"))
	return string(out) + string(log)
}

const basic = `listen 127.0.0.1:RTMP; max_connections 100; daemon off; work_dir ./;
srs_log_tank file; srs_log_file ./srs.log; pid ./srs.pid; grace_start_wait 50; grace_final_wait 50; pithy_print_ms 200;
http_server { enabled on; listen 127.0.0.1:HTTP; }
`

const playable = "vhost __defaultVhost__ { http_remux { enabled on; } }\n"

// write makes the configuration.
func (s *server) write(text string) {
	text = strings.NewReplacer("RTMP", strconv.Itoa(s.rtmp), "HTTP", strconv.Itoa(s.http), "API", strconv.Itoa(s.api)).Replace(text)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "srs.conf"), []byte(text), 0o644))
}

// launch runs srsd; text is the configuration, if there is one.
func launch(t *testing.T, text string, env []string, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t), api: freePort(t), ended: make(chan struct{})}
	if text != "" {
		s.write(text)
	}
	if slices.Contains(args, "-demo") { // which has this port too
		env = append(env, fmt.Sprintf("SRS_RTC_SERVER_LISTEN=127.0.0.1:%d", freePort(t)))
	}
	for i := range env {
		env[i] = strings.NewReplacer("=RTMP", fmt.Sprintf("=127.0.0.1:%d", s.rtmp), "=HTTP", fmt.Sprintf("=127.0.0.1:%d", s.http)).Replace(env[i])
	}
	s.run(program(s.dir, env, args...))
	return s
}

// run starts a program that is, or becomes, srsd.
func (s *server) run(cmd *exec.Cmd) {
	s.t.Helper()
	out, err := os.Create(filepath.Join(s.t.TempDir(), "stdout"))
	require.NoError(s.t, err)
	defer out.Close()
	s.stdout = out.Name()
	s.cmd, cmd.Stdout, cmd.Stderr = cmd, out, out
	require.NoError(s.t, s.cmd.Start())
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.killSuccessor()
		if s.t.Failed() {
			s.t.Log(s.output())
		}
	})
	s.await("the server is up")
}

// killSuccessor ends the process that has the pid file, if a test that failed has left one.
func (s *server) killSuccessor() {
	b, _ := os.ReadFile(filepath.Join(s.dir, "srs.pid"))
	pid, err := strconv.Atoi(string(b))
	if err != nil {
		return
	}
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && dir == s.dir {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// await waits for a text in the output.
func (s *server) await(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.output(), text) }, patience, 10*time.Millisecond, text)
}

// awaitMatch waits for a match of a regular expression in the output.
func (s *server) awaitMatch(expr string) {
	s.t.Helper()
	re := regexp.MustCompile(expr)
	require.Eventually(s.t, func() bool { return re.MatchString(s.output()) }, patience, 10*time.Millisecond, expr)
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(sig))
}

// exits waits for the end and gives the exit status.
func (s *server) exits() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatal("srsd does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// publish sends a clip until stop is called.
func (s *server) publish(name string) (stop func()) {
	s.t.Helper()
	return s.publishFast(name, 1)
}

// publishFast is publish, so many times faster than real time.
func (s *server) publishFast(name string, speed float64) (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := rtmp.DialPublish(ctx, fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s?token=VERYSECRET", s.rtmp, name), nil)
	require.NoError(s.t, err)
	run, end := context.WithCancel(s.t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = streamtest.Publish(run, c, streamtest.H264AAC().Loop(0), speed) })
	stop = sync.OnceFunc(func() { end(); _ = c.Close(); work.Wait() })
	s.t.Cleanup(stop)
	return stop
}

// picture plays by HTTP-FLV until a key frame comes.
func (s *server) picture(name string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	src, err := flv.Pull(ctx, fmt.Sprintf("http://127.0.0.1:%d/live/%s.flv", s.http, name), nil)
	if err != nil {
		return err
	}
	defer src.Close()
	defer context.AfterFunc(ctx, func() { _ = src.Close() })()
	for {
		p, err := src.ReadPacket()
		if err != nil {
			return err
		}
		if p.Kind() == stream.KindVideo && p.Flags&stream.KeyFrame != 0 {
			return nil
		}
	}
}

// files counts a process's descriptors, on Linux.
func files(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	return len(all)
}
