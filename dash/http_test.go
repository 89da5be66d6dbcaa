package dash_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

var low = dash.LowLatency{PartDuration: 200 * time.Millisecond}

// TestFFmpeg: ffmpeg decodes each representation, and plays a manifest that counts. (Lists of a live stream
// with numbers, such as SRS's, it does not follow: it reads its first segment again and again.)
func TestFFmpeg(t *testing.T) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	decode := func(t *testing.T, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, program, append([]string{"-v", "warning"}, append(args, "-f", "null", "-")...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, string(out))
	}
	t.Run("manifest", func(t *testing.T) {
		r := newRig(t, vhost(dash.Vhost{Fragment: time.Second, WindowSize: 2, LowLatency: low}))
		r.live(key, streamtest.H264AAC())
		r.await("/live/av.mpd", nil)
		r.await("/live/av/video-4.m4s", nil) // it counts wrongly while a stream is younger than its window
		decode(t, "-i", r.url+"/live/av.mpd", "-t", "3")
	})
	for _, clip := range []*streamtest.Clip{streamtest.H264BFramesAAC(), streamtest.HEVCAAC(), streamtest.AACOnly(), streamtest.AV1AAC(), streamtest.VP9Opus()} {
		t.Run(clip.Name, func(t *testing.T) {
			r := newRig(t, vhost(dash.Vhost{Fragment: time.Second, WindowSize: 10_000})) // nothing leaves
			r.play(key, clip, 20)
			r.await("/live/av.mpd", func(s string) bool { return strings.Contains(s, `startNumber="0"`) && strings.Count(s, "<S ") >= 4 })
			for _, id := range []string{"video", "audio"} {
				res, file := r.get("/live/av/" + id + "-init.mp4")
				if id == "video" && !clip.Tracks().Has(stream.KindVideo) {
					require.Equal(t, http.StatusNotFound, res.StatusCode)
					continue
				}
				for n := range 2 {
					_, segment := r.get(fmt.Sprintf("/live/av/%s-%d.m4s", id, n))
					file = append(file, segment...)
				}
				name := filepath.Join(t.TempDir(), id+".mp4")
				require.NoError(t, os.WriteFile(name, file, 0o600))
				decode(t, "-i", name)
			}
		})
	}
}

// TestHTTP: what is fetched has a type, can be cached for as long as it lasts, and is not sent again to who
// has it.
func TestHTTP(t *testing.T) {
	r := newRig(t, vhost(dash.Vhost{Fragment: time.Second}))
	stop := r.live(key, streamtest.H264AAC())
	r.await("/live/av.mpd", nil)
	stop()
	eventually(t, "the end", func() bool {
		for s := range r.module.Streams() {
			return !s.Live
		}
		return false
	})
	res, body := r.get("/live/av.mpd")
	require.Equal(t, "application/dash+xml", res.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
	require.Contains(t, string(body), "<MPD ")
	again, _ := r.get("/live/av.mpd", "If-None-Match", res.Header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, again.StatusCode)
	zipped, packed := r.get("/live/av.mpd", "Accept-Encoding", "gzip")
	require.Equal(t, "gzip", zipped.Header.Get("Content-Encoding"))
	z, err := gzip.NewReader(strings.NewReader(string(packed)))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, string(body), string(plain))

	for name, want := range map[string]string{"video-init.mp4": "video/mp4", "audio-init.mp4": "audio/mp4", "video-0.m4s": "video/mp4", "audio-0.m4s": "audio/mp4"} {
		res, body := r.get("/live/av/" + name)
		require.Equal(t, http.StatusOK, res.StatusCode, name)
		require.Equal(t, want, res.Header.Get("Content-Type"))
		require.Regexp(t, `^public, max-age=\d+$`, res.Header.Get("Cache-Control"))
		part, some := r.get("/live/av/"+name, "Range", "bytes=4-7")
		require.Equal(t, http.StatusPartialContent, part.StatusCode)
		require.Equal(t, body[4:8], some)
	}
	for _, x := range []struct {
		method string
		code   int
	}{{http.MethodHead, 200}, {http.MethodPost, 405}} {
		q, err := http.NewRequestWithContext(t.Context(), x.method, r.url+"/live/av/video-0.m4s", nil)
		require.NoError(t, err)
		res, err := http.DefaultTransport.RoundTrip(q)
		require.NoError(t, err)
		_ = res.Body.Close()
		require.Equal(t, x.code, res.StatusCode)
	}
	res, body = r.get("/live/av/time")
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	at, err := time.Parse(time.RFC3339, string(body))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, patience)
}

