package stream

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// SessionStats are a session's figures.
type SessionStats struct {
	Bytes   uint64 // media bytes: received from a publisher, written to a viewer
	Packets uint64 // packets received or written
	Dropped uint64 // packets that a slow viewer missed
	Lapped  uint64 // times a slow viewer lost its place, and went on at a key frame
	// Traffic is what went over the wire as far as the protocol counts it, else the
	// media bytes. Sessions on one connection share what is counted for it.
	Traffic
	// Queue is how much of the stream waits for a viewer: the time between the newest
	// packet and the next one that it will be sent.
	Queue time.Duration
}

// Traffic is bytes in both directions, and their rates in bits a second over the last
// 30 s and 5 min, or over the whole time where that is shorter.
type Traffic struct {
	Received, Sent       uint64
	Received30s, Sent30s float64
	Received5m, Sent5m   float64
}

// Add gives the sum of both, as for several sessions of one stream.
func (t Traffic) Add(u Traffic) Traffic {
	return Traffic{t.Received + u.Received, t.Sent + u.Sent, t.Received30s + u.Received30s,
		t.Sent30s + u.Sent30s, t.Received5m + u.Received5m, t.Sent5m + u.Sent5m}
}

// traffic is the counters of a connection, and of anything the marks for its rates.
type traffic struct {
	received, sent atomic.Uint64

	mu          sync.Mutex
	short, long window
}

// window remembers totals of about one and two half periods ago.
type window struct{ old, young point }

type point struct {
	at             time.Time
	received, sent uint64
}

// The halves of the periods that rates are taken over.
const (
	shortHalf = 15 * time.Second
	longHalf  = 150 * time.Second
)

func (t *traffic) add(received, sent uint64) {
	t.received.Add(received)
	t.sent.Add(sent)
}

// measure gives the rates of totals, and remembers them for later calls: between half
// the period and the whole of it, from the start on if there is nothing older.
func (t *traffic) measure(received, sent uint64, start, now time.Time) Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := point{now, received, sent}
	out := Traffic{Received: received, Sent: sent}
	out.Received30s, out.Sent30s = t.short.rates(p, start, shortHalf)
	out.Received5m, out.Sent5m = t.long.rates(p, start, longHalf)
	return out
}

func (w *window) rates(p point, start time.Time, half time.Duration) (received, sent float64) {
	if w.old.at.IsZero() {
		w.old.at, w.young.at = start, start
	}
	if p.at.Sub(w.young.at) >= half {
		w.old, w.young = w.young, p
	}
	// A rate over less than a second is mostly the burst that a session begins with.
	d := max(p.at.Sub(w.old.at).Seconds(), 1)
	return bitsSince(p.received, w.old.received) / d, bitsSince(p.sent, w.old.sent) / d
}

func bitsSince(now, then uint64) float64 {
	if now < then { // a sum of parts that were read one after another
		return 0
	}
	return math.Round(float64(now-then) * 8)
}

// Stats gives the figures up to now.
func (s *Session) Stats() SessionStats {
	out := SessionStats{Bytes: s.bytes.Load(), Packets: s.packets.Load(), Dropped: s.dropped.Load(), Lapped: s.lapped.Load()}
	received, sent := s.wire()
	out.Traffic = s.traffic.measure(received, sent, s.Start, time.Now())
	if p := s.player.Load(); p != nil {
		out.Queue = p.queued()
	}
	return out
}

// wire gives what was received and sent on behalf of the session.
func (s *Session) wire() (received, sent uint64) {
	received, sent = s.traffic.received.Load(), s.traffic.sent.Load()
	if c := s.Request.Conn; c != nil {
		received, sent = c.traffic.received.Load()-s.base.received, c.traffic.sent.Load()-s.base.sent
	}
	switch s.Action {
	case ActionPublish:
		received = max(received, s.bytes.Load())
	case ActionPlay, ActionView:
		sent += s.bytes.Load()
	}
	return received, sent
}

// queued gives how far the player is behind the stream.
func (p *Player) queued() time.Duration {
	s := p.lock()
	defer s.mu.Unlock()
	switch {
	case p.view != nil:
		if r := p.wire.ring.at(p.view.pos.Load()); r != nil && p.view.pos.Load() < p.wire.ring.head {
			return max(s.clock.last-r.dts, 0)
		}
	case p.packets != nil:
		if q := s.ring.at(p.packets.pos.Load()); q != nil && p.packets.pos.Load() < s.ring.head && q != endOfPublication {
			return max(s.clock.last-q.DTS, 0)
		}
	}
	return 0
}

