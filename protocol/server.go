package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/stream"
)

// Config configures a Server. Its zero value works.
type Config struct {
	// Logger takes the log lines of the server and its modules; nil discards.
	Logger *slog.Logger
	// Hub configures the hub; its Logger is Logger where it has none. Fixed at NewServer.
	Hub stream.HubConfig
	// Vhosts are the virtual hosts. The zero value has the default one alone, to which
	// every name and address leads.
	Vhosts VhostSet
	// HTTP lists the HTTP listeners that modules share, by name.
	HTTP []HTTPListener
	// ServerID names this server among others, see Identity; empty: a random one. Fixed at
	// NewServer.
	ServerID string
	// ServerName is the Server header of HTTP responses; empty for none.
	ServerName string
	// MaxConns bounds the connections of all listeners together; what is more is
	// accepted and closed. 0: no bound.
	MaxConns int
	// Drain is how long Run lets sessions go on after its ctx ended; 0 ends them then.
	Drain time.Duration
	// Listeners and PacketConns are sockets that the application has opened, under the
	// address or name by which a module asks for them. The server owns them: it closes them
	// at its end. Fixed at NewServer.
	Listeners   map[string]net.Listener
	PacketConns map[string]net.PacketConn
	// Inherited are sockets that were open before the process, as Inherit gives them; nil
	// for none. The server owns them. Those that nobody has asked for once Start has gone
	// well are closed, with a warning. Fixed at NewServer.
	Inherited *Inherited
}

// Server runs modules around one Hub.
type Server struct {
	identity Identity
	hub      *stream.Hub
	logger   *slog.Logger
	pool     *pool
	panics   atomic.Int64
	gen      atomic.Int64
	vhosts   atomic.Pointer[VhostSet]
	drain    atomic.Int64

	op      sync.Mutex // one of Start, Reload and Shutdown at a time
	state   state
	front   *front
	first   Config          // of NewServer, for Start
	listed  []Module        // of NewServer
	retired tracker         // what a reload replaced and still has sessions
	bye     context.Context // ends when what is retired has to end too
	endBye  func()

	mu      sync.RWMutex
	running []*running
	tables  map[string]*table // HTTP routes by listener name
}

type state uint8

const (
	stateNew state = iota
	stateRunning
	stateStopped
)

// running is a module and what it was given.
type running struct {
	module Module
	name   string
	host   *Host
	tapped bool
}

// tap brings a Tapper to the publications, once.
func (r *running) tap() {
	if t, ok := r.module.(Tapper); ok && !r.tapped {
		r.tapped = true
		r.host.tap(t)
	}
}

// NewServer makes a server of modules. Nothing listens before Start.
func NewServer(cfg Config, modules ...Module) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Hub.Logger == nil {
		cfg.Hub.Logger = cfg.Logger
	}
	s := &Server{
		identity: newIdentity(cfg.ServerID), hub: stream.NewHub(cfg.Hub), logger: cfg.Logger, pool: newPool(&cfg, cfg.Logger),
		first: cfg, listed: slices.Clone(modules), tables: map[string]*table{},
	}
	s.bye, s.endBye = context.WithCancel(context.Background())
	s.apply(&cfg)
	return s
}

// apply takes the parts of a configuration that need no start.
func (s *Server) apply(cfg *Config) {
	s.vhosts.Store(&cfg.Vhosts)
	s.drain.Store(int64(cfg.Drain))
	s.pool.limit.max.Store(int64(cfg.MaxConns))
}

// Hub gives the server's hub, for gates, observers and settings.
func (s *Server) Hub() *stream.Hub { return s.hub }

// Panics gives how many panics were caught since the start.
func (s *Server) Panics() int64 { return s.panics.Load() }

// Conns gives how many connections the listeners have open, and how many were refused
// for Config.MaxConns.
func (s *Server) Conns() (open, refused int64) {
	return s.pool.limit.n.Load(), s.pool.limit.refused.Load()
}

// Modules lists what runs, in order.
func (s *Server) Modules() []Module {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Module, len(s.running))
	for i, r := range s.running {
		out[i] = r.module
	}
	return out
}

// Run starts the server, waits until ctx ends, and shuts down, letting sessions go on
// for Config.Drain.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(s.drain.Load()))
	defer cancel()
	return s.Shutdown(drain)
}

// ErrState: started twice, or not running.
var ErrState = errors.New("protocol: the server is not in a state for that")

