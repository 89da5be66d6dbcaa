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
	// plain answers itself in all: no envelope, no method override, no bounded body.
	plain bool
	h     http.HandlerFunc
}

// routes lists what the module serves on the API's listeners.
func (m *Module) routes() []route {
	list := []route{
		{path: "/api/", auth: authAPI, h: m.indexAPI},
		{path: "/api/v1/", auth: authAPI, h: m.indexV1},
		{path: "/api/v1/versions", auth: authAPI, h: m.versions},
	}
	if m.cfg.Load().Root {
		list = append(list, route{path: "/", h: m.indexRoot})
	}
	return list
}

// mount adds routes to a listener's.
func (m *Module) mount(mux *protocol.Mux, list []route) {
	for _, r := range list {
		h := http.Handler(r.h)
		if !r.plain {
			h = m.answer(h)
		}
		h = m.protect(r.auth, h)
		if !strings.HasSuffix(r.path, "/") {
			mux.Handle(r.path, h)
			continue
		}
		mux.HandlePrefix(r.path, h)
		if p := strings.TrimSuffix(r.path, "/"); p != "" {
			mux.Handle(p, m.protect(r.auth, redirect(r.path, http.StatusFound)))
		}
	}
}

// redirect leads to a path and keeps the query.
func redirect(path string, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := path
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Location", to)
		text(w, status, "Redirect to "+to)
	})
}
