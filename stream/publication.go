package stream

import (
	"context"
	"time"
)

// publish gives the stream to a session, as far as the conflict policy lets it.
func (s *Stream) publish(ctx context.Context, ses *Session, set Settings) (*Publisher, error) {
	ses.stream.Store(s)
	p := &Publisher{Session: ses, stream: s}
	if set.MixCorrect {
		p.mix = &mixer{}
	}
	for {
		s.mu.Lock()
		old := s.live.Load()
		if old == nil {
			p.last.Store(time.Now().UnixNano())
			s.begin(p, set)
			s.mu.Unlock()
			return p, nil
		}
		s.mu.Unlock()
		if set.Conflict == Refuse {
			return nil, ErrBusy
		}
		if set.Conflict == TakeOverSilent {
			if err := old.awaitSilence(ctx, set.Silence); err != nil {
				return nil, err
			}
		}
		old.Close(ErrTakenOver)
	}
}

// awaitSilence gives ErrBusy once the publisher sends, nil when it has been silent for d
// or has gone.
func (p *Publisher) awaitSilence(ctx context.Context, d time.Duration) error {
	seen := p.last.Load()
	tick := time.NewTicker(min(50*time.Millisecond, max(d/4, time.Millisecond)))
	defer tick.Stop()
	for {
		last := p.last.Load()
		switch {
		case p.Err() != nil:
			return nil
		case last != seen:
			return ErrBusy
		case time.Since(time.Unix(0, last)) >= d:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// begin gives the stream to a publisher. The caller holds mu.
func (s *Stream) begin(p *Publisher, set Settings) {
	s.apply(set)
	s.flush.manual = false
	s.clock.restart(set.Jitter == JitterOff || set.ATC)
	s.video, s.audioRun, s.keySeen, s.fresh = false, 0, false, true
	s.gopFrames, s.gopBytes, s.begun = 0, 0, s.ring.head
	s.meter.begin(time.Now())
	s.published.Store(true)
	s.live.Store(p)
}

// finish ends a publication.
func (s *Stream) finish(p *Publisher) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() != p {
		return false
	}
	if p.mix != nil {
		p.mix.flush(func(q *Packet) { s.write(q, time.Now()) })
	}
	s.live.Store(nil)
	s.setTracks(nil)
	s.ring.push(endOfPublication, true)
	s.ring.Flush()
	s.spread(endOfPublication, markNone)
	s.forget()
	s.rate.Store(0)
	if s.readers == 0 {
		s.trimPackets(s.ring.head)
	}
	return true
}
