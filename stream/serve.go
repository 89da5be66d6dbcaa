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
	changed  bool // the next publication may have sound that the viewer cannot play
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
	home := p.home
	home.mu.Lock()
	jitter := home.set.Jitter
	s.stall, s.interval = home.set.Stall, home.set.Flush.MinInterval
	home.mu.Unlock()
	var err error
	if jitter == JitterFull || jitter == JitterZero {
		if len(p.accept) > 0 {
			err = p.convert()
		}
		if err == nil {
			err = s.servePrivate(&viewerClock{full: jitter == JitterFull})
		}
	} else {
		err = s.serveShared()
		for errors.Is(err, errSound) {
			if err = p.convert(); err == nil {
				err = s.serveShared()
			}
		}
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

func (s *server) serveShared() error {
	if err := s.p.attach(s.f); err != nil {
		return err
	}
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
