package protocol

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// CoalescingConn is a connection whose reads can be made to wait until they are worth
// a wake-up: with a read window set, a Read that finds nothing waits for a number of
// bytes, but no longer than the window. It sits below TLS.
//
// Every TCP connection that [Host.Listen] accepts is one; [Coalescing] finds it. Only
// Linux has the socket option it needs (SO_RCVLOWAT); elsewhere, and on connections
// that are not TCP, a window changes nothing.
type CoalescingConn struct {
	net.Conn
	onClose atomic.Pointer[func()] // runs once, at Close
	peer    *proxied               // the addresses that a PROXY header told
	failed  atomic.Pointer[error]  // of the last Read that failed
	windowRead
}

// NewCoalescingConn wraps a connection. The caller no longer uses c itself.
func NewCoalescingConn(c net.Conn) *CoalescingConn {
	w := &CoalescingConn{Conn: c}
	w.initWindow()
	return w
}

// Coalescing finds the CoalescingConn below TLS and other wrappers, those that have a
// method NetConn. It gives nil where there is none.
func Coalescing(c net.Conn) *CoalescingConn {
	for range maxWrappers {
		switch v := c.(type) {
		case *CoalescingConn:
			return v
		case interface{ NetConn() net.Conn }:
			c = v.NetConn()
		default:
			return nil
		}
	}
	return nil
}

// maxWrappers bounds the walk through wrappers: one that wraps itself would never end.
const maxWrappers = 16

// SetReadWindow makes every Read that finds nothing wait for n bytes, at most for the
// given window; it then returns what has come. A window or n of 0 restores plain reads.
// The read deadline keeps its meaning: a Read never fails because a window ended. It
// may be called while a Read is blocked and applies to that one too.
func (c *CoalescingConn) SetReadWindow(n int, window time.Duration) error {
	if n <= 1 || window <= 0 {
		n, window = 1, 0
	}
	return c.setWindow(min(n, maxLowWater), window)
}

// maxLowWater bounds the bytes a Read may wait for; the kernel grows the socket's
// receive buffer to twice that.
const maxLowWater = 1 << 20

// fail keeps why a Read failed, for whoever has to tell how the connection ended.
func (c *CoalescingConn) fail(err error) error {
	c.failed.Store(&err)
	return err
}

// plainRead reads without a window.
func (c *CoalescingConn) plainRead(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		err = c.fail(err)
	}
	return n, err
}

// NetConn gives the wrapped connection.
func (c *CoalescingConn) NetConn() net.Conn { return c.Conn }

// Close closes the connection.
func (c *CoalescingConn) Close() error {
	err := c.Conn.Close()
	if f := c.onClose.Swap(nil); f != nil {
		(*f)()
	}
	return err
}

// RemoteAddr gives the client's address: the one that a trusted proxy told, else the
// socket's.
func (c *CoalescingConn) RemoteAddr() net.Addr {
	if c.peer != nil {
		return c.peer.src
	}
	return c.Conn.RemoteAddr()
}

// LocalAddr gives the address that the client connected to.
func (c *CoalescingConn) LocalAddr() net.Addr {
	if c.peer != nil {
		return c.peer.dst
	}
	return c.Conn.LocalAddr()
}

// CloseWrite ends the sending side, where the connection can.
func (c *CoalescingConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return c.Close()
}

// ReadFrom writes what r gives. It lets files go from disk to socket inside the kernel.
func (c *CoalescingConn) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := c.Conn.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// SyscallConn gives the socket, where there is one.
func (c *CoalescingConn) SyscallConn() (syscall.RawConn, error) {
	if s, ok := c.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, syscall.EINVAL
}
