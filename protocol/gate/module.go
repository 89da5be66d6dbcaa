package gate

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// Config configures a Module. Its zero value lets in all.
type Config struct {
	// Name is the module's name; empty: gate.
	Name string
	// Vhost gives what decides in a vhost, by the name under which the server knows it. It is
	// asked for each session and must not block. nil: the zero Vhost for all.
	Vhost func(name string) Vhost
	// Limits are those of the server.
	Limits Limits
}

func (c *Config) vhost(name string) Vhost {
	if c.Vhost == nil || name == "" {
		return Vhost{}
	}
	return c.Vhost(name)
}

// Module is the gate of a server. Reloading it changes what new sessions are asked, and the counts
// of those there are go on.
type Module struct {
	cfg    atomic.Pointer[Config]
	limits *limiter
	remove func()
}

// New makes a module.
func New(cfg Config) *Module {
	if cfg.Name == "" {
		cfg.Name = "gate"
	}
	m := &Module{limits: newLimiter()}
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info { return protocol.Info{Name: m.cfg.Load().Name} }

// Start adds the gate to the hub. Sessions there are already do not count.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.remove = h.Hub.AddGate(m)
	h.Go(func(ctx context.Context) error {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		over := overload{}
		for {
			select {
			case <-t.C:
				over = m.measure(h.Hub, over)
			case <-ctx.Done():
				return nil
			}
		}
	})
	return nil
}

// Shutdown takes the gate away.
func (m *Module) Shutdown(context.Context) error {
	m.remove()
	return nil
}

// Reload takes a new configuration.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return errors.New("gate: reloading: another module")
	}
	m.cfg.Store(n.cfg.Load())
	return nil
}

// Admit asks the session's vhost, then the limits.
func (m *Module) Admit(ctx context.Context, s *stream.Session) error {
	cfg := m.cfg.Load()
	v := cfg.vhost(s.Request.Key.Vhost)
	if err := v.Admit(ctx, s); err != nil || s.Action == stream.ActionOpen {
		return err
	}
	return m.limits.admit(s, &cfg.Limits, &v.Limits)
}
