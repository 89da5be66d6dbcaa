package peer

import (
	"cmp"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/stun"

	"github.com/srsgo/srs/rtc/wire"
)

// MuxConfig configures a Mux. Its zero value works.
type MuxConfig struct {
	// Certificate is the server's, see [NewCertificate]; nil: a new one with an ECDSA key.
	Certificate *tls.Certificate
	// MaxPeers bounds the peers; 0: 10,000.
	MaxPeers int
	// MaxHandshakes bounds the DTLS handshakes that go on at once; 0: 128. Further peers try again, as
	// their protocol has it. One that waits for its peer counts for 3 s.
	MaxHandshakes int
	// Logger takes what is refused, counted and at most once in ten seconds; nil discards.
	Logger *slog.Logger
}

// Mux has the peers of a server, and tells apart what arrives at its sockets.
type Mux struct {
	cfg         MuxConfig
	fingerprint string
	handshakes  chan struct{}
	work        sync.WaitGroup
	stop        chan struct{}

	mu     sync.RWMutex
	ufrags map[string]*Peer // a peer has two after a restart
	peers  int
	addrs  map[netip.AddrPort]*Peer // UDP addresses from which a peer has sent valid checks
	asked  map[[stun.TransactionIDSize]byte]asking
	opened list.List // of TCP connections that are no peer's yet: *stream, the newest last
	closed bool

	refused refusals
}

// Why there is no peer.
var (
	// ErrFull: there are as many peers as may be.
	ErrFull = errors.New("peer: too many peers")
	// ErrInUse: another peer has the ufrag.
	ErrInUse = errors.New("peer: the ufrag is in use")
)

// NewMux makes a Mux, which runs a goroutine until Close.
func NewMux(cfg MuxConfig) (*Mux, error) {
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, 10_000)
	cfg.MaxHandshakes = cmp.Or(cfg.MaxHandshakes, 128)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Certificate == nil {
		c, err := NewCertificate(false)
		if err != nil {
			return nil, err
		}
		cfg.Certificate = c
	}
	if err := checkCertificate(cfg.Certificate); err != nil {
		return nil, err
	}
	f, err := fingerprintOf(cfg.Certificate.Certificate[0], "sha-256")
	if err != nil {
		return nil, err
	}
	m := &Mux{cfg: cfg, fingerprint: "sha-256 " + f, handshakes: make(chan struct{}, cfg.MaxHandshakes), stop: make(chan struct{}),
		ufrags: map[string]*Peer{}, addrs: map[netip.AddrPort]*Peer{},
		asked: map[[stun.TransactionIDSize]byte]asking{}}
	m.work.Go(m.time)
	return m, nil
}

// Fingerprint gives that of the certificate, as SDP has it: the hash's name, a space and the bytes.
func (m *Mux) Fingerprint() string { return m.fingerprint }

// Len gives how many peers there are.
func (m *Mux) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.peers
}

// Close ends all peers and TCP connections, and waits for what the Mux has started. Serve ends with its socket,
// which is the caller's.
func (m *Mux) Close(cause error) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.closed = true
	all := make([]*Peer, 0, len(m.ufrags))
	for _, p := range m.ufrags {
		all = append(all, p)
	}
	for e := m.opened.Front(); e != nil; e = e.Next() {
		e.Value.(*stream).close()
	}
	m.mu.Unlock()
	for _, p := range all {
		p.Close(cause)
	}
	close(m.stop)
	m.work.Wait()
}

// Serve reads a socket until it is closed, or ctx ends and something arrives. It may run for several sockets
// at once.
func (m *Mux) Serve(ctx context.Context, s *wire.Socket) error {
	var now time.Time
	take := func(b []byte, from wire.Route) {
		if now.IsZero() {
			now = time.Now()
		}
		m.receive(b, path{socket: s, route: from}, now)
	}
	for {
		now = time.Time{}
		err := s.Read(take)
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("peer: reading %s: %w", s.LocalAddr(), err)
		}
	}
}

// receive takes a datagram, or a frame of a TCP connection (RFC 7983 7).
func (m *Mux) receive(b []byte, from path, now time.Time) {
	if len(b) == 0 {
		return
	}
	first := b[0]
	if first < 4 {
		m.binding(b, from, now)
		return
	}
	switch p := m.from(from); {
	case p == nil:
		m.refused.count(strange, from)
	case first >= 128 && first < 192:
		p.media(b, from, now)
	case first >= 20 && first < 64:
		p.records(b, from)
	default:
		m.refused.count(malformed, from)
	}
}

// from gives whose way it is; nil for one by which no valid check has come.
func (m *Mux) from(at path) *Peer {
	if at.tcp != nil {
		return at.tcp.peer
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.addrs[at.route.Remote]
}

// add takes a peer in.
func (m *Mux) add(p *Peer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return net.ErrClosed
	case m.peers >= m.cfg.MaxPeers:
		return ErrFull
	case m.ufrags[p.ufrag] != nil:
		return fmt.Errorf("%w: %q", ErrInUse, p.ufrag)
	}
	m.ufrags[p.ufrag] = p
	m.peers++
	return nil
}

// know has what comes from an address be p's.
func (m *Mux) know(a netip.AddrPort, p *Peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.isClosed() {
		return
	}
	if old := m.addrs[a]; old != nil && old != p { // an address that another one has left
		old.forget(a)
	}
	m.addrs[a] = p
	if gone := p.remember(a); gone.IsValid() && m.addrs[gone] == p {
		delete(m.addrs, gone)
	}
}

// remove forgets a peer, once.
func (m *Mux) remove(p *Peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers--
	for _, u := range p.ufrags() {
		if m.ufrags[u] == p {
			delete(m.ufrags, u)
		}
	}
	for _, a := range p.addresses() {
		if m.addrs[a] == p {
			delete(m.addrs, a)
		}
	}
}

// time looks after the peers' timers once a second, and tells of what was refused.
func (m *Mux) time() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-m.stop:
			return
		case now := <-t.C:
			m.mu.RLock()
			all := make([]*Peer, 0, len(m.ufrags))
			for _, p := range m.ufrags {
				all = append(all, p)
			}
			m.mu.RUnlock()
			for _, p := range all {
				p.tick(now)
			}
			m.refused.tell(m.cfg.Logger, now)
		}
	}
}
