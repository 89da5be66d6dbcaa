package main

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// role is which end of a stream a connection is.
type role int

const (
	player role = iota
	publisher
)

// String names the role as reports do.
func (r role) String() string { return [...]string{"player", "publisher"}[r] }

var errClosed = errors.New("closed by the server")

// conn is one connection. It belongs to the engine's thread.
type conn struct {
	e        *engine
	index    int32 // in engine.conns
	role     role
	fd       int // below 0: ended
	watched  uint32
	up       bool
	sampled  bool
	counting bool // drained by timer
	sawVideo bool
	sess     session
	out      []byte
	bridge   *atomic.Pointer[error] // what ended the TLS connection behind fd
	t0, ask  int64                  // connect called, request written
	first    int64                  // first media message
	start    int64                  // first key frame, or publishing allowed
	last     int64                  // last byte
	rx       uint64                 // bytes received
	acked    uint64
	base     uint64    // rx, or tx, when the measurement began
	seq      [2]uint32 // last mark of audio and video, plus one
	pub      *publication
}

// reason prefers what the TLS side saw to the bare end of its socket.
func (c *conn) reason(err error) error {
	if c.bridge != nil {
		if p := c.bridge.Load(); p != nil {
			return *p
		}
	}
	return err
}

// open starts connection number i of a role.
func (e *engine) open(r role, i int) {
	c := &conn{e: e, index: int32(len(e.conns)), role: r, fd: -1, t0: e.now}
	e.conns = append(e.conns, c)
	e.stats[r].opened++
	template, n := e.o.url, e.o.players
	if r == publisher {
		template = e.o.publishURL
	} else {
		c.sampled = e.o.sample < 0 || i*e.o.sample/n != (i-1)*e.o.sample/n || i == 0 && e.o.sample > 0
	}
	to, err := parseTarget(expand(template, i%e.o.streams))
	if err == nil {
		c.sess = newSession(to, r == publisher, c)
		err = e.dialTo(c, to)
	}
	if err != nil {
		e.stats[r].failed++
		e.reasons[fmt.Sprintf("%s: %v", r, err)]++
		return
	}
	if c.bridge != nil {
		e.connected(c)
		return
	}
	e.watch(c)
}

// newSession makes the client for a URL's scheme.
func newSession(to target, publish bool, ev events) session {
	switch {
	case to.scheme == "floor":
		return &rawSession{ev: ev}
	case to.rtmp():
		return newRTMPSession(to, publish, ev)
	default:
		return newHTTPSession(to, publish, ev)
	}
}

func (e *engine) dialTo(c *conn, to target) (err error) {
	addr, ok := e.addrs[to.addr]
	if !ok {
		if addr, err = resolve(to.addr); err != nil {
			return err
		}
		e.addrs[to.addr] = addr
	}
	var from netip.Addr
	if len(e.sources) > 0 {
		from = e.sources[int(c.index)%len(e.sources)]
	}
	if to.tls() {
		c.fd, c.bridge, err = dialTLS(to, addr, from, e.o.insecure)
		return err
	}
	rcvbuf := e.o.rcvbuf
	if c.role == publisher {
		rcvbuf = 0
	}
	c.fd, err = dial(addr, from, rcvbuf)
	return err
}

// startCounting turns a started player into one whose bytes are only counted.
func (e *engine) startCounting(c *conn) {
	c.counting = true
	e.watch(c)
	e.drains.push(drain{due: e.now + int64(e.o.drain), c: c})
	if s, ok := c.sess.(*rtmpSession); ok {
		s.chunks = nil // ten thousand readers' buffers are worth freeing
	}
}

// requested implements events.
func (c *conn) requested() { c.ask = c.e.clock.now() }

// media implements events for players.
func (c *conn) media(m message) error {
	frame, key := mediaKind(m)
	if !frame || c.role != player { // a publisher's server may send what it likes
		return nil
	}
	e := c.e
	if c.first == 0 {
		c.first = e.now
	}
	if m.kind == typeVideo && !c.sawVideo {
		c.sawVideo = true
		if !key {
			e.notKey++
		}
	}
	if key && c.start == 0 {
		e.started(c, e.now)
	}
	if c.sampled {
		c.timeMark(m)
	}
	return nil
}

// started notes that a player has what it needs to show a picture.
func (e *engine) started(c *conn, at int64) {
	c.start = at
	e.stats[player].started++
	e.startup.add(at - c.t0)
	e.join.add(at - c.ask)
}

// timeMark reads the mark of a frame: latency, and frames missing since the one before. Frames sent
// before the player asked come out of the server's cache and say nothing about latency.
func (c *conn) timeMark(m message) {
	at, seq, ok := findMark(m.head)
	if !ok {
		return
	}
	track := int(m.kind - typeAudio)
	if want := c.seq[track]; want > 0 && seq > want {
		c.e.gaps += uint64(seq - want)
	}
	c.seq[track] = seq + 1
	if c.e.measure && at >= c.ask && at <= c.e.now {
		c.e.lat.add(c.e.now - at)
	}
}

// rawSession reads whatever comes: the client of the floor server.
type rawSession struct {
	outbox
	ev   events
	seen bool
}

func (s *rawSession) open() { s.ev.requested() }

func (s *rawSession) feed([]byte) error {
	if s.seen {
		return nil
	}
	s.seen = true
	return s.ev.media(message{kind: typeVideo, head: []byte{0x17, 1}})
}

// drain is a counting player's next turn.
type drain struct {
	due int64
	c   *conn
}

// drainQueue holds turns in order. All have the same interval, so that the first in is the first due.
type drainQueue struct {
	items []drain
	head  int
}

func (q *drainQueue) push(d drain) {
	if q.head > len(q.items)/2 {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, d)
}

// drainDue empties the sockets whose turn it is and tells when the next one is due.
func (e *engine) drainDue() (next int64) {
	q := &e.drains
	for range drainBatch {
		if q.head == len(q.items) {
			return farFuture
		}
		d := q.items[q.head]
		if d.due > e.now {
			return d.due
		}
		q.head++
		late := e.now - d.due
		e.lag.add(late)
		if e.discard(d.c); d.c.fd < 0 {
			continue
		}
		if d.due += int64(e.o.drain); late > int64(e.o.drain) {
			d.due = e.now + int64(e.o.drain)
		}
		q.push(d)
	}
	e.now = e.clock.now()
	return e.now
}

// discard drops what has arrived and counts it.
func (e *engine) discard(c *conn) {
	for c.fd >= 0 {
		n, err := recv(c.fd, e.buf, unix.MSG_TRUNC)
		switch {
		case again(err):
			return
		case err != nil:
			e.fail(c, fmt.Errorf("read: %w", err))
			return
		case n == 0:
			e.fail(c, errClosed)
			return
		}
		e.received(c, n)
		if e.flush(c); n < len(e.buf) {
			return
		}
	}
}
