package rtc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/egress"
	"github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/rtc/signal"
	"github.com/srsgo/srs/rtc/signal/page"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

// Module publishes and plays streams by WebRTC.
type Module struct {
	cfg     atomic.Pointer[Config]
	host    *protocol.Host
	mux     *peer.Mux
	sender  *egress.Sender
	sockets []*wire.Socket
	tcp     []net.Listener
	accept  *protocol.Acceptor
	tap     *tap
	mapped  atomic.Pointer[[]sdp.Candidate] // what STUN servers have told

	mu       sync.Mutex
	sessions map[string]*session // by id
	closing  bool
	ended    *sync.Cond // a session
}

// New makes a module.
func New(cfg Config) *Module {
	m := &Module{sessions: map[string]*session{}}
	m.ended = sync.NewCond(&m.mu)
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info {
	return protocol.Info{Name: m.cfg.Load().name(), Ingest: []string{"whip", "webrtc"}, Egress: []string{"whep", "webrtc"}}
}

// Start listens for media, and answers signalling.
func (m *Module) Start(ctx context.Context, h *protocol.Host) error {
	m.host = h
	cfg := m.cfg.Load()
	c, err := cfg.Certificate, error(nil)
	if c == nil {
		c, err = peer.NewCertificate(cfg.RSA)
	}
	if err != nil {
		return fmt.Errorf("rtc: %w", err)
	}
	if m.tap, err = openTap(ctx, cfg.Tap); err != nil {
		return err
	}
	if m.tap != nil {
		h.Go(m.tap.run)
	}
	if m.mux, err = peer.NewMux(peer.MuxConfig{Certificate: c, MaxPeers: cmp.Or(cfg.MaxSessions, defaultMaxSessions), Logger: h.Logger}); err != nil {
		return fmt.Errorf("rtc: %w", err)
	}
	if err := m.listen(cfg); err != nil {
		m.mux.Close(nil)
		return err
	}
	m.sender = egress.NewSender(egress.SenderConfig{NewBatch: m.sockets[0].NewBatch, Logger: h.Logger})
	for _, s := range m.sockets {
		h.Go(func(ctx context.Context) error { return m.mux.Serve(ctx, s) })
	}
	for _, l := range m.tcp {
		h.Logger.Info("rtc listens", "addr", l.Addr(), "tcp", true)
		h.Go(func(context.Context) error { return m.accept.Serve(l) })
	}
	h.Go(m.tick)
	h.Go(m.askSTUN)
	m.route(cfg)
	return nil
}

// route serves signalling.
func (m *Module) route(cfg *Config) {
	c := signal.Config{Server: server{m}, Identity: m.host.Identity(), Logger: m.host.Logger, ICEServers: cfg.ICEServers}
	if cfg.Simulate {
		c.Drop = m.drop
	}
	handler, pages := signal.New(c), page.Handler()
	for _, name := range cfg.http() {
		mux := m.host.HTTP(name)
		mux.HandlePrefix(signal.Prefix, handler)
		for _, path := range page.Paths() {
			mux.Handle(path, pages)
		}
	}
}

func (m *Module) listen(cfg *Config) error {
	for _, a := range cfg.listen() {
		list, err := m.host.ListenPackets(a, cfg.sockets(), protocol.ListenOptions{})
		if err != nil {
			return fmt.Errorf("rtc: %w", err)
		}
		m.host.Logger.Info("rtc listens", "addr", list[0].LocalAddr(), "sockets", len(list))
		for _, pc := range list {
			m.sockets = append(m.sockets, wire.Open(pc))
		}
	}
	if len(m.sockets) == 0 {
		return errors.New("rtc: no address to listen on")
	}
	m.accept = m.host.Acceptor(func(_ context.Context, c net.Conn) { m.mux.HandleTCP(c) })
	var err error
	if m.tcp, err = m.host.ListenAll(cfg.ListenTCP, protocol.ListenOptions{Framed: true}); err != nil {
		return fmt.Errorf("rtc: %w", err)
	}
	return nil
}

// Addrs gives the UDP addresses that the module listens on, once it has started.
func (m *Module) Addrs() (list []net.Addr) {
	for i, s := range m.sockets {
		if i == 0 || s.LocalAddr() != m.sockets[i-1].LocalAddr() {
			list = append(list, net.UDPAddrFromAddrPort(s.LocalAddr()))
		}
	}
	return list
}

// Reload takes over what next has for sessions that begin from now on. Other addresses to listen on, and
// another kind of certificate, need a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("rtc: reload with a %T", next)
	}
	old, cfg := m.cfg.Load(), n.cfg.Load()
	if !slices.Equal(old.listen(), cfg.listen()) || old.sockets() != cfg.sockets() || !slices.Equal(old.ListenTCP, cfg.ListenTCP) || !slices.Equal(old.http(), cfg.http()) ||
		old.RSA != cfg.RSA || old.Certificate != cfg.Certificate || old.Tap != cfg.Tap || old.Simulate != cfg.Simulate || !slices.Equal(old.ICEServers, cfg.ICEServers) {
		return errors.New("rtc: reload: what it listens on differs")
	}
	m.cfg.Store(cfg)
	return nil
}

// Shutdown takes no further sessions, and ends those that are left when ctx ends.
func (m *Module) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		for _, s := range m.all() {
			s.end(stream.ErrShutdown)
		}
	})
	m.mu.Lock()
	m.closing = true
	for len(m.sessions) > 0 {
		m.ended.Wait()
	}
	m.mu.Unlock()
	stop()
	m.mux.Close(stream.ErrShutdown)
	for _, s := range m.sockets {
		_ = s.Close()
	}
	return m.accept.Shutdown(ctx)
}

func (m *Module) all() (list []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		list = append(list, s)
	}
	return list
}

func (m *Module) session(id string) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[id]
}

// enter counts a session.
func (m *Module) enter(s *session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return stream.ErrShutdown
	}
	if m.sessions[s.id] != nil { // both sides' ufrags may be the client's choice
		return fmt.Errorf("session %.100q: %w", s.id, signal.ErrInUse)
	}
	m.sessions[s.id] = s
	return nil
}

// leave forgets a session.
func (m *Module) leave(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions[s.id] == s {
		delete(m.sessions, s.id)
		m.ended.Broadcast()
	}
}

// candidates are the addresses that a client is told.
func (m *Module) candidates(ctx context.Context, r *signal.Request) (list []sdp.Candidate) {
	c := &m.cfg.Load().Candidates
	port := int(m.sockets[0].LocalAddr().Port())
	ports := map[string]int{} // that requests have named
	var extra []string
	for _, x := range r.Candidates {
		host, p := splitPort(x, port)
		ports[host] = p
		extra = append(extra, host)
	}
	hosts := c.hosts(ctx, r.APIHost, extra, localAddrs, lookupName)
	if !c.NoUDP {
		for _, h := range hosts {
			list = append(list, sdp.Candidate{Host: h, Port: cmp.Or(ports[h], port)})
		}
	}
	if mapped := m.mapped.Load(); mapped != nil && !c.NoUDP {
		for _, x := range *mapped {
			if !slices.Contains(list, x) {
				list = append(list, x)
			}
		}
	}
	if c.NoTCP {
		return list
	}
	for _, l := range m.tcp {
		for _, h := range hosts {
			if a, ok := l.Addr().(*net.TCPAddr); ok {
				list = append(list, sdp.Candidate{Host: h, Port: a.Port, TCP: true})
			}
		}
	}
	return list
}

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
)
