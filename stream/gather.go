package stream

import (
	"errors"
	"io"
)

// gather collects the next runs of the wire, and before them what a joining viewer
// gets. It counts records that yield no bytes (end marks) too.
func (s *server) gather() (records, media int, err error) {
	p, view, w := s.p, s.p.view, s.p.wire
	if !s.joined {
		if ok, err := s.join(); !ok {
			return 0, 0, err
		}
	}
	if s.changed {
		if r := w.ring.at(view.pos.Load()); r != nil && r.flags&recEnd == 0 && view.ready() {
			if !p.suits(r.tracks) {
				return 0, 0, errSound
			}
			s.changed = false
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
		} else {
			s.changed = true
			return records, media, nil
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
		if !s.p.suits(r.tracks) {
			return false, errSound
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
