package api

import "net/http"

// authKind says who may ask for a route.
type authKind uint8

const (
	authNone    authKind = iota // everybody: /, health
	authAPI                     // what is below /api/
	authMetrics                 // /metrics
	authDebug                   // /debug/pprof/
	authEvents                  // /api/v1/events
)

// protect lets h answer those who may ask for a route of the kind.
func (m *Module) protect(kind authKind, h http.Handler) http.Handler { return h }
