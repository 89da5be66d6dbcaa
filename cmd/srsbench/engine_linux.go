package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	drainBatch   = 128 // sockets drained, and
	publishBatch = 256 // frames sent, before arrived packets are looked at again
	launchBatch  = 32
	stallAfter   = 2 * time.Second
	countAfter   = time.Second // a player is read in full for this long after its first key frame
)

// engine runs all connections of one run in one OS thread: non-blocking sockets, one epoll, no
// goroutine per connection.
//
// Players that are not sampled leave the epoll set once they have started. Their sockets are then
// emptied by a timer with MSG_TRUNC, so that the kernel drops the bytes without copying them, which
// is what lets one core hold ten thousand. To the server such a player is a reader with a delay of at
// most the drain interval; its window stays open as long as the receive buffer holds what arrives in that
// time. On loopback the receive path of the kernel runs on the sender's core in either case, so
// every server pays for it alike.
type engine struct {
	o       *options
	clock   clock
	now     int64
	ep      int
	conns   []*conn
	addrs   map[string]netip.AddrPort
	sources []netip.Addr
	buf     []byte
	clip    *clip
	wires   map[bool]*wires // by tag.rtmp
	drains  drainQueue
	due     frameHeap
	stats   [2]counters // by role
	lat     histogram   // marks of sampled players, during the measurement
	startup histogram   // connect to first key frame
	join    histogram   // request to first key frame
	lag     histogram   // how late the tool itself was with timed work
	reasons map[string]int
	gaps    uint64
	notKey  int
	measure bool
	stop    atomic.Bool
	plan    plan
}

// counters add up what one role's connections do.
type counters struct {
	opened, connected, started, failed, lost int
	alive                                    int
	bytes                                    uint64 // received by players, sent by publishers
	stalls                                   int
	stalled                                  time.Duration
}

func newEngine(o *options) (*engine, error) {
	e := &engine{o: o, clock: newClock(), buf: make([]byte, 256<<10), reasons: map[string]int{},
		addrs: map[string]netip.AddrPort{}, wires: map[bool]*wires{}}
	for _, s := range o.bind {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("-bind: %w", err)
		}
		e.sources = append(e.sources, a)
	}
	if o.publishers > 0 {
		c, err := newClip(int(o.bitrate), o.fps, o.gop, !o.noAudio)
		if err != nil {
			return nil, err
		}
		e.clip = c
		e.wires[true], e.wires[false] = c.wires(true), c.wires(false)
	}
	files := o.players + o.publishers
	for _, raw := range []string{o.url, o.publishURL} {
		if t, err := parseTarget(expand(raw, 0)); err == nil && t.tls() {
			files = 3 * (o.players + o.publishers) // a socket pair and the connection itself
		}
	}
	if err := raiseFileLimit(files); err != nil {
		return nil, err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	e.ep = ep
	e.now = e.clock.now()
	return e, nil
}

// close ends every connection.
func (e *engine) close() {
	for _, c := range e.conns {
		if c.fd >= 0 {
			unix.Close(c.fd)
			c.fd = -1
		}
	}
	unix.Close(e.ep)
}

// loop runs until the plan is done or stop is set.
func (e *engine) loop() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, 256)
	for !e.stop.Load() {
		e.now = e.clock.now()
		next, done := e.plan.step(e)
		if done {
			return nil
		}
		next = min(next, e.sendDue(), e.drainDue())
		n, err := unix.EpollWait(e.ep, events, waitFor(next-e.clock.now()))
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll: %w", err)
		}
		e.now = e.clock.now()
		for _, ev := range events[:max(n, 0)] {
			e.handle(e.conns[ev.Fd], ev.Events)
		}
	}
	return nil
}

// waitFor rounds nanoseconds up to epoll's milliseconds.
func waitFor(ns int64) int {
	if ns <= 0 {
		return 0
	}
	return int((ns + 999999) / 1000000)
}

// handle does what epoll says about one connection.
func (e *engine) handle(c *conn, events uint32) {
	if c.fd < 0 {
		return
	}
	if !c.up {
		code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			e.fail(c, fmt.Errorf("connect: %w", err))
			return
		}
		e.connected(c)
		return
	}
	if events&unix.EPOLLOUT != 0 {
		e.flush(c)
	}
	switch {
	case c.fd < 0 || events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0:
	case c.counting: // an error, which epoll reports unasked
		e.discard(c)
	default:
		e.read(c)
	}
}

