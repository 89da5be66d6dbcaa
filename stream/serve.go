package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// Writer is what Serve writes to: a net.Conn, or what behaves as one.
type Writer interface {
	io.Writer
	// SetWriteDeadline bounds writes as net.Conn's does.
	SetWriteDeadline(time.Time) error
}

// BuffersWriter is a Writer that writes several pieces in one call, and advances them as
// net.Buffers.WriteTo does. A *net.TCPConn needs none.
type BuffersWriter interface {
	WriteBuffers(*net.Buffers) (int64, error)
}

// maxPiece bounds a write to what is neither TCP nor a BuffersWriter. TLS cannot go on
// after a deadline, so each piece has to fit one.
const maxPiece = 16 << 10

// slowWrite is how long a write of a viewer that keeps up takes at most.
const slowWrite = 20 * time.Millisecond

// stallSteps is into how many waits Settings.Stall is cut on plain TCP, which can go on
// after a deadline: a few bytes that still moved at the beginning must not earn a viewer
// all of that time once more.
const stallSteps = 10

// behindAfter is how far a viewer falls back before disposable frames are left out.
const behindAfter = 2 * time.Second

// server is the state of one Serve.
type server struct {
	p        *Player
	w        Writer
	f        *Format
	stall    time.Duration
	interval time.Duration // least time between writes
	done     chan struct{} // closed when Serve returns
	deadline time.Time
	sent     time.Time // last write of media

	bufs     net.Buffers
	array    [6][]byte
	frame    [16]byte
	trailer  []byte
	injected int  // bytes in bufs[1] that were injected
	started  bool // the format's start was sent
	joined   bool // has its place in the wire
	slow     bool // a write has blocked since
	stuck    bool // counted in wire.stuck

	fast *fastPath // nil where a sender cannot write for the viewer
	left bool      // bufs hold the rest of what a sender wrote
}

// Serve writes the stream to w in format f until the player, the publication (unless
// Request.Persist) or w ends. A clean end gives nil; a viewer that takes no byte for
// Settings.Stall, ErrSlow. All viewers of one format share the bytes: Serve allocates
// nothing per packet and copies only into the socket.
//
// Nothing is written before the stream has something to play.
//
// Afterwards [Player.Intact] tells whether more may be written to w.
func (p *Player) Serve(w Writer, f *Format) error {
	s := &server{p: p, w: w, f: f, done: make(chan struct{})}
	defer context.AfterFunc(p.ctx, s.abort)()
	defer close(s.done)
	p.stream.mu.Lock()
	jitter := p.stream.set.Jitter
	s.stall, s.interval = p.stream.set.Stall, p.stream.set.Flush.MinInterval
	p.stream.mu.Unlock()
	var err error
	if jitter == JitterFull || jitter == JitterZero {
		err = s.servePrivate(&viewerClock{full: jitter == JitterFull})
	} else if err = p.attach(f); err == nil {
		err = s.serveShared()
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSlow
	}
	return err
}

// abortAfter is how long a write may go on once its viewer was told to end.
const abortAfter = 200 * time.Millisecond

// abort ends Serve after the player's context has ended, a write that is stuck included.
func (s *server) abort() {
	s.p.wake()
	t := time.NewTimer(abortAfter)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
		_ = s.w.SetWriteDeadline(time.Unix(1, 0))
	}
}

