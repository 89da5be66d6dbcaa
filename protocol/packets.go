package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// sharedPackets is a datagram socket and those who lease it, newest last. The newest
// reads; all may write.
type sharedPackets struct {
	net.PacketConn
	pool *pool
	key  poolKey
	name string // under which it was injected or inherited
	kept bool   // likewise: stays open when nobody holds it

	mu      sync.Mutex
	leases  []*packetLease
	changed chan struct{}
	reader  *packetLease // whose deadline the socket has
	reading int          // reads under way, of all leases
	mute    bool         // handed over: who has it now reads
}

// packetLease is one holder's view of a datagram socket.
type packetLease struct {
	*sharedPackets
	host     *Host
	reading  int // reads under way
	closed   bool
	deadline time.Time
}

func (p *pool) listenPacket(h *Host, role, s string, o ListenOptions) (*packetLease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	given := p.givenPC[givenKey("udp", s)]
	key, err := place(h, "udp", s, given != nil)
	if err != nil {
		return nil, err
	}
	if sp := p.packets[key]; sp != nil {
		if err := p.mayShare(h.name, sp.holder(), key.Addr); err != nil {
			return nil, err
		}
		return sp.lease(h), nil
	}
	sp := &sharedPackets{pool: p, key: key, changed: make(chan struct{})}
	if err := sp.open(given, role, s, o); err != nil {
		return nil, err
	}
	p.packets[key] = sp
	return sp.lease(h), nil
}

// listenTwin gives h a lease of a further socket, the n-th, at the address of one that is open.
func (p *pool) listenTwin(h *Host, first *packetLease, n int) (*packetLease, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	udp, ok := first.PacketConn.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("protocol: several sockets at %s: %w", first.key.Addr, errors.ErrUnsupported)
	}
	key := poolKey{Addr: addrOf(udp.LocalAddr(), false), nth: n}
	if sp := p.packets[key]; sp != nil {
		if err := p.mayShare(h.name, sp.holder(), key.Addr); err != nil {
			return nil, err
		}
		return sp.lease(h), nil
	}
	// The first one was bound as an address's only socket, so that it is an error if another program has the
	// address. From now on it may be shared.
	raw, err := udp.SyscallConn()
	if err == nil {
		err = setReusePort(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("protocol: several sockets at %s: %w", key.Addr, err)
	}
	sp := &sharedPackets{pool: p, key: key, changed: make(chan struct{})}
	if err := sp.open(nil, h.name, "", ListenOptions{ReusePort: true}); err != nil {
		return nil, err
	}
	p.packets[key] = sp
	return sp.lease(h), nil
}

// open takes the socket that there is already, or opens one. asked is what was asked for.
func (s *sharedPackets) open(given net.PacketConn, role, asked string, o ListenOptions) (err error) {
	if given != nil {
		s.PacketConn, s.kept = given, true
		if _, err := ParseAddr("udp", asked); err != nil {
			s.name = asked
		}
		return nil
	}
	for _, in := range s.pool.inherited.datagrams(role, s.key.Addr) {
		s.pool.logger.Info("listening on an inherited socket", "listen", s.key.Address, "socket", in.String())
		s.PacketConn, s.name, s.kept = in.packets, in.name, in.name != ""
		return nil
	}
	a := s.key.Addr
	if a.Network == "unixgram" {
		if err := removeStale(a.Network, a.Address); err != nil {
			return fmt.Errorf("protocol: listening on unix:%s: %w", a.Address, err)
		}
	}
	lc := net.ListenConfig{Control: controlOf(o.ReusePort)}
	if s.PacketConn, err = lc.ListenPacket(context.Background(), a.Network, a.Address); err != nil {
		return fmt.Errorf("protocol: %w", err)
	}
	return nil
}

// stopReading leaves what arrives to the process that has the socket too. Writes go on.
func (s *sharedPackets) stopReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
	s.changeLocked()
}

func (s *sharedPackets) holder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.leases); n > 0 {
		return s.leases[n-1].host.name
	}
	return ""
}

// longAgo as a deadline makes reads return.
var longAgo = time.Unix(1, 0)

func (s *sharedPackets) lease(h *Host) *packetLease {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &packetLease{sharedPackets: s, host: h}
	s.leases = append(s.leases, l)
	s.changeLocked()
	return l
}

// changeLocked makes the readers look who is the newest now.
func (s *sharedPackets) changeLocked() {
	s.reader = nil
	_ = s.PacketConn.SetReadDeadline(longAgo)
	s.wakeLocked()
}

func (s *sharedPackets) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// begin waits until l is the newest lease and no other one's read is under way.
func (l *packetLease) begin() error {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return &net.OpError{Op: "read", Net: l.key.Network, Addr: l.LocalAddr(), Err: net.ErrClosed}
		}
		// A read of a lease that is closed already counts too: it has not seen its timeout.
		if !l.mute && l.leases[len(l.leases)-1] == l && l.sharedPackets.reading == l.reading {
			if l.reader != l {
				l.reader = l
				_ = l.PacketConn.SetReadDeadline(l.deadline)
			}
			l.reading++
			l.sharedPackets.reading++
			l.mu.Unlock()
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		<-changed
	}
}

// end tells whether the read's timeout was only a call to look who reads now.
func (l *packetLease) end(err error) (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading--
	l.sharedPackets.reading--
	if l.reader == l {
		return false
	}
	l.wakeLocked()
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// ReadFrom reads the next datagram that arrives while this is the newest lease; one
// that a newer lease replaced waits, until it is closed or the newer one is.
func (l *packetLease) ReadFrom(b []byte) (n int, addr net.Addr, err error) {
	err = l.ReadTurn(func() (err error) {
		n, addr, err = l.PacketConn.ReadFrom(b)
		return err
	})
	return n, addr, err
}

// ReadTurn calls read, which reads from the socket itself, when it is this lease's turn, and again where
// its error was only a call to look whose turn it is. It gives read's error.
func (l *packetLease) ReadTurn(read func() error) error {
	for {
		if err := l.begin(); err != nil {
			return err
		}
		if err := read(); !l.end(err) {
			return err
		}
	}
}

// SetReadDeadline sets the deadline of this lease's reads.
func (l *packetLease) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deadline = t
	if l.reader == l {
		return l.PacketConn.SetReadDeadline(t)
	}
	return nil
}

// SetDeadline sets the deadlines of this lease's reads and of all writes.
func (l *packetLease) SetDeadline(t time.Time) error {
	if err := l.SetReadDeadline(t); err != nil {
		return err
	}
	return l.PacketConn.SetWriteDeadline(t)
}

// NetPacketConn gives the socket, for batched input and output. A reader of it reads
// within ReadTurn.
func (l *packetLease) NetPacketConn() net.PacketConn { return l.PacketConn }

// Close gives the lease back; the last one closes the socket.
func (l *packetLease) Close() error {
	l.pool.mu.Lock()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		l.pool.mu.Unlock()
		return nil
	}
	l.closed = true
	l.host.forget(l)
	l.leases = slices.DeleteFunc(l.leases, func(x *packetLease) bool { return x == l })
	last := len(l.leases) == 0 && !l.kept
	if last && l.pool.packets[l.key] == l.sharedPackets {
		delete(l.pool.packets, l.key)
	}
	l.changeLocked()
	l.mu.Unlock()
	l.pool.mu.Unlock()
	if last {
		return l.PacketConn.Close()
	}
	return nil
}