// TestHostile: names that try to leave the directory touch nothing, and what is asked for in vain leaves
// nothing.
func TestHostile(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "html")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "secret.m4s"), []byte("secret"), 0o600))
	r := newRig(t, vhost(dash.Vhost{Fragment: time.Second, Dir: dir}))
	long := strings.Repeat("x", 10<<10)
	for _, name := range []string{"..", "../../x", "a/../../../x", "/etc/x", "a\x00b", long, `..\x`} {
		p := r.publish(stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name})
		require.NoError(t, streamtest.Publish(t.Context(), p, streamtest.H264AAC().Source(), 0))
		require.NoError(t, p.Close(nil))
	}
	r.live(key, streamtest.H264AAC())
	r.await("/live/av.mpd", nil)
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Len(t, entries, 2, "something was written beside the directory")
	for _, path := range []string{
		"/live/av/../../../secret.m4s", "/live/av/%2e%2e/%2e%2e/%2e%2e/secret.m4s", "/live/av/..%2f..%2fsecret.m4s", "/live/av/%00", "/live/av//",
		"/live/av/" + long, "/" + long + ".mpd", "/live/av/video-999.m4s", "/live/av/video-00.m4s", "/live/other.mpd", "/live/av", "/live/av/",
	} {
		res, body := r.raw(path)
		require.NotEqual(t, http.StatusOK, res, path)
		require.NotContains(t, body, "secret", path)
	}
	before := heap()
	for i := range 2000 {
		res, _ := r.get(fmt.Sprintf("/live/absent-%d.mpd", i))
		require.Equal(t, http.StatusNotFound, res.StatusCode)
	}
	require.Less(t, heap()-before, int64(1<<20))
	require.Zero(t, r.module.Viewers()-1, "the one that awaited the manifest")
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// raw sends a path as it is.
func (r *rig) raw(path string) (code int, body string) {
	r.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(r.t, err)
	defer c.Close()
	require.NoError(r.t, c.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path)
	require.NoError(r.t, err)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(r.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return res.StatusCode, string(b)
}

// TestHeld: players wait for segments that are about to be made, and read them as they grow; those that
// leave are forgotten, and too many are refused.
func TestHeld(t *testing.T) {
	const most = 50
	cfg := vhost(dash.Vhost{Fragment: time.Second, LowLatency: low})
	cfg.MaxHeld = most
	r := newRig(t, cfg)
	p := r.publish(key)
	pkts := streamtest.H264AAC().Packets()
	i := 0
	write := func(until time.Duration) {
		for ; i < len(pkts) && pkts[i].DTS < until; i++ {
			require.NoError(t, p.WritePacket(pkts[i]))
		}
	}
	write(800 * time.Millisecond)
	eventually(t, "the first part", func() bool {
		for s := range r.module.Streams() {
			return s.Memory > 0
		}
		return false
	})
	write(1500 * time.Millisecond)
	r.await("/live/av.mpd", nil)
	next := "/live/av/video-2.m4s" // not begun
	type answer struct {
		code  int
		bytes int
		err   error
	}
	ask := func(ctx context.Context) answer {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+next, nil)
		require.NoError(t, err)
		res, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			return answer{err: err}
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return answer{res.StatusCode, len(b), err}
	}
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan answer)
	for range 2 * most {
		go func() { gone <- ask(ctx) }()
	}
	for range most {
		require.Equal(t, answer{code: http.StatusServiceUnavailable, bytes: len("Service Unavailable")}, <-gone)
	}
	leave()
	for range most {
		require.ErrorIs(t, (<-gone).err, context.Canceled)
	}
	stay := make(chan answer)
	var waiting sync.WaitGroup
	for range most / 2 {
		waiting.Add(1)
		go func() {
			waiting.Done()
			for { // until the server has noticed that the others have left
				a := ask(t.Context())
				if a.code != http.StatusServiceUnavailable {
					stay <- a
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	waiting.Wait()
	write(time.Hour)
	require.NoError(t, p.Close(nil))
	first := <-stay
	require.NoError(t, first.err)
	require.Equal(t, http.StatusOK, first.code)
	require.Positive(t, first.bytes)
	for range most/2 - 1 {
		require.Equal(t, first, <-stay)
	}
}

// gate refuses viewers without a token.
type gate struct{}

func (gate) Admit(_ context.Context, s *stream.Session) error {
	if s.Action == stream.ActionView && s.Request.Param != "?token=good" {
		return &stream.DeniedError{Public: "no token", Err: errors.New("no token")}
	}
	return nil
}

// TestViewers: a viewer is one session, admitted by its query, counted and kicked.
func TestViewers(t *testing.T) {
	r := newRig(t, vhost(dash.Vhost{Fragment: time.Second}))
	r.server.Hub().AddGate(gate{})
	r.live(key, streamtest.H264AAC())
	r.await("/live/av.mpd?token=good", nil)
	res, body := r.get("/live/av.mpd?token=bad")
	require.Equal(t, http.StatusForbidden, res.StatusCode)
	require.Equal(t, "no token", string(body))
	_, text := r.get("/live/av.mpd?token=good")
	res, media := r.get("/live/av/video-0.m4s")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, 1, r.module.Viewers())
	var viewer *stream.Session
	for s := range r.server.Hub().Sessions() {
		if s.Action == stream.ActionView {
			require.Nil(t, viewer)
			viewer = s
		}
	}
	require.Equal(t, "dash", viewer.Request.Protocol)
	eventually(t, "what was sent is counted", func() bool { return viewer.Stats().Sent >= uint64(len(text)+len(media)) })
	require.Equal(t, 1, viewer.Stream().Stats().Viewers)
	viewer.Kick(nil)
	for _, path := range []string{"/live/av.mpd?token=good", "/live/av/video-0.m4s"} {
		res, _ := r.get(path)
		require.Equal(t, http.StatusForbidden, res.StatusCode, path)
	}
}

// eventually waits for what must come.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		require.True(t, time.Now().Before(end), what)
	}
}

