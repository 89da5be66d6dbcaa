package protocol

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// pool holds the sockets that listen. A socket is shared by those who lease it, one
// after the other: while a reload's old and new module both hold a lease, the newer one
// gets what arrives. The socket closes with its last lease.
type pool struct {
	logger *slog.Logger
	limit  connLimit

	mu      sync.Mutex // held while sockets are opened: that is at start and reload
	shared  map[poolKey]*sharedListener
	packets map[poolKey]*sharedPackets
	given   map[string]net.Listener // injected, by address
	givenPC map[string]net.PacketConn
	leaving map[string]bool // owners that a reload replaces: what they hold may be taken
	work    sync.WaitGroup

	inherited *Inherited
	succeeded bool // handed over to another process

	settling tracker // listeners that have to ask connections for more before they give them on
}

type poolKey struct {
	Addr
	owner string // for port 0: each of an owner's listeners is one of its own
	nth   int    // likewise; of several datagram sockets at one address, all but the first
}

func newPool(cfg *Config, logger *slog.Logger) *pool {
	p := &pool{
		logger: logger,
		shared: map[poolKey]*sharedListener{}, packets: map[poolKey]*sharedPackets{},
		given: map[string]net.Listener{}, givenPC: map[string]net.PacketConn{}, inherited: cfg.Inherited,
	}
	p.limit.max.Store(int64(cfg.MaxConns))
	for s, l := range cfg.Listeners {
		p.given[givenKey("tcp", s)] = l
	}
	for s, c := range cfg.PacketConns {
		p.givenPC[givenKey("udp", s)] = c
	}
	return p
}

// givenKey makes all ways to write an address one; what is no address is a name.
func givenKey(network, s string) string {
	if a, err := ParseAddr(network, s); err == nil {
		return a.String()
	}
	return s
}

// place finds the key of a listener: address, and for the system's choice of port the
// owner and how many it has asked for before.
func place(h *Host, network, s string, given bool) (poolKey, error) {
	a, err := ParseAddr(network, s)
	if err != nil && given {
		return poolKey{Addr: Addr{network, s}}, nil
	}
	if err != nil {
		return poolKey{}, err
	}
	if a.zeroPort() && !given {
		return poolKey{Addr: a, owner: h.name, nth: h.nth(a)}, nil
	}
	return poolKey{Addr: a}, nil
}

// mayShare tells whether owner may join the present holders of an address.
func (p *pool) mayShare(owner, holder string, a Addr) error {
	if holder == "" || holder == owner || p.leaving[holder] {
		return nil
	}
	return fmt.Errorf("protocol: listening on %s: %s listens there: %w", a.Address, holder, syscall.EADDRINUSE)
}

// setLeaving says which owners a reload is about to replace.
func (p *pool) setLeaving(owners map[string]bool) {
	p.mu.Lock()
	p.leaving = owners
	p.mu.Unlock()
}

func (p *pool) addLeaving(owner string) {
	p.mu.Lock()
	p.leaving[owner] = true
	p.mu.Unlock()
}

// listen gives h a lease of an address; role is the name under which a socket may have
// been inherited.
func (p *pool) listen(h *Host, role, s string, o ListenOptions) (*lease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	given := p.given[givenKey("tcp", s)]
	key, err := place(h, "tcp", s, given != nil)
	if err != nil {
		return nil, err
	}
	sh := p.shared[key]
	if sh != nil {
		if err := p.mayShare(h.name, sh.holder(), key.Addr); err != nil {
			return nil, err
		}
		if l := sh.lease(h); l != nil {
			return l, nil
		}
	}
	sh = &sharedListener{pool: p, key: key, changed: make(chan struct{}), gone: make(chan struct{}), ended: make(chan struct{})}
	if err := sh.open(given, role, s, o); err != nil {
		return nil, err
	}
	p.shared[key] = sh
	first := sh.lease(h)
	sh.accepting.Store(int32(len(sh.sockets)))
	for _, l := range sh.sockets {
		p.work.Go(func() { sh.run(l) })
	}
	return first, nil
}

