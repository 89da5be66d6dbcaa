package hook

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// Module calls an application's URLs. It is a gate of the hub, asked after those that were added
// before its start, and an observer.
type Module struct {
	cfg    atomic.Pointer[Config]
	host   *protocol.Host
	write  writer
	caller *caller
	facts  *queue
	failed complaint // facts that were not told
	full   complaint
	waived complaint // clients that were let in without an answer
	undo   []func()

	mu    sync.Mutex
	conns map[string]*opened // by client id: those that on_connect was reached for
}

// New makes a module.
func New(cfg Config) *Module {
	m := &Module{conns: map[string]*opened{}}
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info {
	name := m.cfg.Load().Name
	if name == "" {
		name = "hook"
	}
	return protocol.Info{Name: name}
}

// Start begins to ask and to tell.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("hook: %w", err)
	}
	m.host = h
	m.write = writer{id: h.Identity(), dir: dir}
	m.caller = newCaller(func() string { return agent(m.cfg.Load().UserAgent) })
	m.facts = newQueue()
	m.undo = []func(){h.Hub.AddGate(stream.GateFunc(m.admit)), h.Hub.Observe(m.observe)}
	return nil
}

// Shutdown waits until the facts that are known have been told. When ctx ends they have one more
// second.
func (m *Module) Shutdown(ctx context.Context) error {
	for _, f := range m.undo {
		f()
	}
	m.facts.close(ctx)
	m.caller.close()
	if s := m.Stats(); s.Dropped > 0 {
		m.host.Logger.Warn("callbacks ended with facts that were never told", "dropped", s.Dropped)
	}
	return nil
}

// Reload takes over what next has, for the calls to come.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("hook: reload with a %T", next)
	}
	m.cfg.Store(n.cfg.Load())
	return nil
}

// Stats are the figures of a Module.
type Stats struct {
	Calls    uint64 // requests to callees
	Failures uint64 // those that did not succeed, refusals among them
	Waiting  int    // facts that wait to be told
	Dropped  uint64 // facts that never were, because there was no room or no time
}

// Stats gives the figures up to now. The module must have been started.
func (m *Module) Stats() Stats {
	s := Stats{Calls: m.caller.calls.Load(), Failures: m.caller.failures.Load()}
	s.Waiting, s.Dropped = m.facts.figures()
	return s
}

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
)