// Start starts the modules in order. If one fails those before it are shut down, and
// the server can be started again unless it was shut down. ctx bounds the start alone.
func (s *Server) Start(ctx context.Context) error {
	s.op.Lock()
	defer s.op.Unlock()
	if s.state != stateNew {
		return fmt.Errorf("protocol: starting: %w", ErrState)
	}
	if err := checkNames(s.listed); err != nil {
		return err
	}
	f, err := s.newFront(s.first.HTTP, s.first.ServerName)
	if err != nil {
		return err
	}
	var started []*running
	for i, m := range s.listed {
		r, err := s.start(ctx, m, i)
		if err != nil {
			_ = s.stop(givenUp(ctx), started)
			f.abandon()
			return err
		}
		started = append(started, r)
		r.tap()
	}
	s.mu.Lock()
	s.running = started
	s.mu.Unlock()
	f.serve()
	s.front = f
	s.state = stateRunning
	s.pool.dropUnasked()
	return nil
}

// checkNames makes sure that a reload can pair modules.
func checkNames(list []Module) error {
	seen := map[string]bool{}
	for _, m := range list {
		n := m.Info().Name
		if n == "" || seen[n] {
			return fmt.Errorf("protocol: module %T: the name %q is empty or taken", m, n)
		}
		seen[n] = true
	}
	return nil
}

// start starts one module as the order-th.
func (s *Server) start(ctx context.Context, m Module, order int) (*running, error) {
	name := m.Info().Name
	h := s.newHost(ctx, name, order)
	stop := context.AfterFunc(ctx, h.cancel)
	err := guard(h.Logger, &s.panics, "start of "+name, func() error { return m.Start(h.ctx, h) })
	if !stop() && err == nil { // given up, but the module did not notice
		_ = s.shutdown(givenUp(ctx), m, h)
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = h.end(ctx)
		return nil, fmt.Errorf("protocol: starting %s: %w", name, err)
	}
	return &running{module: m, name: name, host: h}, nil
}

// givenUp is a context that has ended: what is shut down with it does not drain.
func givenUp(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func (s *Server) newHost(ctx context.Context, name string, order int) *Host {
	h := &Host{
		Hub: s.hub, Logger: s.logger.With("module", name),
		server: s, name: name, order: order, gen: s.gen.Add(1),
		leases: map[io.Closer]io.Closer{}, zero: map[Addr]int{},
	}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.tapCtx, h.untap = context.WithCancel(h.ctx)
	return h
}

func (s *Server) shutdown(ctx context.Context, m Module, h *Host) error {
	return guard(h.Logger, &s.panics, "shutdown of "+h.name, func() error { return m.Shutdown(ctx) })
}

// stop shuts modules down, the last one first. What each was given is taken back after
// all have drained: a recording goes on while its publisher may.
func (s *Server) stop(ctx context.Context, list []*running) error {
	var errs []error
	for _, r := range slices.Backward(list) {
		if err := s.shutdown(ctx, r.module, r.host); err != nil {
			errs = append(errs, fmt.Errorf("protocol: shutting down %s: %w", r.name, err))
		}
	}
	for _, r := range slices.Backward(list) {
		errs = append(errs, r.host.end(ctx))
	}
	return errors.Join(errs...)
}

// Shutdown ends the server. It stops accepting everywhere, has modules that are Drainers
// ask their peers to leave, waits for HTTP requests, shuts the modules down, the last one
// first, each waiting for its sessions until ctx ends, then closes the hub and every
// socket, and waits for all goroutines. Players that wait for a publisher are ended
// meanwhile: nobody can come and publish any more. Only the first call does anything.
func (s *Server) Shutdown(ctx context.Context) error {
	s.op.Lock()
	defer s.op.Unlock()
	if s.state == stateStopped {
		return nil
	}
	s.state = stateStopped
	stopRetired := context.AfterFunc(ctx, s.endBye)
	defer stopRetired()
	s.mu.RLock()
	list := s.running
	s.mu.RUnlock()
	drain, drained := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { s.endWaiting(drain) })
	s.drainAll(ctx, list)
	s.mu.Lock()
	s.running = nil
	s.mu.Unlock()
	err := s.stop(ctx, list)
	s.retired.wait(ctx)
	drained()
	work.Wait()
	s.endBye()
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stuckAfter)
	defer cancel()
	err = errors.Join(err, s.hub.Close(late))
	if s.front != nil {
		err = errors.Join(err, s.front.close(late))
	}
	if !s.retired.wait(late) {
		err = errors.Join(err, errors.New("protocol: shutting down: modules that a reload replaced did not end"))
	}
	s.pool.close()
	return err
}

// dialer finds the module for a URL scheme.
func (s *Server) dialer(scheme string) (Dialer, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.running {
		if d, ok := r.module.(Dialer); ok && slices.Contains(d.Schemes(), scheme) {
			return d, true
		}
	}
	return nil, false
}
