package stream

import "time"

const tickEvery = time.Second

// run does, once a second, what must not cost anything per packet: rates and budgets,
// retention, idle publishers and unused streams. It ends when there are no streams.
func (h *Hub) run() {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for sampled := time.Now(); ; {
		select {
		case <-h.ctx.Done():
			return
		case now := <-t.C:
			if now.Sub(sampled) >= sampleEvery {
				h.sample(now)
				sampled = now
			}
			if h.tick(now) == 0 {
				h.mu.Lock()
				if len(h.streams) == 0 {
					h.ticking = false
					h.mu.Unlock()
					return
				}
				h.mu.Unlock()
			}
		}
	}
}

func (h *Hub) tick(now time.Time) (streams int) {
	var writes []demand
	var packets float64
	var publishing []*Publisher
	for _, s := range h.allStreams() {
		streams++
		s.tick(now)
		if d := s.demand(); d.viewers > 0 && d.packets > 0 {
			writes = append(writes, d)
		}
		if p := s.live.Load(); p != nil {
			publishing = append(publishing, p)
			packets += s.meter.packetRate
		}
	}
	share(float64(h.cfg.WriteBudget), writes)
	h.shareReads(publishing, packets)
	h.sweep(now)
	return streams
}

// demand tells what the stream's viewers need of the write budget.
func (s *Stream) demand() demand {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := demand{stream: s, packets: s.meter.packetRate, video: s.meter.videoRate}
	if s.set.Flush.Mode == FlushAuto {
		for _, w := range s.wires.active {
			// Those that take nothing cost nothing: a crowd of them must not make the
			// others wait.
			d.viewers += float64(max(w.viewers-int(w.stuck.Load()), 0))
		}
	}
	return d
}

// shareReads sets how publishers' reads merge: not at all while one read per packet fits
// the budget, else each in the window that the budget allows.
func (h *Hub) shareReads(ps []*Publisher, packets float64) {
	var auto time.Duration
	if packets > float64(h.cfg.ReadBudget) {
		auto = min(time.Duration(float64(len(ps))/float64(h.cfg.ReadBudget)*float64(time.Second)), maxWindow)
	}
	for _, p := range ps {
		s := p.stream
		s.mu.Lock()
		set := s.set
		s.mu.Unlock()
		window := auto
		if set.ReadWindow != 0 {
			window = max(set.ReadWindow, 0)
		} else if set.Flush.Mode == FlushEach {
			window = 0
		}
		p.readBytes.Store(int32(min(2*float64(s.rate.Load())*window.Seconds(), 1<<20)))
		p.readWindow.Store(int64(window))
	}
}

// sweep deletes the streams that nobody has used for their Linger.
func (h *Hub) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, s := range h.streams {
		if s.users == 0 && now.Sub(s.unused) >= s.set.Linger {
			delete(h.streams, k)
			if c := s.conv; c != nil && c.running != nil {
				c.running()
				c.running = nil
			}
		}
	}
}

func (s *Stream) tick(now time.Time) {
	s.mu.Lock()
	p := s.live.Load()
	if p != nil {
		s.meter.tick(now)
		s.rate.Store(int64(float64(s.meter.bytes) / max(now.Sub(s.meter.last).Seconds(), 0.1)))
		s.meter.packets, s.meter.video, s.meter.bytes, s.meter.last = 0, 0, 0, now
	}
	s.retain(now)
	kick := p != nil && s.set.KickIdle > 0 && !s.idleSince.IsZero() &&
		now.Sub(s.idleSince) > s.set.KickIdle && now.Sub(p.Start) > s.set.KickIdle
	first, idle := s.set.FirstPacket, s.set.Idle
	s.mu.Unlock()
	if p == nil {
		return
	}
	limit := idle
	if !p.sent.Load() {
		limit = first
	}
	if kick || limit > 0 && now.Sub(time.Unix(0, p.last.Load())) > limit {
		p.Close(ErrIdle)
	}
}

// retain drops what no cursor needs and the GOP cache does not keep, and what is older
// than a slow viewer may be.
func (s *Stream) retain(now time.Time) {
	need := s.ring.head
	for p := range s.players {
		if p.packets != nil && p.media.Load() == s {
			need = min(need, p.packets.pos.Load())
		}
	}
	s.trimPackets(max(need, s.tooOld()))
	for key, w := range s.wires.byKey {
		if w.viewers == 0 && !w.idle.IsZero() && now.Sub(w.idle) > s.set.Linger {
			s.wires.remove(w)
			delete(s.wires.byKey, key)
			w.ring.Close(ErrClosed)
		}
	}
	for _, w := range s.wires.active {
		w.slabSize = int(min(max(s.rate.Load()*slabTime, slabSize), maxSlabSize))
		s.retainWire(w)
	}
}

// tooOld gives the position before which packets are older than Settings.Queue.
func (s *Stream) tooOld() uint64 {
	oldest := s.clock.last - s.set.Queue
	pos := s.ring.tail.Load()
	if k, ok := s.ring.keyPos(); ok && !s.set.NoCache {
		if v := s.ring.at(k); v != nil && v.DTS < oldest {
			return pos // the GOP itself is longer than the queue: its own limits hold
		}
	}
	for ; pos < s.ring.head; pos++ {
		if v := s.ring.at(pos); v != nil && (v == endOfPublication || v.DTS >= oldest) {
			break
		}
	}
	return pos
}

func (s *Stream) retainWire(w *wire) {
	need := w.ring.flushed.Load()
	for p := range s.players {
		if p.wire == w {
			need = min(need, p.view.pos.Load())
		}
	}
	key, cached := w.ring.keyPos()
	cached = cached && !s.set.NoCache
	if cached {
		need = min(need, key)
	}
	if w.backlog > 0 {
		need = min(need, w.since(s.clock.last-w.backlog))
	}
	pos, end := w.ring.tail.Load(), w.ring.flushed.Load()
	if w.bytes > 2*s.set.CacheBytes {
		pos += (end - pos) / 2
	}
	for oldest := s.clock.last - s.set.Queue; pos < end && !(cached && pos >= key); pos++ {
		if r := w.ring.at(pos); r != nil && r.flags&recEnd == 0 && r.dts >= oldest {
			break
		}
	}
	w.trim(max(need, pos))
}
