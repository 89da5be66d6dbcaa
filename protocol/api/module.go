package api

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/srsgo/srs/protocol"
)

// Config configures the API. Its zero value works: it serves below /api/ on the HTTP listeners
// named "api".
type Config struct {
	// Name is that of the module; empty: api.
	Name string
	// Version is the server's, MAJOR.MINOR.REVISION; empty: 0.0.0.
	Version string
	// Root has the API own "/" and every path that nothing else takes, as on a port of its own.
	// Leave it off where "/" belongs to files.
	Root bool
}

// Module is the API of a server.
type Module struct {
	cfg  atomic.Pointer[Config]
	host *protocol.Host
}

// New makes the module.
func New(cfg Config) *Module {
	m := &Module{}
	m.cfg.Store(&cfg)
	return m
}

// Info tells what the module is.
func (m *Module) Info() protocol.Info {
	name := m.cfg.Load().Name
	if name == "" {
		name = "api"
	}
	return protocol.Info{Name: name}
}

// Start serves the API on the HTTP listeners named "api", and the version on those named "http"
// too, as SRS does.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.host = h
	m.mount(h.HTTP("api"), m.routes())
	h.HTTP("http").Handle("/api/v1/versions", m.protect(authAPI, m.answer(http.HandlerFunc(m.versions))))
	return nil
}

// Shutdown ends the module.
func (m *Module) Shutdown(context.Context) error { return nil }

var errRestart = errors.New("api: routes change with Root")

// Reload takes the configuration of next. Routes that come or go need another start.
func (m *Module) Reload(next protocol.Module) error {
	cfg := next.(*Module).cfg.Load()
	if cfg.Root != m.cfg.Load().Root {
		return errRestart
	}
	m.cfg.Store(cfg)
	return nil
}
