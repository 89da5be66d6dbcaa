package rtmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/srsgo/srs/protocol"
)

// Module is an RTMP server, and the dialer of rtmp and rtmps URLs.
type Module struct {
	cfg      atomic.Pointer[Config]
	host     *protocol.Host
	acceptor *protocol.Acceptor

	draining atomic.Bool

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// New makes an RTMP module.
func New(cfg Config) *Module {
	cfg.withDefaults()
	m := &Module{conns: map[*conn]struct{}{}}
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info {
	return protocol.Info{Name: m.cfg.Load().Name, Ingest: []string{"rtmp", "rtmps"}, Egress: []string{"rtmp", "rtmps"}}
}

// Start listens.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	cfg := m.cfg.Load()
	m.host = h
	m.acceptor = h.Acceptor(m.serve)
	plain, err := h.ListenAll(cfg.Listen, protocol.ListenOptions{Proxies: cfg.Proxies})
	if err != nil {
		return fmt.Errorf("rtmp: %w", err)
	}
	if len(cfg.ListenTLS) > 0 && cfg.TLS == nil {
		return errors.New("rtmp: ListenTLS without TLS")
	}
	secure, err := h.ListenAll(cfg.ListenTLS, protocol.ListenOptions{Proxies: cfg.Proxies, TLS: cfg.TLS})
	if err != nil {
		return fmt.Errorf("rtmp: TLS: %w", err)
	}
	for _, l := range append(plain, secure...) {
		h.Logger.Info("rtmp listens", "addr", l.Addr().String())
		h.Go(func(context.Context) error { return m.acceptor.Serve(l) })
	}
	return nil
}

// Shutdown stops accepting, asks as Drain does, and waits for all to leave. When ctx ends,
// those that are left are told why (NetStream.Publish.Failed, NetStream.Play.Stop).
func (m *Module) Shutdown(ctx context.Context) error {
	if ctx.Err() == nil && !m.draining.Load() {
		m.Drain()
	}
	return m.acceptor.Shutdown(ctx)
}

// Reload takes over what next has, for new connections. Other addresses, TLS or proxies
// need a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("rtmp: reload with a %T", next)
	}
	old, cfg := m.cfg.Load(), n.cfg.Load()
	if !slices.Equal(old.Listen, cfg.Listen) || !slices.Equal(old.ListenTLS, cfg.ListenTLS) ||
		!slices.Equal(old.Proxies, cfg.Proxies) || (old.TLS == nil) != (cfg.TLS == nil) {
		return errors.New("rtmp: reload: the listeners differ")
	}
	m.cfg.Store(cfg)
	return nil
}

// serve is one connection's life.
func (m *Module) serve(ctx context.Context, nc net.Conn) {
	c := newConn(m, nc)
	m.mu.Lock()
	m.conns[c] = struct{}{}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.conns, c)
		m.mu.Unlock()
	}()
	defer context.AfterFunc(ctx, c.interrupt)()
	err := errPanic // unless run returns
	defer func() { c.end(err) }()
	err = c.run(ctx)
}

func (m *Module) log() *slog.Logger { return m.host.Logger }
