package api

import (
	"context"
	"sync/atomic"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/token"
)

// operation is what the module needs for those who operate the server: who may come, metrics, events,
// health.
type operation struct {
	guard    atomic.Pointer[guard]
	throttle *token.Throttle
	wrong    wrongs
	events   *eventLog
	metrics  *metrics
	draining atomic.Bool
}

func newOperation(cfg *Config) operation {
	return operation{throttle: token.NewThrottle(cfg.Auth.Throttle), events: newEventLog(), metrics: newMetrics()}
}

// operate begins that on a host.
func (m *Module) operate(h *protocol.Host) error {
	if err := m.setGuard(m.cfg.Load().Auth); err != nil {
		return err
	}
	forget := h.Hub.Observe(m.observe)
	context.AfterFunc(h.Context(), func() {
		forget()
		m.op.events.close()
	})
	m.mount(h.HTTP("exporter"), []route{{path: "/metrics", auth: authMetrics, h: m.serveMetrics}})
	return nil
}

// operatorRoutes are those of the API's listeners.
func (m *Module) operatorRoutes() []route {
	return []route{
		{path: "/metrics", auth: authMetrics, h: m.serveMetrics},
		{path: "/api/v1/events", auth: authEvents, plain: true, h: m.serveEvents},
		{path: "/api/v1/openapi.json", auth: authAPI, h: serveOpenAPI},
		{path: "/healthz", h: serveHealth},
		{path: "/readyz", h: m.serveReady},
		{path: "/debug/pprof/", auth: authDebug, plain: true, h: m.serveProfiles},
	}
}

// Drain ends what would keep a server from ending, and has /readyz send clients elsewhere. The server
// calls it.
func (m *Module) Drain() {
	m.op.draining.Store(true)
	m.op.events.close()
}
