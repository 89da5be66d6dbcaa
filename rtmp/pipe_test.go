package rtmp_test

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// pipeListener listens in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return newEager(client), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1935} }

// eagerConn reads ahead without bound, so that neither side of a net.Pipe waits for the
// other. It knows no read deadlines.
type eagerConn struct {
	net.Conn
	mu   sync.Mutex
	more sync.Cond
	buf  bytes.Buffer
	err  error
}

func newEager(c net.Conn) *eagerConn {
	e := &eagerConn{Conn: c}
	e.more.L = &e.mu
	go func() {
		b := make([]byte, 32<<10)
		for e.err == nil {
			n, err := c.Read(b)
			e.mu.Lock()
			e.buf.Write(b[:n])
			e.err = err
			e.more.Broadcast()
			e.mu.Unlock()
		}
	}()
	return e
}

func (e *eagerConn) SetReadDeadline(time.Time) error { return nil }

func (e *eagerConn) Read(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.buf.Len() == 0 && e.err == nil {
		e.more.Wait()
	}
	if e.buf.Len() == 0 {
		return 0, e.err
	}
	return e.buf.Read(b)
}
