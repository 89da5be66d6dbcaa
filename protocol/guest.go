package protocol

import (
	"bytes"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// guest gives those connections of an HTTP listener that begin with a packet behind its length.
type guest struct {
	sh    *sharedListener
	host  *Host
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// maxFrameStart is the greatest first byte of such a connection: lengths up to 511. No request begins with
// it, and no TLS handshake.
const maxFrameStart = 1

// frontName is the owner of the HTTP listeners.
const frontName = "http listeners"

// guest gives a listener of framed connections at an address that an HTTP listener has; nil where none has.
func (p *pool) guest(h *Host, s string) *guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, err := ParseAddr("tcp", s)
	if err != nil { // the name of one that was injected
		a = Addr{"tcp", s}
	}
	sh := p.shared[poolKey{Addr: a}]
	if sh == nil || sh.holder() != frontName {
		return nil
	}
	g := &guest{sh: sh, host: h, conns: make(chan net.Conn), done: make(chan struct{})}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.guests = append(sh.guests, g)
	return g
}

// guest gives the newest guest, or nil.
func (s *sharedListener) guest() *guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.guests); n > 0 {
		return s.guests[n-1]
	}
	return nil
}

// Addr gives the address of the socket.
func (g *guest) Addr() net.Addr { return g.sh.Addr() }

// Accept gives the next connection.
func (g *guest) Accept() (net.Conn, error) {
	select {
	case c := <-g.conns:
		return c, nil
	case <-g.done:
	case <-g.sh.ended:
	}
	return nil, &net.OpError{Op: "accept", Net: g.sh.key.Network, Addr: g.Addr(), Err: net.ErrClosed}
}

// Close leaves further connections to another guest, or to HTTP, which refuses them.
func (g *guest) Close() error {
	g.once.Do(func() {
		close(g.done)
		g.host.forget(g)
		g.sh.mu.Lock()
		defer g.sh.mu.Unlock()
		g.sh.guests = slices.DeleteFunc(g.sh.guests, func(x *guest) bool { return x == g })
	})
	return nil
}

// take hands a connection over, unless the guest has left.
func (g *guest) take(c net.Conn) bool {
	select {
	case g.conns <- c:
		return true
	case <-g.done:
	case <-g.sh.ended:
	}
	return false
}

// hostListener is an HTTP listener that may have guests.
type hostListener struct {
	net.Listener
	sh *sharedListener
}

// Accept gives the next connection.
func (l *hostListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if w, ok := c.(*CoalescingConn); ok && l.sh.guest() != nil {
		return &hostConn{CoalescingConn: w, sh: l.sh}, nil
	}
	return c, err
}

// hostConn is a connection as HTTP sees it, to which it ends when its first bytes are a guest's.
type hostConn struct {
	*CoalescingConn
	sh    *sharedListener
	begun bool // of the reading goroutine
	taken atomic.Bool
}

// NetConn gives the connection below.
func (c *hostConn) NetConn() net.Conn { return c.CoalescingConn }

// Read reads, and looks at the first bytes.
func (c *hostConn) Read(b []byte) (int, error) {
	if c.taken.Load() {
		return 0, io.EOF
	}
	n, err := c.CoalescingConn.Read(b)
	if c.begun || n == 0 {
		return n, err
	}
	c.begun = true
	if b[0] > maxFrameStart {
		return n, err
	}
	g := c.sh.guest()
	if g == nil || !g.take(&framedConn{CoalescingConn: c.CoalescingConn, first: bytes.Clone(b[:n])}) {
		return n, err
	}
	c.taken.Store(true)
	return 0, io.EOF
}

// Close closes the connection, unless it is another's.
func (c *hostConn) Close() error {
	if c.taken.Load() {
		return nil
	}
	return c.CoalescingConn.Close()
}

// framedConn is a connection whose first bytes have been read.
type framedConn struct {
	*CoalescingConn
	first []byte
}

// NetConn gives the connection below.
func (c *framedConn) NetConn() net.Conn { return c.CoalescingConn }

// Read reads, first what there is.
func (c *framedConn) Read(b []byte) (int, error) {
	if len(c.first) == 0 {
		return c.CoalescingConn.Read(b)
	}
	n := copy(b, c.first)
	c.first = c.first[n:]
	return n, nil
}
