package api

import (
	"net/http"
	"strings"

	"github.com/srsgo/srs/protocol"
)

// route is one path of the API. A path that ends with a slash is a prefix, of which the longest
// counts, and the path without the slash leads there; any other is exact.
type route struct {
	path string
	auth authKind
	// plain answers all by itself: no JSONP, no bounds on body and time.
	plain bool
	h     http.HandlerFunc
}

// routes lists what the module serves on the API's listeners.
func (m *Module) routes() []route {
	list := []route{
		{path: "/api/", auth: authAPI, h: m.serveAPI},
		{path: "/api/v1/", auth: authAPI, h: m.serveV1},
		{path: "/api/v1/versions", auth: authAPI, h: m.serveVersions},
		{path: "/api/v1/summaries", auth: authAPI, h: m.serveSummaries},
		{path: "/api/v1/rusages", auth: authAPI, h: m.serveRusages},
		{path: "/api/v1/self_proc_stats", auth: authAPI, h: m.serveSelf},
		{path: "/api/v1/system_proc_stats", auth: authAPI, h: m.serveSystem},
		{path: "/api/v1/meminfos", auth: authAPI, h: m.serveMemory},
		{path: "/api/v1/authors", auth: authAPI, h: m.serveAuthors},
		{path: "/api/v1/features", auth: authAPI, h: m.serveFeatures},
		{path: "/api/v1/vhosts/", auth: authAPI, h: m.serveVhosts},
		{path: "/api/v1/streams/", auth: authAPI, h: m.serveStreams},
		{path: "/api/v1/clients/", auth: authAPI, h: m.serveClients},
		{path: "/api/v1/clusters", auth: authAPI, h: m.serveClusters},
		{path: "/api/v1/raw", auth: authAPI, h: m.serveRaw},
		{path: "/api/v1/reload", auth: authAPI, h: m.serveReload},
		{path: "/api/v1/dvr/", auth: authAPI, h: m.serveDVR},
		{path: "/api/v1/tests/requests", auth: authAPI, h: m.serveRequests},
		{path: "/api/v1/tests/errors", auth: authAPI, h: func(w http.ResponseWriter, _ *http.Request) { fail(w, 100) }},
		{path: "/api/v1/tests/redirects", auth: authAPI, h: redirect("/api/v1/tests/errors", http.StatusMovedPermanently)},
	}
	list = append(list, m.operatorRoutes()...)
	cfg := m.cfg.Load()
	for _, path := range paths(cfg) {
		list = append(list, route{path: path, auth: authAPI, plain: true, h: func(w http.ResponseWriter, r *http.Request) {
			m.cfg.Load().Routes[path].ServeHTTP(w, r) // which a reload may have replaced
		}})
	}
	if cfg.Root {
		list = append(list, route{path: "/", h: m.serveRoot})
	}
	return list
}

// mount adds routes to a listener's.
func (m *Module) mount(mux *protocol.Mux, list []route) {
	for _, r := range list {
		mount := mux.Handle
		if strings.HasSuffix(r.path, "/") {
			mount = mux.HandlePrefix
			if p := strings.TrimSuffix(r.path, "/"); p != "" {
				mux.Handle(p, m.answer(m.protect(r.auth, redirect(r.path, http.StatusFound))))
			}
		}
		h := m.protect(r.auth, r.h)
		if !r.plain {
			h = m.timed(r.path, m.answer(h))
		}
		mount(r.path, h)
	}
}

// redirect leads to a path and keeps the query.
func redirect(path string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		to := path
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to)
		text(w, status, "Redirect to "+to)
	}
}