// connected lets the session speak.
func (e *engine) connected(c *conn) {
	c.up = true
	e.stats[c.role].connected++
	e.stats[c.role].alive++
	c.sess.open()
	e.flush(c)
}

// read takes what has arrived for a connection that is read in full.
func (e *engine) read(c *conn) {
	for range 4 {
		n, err := recv(c.fd, e.buf, 0)
		if err != nil {
			if !again(err) {
				e.fail(c, fmt.Errorf("read: %w", err))
			}
			return
		}
		e.now = e.clock.now()
		if n == 0 {
			e.fail(c, errClosed)
			return
		}
		e.received(c, n)
		if err := c.sess.feed(e.buf[:n]); err != nil {
			e.fail(c, err)
			return
		}
		if e.flush(c); c.fd < 0 || n < len(e.buf) {
			break
		}
	}
	if c.fd >= 0 && c.start > 0 && !c.sampled && e.now-c.start > int64(countAfter) {
		e.startCounting(c)
	}
}

// received accounts n bytes.
func (e *engine) received(c *conn, n int) {
	c.rx += uint64(n)
	if c.role != player {
		return
	}
	e.stats[player].bytes += uint64(n)
	e.endStall(c)
	c.last = e.now
	if s, ok := c.sess.(*rtmpSession); ok && c.rx-c.acked >= uint64(s.window) {
		c.acked = c.rx
		s.acknowledge(uint32(c.rx))
	}
}

// endStall accounts the pause that a connection is in, if it is long enough to be a stall: a player
// that gets nothing, or a publisher whose server reads nothing. Bytes end it, or the end of the run.
func (e *engine) endStall(c *conn) {
	since := c.last
	if c.pub != nil {
		since = c.pub.blocked
	}
	if c.start == 0 || since == 0 || e.now-since <= int64(stallAfter) {
		return
	}
	e.stats[c.role].stalls++
	e.stats[c.role].stalled += time.Duration(e.now - since)
}

// flush sends what the session and the publisher have, as far as the socket takes it.
func (e *engine) flush(c *conn) {
	if b := c.sess.pending(); len(b) > 0 {
		c.out = append(c.out, b...)
	}
	for len(c.out) > 0 {
		n, err := send(c.fd, c.out)
		if again(err) {
			break
		}
		if err != nil {
			e.fail(c, fmt.Errorf("write: %w", err))
			return
		}
		e.sent(c, n)
		c.out = c.out[n:]
	}
	if len(c.out) == 0 {
		c.out = nil
	}
	e.watch(c)
}

// watch makes epoll ask for what the connection waits for.
func (e *engine) watch(c *conn) {
	var want uint32
	if !c.counting {
		want = unix.EPOLLIN
	}
	if !c.up || len(c.out) > 0 {
		want |= unix.EPOLLOUT
	}
	if want == c.watched {
		return
	}
	op := unix.EPOLL_CTL_MOD
	switch {
	case c.watched == 0:
		op = unix.EPOLL_CTL_ADD
	case want == 0:
		op = unix.EPOLL_CTL_DEL
	}
	if err := unix.EpollCtl(e.ep, op, c.fd, &unix.EpollEvent{Events: want, Fd: c.index}); err != nil {
		e.fail(c, fmt.Errorf("epoll: %w", err))
		return
	}
	c.watched = want
}

// fail ends a connection and remembers why.
func (e *engine) fail(c *conn, err error) {
	if c.fd < 0 {
		return
	}
	unix.Close(c.fd)
	c.fd = -1
	s := &e.stats[c.role]
	if c.up {
		s.alive--
	}
	if c.start > 0 {
		s.lost++
	} else {
		s.failed++
	}
	reason := fmt.Sprintf("%s: %v", c.role, c.reason(err))
	if _, known := e.reasons[reason]; !known && len(e.reasons) >= 20 {
		reason = "other reasons"
	}
	e.reasons[reason]++
	c.sess, c.out = nil, nil
}
