package hls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/srsgo/srs/protocol/audience"
	"github.com/srsgo/srs/stream"
)

// The media types of what is served. They are SRS's.
const (
	typePlaylist = "application/vnd.apple.mpegurl"
	typeTS       = "video/MP2T"
	typeM4S      = "video/iso.segment"
	typeMP4      = "video/mp4"
)

const maxPath = 2 << 10

// exchange is a request and its answer.
type exchange struct {
	m     *Module
	w     http.ResponseWriter
	r     *http.Request
	query url.Values
	ctx   string // hls_ctx, empty for none
}

// match gives the handler of a request for what there is, nil for any other.
func (m *Module) match(r *http.Request) http.Handler {
	path := r.URL.Path
	if len(path) < 2 || len(path) > maxPath || !m.reg.known(path[1:]) {
		return nil
	}
	vhost, ok := m.vhostOf(r)
	if !ok {
		return nil
	}
	what := m.reg.find(vhost, path[1:])
	if what == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodPost: // POST as SRS, for some players
		default:
			w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
			say(w, http.StatusMethodNotAllowed, "Method Not Allowed")
			return
		}
		x := &exchange{m: m, w: w, r: r}
		if r.URL.RawQuery != "" {
			x.query = r.URL.Query()
			x.ctx = x.query.Get("hls_ctx")
		}
		what.serve(x)
	})
}

// vhostOf gives the vhost of a request, by the rules for streams.
func (m *Module) vhostOf(r *http.Request) (string, bool) {
	q := http.Request{Method: r.Method, Host: r.Host, TLS: r.TLS, URL: &url.URL{Path: "/app/stream", RawQuery: r.URL.RawQuery}}
	res, err := m.host.ResolveHTTP(&q, "") // the path may be none that a stream could have
	return res.Key.Vhost, err == nil
}

// refuse answers an error. Nothing of its text is told, but what a Gate meant for the peer.
func refuse(w http.ResponseWriter, err error) {
	var to *stream.RedirectError
	var denied *stream.DeniedError
	switch {
	case errors.As(err, &to) && to.URL != "":
		w.Header().Set("Location", to.URL)
		say(w, http.StatusFound, "Found")
	case errors.As(err, &denied) && denied.Public != "":
		say(w, http.StatusForbidden, denied.Public)
	case denied != nil:
		say(w, http.StatusForbidden, "Forbidden")
	case errors.Is(err, stream.ErrNotFound), errors.Is(err, stream.ErrKicked):
		say(w, http.StatusNotFound, "Not Found")
	case errors.Is(err, stream.ErrShutdown), errors.Is(err, audience.ErrFull), errors.Is(err, context.Canceled):
		say(w, http.StatusServiceUnavailable, "Service Unavailable")
	default:
		say(w, http.StatusInternalServerError, "Internal Server Error")
	}
}

// say answers with a text.
func say(w http.ResponseWriter, code int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// cacheControl is that of segments. Numbers begin anew with the process, and so do names: nothing may be
// cached for longer than a segment is listed.
func (c *channel) cacheControl() string {
	return fmt.Sprintf("public, max-age=%d", max(1, int(c.cfg.Window/time.Second)))
}

// serve answers with a segment: from memory, or from disk.
func (s *seg) serve(x *exchange) {
	c := s.list.c
	viewer, ok := x.touch(c)
	if !ok {
		return
	}
	c.mu.Lock()
	f := s.file
	c.mu.Unlock()
	var n int64
	if f != nil {
		n = f.Serve(x.w, x.r)
	} else {
		n = c.store.serve(x, s.name)
	}
	if viewer != nil {
		viewer.AddSent(int(n))
	}
}

// serve answers with a file that is on disk alone.
func (s *store) serve(x *exchange, name string) (sent int64) {
	f, err := s.disk.Open(x.r.Context(), name)
	if err != nil {
		say(x.w, http.StatusNotFound, "Not Found")
		return 0
	}
	defer f.Close()
	h := x.w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Cache-Control", s.c.cacheControl())
	out := &countingWriter{ResponseWriter: x.w, control: http.NewResponseController(x.w)}
	http.ServeContent(out, x.r, "", f.Info().Modified, f)
	return out.n
}

// countingWriter counts what is sent, and gives the client a bounded time for each piece.
type countingWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	n       int64
}

// Write writes a piece.
func (w *countingWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(storeTimeout)) // not every ResponseWriter has one
	n, err := w.ResponseWriter.Write(b)
	w.n += int64(n)
	return n, err
}

// serve answers with a key. Who has no session under a hls_ctx gets it too, as with SRS: whoever is to be
// kept out is refused the playlist.
func (k *key) serve(x *exchange) {
	if _, ok := x.touch(k.c); ok {
		k.file.Serve(x.w, x.r)
	}
}

// serve answers with an initialization segment.
func (i *initFile) serve(x *exchange) {
	if s, ok := x.touch(i.list.c); ok {
		if n := i.file.Serve(x.w, x.r); s != nil {
			s.AddSent(int(n))
		}
	}
}
