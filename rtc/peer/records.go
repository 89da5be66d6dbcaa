package peer

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v2/packetio"
)

// recordConn is the peer as DTLS sees it.
type recordConn struct {
	p     *Peer
	first [][]byte    // datagrams that are to be read again
	done  atomic.Bool // the handshake
}

func (c *recordConn) buffer() *packetio.Buffer {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.p.dtls
}

// Read gives the next datagram.
func (c *recordConn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first[0])
		c.first = c.first[1:]
		return n, nil
	}
	return c.buffer().Read(b)
}

// Write sends to where the peer is.
func (c *recordConn) Write(b []byte) (int, error) {
	at := c.p.where.Load()
	if at == nil {
		return 0, net.ErrClosed
	}
	if err := at.write(b); errors.Is(err, net.ErrClosed) {
		return 0, err
	}
	return len(b), nil // what was lost is sent again
}

// Close ends reading.
func (c *recordConn) Close() error { return c.buffer().Close() }

// LocalAddr and RemoteAddr are of no use to DTLS.
func (c *recordConn) LocalAddr() net.Addr  { return &net.UDPAddr{} }
func (c *recordConn) RemoteAddr() net.Addr { return &net.UDPAddr{} }

// SetReadDeadline is for the handshake. After it reads end with Close: when a DTLS connection is closed it
// first ends its read, and one that ended at once would have it closed before it has said farewell.
func (c *recordConn) SetReadDeadline(t time.Time) error {
	if c.done.Load() {
		return nil
	}
	return c.buffer().SetReadDeadline(t)
}

// SetDeadline and SetWriteDeadline are as those of net.Conn: no write waits.
func (c *recordConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *recordConn) SetWriteDeadline(time.Time) error { return nil }
