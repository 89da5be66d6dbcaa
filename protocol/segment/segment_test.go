package segment

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, h http.Handler, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

func fileOf(chunks ...string) *File {
	f := New("video/MP2T")
	for _, c := range chunks {
		f.Append([]byte(c))
	}
	f.Close()
	return f
}

// TestWhole: length, tag, conditions and ranges of a file in several pieces.
func TestWhole(t *testing.T) {
	f := fileOf("hello ", "", "big", " world")
	f.CacheControl = "max-age=60"
	r := get(t, f)
	require.Equal(t, "hello big world", body(t, r))
	require.Equal(t, "15", r.Header.Get("Content-Length"))
	require.Equal(t, "video/MP2T", r.Header.Get("Content-Type"))
	require.Equal(t, "max-age=60", r.Header.Get("Cache-Control"))
	etag := r.Header.Get("ETag")
	require.NotEmpty(t, etag)
	require.Equal(t, etag, get(t, fileOf("hello big world")).Header.Get("ETag"), "equal contents have equal tags")
	require.NotEqual(t, etag, get(t, fileOf("hello big worle")).Header.Get("ETag"))

	require.Equal(t, http.StatusNotModified, get(t, f, "If-None-Match", etag).StatusCode)
	require.Equal(t, http.StatusNotModified, get(t, f, "If-Modified-Since", r.Header.Get("Last-Modified")).StatusCode)
	part := get(t, f, "Range", "bytes=4-8")
	require.Equal(t, http.StatusPartialContent, part.StatusCode)
	require.Equal(t, "o big", body(t, part))
	require.Equal(t, "world", body(t, get(t, f, "Range", "bytes=-5")))
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, get(t, f, "Range", "bytes=99-").StatusCode)
}

// TestReader: any read and seek gives what a plain reader would.
func TestReader(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var all []byte
		f := New("")
		for range rnd.IntN(8) {
			c := make([]byte, rnd.IntN(20))
			for i := range c {
				c[i] = byte(rnd.Uint32())
			}
			f.Append(c)
			all = append(all, c...)
		}
		f.Close()
		require.NoError(t, iotest.TestReader(f.Open(), all))
	}
}

// TestGrowing: what is there comes at once, the rest as it is made; a client that leaves is let go.
func TestGrowing(t *testing.T) {
	f := New("video/mp4")
	srv := httptest.NewServer(f)
	defer srv.Close()
	f.Append([]byte("one"))
	resp, err := http.Get(srv.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.EqualValues(t, -1, resp.ContentLength)
	in := bufio.NewReader(resp.Body)
	read := func(want string) {
		b := make([]byte, len(want))
		_, err := io.ReadFull(in, b)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}
	read("one")
	f.Append([]byte("two"))
	read("two")
	f.Append([]byte("three"))
	f.Close()
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	require.Equal(t, "three", string(rest))

	f.Append([]byte("late"))
	require.EqualValues(t, 11, f.Len(), "a whole file does not grow")
}

// TestWait: a request for a file without a byte waits; if it is whole by then it has a length.
func TestWait(t *testing.T) {
	for _, abort := range []bool{false, true} {
		f := New("video/mp4")
		got := make(chan *http.Response)
		go func() {
			w := httptest.NewRecorder()
			f.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			got <- w.Result()
		}()
		require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.more != nil }, time.Minute, time.Millisecond)
		if abort {
			f.Abort()
			require.Equal(t, http.StatusNotFound, (<-got).StatusCode)
			continue
		}
		f.mu.Lock() // both at once
		f.chunks, f.size, f.state = [][]byte{[]byte("part")}, 4, whole
		f.tell()
		f.mu.Unlock()
		require.Equal(t, "4", (<-got).Header.Get("Content-Length"))
	}
}

// TestAbort: a client that has part of a file which will not be finished is cut off.
func TestAbort(t *testing.T) {
	f := New("video/mp4")
	srv := httptest.NewServer(f)
	defer srv.Close()
	f.Append([]byte("one"))
	resp, err := http.Get(srv.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadFull(resp.Body, make([]byte, 3))
	require.NoError(t, err)
	f.Abort()
	_, err = io.ReadAll(resp.Body)
	require.Error(t, err)
}

// TestText: plain and compressed, each with a tag of its own.
func TestText(t *testing.T) {
	long := "#EXTM3U\n" + strings.Repeat("#EXTINF:2.000, no desc\nlivestream-1.ts\n", 50)
	x := NewText("application/vnd.apple.mpegurl", []byte(long))
	r := get(t, x)
	require.Equal(t, long, body(t, r))
	require.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
	require.Equal(t, "Accept-Encoding", r.Header.Get("Vary"))
	z := get(t, x, "Accept-Encoding", "br, gzip;q=0.8")
	require.Equal(t, "gzip", z.Header.Get("Content-Encoding"))
	require.NotEqual(t, r.Header.Get("ETag"), z.Header.Get("ETag"))
	packed := body(t, z)
	require.Equal(t, strconv.Itoa(len(packed)), z.Header.Get("Content-Length"))
	u, err := gzip.NewReader(strings.NewReader(packed))
	require.NoError(t, err)
	b, err := io.ReadAll(u)
	require.NoError(t, err)
	require.Equal(t, long, string(b))
	require.Equal(t, http.StatusNotModified, get(t, x, "If-None-Match", r.Header.Get("ETag")).StatusCode)
	require.Equal(t, http.StatusNotModified, get(t, x, "Accept-Encoding", "gzip", "If-None-Match", z.Header.Get("ETag")).StatusCode)
	for _, none := range []string{"", "gzip;q=0", "gzip; q=0.0", "identity"} {
		require.Empty(t, get(t, x, "Accept-Encoding", none).Header.Get("Content-Encoding"), none)
	}
	short := NewText("text/plain", []byte("x"))
	require.Empty(t, get(t, short, "Accept-Encoding", "gzip").Header.Get("Content-Encoding"))
}

func BenchmarkServe(b *testing.B) {
	chunk := bytes.Repeat([]byte("x"), 75<<10)
	f := New("video/MP2T")
	f.Append(chunk)
	f.Append(chunk)
	f.Close()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		f.ServeHTTP(w, r)
	}
}

type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