// open takes the sockets that there are already, or opens one. s is what was asked for.
func (s *sharedListener) open(given net.Listener, role, asked string, o ListenOptions) error {
	if given != nil {
		s.sockets, s.kept = []net.Listener{given}, true
		if _, err := ParseAddr("tcp", asked); err != nil {
			s.name = asked
		}
		return nil
	}
	for _, in := range s.pool.inherited.listeners(role, s.key.Addr) {
		s.pool.logger.Info("listening on an inherited socket", "listen", s.key.Address, "socket", in.String())
		s.sockets = append(s.sockets, in.listener)
		s.name, s.kept = in.name, in.name != ""
	}
	if s.sockets != nil {
		return nil
	}
	l, err := openListener(s.key.Addr, o)
	s.sockets = []net.Listener{l}
	return err
}

// openListener opens a stream socket.
func openListener(a Addr, o ListenOptions) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: o.KeepAlive, Control: controlOf(o.ReusePort)}
	if a.Network == "unix" {
		if err := removeStale(a.Network, a.Address); err != nil {
			return nil, fmt.Errorf("protocol: listening on unix:%s: %w", a.Address, err)
		}
	}
	l, err := lc.Listen(context.Background(), a.Network, a.Address)
	if err != nil {
		return nil, fmt.Errorf("protocol: %w", err)
	}
	return l, nil
}

func controlOf(reuse bool) func(string, string, syscall.RawConn) error {
	if !reuse {
		return nil
	}
	return func(_, _ string, raw syscall.RawConn) error { return setReusePort(raw) }
}

// stopAccepting ends every lease of a stream socket, after what was accepted has reached
// those who serve it; datagram sockets stay for those whose sessions are being drained.
func (p *pool) stopAccepting() {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	p.mu.Lock()
	all := slices.Collect(maps.Values(p.shared))
	p.mu.Unlock()
	for _, sh := range all {
		sh.closeSockets()
	}
	for _, sh := range all {
		select {
		case <-sh.ended:
		case <-ctx.Done():
			sh.close()
		}
	}
	p.settling.wait(ctx)
}

// dropUnasked closes the inherited sockets that no module has listened on.
func (p *pool) dropUnasked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inherited.dropUnasked(p.logger)
}

// settleTime bounds how long a connection that was accepted may take to get to who serves
// it once the listeners are closed.
const settleTime = time.Second

// close closes every socket, injected ones too, and waits for their goroutines.
func (p *pool) close() {
	p.stopAccepting()
	p.mu.Lock()
	var pcs []net.PacketConn
	for _, sp := range p.packets {
		pcs = append(pcs, sp.PacketConn)
	}
	for _, l := range p.given {
		_ = l.Close()
	}
	for _, c := range p.givenPC {
		pcs = append(pcs, c)
	}
	p.inherited.Close()
	p.mu.Unlock()
	for _, c := range pcs {
		_ = c.Close()
	}
	p.work.Wait()
}

// connLimit bounds the connections of all listeners together.
type connLimit struct {
	max, n  atomic.Int64
	refused atomic.Int64
	told    atomic.Int64 // when the last refusal was logged, in Unix seconds
}

// acquire counts one more; the caller calls release once when it is gone.
func (c *connLimit) acquire(logger *slog.Logger) (release func(), ok bool) {
	n, limit := c.n.Add(1), c.max.Load()
	if limit <= 0 || n <= limit {
		return c.release, true
	}
	c.n.Add(-1)
	refused := c.refused.Add(1)
	if now, last := time.Now().Unix(), c.told.Load(); now-last >= 10 && c.told.CompareAndSwap(last, now) {
		logger.Warn("connections refused: too many", "max", limit, "refused", refused)
	}
	return nil, false
}

func (c *connLimit) release() { c.n.Add(-1) }
