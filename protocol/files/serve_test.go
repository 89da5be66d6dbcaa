package files

import (
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
)

// refusalOf gives the status for a system's error.
func refusalOf(t *testing.T, err error) int {
	t.Helper()
	m := New(Config{})
	m.host = &protocol.Host{Logger: slog.New(slog.DiscardHandler)}
	w := httptest.NewRecorder()
	m.refuse(w, httptest.NewRequest(http.MethodGet, "/a", nil), &fs.PathError{Op: "open", Path: "a", Err: err})
	return w.Code
}

// TestLater: a directory may come, go and be another one while the server runs.
func TestLater(t *testing.T) {
	root := filepath.Join(t.TempDir(), "objs", "html")
	r := newRig(t, Config{Dir: root})
	is := func(want string) {
		t.Helper()
		status, body := r.get(t, "/a.txt")
		if want == "" {
			require.Equal(t, http.StatusNotFound, status)
		} else {
			require.Equal(t, want, body)
		}
	}
	is("")
	write(t, root, map[string]string{"a.txt": "first"})
	is("first")
	require.NoError(t, os.Rename(root, root+".old"))
	is("")
	write(t, root+".new", map[string]string{"a.txt": "second"})
	require.NoError(t, os.Symlink(root+".new", root)) // as releases are switched
	is("second")
	require.NoError(t, os.Remove(root))
	require.NoError(t, os.WriteFile(root, nil, 0o644))
	is("")
}

// TestReload changes directories under load; every answer is that of one of them, and no file stays
// open.
func TestReload(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write(t, a, map[string]string{"x": strings.Repeat("a", 100_000)})
	write(t, b, map[string]string{"x": strings.Repeat("b", 100_000)})
	r := newRig(t, Config{Dir: a})
	before := openFiles(t)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			c := &http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer c.CloseIdleConnections()
			for range 100 {
				res, err := c.Get("http://" + r.addr + "/x")
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || len(body) != 100_000 || strings.Trim(string(body), string(body[:1])) != "" {
					t.Errorf("%d bytes, %v", len(body), err)
					return
				}
			}
		})
	}
	for i := range 50 {
		next := New(Config{Dir: []string{b, a}[i%2]})
		require.NoError(t, r.Reload(t.Context(), protocol.Config{HTTP: r.config()}, next))
	}
	require.NoError(t, r.Reload(t.Context(), protocol.Config{HTTP: r.config()}, New(Config{Dir: b, Mounts: []Mount{{Path: "/m", Dir: a}}})))
	require.Error(t, r.Reload(t.Context(), protocol.Config{HTTP: r.config()}, New(Config{})), "what ran runs on")
	work.Wait()
	_, body := r.get(t, "/x")
	require.Equal(t, byte('b'), body[0])
	_, body = r.get(t, "/m/x")
	require.Equal(t, byte('a'), body[0])
	require.Same(t, r.module, r.Modules()[0], "it stays")
	require.Eventually(t, func() bool { return openFiles(t) <= before }, patience, 10*time.Millisecond)
}

func (r *rig) config() []protocol.HTTPListener {
	return []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("the system does not tell open files: ", err)
	}
	return len(all)
}

// TestLiveFirst: a stream's mount comes before a file; another module's paths come before the root.
func TestLiveFirst(t *testing.T) {
	root := tree(t)
	write(t, root, map[string]string{"live/a.flv": "not me", "a/b/c.flv": "a file"})
	r := &rig{}
	r.Server = protocol.NewServer(protocol.Config{HTTP: r.config()}, New(Config{Dir: root}), flv.New(flv.Config{MaxWait: time.Millisecond}))
	require.NoError(t, r.Start(t.Context()))
	defer func() { require.NoError(t, r.Shutdown(t.Context())) }()
	r.addr = r.HTTPAddrs("http")[0].String()
	status, _ := r.get(t, "/live/a.flv")
	require.Equal(t, http.StatusNotFound, status)
	_, body := r.get(t, "/a/b/c.flv")
	require.Equal(t, "a file", body)
}

// TestTransports gives a large file, and ranges of it, over all there is.
func TestTransports(t *testing.T) {
	root := t.TempDir()
	big := make([]byte, 3*step+777)
	for i := range big {
		big[i] = byte(i * i >> 8)
	}
	write(t, root, map[string]string{"big": string(big)})
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	defer cert.Close()
	r := newRig(t, Config{Dir: root}, func(c *protocol.Config) {
		c.HTTP = append(c.HTTP, protocol.HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0"}, TLS: &tls.Config{Certificates: cert.TLS.Certificates}})
	})
	addrs := r.HTTPAddrs("http")
	for i, url := range []string{"http://" + addrs[0].String(), "https://" + addrs[1].String(), "https://" + addrs[1].String()} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: i == 2}
		c := &http.Client{Transport: tr, Timeout: patience}
		for _, from := range []int{0, 1, step, len(big) - 1} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/big", nil)
			require.NoError(t, err)
			if from > 0 {
				req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
			}
			res, err := c.Do(req)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			_ = res.Body.Close()
			require.True(t, string(big[from:]) == string(body), "%s from %d: %d bytes", res.Proto, from, len(body))
			require.Equal(t, []int{1, 1, 2}[i], res.ProtoMajor)
		}
		tr.CloseIdleConnections()
	}
}

// TestStalled: who asks and does not read is not waited for.
func TestStalled(t *testing.T) {
	root := t.TempDir()
	f, err := os.Create(filepath.Join(root, "huge"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<30))
	require.NoError(t, f.Close())
	r := newRig(t, Config{Dir: root})
	r.module.stall = 50 * time.Millisecond
	before := openFiles(t) // before the dial: whether the server has accepted right after it is chance
	conn, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /huge HTTP/1.1\r\nHost: h\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return openFiles(t) <= before+1 }, patience, 10*time.Millisecond, "the server's end and the file are closed")
}
