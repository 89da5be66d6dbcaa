package api

import (
	"net/http"
	"net/http/pprof"
	"strconv"
)

// maxProfile bounds how long one request may take a profile, in seconds.
const maxProfile = 300

// serveProfiles serves what package net/http/pprof does, but for the command line, which may contain
// secrets, and the symbols, which profiles have had in them for long.
func (m *Module) serveProfiles(w http.ResponseWriter, r *http.Request) {
	if !m.cfg.Load().Debug || r.URL.Path == "/debug/pprof/cmdline" || r.URL.Path == "/debug/pprof/symbol" {
		phrase(w, http.StatusNotFound)
		return
	}
	if s := r.URL.Query().Get("seconds"); s != "" {
		if n, err := strconv.ParseFloat(s, 64); err != nil || !(n >= 0 && n <= maxProfile) {
			text(w, http.StatusBadRequest, "seconds: at most "+strconv.Itoa(maxProfile)+"\n")
			return
		}
	}
	switch r.URL.Path {
	case "/debug/pprof/profile":
		pprof.Profile(w, r)
	case "/debug/pprof/trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r)
	}
}
