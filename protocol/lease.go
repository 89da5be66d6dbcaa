package protocol

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// sharedListener is a stream socket and those who lease it, newest last.
type sharedListener struct {
	sockets []net.Listener // two where one was inherited for IPv4 and one for IPv6
	pool    *pool
	key     poolKey
	name    string // under which it was injected or inherited
	kept    bool   // likewise: stays open when nobody holds it

	accepting atomic.Int32 // accept loops that run
	closing   sync.Once
	gone      chan struct{} // closed with the sockets
	ended     chan struct{} // closed with the leases

	mu      sync.Mutex
	leases  []*lease
	guests  []*guest      // newest last
	changed chan struct{} // closed and made anew when leases or err change
	closed  bool
	err     error // why accepting ended
}

// Addr gives the address of the socket, the first of two.
func (s *sharedListener) Addr() net.Addr { return s.sockets[0].Addr() }

// lease is one holder's view of a shared listener.
type lease struct {
	*sharedListener
	host  *Host
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// lease adds a holder; nil when the socket is closed already.
func (s *sharedListener) lease(h *Host) *lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	l := &lease{sharedListener: s, host: h, conns: make(chan net.Conn), done: make(chan struct{})}
	s.leases = append(s.leases, l)
	s.changeLocked()
	return l
}

func (s *sharedListener) changeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// holder names the newest holder, or is empty.
func (s *sharedListener) holder() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.leases); n > 0 {
		return s.leases[n-1].host.name
	}
	return ""
}

// run accepts for all leases. One goroutine does for a socket, so that a connection which
// was accepted while the holders change still finds the new one.
func (s *sharedListener) run(l net.Listener) {
	if err := acceptLoop(l, s.pool.logger, s.gone, s.deliver); err != nil {
		s.pool.logger.Error("listener failed", "listen", s.key.Address, "err", err)
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	s.closeSockets()
	if s.accepting.Add(-1) == 0 {
		s.close()
	}
}

// closeSockets ends accepting. The leases end once the last connection that was accepted
// has been delivered.
func (s *sharedListener) closeSockets() {
	s.closing.Do(func() {
		for _, l := range s.sockets {
			_ = l.Close()
		}
		close(s.gone)
	})
}

func (s *sharedListener) deliver(c net.Conn) {
	release, ok := s.pool.limit.acquire(s.pool.logger)
	if !ok {
		_ = c.Close()
		return
	}
	w := NewCoalescingConn(c)
	w.onClose.Store(&release)
	for {
		s.mu.Lock()
		changed, closed := s.changed, s.closed
		var to chan net.Conn // nil: nobody, wait
		if n := len(s.leases); n > 0 {
			to = s.leases[n-1].conns
		}
		s.mu.Unlock()
		if closed {
			_ = w.Close()
			return
		}
		select {
		case to <- w:
			return
		case <-changed:
		}
	}
}

// close ends the sockets and every lease.
func (s *sharedListener) close() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

// closeLocked has the pool's lock too: nobody may lease a socket that is about to
// close, nor open the address before it is free.
func (s *sharedListener) closeLocked() {
	if s.closed {
		return
	}
	s.closed = true
	if s.pool.shared[s.key] == s {
		delete(s.pool.shared, s.key)
	}
	s.closeSockets()
	for _, l := range s.leases {
		l.end()
	}
	close(s.ended)
	s.leases = nil
	s.changeLocked()
}

// Accept gives the next connection that arrives while this is the newest lease.
func (l *lease) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.err != nil {
			return nil, l.err
		}
		return nil, &net.OpError{Op: "accept", Net: l.key.Network, Addr: l.Addr(), Err: net.ErrClosed}
	}
}

func (l *lease) end() {
	l.once.Do(func() {
		close(l.done)
		l.host.forget(l)
	})
}

// Close gives the lease back; the last one closes the socket.
func (l *lease) Close() error {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	if i := slices.Index(l.leases, l); i >= 0 {
		l.leases = slices.Delete(l.leases, i, i+1)
		l.changeLocked()
		if len(l.leases) == 0 && !l.kept {
			l.closeLocked()
		}
	}
	return nil
}
