package protocol

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Mux routes the requests of the HTTP listeners of one name. A path is taken as it came,
// decoded once: nothing is cleaned and nobody is redirected, which not every player
// would follow. An exact path comes first, then the matchers in order, then the longest
// prefix. Of equal routes that of the module which comes first in the server's list is
// taken, then the one made first.
//
// OPTIONS is answered for all paths alike; a handler that has a method Options(http.Header)
// may add headers to that.
//
// Routes may be made and removed while requests are served. They end with their module.
type Mux struct {
	t    *table
	host *Host
}

// Handle serves one path.
func (m *Mux) Handle(path string, h http.Handler) (remove func()) {
	return m.t.add(&route{kind: routeExact, path: path, handler: h, host: m.host})
}

// HandlePrefix serves the paths that begin with prefix.
func (m *Mux) HandlePrefix(prefix string, h http.Handler) (remove func()) {
	return m.t.add(&route{kind: routePrefix, path: prefix, handler: h, host: m.host})
}

// HandleMatch serves the requests for which match gives a handler: it sees all that no
// exact path takes, so it should decide by the path's extension first.
func (m *Mux) HandleMatch(match func(*http.Request) http.Handler) (remove func()) {
	return m.t.add(&route{kind: routeMatch, match: match, host: m.host})
}

type routeKind uint8

const (
	routeExact routeKind = iota
	routeMatch
	routePrefix
)

type route struct {
	kind    routeKind
	path    string
	handler http.Handler
	match   func(*http.Request) http.Handler
	host    *Host
	order   int // of host, as it was when the view was made
}

// table is the routes of one listener name. Requests read a view that is made anew with
// each change.
type table struct {
	mu   sync.Mutex
	list []*route // in the order they were made
	view atomic.Pointer[routeView]
}

type routeView struct {
	exact    map[string]http.Handler
	matchers []func(*http.Request) http.Handler
	prefixes []*route // the longest first
}

func (t *table) add(r *route) (remove func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.host.gone() {
		return func() {}
	}
	t.list = append(t.list, r)
	t.rebuildLocked()
	return func() { t.remove(func(x *route) bool { return x == r }) }
}

// drop removes a host's routes.
func (t *table) drop(h *Host) { t.remove(func(r *route) bool { return r.host == h }) }

func (t *table) remove(which func(*route) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.list)
	if t.list = slices.DeleteFunc(t.list, which); len(t.list) != n {
		t.rebuildLocked()
	}
}

func (t *table) rebuild() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rebuildLocked()
}

func (t *table) rebuildLocked() {
	for _, r := range t.list {
		r.order = r.host.place()
	}
	list := slices.Clone(t.list)
	slices.SortStableFunc(list, func(a, b *route) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(b.host.gen, a.host.gen))
	})
	v := &routeView{exact: map[string]http.Handler{}}
	for _, r := range list {
		switch r.kind {
		case routeExact:
			if v.exact[r.path] == nil {
				v.exact[r.path] = r.handler
			}
		case routeMatch:
			v.matchers = append(v.matchers, r.match)
		case routePrefix:
			v.prefixes = append(v.prefixes, r)
		}
	}
	slices.SortStableFunc(v.prefixes, func(a, b *route) int { return cmp.Compare(len(b.path), len(a.path)) })
	t.view.Store(v)
}

// route finds the handler of a request in the tables of the names that share a
// listener: each kind of route in all of them before the next kind, so that an API
// path is found before the root of the files. nil if there is none.
func findRoute(tables []*table, r *http.Request) http.Handler {
	path := r.URL.Path
	for _, t := range tables {
		if h := t.view.Load().exact[path]; h != nil {
			return h
		}
	}
	for _, t := range tables {
		for _, match := range t.view.Load().matchers {
			if h := match(r); h != nil {
				return h
			}
		}
	}
	var best *route
	for _, t := range tables {
		for _, p := range t.view.Load().prefixes {
			if strings.HasPrefix(path, p.path) {
				if best == nil || len(p.path) > len(best.path) {
					best = p
				}
				break
			}
		}
	}
	if best == nil {
		return nil
	}
	return best.handler
}

// site is what one listener serves.
type site struct {
	tables  []*table
	cors    bool
	proxies []netip.Prefix // HTTPListener.Forwarded
	name    string         // Server header
	server  *Server
}

// optioner is a handler that has something to add to the answer to OPTIONS.
type optioner interface{ Options(h http.Header) }

// ServeHTTP answers what concerns every path, and routes the rest.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.RemoteAddr = forwarded(r, s.proxies)
	logRequest(s.server.logger, r)
	h := w.Header()
	if s.name != "" {
		h.Set("Server", s.name)
	}
	if s.cors && r.Header.Get("Origin") != "" {
		allowOrigins(h)
		// "*" does not stand for this one (Fetch, 3.2.2).
		if strings.Contains(strings.ToLower(r.Header.Get("Access-Control-Request-Headers")), "authorization") {
			h.Set("Access-Control-Allow-Headers", "*, Authorization")
		}
	}
	defer s.caught(r)
	if r.Method == http.MethodOptions {
		h.Set("Content-Length", "0")
		if !s.cors {
			w.WriteHeader(http.StatusMethodNotAllowed)
		} else if o, ok := findRoute(s.tables, r).(optioner); ok {
			o.Options(h)
		}
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/") || strings.ContainsFunc(r.URL.Path, isControl) {
		http.Error(w, "bad path", http.StatusBadRequest)
		return
	}
	handler := findRoute(s.tables, r)
	if handler == nil {
		handler = http.HandlerFunc(notFound)
	}
	handler.ServeHTTP(w, r)
}

// notFound answers as SRS does.
func notFound(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("Not Found"))
}

// caught counts and logs a handler's panic and ends the connection.
func (s *site) caught(r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		s.server.panics.Add(1)
		s.server.logger.Error("panic", "in", "HTTP handler", "path", r.URL.Path, "remote", r.RemoteAddr,
			"panic", fmt.Sprint(v), slog.String("stack", string(debug.Stack())))
	}
	panic(http.ErrAbortHandler) // net/http closes the connection and says nothing
}

// allowOrigins sets the headers that SRS sets on an answer to a request with an Origin.
func allowOrigins(h http.Header) {
	for _, k := range [...]string{"Origin", "Headers", "Methods"} {
		h.Set("Access-Control-Allow-"+k, "*")
	}
	h.Set("Access-Control-Expose-Headers", "*")
	h.Set("Access-Control-Allow-Credentials", "false")
	h.Set("Access-Control-Request-Private-Network", "true")
}

// Handler gives the routes of a listener name as an http.Handler, for a server that an
// application has already.
func (s *Server) Handler(name string) http.Handler {
	return &site{tables: []*table{s.routes(name)}, cors: true, name: s.first.ServerName, server: s}
}

// routes gives the table of a listener name.
func (s *Server) routes(name string) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	if t == nil {
		t = &table{}
		t.view.Store(&routeView{})
		s.tables[name] = t
	}
	return t
}

func (s *Server) allRoutes() []*table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*table, 0, len(s.tables))
	for _, t := range s.tables {
		out = append(out, t)
	}
	return out
}
