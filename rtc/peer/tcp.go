package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/srsgo/srs/rtc/wire"
)

// Bounds of a TCP connection.
const (
	firstCheck = 10 * time.Second // until the first valid check
	stall      = 10 * time.Second // until what waited has been taken
	maxQueue   = 512 << 10        // bytes that wait
)

// errSlow: the connection takes less than it is sent.
var errSlow = errors.New("peer: the connection is too slow")

// stream is a TCP connection of packets, each behind its length (RFC 4571).
type stream struct {
	conn  net.Conn
	peer  *Peer // from the first valid check on; the reading goroutine's
	bound sync.Once

	mu     sync.Mutex
	queued []byte
	last   bool // nothing more is queued
	wake   chan struct{}
	done   chan struct{}
	once   sync.Once
}

// HandleTCP serves a connection of ICE over TCP until its end, and closes it. Its packets are those of one
// peer.
func (m *Mux) HandleTCP(conn net.Conn) {
	s := &stream{conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{})}
	defer s.close()
	var addr netip.AddrPort
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		addr = unmapped(a.AddrPort())
	}
	_ = conn.SetReadDeadline(time.Now().Add(firstCheck))
	sent := make(chan error, 1)
	go func() { sent <- s.send() }()
	defer func() {
		s.close()
		if err := <-sent; errors.Is(err, os.ErrDeadlineExceeded) && s.peer != nil {
			s.peer.end(fmt.Errorf("peer: tcp %s does not take what it is sent for %v", addr, stall), true)
		}
	}()
	r := bufio.NewReaderSize(conn, 4<<10)
	buf := make([]byte, 4<<10)
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(head[:]))
		if n > len(buf) {
			m.refused.malformed.Add(1)
			return
		}
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return
		}
		m.receive(buf[:n], path{route: wire.Route{Remote: addr}, tcp: s}, time.Now())
	}
}

// bind makes the connection a peer's.
func (s *stream) bind(p *Peer) {
	s.bound.Do(func() {
		s.peer = p
		_ = s.conn.SetReadDeadline(time.Time{})
	})
}

// queue has a packet sent soon, unless too much waits.
func (s *stream) queue(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
		return net.ErrClosed
	default:
	}
	if s.last {
		return net.ErrClosed
	}
	if len(s.queued)+2+len(b) > maxQueue {
		return errSlow
	}
	s.queued = binary.BigEndian.AppendUint16(s.queued, uint16(len(b)))
	s.queued = append(s.queued, b...)
	s.wakeUp()
	return nil
}

func (s *stream) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send writes what waits, until the connection ends. The error is that of a write.
func (s *stream) send() error {
	var buf []byte
	for {
		select {
		case <-s.done:
			return nil
		case <-s.wake:
		}
		s.mu.Lock()
		buf, s.queued = s.queued, buf[:0]
		last := s.last
		s.mu.Unlock()
		_ = s.conn.SetWriteDeadline(time.Now().Add(stall))
		if _, err := s.conn.Write(buf); err != nil {
			s.close() // which ends reading too
			return err
		}
		if last {
			s.close()
			return nil
		}
	}
}

// finish ends the connection after what waits, the peer's farewell among it.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = true
	s.wakeUp()
}

// close ends the connection.
func (s *stream) close() {
	s.once.Do(func() {
		close(s.done)
		_ = s.conn.Close()
	})
}