// attach gives the player a cursor on the wire of its format, which it makes and fills
// if this is the first.
func (p *Player) attach(f *Format) error {
	s := p.stream
	for {
		s.mu.Lock()
		if p.done.Load() {
			s.mu.Unlock()
			return ErrClosed
		}
		k := wireKey{f.Name, f.Key}
		w := s.wires.byKey[k]
		build := w == nil
		if build {
			w = newWire(f)
			s.wires.byKey[k] = w
		}
		w.viewers++
		s.mu.Unlock()
		if build {
			s.fill(w)
		} else {
			<-w.ready
		}
		if w.err != nil {
			return w.err
		}
		s.mu.Lock()
		if s.wires.byKey[k] == w {
			p.wire, p.view = w, w.ring.Cursor(p.startAt())
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		if e := w.ring.end.Load(); e != nil && !errors.Is(*e, ErrClosed) {
			return *e
		}
	}
}

// fill encodes the cached group of pictures into a new wire outside the stream's lock,
// so that neither the publisher nor other viewers wait for it, and attaches the wire
// under the lock, where little is left to do.
func (s *Stream) fill(w *wire) {
	s.mu.Lock()
	at := FromKey
	if s.set.NoCache {
		at = Live
	}
	c := s.ring.Cursor(at)
	if c.findKey {
		c.seek(Live)
	}
	s.readers++
	s.mu.Unlock()
	defer func() {
		c.Close()
		close(w.ready)
	}()
	step := func() (more bool) {
		p, err := c.Try()
		if errors.Is(err, ErrLapped) {
			c.SkipToKey()
			return true
		}
		if p == nil {
			return false
		}
		k, ok := s.ring.keyPos()
		m := markNone
		if s.mayJoin(p) || ok && k+1 == c.pos.Load() {
			m = markKey
		}
		if !w.append(p, m, false) {
			w.err = *w.ring.end.Load()
			return false
		}
		return true
	}
	for step() {
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for w.err == nil && step() {
	}
	s.readers--
	if w.err != nil {
		delete(s.wires.byKey, w.wireKey)
		return
	}
	w.ring.Flush()
	s.wires.active = append(s.wires.active, w)
}

// mayJoin is whether the ring's entry p, of the past, was one to begin at.
func (s *Stream) mayJoin(p *Packet) bool {
	return p.Key() || p.Kind() == KindAudio && !p.Tracks.Has(KindVideo)
}

func (s *server) serveShared() error {
	s.openFast()
	defer s.closeFast()
	p := s.p
	for p.ctx.Err() == nil && !p.done.Load() {
		if s.left {
			if err := s.write(true); err != nil {
				return err
			}
		}
		s.array[0] = nil
		s.bufs = s.array[:1] // the first is for Format.Frame
		s.injected = 0
		if b := p.takeInjected(); b != nil {
			s.bufs = append(s.bufs, b)
			s.injected = len(b)
		}
		paused := p.paused.Load()
		records, media := 0, 0
		if !paused {
			var err error
			if records, media, err = s.gather(); err != nil {
				return err
			}
		}
		switch {
		case len(s.bufs) > 1:
			if err := s.write(media > 0); err != nil {
				return err
			}
			p.count(records, media)
		case paused:
			<-p.view.signal
		case records == 0 && s.joined && s.fast != nil:
			if err := s.park(); err != nil {
				return err
			}
		case records == 0:
			p.view.wait(nil)
		}
	}
	return cmpErr(p.ctx.Err(), ErrClosed)
}

// gather collects the next runs of the wire, and before them what a joining viewer
// gets. It counts records that yield no bytes (end marks) too.
func (s *server) gather() (records, media int, err error) {
	p, view, w := s.p, s.p.view, s.p.wire
	if !s.joined {
		if ok, err := s.join(); !ok {
			return 0, 0, err
		}
	}
	for range 2 { // the rest of one slab and the beginning of the next
		pos := s.skipDisposable(view.pos.Load())
		run, n, err := w.run(pos, s.behind(pos))
		switch {
		case errors.Is(err, ErrLapped):
			p.lapped(w.ring.tail.Load() - pos)
			view.SkipToKey()
			s.joined = false
			return records + 1, media, nil
		case err != nil:
			return records, media, err
		case n == 0:
			s.slow = false
			return records, media, nil
		case len(run) == 0 && !p.persist && media > 0:
			return records, media, nil // the end comes after what is gathered
		case len(run) == 0 && !p.persist:
			return records, media, io.EOF
		}
		view.pos.Store(pos + uint64(n))
		records += n
		if len(run) > 0 {
			s.bufs = append(s.bufs, run)
			media += len(run)
		}
	}
	return records, media, nil
}

// join finds the record to begin at, and puts the start of the format before it.
func (s *server) join() (ok bool, err error) {
	view, w := s.p.view, s.p.wire
	for pos := view.pos.Load(); ; pos++ {
		view.pos.Store(pos)
		if pos >= w.ring.flushed.Load() {
			if e := w.ring.end.Load(); e != nil {
				return false, *e
			}
			return false, nil
		}
		r, key := w.ring.entry(pos)
		switch {
		case r == nil:
			view.SkipToKey()
			pos = view.pos.Load() - 1
			continue
		case r.flags&recEnd != 0 && !s.p.persist:
			return false, io.EOF
		case r.flags&recEnd != 0 || view.findKey && !key:
			continue
		}
		view.findKey = false
		// An encoder of its own: the wire's is in the publisher's hands.
		enc := s.f.New()
		var head []byte
		if !s.started {
			head = enc.AppendStart(head)
			s.started = true
		}
		s.bufs = append(s.bufs, enc.AppendTracks(head, r.tracks, r.dts))
		s.joined = true
		return true, nil
	}
}

// behind tells whether the viewer has fallen back because it takes its bytes slowly. (A
// publisher that sends a lot at once makes nobody slow.)
func (s *server) behind(pos uint64) bool {
	r := s.p.wire.ring
	end := r.flushed.Load()
	if !s.slow || pos+1 >= end {
		return false
	}
	first, last := r.at(pos), r.at(end-1)
	return first != nil && last != nil && last.dts-first.dts > behindAfter
}

// skipDisposable leaves out the disposable records at pos for a viewer that is behind.
func (s *server) skipDisposable(pos uint64) uint64 {
	for s.behind(pos) {
		r := s.p.wire.ring.at(pos)
		if r == nil || r.flags&recDisposable == 0 {
			break
		}
		pos++
		if s.p.ses != nil {
			s.p.ses.dropped.Add(1)
		}
	}
	s.p.view.pos.Store(pos)
	return pos
}

// frameBufs puts around what is gathered what the viewer's transport wants.
func (s *server) frameBufs() {
	if f := s.f; f.Frame != nil {
		n := -s.injected
		for _, b := range s.bufs {
			n += len(b)
		}
		if n == 0 {
			s.bufs = s.bufs[1:]
		} else {
			s.bufs[0] = f.Frame(s.frame[:0], n)
			if s.injected > 0 { // which is no part of what is framed
				s.bufs[0], s.bufs[1] = s.bufs[1], s.bufs[0]
			}
			if f.Trailer != "" {
				if s.trailer == nil {
					s.trailer = []byte(f.Trailer)
				}
				s.bufs = append(s.bufs, s.trailer)
			}
		}
	} else {
		s.bufs = s.bufs[1:]
	}
}

// write sends what is gathered, however long that takes a slow viewer that keeps
// taking bytes.
func (s *server) write(media bool) error {
	if s.left {
		s.left = false // framed already
	} else {
		s.frameBufs()
	}
	if err := s.space(media); err != nil {
		return err
	}
	s.p.cut = true
	wait := s.stall
	tcp, _ := s.w.(*net.TCPConn)
	if tcp != nil {
		wait /= stallSteps
	}
	moved := time.Now() // when a byte last did
	defer s.setStuck(false)
	for len(s.bufs) > 0 {
		now := time.Now()
		if s.deadline.Sub(now) < wait {
			// Set a little further than needed, so that it is not set for each write.
			s.deadline = now.Add(wait + wait/4)
			if err := s.w.SetWriteDeadline(s.deadline); err != nil {
				return err
			}
		}
		n, err := s.writeSome()
		end := time.Now()
		if end.Sub(now) > slowWrite {
			s.slow = true
		}
		if n > 0 {
			moved = end
		}
		switch {
		case err == nil:
		case s.p.ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n == 0 && (tcp == nil || end.Sub(moved) >= s.stall):
			return err
		}
		s.setStuck(n == 0)
	}
	s.p.cut = false
	return nil
}

// setStuck keeps count of the viewers that take nothing now: they need no writes.
func (s *server) setStuck(on bool) {
	if w := s.p.wire; w != nil && on != s.stuck {
		s.stuck = on
		if on {
			w.stuck.Add(1)
		} else {
			w.stuck.Add(-1)
		}
	}
}

// writeSome makes one write, and takes from bufs what it wrote. An error with progress
// comes only from writers that can go on after a deadline.
func (s *server) writeSome() (int64, error) {
	switch w := s.w.(type) {
	case *net.TCPConn:
		if len(s.bufs) > 1 {
			return s.bufs.WriteTo(w)
		}
		n, err := w.Write(s.bufs[0])
		s.consume(n)
		return int64(n), err
	case BuffersWriter:
		return w.WriteBuffers(&s.bufs)
	}
	n, err := s.w.Write(s.bufs[0][:min(len(s.bufs[0]), maxPiece)])
	s.consume(n)
	if err != nil {
		n = 0
	}
	return int64(n), err
}

func (s *server) consume(n int) {
	if n < len(s.bufs[0]) {
		s.bufs[0] = s.bufs[0][n:]
	} else {
		s.bufs = s.bufs[1:]
	}
}

// space keeps the least time between two writes.
func (s *server) space(media bool) error {
	now := time.Now()
	if wait := s.interval - now.Sub(s.sent); media && s.interval > 0 && !s.sent.IsZero() && wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case now = <-t.C:
		case <-s.p.ctx.Done():
			return s.p.ctx.Err()
		}
	}
	if media {
		s.sent = now
	}
	return nil
}