var number = regexp.MustCompile(`startNumber="(\d+)"`)

// TestFiles: files are laid out as SRS does, the manifest lists none that is not there, those that have
// left are deleted, and all at the end. A storage gets the same.
func TestFiles(t *testing.T) {
	dir, remote := t.TempDir(), storage.NewMemory()
	r := newRig(t, vhost(dash.Vhost{Fragment: time.Second, WindowSize: 2, Dir: dir, Upload: remote}))
	p := r.publish(key)
	require.NoError(t, streamtest.Publish(t.Context(), p, streamtest.H264AAC().Loop(3), 20))
	require.NoError(t, p.Close(nil))
	var text []byte
	eventually(t, "the end", func() bool {
		for s := range r.module.Streams() {
			return !s.Live
		}
		return false
	})
	eventually(t, "the last manifest", func() bool {
		text, _ = os.ReadFile(filepath.Join(dir, "live/av.mpd"))
		m := number.FindSubmatch(text)
		return m != nil && string(m[1]) != "0" && string(text) == r.await("/live/av.mpd", nil)
	})
	first, err := strconv.Atoi(string(number.FindSubmatch(text)[1]))
	require.NoError(t, err)
	names := func() (list []string) {
		require.NoError(t, filepath.WalkDir(filepath.Join(dir, "live"), func(name string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() {
				list = append(list, filepath.Base(name))
			}
			return err
		}))
		return list
	}
	var have []string
	want := []string{"av.mpd", "video-init.mp4", "audio-init.mp4", fmt.Sprintf("video-%d.m4s", first), fmt.Sprintf("audio-%d.m4s", first+1)}
	eventually(t, "as many files", func() bool { // they are written behind the stream
		have = names()
		var there []string
		for info, err := range remote.List(t.Context(), "live/") {
			require.NoError(t, err)
			there = append(there, filepath.Base(info.Name))
		}
		slices.Sort(have)
		slices.Sort(there)
		lacks := func(name string) bool { return !slices.Contains(have, name) }
		return slices.Equal(there, have) && !slices.ContainsFunc(want, lacks) && len(have) <= 3+2*(2+3) && lacks("video-0.m4s")
	})
	_, served := r.get(fmt.Sprintf("/live/av/video-%d.m4s", first))
	stored, err := os.ReadFile(filepath.Join(dir, "live/av", fmt.Sprintf("video-%d.m4s", first)))
	require.NoError(t, err)
	require.Equal(t, served, stored)
	require.NoError(t, r.module.Reload(dash.New(dash.Config{Vhost: func(string) dash.Vhost { return dash.Vhost{} }})))
	q := r.publish(key) // now DASH is off
	eventually(t, "no file", func() bool { return len(names()) == 0 })
	res, _ := r.get("/live/av.mpd")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	require.NoError(t, q.Close(nil))
}

