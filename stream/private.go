package stream

import "time"

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
	st := s.p.media.Load()
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
