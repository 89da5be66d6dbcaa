package stream

import (
	"errors"
	"time"
)

// attach gives the player a cursor on the wire of its format, which it makes and fills
// if this is the first.
func (p *Player) attach(f *Format) error {
	s := p.media.Load()
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
		switch {
		case p.done.Load(): // closed meanwhile, without knowing of the wire
			if w.viewers--; w.viewers == 0 {
				w.idle = time.Now()
			}
			s.mu.Unlock()
			return ErrClosed
		case s.wires.byKey[k] == w:
			p.wire, p.view = w, w.ring.Cursor(p.startAt())
			if f.AnyPacket && (w.backlog > 0 || p.view.findKey) {
				p.view.findKey = false
				p.view.pos.Store(w.since(s.clock.last - w.backlog))
			}
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