// broken is a storage that takes nothing.
type broken struct{ storage.Storage }

func (broken) Put(context.Context, string, io.Reader, int64) error { return fs.ErrPermission }

// TestNoDisk: a stream whose files cannot be written is served from memory all the same.
func TestNoDisk(t *testing.T) {
	r := newRig(t, vhost(dash.Vhost{Fragment: time.Second, Upload: &broken{storage.NewMemory()}}))
	r.live(key, streamtest.H264AAC())
	r.await("/live/av.mpd", func(s string) bool { return strings.Count(s, "<S ") >= 4 })
	for s := range r.module.Streams() {
		require.GreaterOrEqual(t, s.Failed, uint64(4))
		require.Zero(t, s.Waiting)
	}
}

// TestReload: other settings begin the stream anew, with the numbers that follow.
func TestReload(t *testing.T) {
	r := newRig(t, vhost(dash.Vhost{Fragment: time.Second}))
	r.live(key, streamtest.H264AAC())
	require.NotContains(t, r.await("/live/av.mpd", nil), "availabilityTimeOffset")
	require.NoError(t, r.module.Reload(dash.New(vhost(dash.Vhost{Fragment: time.Second, LowLatency: low}))))
	text := r.await("/live/av.mpd", func(s string) bool { return strings.Contains(s, "availabilityTimeOffset") })
	require.NotContains(t, text, `startNumber="0"`)
	for s := range r.module.Streams() {
		require.Equal(t, key, s.Key)
		require.True(t, s.Live)
		require.Positive(t, s.Memory)
	}
	require.Error(t, r.module.Reload(dash.New(dash.Config{HTTP: "other"})))
}

// BenchmarkManifest is what a request for the manifest costs, without the connection.
func BenchmarkManifest(b *testing.B) {
	r := newRig(b, vhost(dash.Vhost{Fragment: time.Second}))
	p := r.publish(key)
	require.NoError(b, streamtest.Publish(b.Context(), p, streamtest.H264AAC().Loop(3), 0))
	r.await("/live/av.mpd", nil)
	h := r.server.Handler("http")
	q, err := http.NewRequest(http.MethodGet, r.url+"/live/av.mpd", nil)
	require.NoError(b, err)
	q.RemoteAddr = "192.0.2.1:1"
	q.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		w := &discard{header: http.Header{}}
		h.ServeHTTP(w, q)
		require.Zero(b, w.code)
	}
	require.NoError(b, p.Close(nil))
}

type discard struct {
	header http.Header
	code   int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(code int)        { d.code = code }