// servePrivate serves a viewer whose time stamps are its own: it encodes for itself.
func (s *server) servePrivate(c *viewerClock) error {
	p := s.p
	p.openPackets()
	e := private{enc: s.f.New(), clock: c}
	e.buf = e.enc.AppendStart(nil)
	for p.ctx.Err() == nil && !p.done.Load() {
		s.array[0] = nil
		s.bufs = s.array[:1]
		s.injected = 0
		if b := p.takeInjected(); b != nil {
			s.bufs = append(s.bufs, b)
			s.injected = len(b)
		}
		paused := p.paused.Load()
		if !paused {
			if err := e.gather(p); err != nil {
				return err
			}
			if e.tracks != nil && len(e.buf) > 0 {
				s.bufs = append(s.bufs, e.buf)
			}
		}
		switch {
		case len(s.bufs) > 1:
			if err := s.write(!paused); err != nil {
				return err
			}
			if !paused && e.tracks != nil {
				e.buf = e.buf[:0]
				s.mergeWindow()
			}
		case paused:
			<-p.packets.signal
		default:
			p.packets.wait(nil)
		}
	}
	return cmpErr(p.ctx.Err(), ErrClosed)
}

// private is a wire of one viewer.
type private struct {
	enc    Encoder
	clock  *viewerClock
	tracks *Tracks
	buf    []byte
}

// gather encodes what is ready, up to a slab full. An error waits until what came
// before it is sent.
func (e *private) gather(p *Player) error {
	for len(e.buf) < slabSize {
		pkt, err := p.tryPacket()
		if err != nil && len(e.buf) > 0 && e.tracks != nil {
			p.packets.pos.Add(^uint64(0)) // met again next time
			return nil
		}
		if err != nil || pkt == nil {
			return err
		}
		q := e.clock.fix(pkt)
		if q.Tracks != e.tracks {
			e.tracks = q.Tracks
			e.buf = e.enc.AppendTracks(e.buf, q.Tracks, q.DTS)
		}
		e.buf = e.enc.AppendPacket(e.buf, q)
	}
	return nil
}

// mergeWindow waits for as long as the stream's flush policy merges.
func (s *server) mergeWindow() {
	st := s.p.stream
	st.mu.Lock()
	d := st.flush.window
	st.mu.Unlock()
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.p.ctx.Done():
		}
	}
}
