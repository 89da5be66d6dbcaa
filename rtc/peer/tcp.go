package peer

import (
	"bufio"
	"container/list"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/srsgo/srs/rtc/wire"
)

// Bounds of a TCP connection.
const (
	firstCheck = 10 * time.Second // until the first valid check
	stall      = 10 * time.Second // until what waited has been taken
	farewell   = time.Second      // for what waits at the end
	maxQueue   = 512 << 10        // bytes that wait
	maxFrame   = 4 << 10
	maxOpened  = 2048 // connections that are no peer's yet
)

// errSlow: the connection takes less than it is sent.
var errSlow = errors.New("peer: the connection is too slow")

// stream is a TCP connection of packets, each behind its length (RFC 4571).
type stream struct {
	conn    net.Conn
	m       *Mux
	peer    *Peer         // from the first valid check on; the reading goroutine's
	waiting *list.Element // in Mux.opened until then

	mu     sync.Mutex
	queued []byte
	over   bool
	wake   chan struct{}
}

// HandleTCP serves a connection of ICE over TCP until its end, and closes it. Its packets are those of one
// peer.
func (m *Mux) HandleTCP(conn net.Conn) {
	s := &stream{conn: conn, m: m, wake: make(chan struct{}, 1)}
	var addr netip.AddrPort
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		addr = unmapped(a.AddrPort())
	}
	_ = conn.SetReadDeadline(time.Now().Add(firstCheck))
	sent := make(chan error, 1)
	if !m.open(s, func() { sent <- s.send() }) {
		_ = conn.Close()
		return
	}
	defer func() {
		s.close()
		err := <-sent
		m.leave(s)
		if errors.Is(err, os.ErrDeadlineExceeded) && s.peer != nil {
			s.peer.end(fmt.Errorf("peer: tcp %s does not take what it is sent for %v", addr, stall), true)
		}
	}()
	r := bufio.NewReaderSize(conn, 4<<10)
	var buf []byte
	for {
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n, most := int(binary.BigEndian.Uint16(head[:])), maxFrame
		if s.peer == nil {
			most = maxBinding // nothing but a check is of use
		}
		if n > most {
			m.refused.count(malformed, path{route: wire.Route{Remote: addr}, tcp: s})
			return
		}
		buf = slices.Grow(buf[:0], n)[:n]
		if _, err := io.ReadFull(r, buf); err != nil {
			return
		}
		m.receive(buf, path{route: wire.Route{Remote: addr}, tcp: s}, time.Now())
	}
}

// open counts a connection, and has its sender run. Of too many that are no peer's the oldest one has to go: a
// client's first check comes with its connection.
func (m *Mux) open(s *stream, send func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	if m.opened.Len() >= maxOpened {
		oldest := m.opened.Front()
		m.opened.Remove(oldest)
		oldest.Value.(*stream).close()
	}
	s.waiting = m.opened.PushBack(s)
	m.work.Go(send)
	return true
}

// leave forgets a connection.
func (m *Mux) leave(s *stream) {
	m.mu.Lock()
	m.opened.Remove(s.waiting) // if it is there
	m.mu.Unlock()
	if s.peer != nil {
		s.peer.detach(s)
	}
}

// bind makes the connection a peer's, and tells whether it is. Of too many of one peer's the oldest one has to
// go that it does not use.
func (s *stream) bind(p *Peer) bool {
	if s.peer == p {
		return true
	}
	p.mu.Lock()
	if p.isClosed() {
		p.mu.Unlock()
		return false
	}
	var old *stream
	if at := p.where.Load(); len(p.tcp) == maxAddrs {
		i := 0
		if at != nil && at.tcp == p.tcp[0] {
			i = 1
		}
		old = p.tcp[i]
		p.tcp = slices.Delete(p.tcp, i, i+1)
	}
	p.tcp = append(p.tcp, s)
	p.mu.Unlock()
	if old != nil {
		old.close()
	}
	s.m.mu.Lock()
	s.m.opened.Remove(s.waiting)
	s.m.mu.Unlock()
	s.peer = p
	_ = s.conn.SetReadDeadline(time.Time{})
	return true
}

// detach forgets a connection that has ended.
func (p *Peer) detach(s *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tcp = slices.DeleteFunc(p.tcp, func(x *stream) bool { return x == s })
}

// queue has a packet sent soon, unless too much waits.
func (s *stream) queue(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return net.ErrClosed
	}
	if len(s.queued)+2+len(b) > maxQueue {
		return errSlow
	}
	s.queued = binary.BigEndian.AppendUint16(s.queued, uint16(len(b)))
	s.queued = append(s.queued, b...)
	s.rouse()
	return nil
}

func (s *stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send writes what waits, until close or an error of a write, and closes the connection, which ends reading too.
func (s *stream) send() error {
	defer s.conn.Close()
	var buf []byte
	for range s.wake {
		s.mu.Lock()
		buf, s.queued = s.queued, buf[:0]
		over := s.over
		if !over {
			_ = s.conn.SetWriteDeadline(time.Now().Add(stall))
		}
		s.mu.Unlock()
		if len(buf) > 0 {
			if _, err := s.conn.Write(buf); err != nil {
				s.close()
				return err
			}
		}
		if over {
			break
		}
	}
	return nil
}

// close ends the connection when what waits has been written, for which there is a moment: a farewell is the
// last of it.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		_ = s.conn.SetWriteDeadline(time.Now().Add(farewell))
		s.rouse()
	}
}

func (s *stream) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}