// StreamStats are a stream's figures.
type StreamStats struct {
	Viewers int    // players, the library's own readers not counted
	Packets uint64 // from all publishers
	Frames  uint64 // video packets of them
	Bytes   uint64 // of payload, from all publishers
	Rate    int64  // payload bytes a second, now
	Cached  int    // bytes of payload that are retained now
	// Traffic is that of all sessions the stream has had.
	Traffic
	// KeyFrames counts them; KeyInterval is the time between the last two.
	KeyFrames   uint64
	KeyInterval time.Duration
	// FrameRate is video packets a second, now.
	FrameRate float64
	// AVOffset is by how much audio is ahead of video as both arrive, smoothed over some
	// seconds; 0 if one of them is missing.
	AVOffset time.Duration
}

// Stats gives the figures up to now.
func (s *Stream) Stats() StreamStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.meter
	return StreamStats{
		Viewers: int(s.viewers.Load()), Packets: m.totalPackets, Frames: m.totalFrames, Bytes: m.totalBytes,
		Rate: s.rate.Load(), Cached: s.bytes, Traffic: s.traffic(time.Now()),
		KeyFrames: m.keyFrames, KeyInterval: m.keyInterval, FrameRate: m.videoRate, AVOffset: m.ahead,
	}
}

// traffic gives that of all sessions. The caller holds mu.
func (s *Stream) traffic(now time.Time) Traffic {
	received, sent := s.total.received.Load(), s.total.sent.Load()
	count := func(ses *Session) {
		if ses != nil && !ses.booked.Load() {
			r, n := ses.wire()
			received, sent = received+r, sent+n
		}
	}
	if p := s.live.Load(); p != nil {
		count(p.Session)
	}
	for p := range s.players {
		count(p.ses)
	}
	return s.total.measure(received, sent, s.start, now)
}

// HubStats are the figures of all streams together.
type HubStats struct {
	Streams int // that exist now
	Clients int // publishers and viewers now
	// Publishers are those of Clients who publish.
	Publishers int
	// TotalClients and FailedClients count all that there were, and those that ended with
	// an error.
	TotalClients, FailedClients uint64
	Traffic
}

// VhostStats are the figures of a vhost that was used.
type VhostStats struct {
	Name             string
	Streams, Clients int
	Traffic
}

// Stats gives the figures up to now. It walks all sessions: ask for it about once a
// second, not per request.
func (h *Hub) Stats() HubStats { out, _ := h.stats(time.Now()); return out }

// Vhosts gives the figures of all vhosts that were used, in no order. It walks all
// sessions too.
func (h *Hub) Vhosts() []VhostStats { _, out := h.stats(time.Now()); return out }

// vhostSum is a vhost's figures in the making.
type vhostSum struct {
	streams, clients int
	received, sent   uint64
}

func (h *Hub) stats(now time.Time) (HubStats, []VhostStats) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sums := make(map[string]*vhostSum, len(h.vhosts))
	for name := range h.vhosts {
		sums[name] = &vhostSum{}
	}
	other := &vhostSum{} // beyond maxVhosts
	sum := func(name string) *vhostSum {
		if v := sums[name]; v != nil {
			return v
		}
		return other
	}
	out := HubStats{TotalClients: h.clients, FailedClients: h.failed}
	for k, s := range h.streams {
		if s.conv == nil {
			out.Streams++
			sum(k.key.Vhost).streams++
		}
	}
	received, sent := h.total.received.Load(), h.total.sent.Load()
	for _, s := range h.sessions {
		if s.Action == ActionConnect {
			continue
		}
		out.Clients++
		if s.Action == ActionPublish {
			out.Publishers++
		}
		v := sum(s.Request.Key.Vhost)
		r, n := s.wire()
		v.clients, v.received, v.sent = v.clients+1, v.received+r, v.sent+n
		received, sent = received+r, sent+n
	}
	out.Traffic = h.total.measure(received, sent, h.start, now)
	list := make([]VhostStats, 0, len(sums))
	for name, v := range sums {
		t := h.vhosts[name]
		list = append(list, VhostStats{Name: name, Streams: v.streams, Clients: v.clients,
			Traffic: t.measure(t.received.Load()+v.received, t.sent.Load()+v.sent, h.start, now)})
	}
	return out, list
}

// sampleEvery is how often rates are remembered where nobody asks for them.
const sampleEvery = 5 * time.Second

// sample keeps the rates of everything up to date.
func (h *Hub) sample(now time.Time) {
	h.stats(now)
	for s := range h.Sessions() {
		received, sent := s.wire()
		s.traffic.measure(received, sent, s.Start, now)
	}
	for s := range h.Streams() {
		s.mu.Lock()
		s.traffic(now)
		s.mu.Unlock()
	}
}
