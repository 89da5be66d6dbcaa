package files

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/srsgo/srs/protocol"
)

// FuzzPath has requests with any path and query at all: nothing outside the root is opened, nothing
// hidden, and what is there is found by its name.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/", "/a.txt", "/live/a.m3u8", "/../secret", "/out", "/outdir/secret", "/abs", "/.git/config",
		"/.well-known/.secret", "/..\\secret", "/idx", "/html/../../secret", "/\x00", "/m/a.txt", "/m/../a.txt", "/CON", "/a:b", "//x/"} {
		f.Add(path, "start=1")
	}
	root := tree(f)
	m := New(Config{Dir: root, Mounts: []Mount{{Path: "/m", Dir: root}}})
	m.host = &protocol.Host{Logger: slog.New(slog.DiscardHandler)}
	l, err := newLayout(&m.cfg)
	if err != nil {
		f.Fatal(err)
	}
	m.layout.Store(l)
	f.Fuzz(func(t *testing.T, path, query string) {
		w := httptest.NewRecorder()
		m.serve(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/" + path, RawQuery: query}, Header: http.Header{}})
		if body := w.Body.String(); strings.Contains(body, "OUTSIDE") || strings.Contains(body, "HIDDEN") {
			t.Fatalf("%q leads to %q", path, body)
		}
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, "./") {
			t.Fatalf("%q leads to %q", path, to)
		}
	})
}

// FuzzFLV looks for sequence headers in anything. What is found is bounded, and is a file itself.
func FuzzFLV(f *testing.F) {
	whole, at := file(tag(18, 2, 0), tag(9, 0x17, 0, 0, 0, 0), tag(8, 0xaf, 0, 0x12, 0x10), tag(9, 0x27, 1))
	for _, start := range at {
		f.Add(whole, int64(start))
	}
	f.Fuzz(func(t *testing.T, b []byte, start int64) {
		head := flvHead(bytes.NewReader(b), start)
		if head == nil {
			return
		}
		if len(head) > maxHead || start < fileStart {
			t.Fatalf("%d bytes before %d", len(head), start)
		}
		if again := flvHead(bytes.NewReader(head), int64(len(head))); !bytes.Equal(again, head) {
			t.Fatalf("%x became %x", head, again)
		}
	})
}
