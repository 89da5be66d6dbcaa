package dash

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol/audience"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/stream"
)

const (
	maxPath = 2 << 10
	minIdle = 10 * time.Second // of viewers
)

// paths finds channels by the names of their manifests and directories. Requests for what there is not
// leave nothing in it.
type paths struct {
	mu     sync.RWMutex
	byPath map[string][]*channel
}

func (p *paths) add(c *channel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byPath == nil {
		p.byPath = map[string][]*channel{}
	}
	for _, name := range [...]string{c.mpd, c.dir} {
		p.byPath[name] = append(p.byPath[name][:len(p.byPath[name]):len(p.byPath[name])], c)
	}
}

func (p *paths) remove(c *channel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range [...]string{c.mpd, c.dir} {
		var rest []*channel
		for _, x := range p.byPath[name] {
			if x != c {
				rest = append(rest, x)
			}
		}
		if p.byPath[name] = rest; rest == nil {
			delete(p.byPath, name)
		}
	}
}

func (p *paths) find(name string) []*channel {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.byPath[name]
}

// match gives the handler of a request for what there is, nil for any other.
func (m *Module) match(r *http.Request) http.Handler {
	name, ok := strings.CutPrefix(r.URL.Path, "/")
	if !ok || len(name) > maxPath {
		return nil
	}
	dir, file := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	for _, list := range [...][]*channel{m.paths.find(name), m.paths.find(dir)} {
		if len(list) == 0 {
			continue
		}
		vhost, ok := m.vhostOf(r)
		if !ok {
			return nil
		}
		for _, c := range list {
			if c.key.Vhost == vhost && (c.mpd == name || c.dir == dir) {
				return m.handler(c, name, file)
			}
		}
	}
	return nil
}

// handler serves the manifest of a channel, or a file; nil if there is none.
func (m *Module) handler(c *channel, name, file string) http.Handler {
	var serve func(w http.ResponseWriter, r *http.Request)
	switch {
	case name != c.mpd && file == timeName:
		serve = serveTime
	case name != c.mpd:
		f := c.find(file, time.Now())
		if f == nil {
			return nil
		}
		serve = func(w http.ResponseWriter, r *http.Request) { m.serveFile(c, f, w, r) }
	default:
		text := c.text.Load()
		if text == nil {
			return nil
		}
		serve = func(w http.ResponseWriter, r *http.Request) { m.serveManifest(c, text, w, r) }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			say(w, http.StatusMethodNotAllowed, "Method Not Allowed")
			return
		}
		serve(w, r)
	})
}

// vhostOf gives the vhost of a request, by the rules for streams.
func (m *Module) vhostOf(r *http.Request) (string, bool) {
	q := http.Request{Method: r.Method, Host: r.Host, TLS: r.TLS, URL: &url.URL{Path: "/app/stream", RawQuery: r.URL.RawQuery}}
	res, err := m.host.ResolveHTTP(&q, "") // the path may be none that a stream could have
	return res.Key.Vhost, err == nil
}

// serveTime answers with the server's clock (urn:mpeg:dash:utc:http-xsdate:2014), by which players tell
// what is available.
func serveTime(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, time.Now().UTC().Format(timeForm))
}

// serveManifest answers with the manifest, which is what admits viewers.
func (m *Module) serveManifest(c *channel, text *segment.Text, w http.ResponseWriter, r *http.Request) {
	where := m.where(r, c.key)
	id := m.hash(where, r.URL.RawQuery)
	v := &c.cfg
	idle := max(minIdle, 2*v.UpdatePeriod, 2*v.Fragment)
	s, err := m.viewers.Begin(r.Context(), id, request(r, c.key, id), idle)
	if err != nil {
		m.host.Logger.Warn("dash play refused", "id", id, "stream", c.key, "remote", r.RemoteAddr, "err", err)
		refuse(w, err)
		return
	}
	if s.Err() != nil { // it was kicked
		say(w, http.StatusForbidden, "Forbidden")
		return
	}
	m.crowd.note(where, id, m.viewers.Len())
	s.AddSent(int(text.Serve(w, r)))
}

// serveFile answers with a segment. Who has no manifest gets it too: whoever is to be kept out is refused
// that.
func (m *Module) serveFile(c *channel, f *segment.File, w http.ResponseWriter, r *http.Request) {
	var viewer *stream.Session
	if id, ok := m.crowd.last(m.where(r, c.key)); ok {
		if viewer, ok = m.viewers.Touch(id, c.key); ok && viewer.Err() != nil {
			say(w, http.StatusForbidden, "Forbidden")
			return
		}
	}
	if !f.Whole() {
		if n := m.held.Add(1); n > int64(m.cfg.Load().MaxHeld) {
			m.held.Add(-1)
			w.Header().Set("Retry-After", "1")
			say(w, http.StatusServiceUnavailable, "Service Unavailable")
			return
		}
		defer m.held.Add(-1)
	}
	n := f.Serve(w, r)
	if viewer != nil {
		viewer.AddSent(int(n))
	}
}

// crowd remembers as whom viewers were admitted last, by where they are: requests for segments do not have
// the manifest's query.
type crowd struct {
	mu  sync.Mutex
	ids map[uint64]string
}

// note enters a viewer of viewers. Those that have left are forgotten by and by.
func (c *crowd) note(where uint64, id string, viewers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) > 2*viewers+100 {
		c.ids = map[uint64]string{} // who is still there asks for the manifest again
	}
	c.ids[where] = id
}

func (c *crowd) last(where uint64) (id string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok = c.ids[where]
	return id, ok
}

// where tells apart from which address and program a stream is watched.
func (m *Module) where(r *http.Request, key stream.Key) uint64 {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	var h maphash.Hash
	h.SetSeed(m.seed)
	for _, s := range [...]string{host, r.UserAgent(), key.Vhost, key.App, key.Name} {
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// hash gives a viewer's id.
func (m *Module) hash(where uint64, query string) string {
	return strconv.FormatUint(where^maphash.String(m.seed, query), 36)
}

// request describes the viewer to the hub. It copies what would keep the request in memory.
func request(r *http.Request, key stream.Key, id string) stream.Request {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	out := stream.Request{
		Key: key, ID: id, Protocol: "dash", Type: "dash-play", Remote: r.RemoteAddr, TLS: r.TLS != nil,
		URL:     scheme + "://" + r.Host + r.URL.RequestURI(),
		PageURL: strings.Clone(r.Referer()), UserAgent: strings.Clone(r.UserAgent()),
	}
	if r.URL.RawQuery != "" {
		out.Param = "?" + r.URL.RawQuery
	}
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		out.Local = a.String()
	}
	return out
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
	case errors.Is(err, stream.ErrNotFound):
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
