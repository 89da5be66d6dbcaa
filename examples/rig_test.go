package examples

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// patience is how long a test waits for anything.
const patience = 30 * time.Second

// raceFlags are what go build gets so that the programs find races when the tests do.
var raceFlags []string

// build builds all examples into a directory.
func build(t *testing.T) (dir string) {
	dir = t.TempDir()
	c := exec.Command("go", append(append([]string{"build", "-o", dir + string(filepath.Separator)}, raceFlags...), "./...")...)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// output keeps what a program prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a program until the test ends. It then has to leave without an error when it is
// interrupted, as from a terminal.
func start(t *testing.T, program string, args ...string) *output {
	t.Helper()
	out := &output{}
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = out, out
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		if c.Process.Signal(os.Interrupt) != nil { // Windows has none to send
			_ = c.Process.Kill()
			_ = c.Wait()
			return
		}
		timer := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		defer timer.Stop()
		if err := c.Wait(); err != nil {
			t.Errorf("%s: %v", filepath.Base(program), err)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(program), out)
		}
	})
	return out
}

// freeAddr gives an address to listen on. The port is below those that systems give out by
// themselves, so that no connection takes it meanwhile.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(20000)))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		require.NoError(t, l.Close())
		return addr
	}
	t.Fatal("no free port found")
	return ""
}

// bounded gives a context that ends with the test or when its patience does.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// retry calls f until the program listens.
func retry[T any](t *testing.T, f func() (T, error)) (T, error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		v, err := f()
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(end) {
			return v, err
		}
	}
}

// publish publishes a clip to an RTMP URL in real time, round after round, until the test ends or
// stop is called.
func publish(t *testing.T, url string, clip *streamtest.Clip) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(bounded(t))
	conn, err := retry(t, func() (*rtmp.PublishConn, error) { return rtmp.DialPublish(ctx, url, nil) })
	require.NoError(t, err)
	var run sync.WaitGroup
	run.Go(func() {
		if err := streamtest.Publish(ctx, conn, clip.Loop(0), 1); ctx.Err() == nil {
			t.Errorf("publishing to %s: %v", url, err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		run.Wait()
		if err := conn.Close(); err != nil {
			t.Errorf("publishing to %s: %v", url, err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// playRTMP and playFLV read a stream until it is so much longer than at its start.
func playRTMP(t *testing.T, url string, length time.Duration) []*stream.Packet {
	t.Helper()
	ctx := bounded(t)
	p, err := retry(t, func() (*rtmp.PlayConn, error) { return rtmp.DialPlay(ctx, url, nil) })
	require.NoError(t, err)
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	defer p.Close()
	return read(t, p, length)
}

func playFLV(t *testing.T, url string, length time.Duration) []*stream.Packet {
	t.Helper()
	ctx := bounded(t)
	p, err := flv.Pull(ctx, url, nil)
	require.NoError(t, err)
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	defer p.Close()
	return read(t, p, length)
}

func read(t *testing.T, src stream.Source, length time.Duration) (list []*stream.Packet) {
	t.Helper()
	for p, err := range stream.Packets(src) {
		require.NoError(t, err)
		list = append(list, p)
		if p.DTS-list[0].DTS >= length {
			return list
		}
	}
	t.Fatalf("the stream ended after %d packets", len(list))
	return nil
}

// rounds gives the packets of a clip that is repeated for longer than any test.
func rounds(t *testing.T, clip *streamtest.Clip) (list []*stream.Packet) {
	for p, err := range stream.Packets(clip.Loop(10)) {
		require.NoError(t, err)
		list = append(list, p)
	}
	return list
}

// late is for a player that came and left in the middle of a stream.
var late = streamtest.Compare{AnyStart: true, AnyEnd: true}

// get gives the body of an HTTP response.
func get(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(bounded(t), http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Close = true
	res, err := retry(t, func() (*http.Response, error) { return http.DefaultClient.Do(req) })
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return b
}
