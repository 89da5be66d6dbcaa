package stream

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// endOfPublication in a ring tells players that the publisher has left.
var endOfPublication = &Packet{Tracks: &Tracks{}, Track: Data}

const (
	// pureAudio is after how many audio packets without video a stream counts as audio
	// only, as for SRS (about 3 s of AAC).
	pureAudio = 115
	// recoveryAfter: where key frames are further apart than this, or there are none,
	// players join at recovery points.
	recoveryAfter = 10 * time.Second
)

// Stream is a name under which one publisher at a time publishes to many players. It
// outlives its publishers while it has players.
type Stream struct {
	hub  *Hub
	key  Key
	id   streamID
	conv *conversion // of a converted stream

	users     int         // Hub.mu
	unused    time.Time   // Hub.mu: since when there are none
	published atomic.Bool // was ever published

	tracks  atomic.Pointer[Tracks]
	live    atomic.Pointer[Publisher]
	viewers atomic.Int32
	rate    atomic.Int64 // media bytes a second over the last ticks

	mu      sync.Mutex
	set     Settings
	ring    *Ring[Packet]
	wires   wires
	flush   flusher
	clock   clock
	players map[*Player]struct{}
	readers int           // cursors on ring
	changed chan struct{} // closed when tracks change; nil if nobody waits
	bytes   int           // payload in ring

	gopFrames, gopBytes int
	begun               uint64 // where the publication is in ring
	audioRun            int    // audio packets since the last video
	video               bool   // video is part of the stream now
	lastKey             time.Duration
	keySeen             bool
	fresh               bool      // no media since the publication began
	idleSince           time.Time // since when there is no viewer

	derivedMu sync.Mutex
	derived   map[derivedKey]any // *derivation

	meter meter
	start time.Time
	total traffic // of the sessions that have ended
}

func newStream(h *Hub, k Key, set Settings) *Stream {
	s := &Stream{hub: h, key: k, id: streamID{key: k}, set: set, ring: NewRing[Packet](1 << 16),
		wires: wires{byKey: map[wireKey]*wire{}}, players: map[*Player]struct{}{}, idleSince: time.Now(), start: time.Now()}
	s.flush.configure(set.Flush)
	return s
}

// Key gives the stream's name.
func (s *Stream) Key() Key { return s.key }

// Tracks gives what is published now, nil before the first packet of the first
// publication and between publications.
func (s *Stream) Tracks() *Tracks { return s.tracks.Load() }

// Publisher gives the session that publishes, nil for none.
func (s *Stream) Publisher() *Session {
	if p := s.live.Load(); p != nil {
		return p.Session
	}
	return nil
}

// PublisherID gives the id of the session that publishes, empty for none.
func (s *Stream) PublisherID() string {
	if p := s.Publisher(); p != nil {
		return p.ID
	}
	return ""
}

// Open reads the stream from within the server: no Gate is asked, and the reader does
// not count as a viewer, so that it never keeps an edge pulling or a publisher from
// being idle. It ends with ctx. With [Begin] what comes from the call on is kept for it, however late it
// is read.
func (s *Stream) Open(ctx context.Context, at Start) *Player {
	s.hub.enter(s)
	p := newPlayer(ctx, s, nil, false)
	p.start = at
	s.mu.Lock()
	s.players[p] = struct{}{}
	s.mu.Unlock()
	if at == Begin {
		p.openPackets()
	}
	return p
}

func (s *Stream) addPlayer(p *Player) {
	s.addViewer()
	s.mu.Lock()
	s.players[p] = struct{}{}
	s.mu.Unlock()
}

func (s *Stream) addViewer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.viewers.Add(1)
	s.idleSince = time.Time{}
}

// removeViewer is for the caller that holds mu.
func (s *Stream) removeViewer() {
	if s.viewers.Add(-1) == 0 {
		s.idleSince = time.Now()
	}
}

func (s *Stream) removePlayer(p *Player) {
	s.mu.Lock()
	if _, ok := s.players[p]; !ok {
		s.mu.Unlock()
		return
	}
	delete(s.players, p)
	if p.media.Load() == s {
		if p.packets != nil {
			s.readers--
			p.packets.Close()
		}
		p.detach()
	}
	if p.ses != nil && p.home == s {
		s.removeViewer()
	}
	s.mu.Unlock()
	s.hub.release(s)
}

// detach takes the player off its wire. The caller holds the mu of what it reads.
func (p *Player) detach() {
	if w := p.wire; w != nil {
		if w.viewers--; w.viewers == 0 {
			w.idle = time.Now()
		}
		p.view.Close()
	}
}

// write takes one packet of the current publisher. The caller holds mu.
func (s *Stream) write(p *Packet, now time.Time) {
	if s.tracks.Load() != p.Tracks {
		if s.set.ATCAuto && asksForATC(p.Tracks) {
			s.clock.off = true
		}
		s.setTracks(p.Tracks)
	}
	p = s.clock.fix(p, now)
	key := s.cache(p)
	m := s.markOf(p, key)
	s.meter.count(p)
	s.bytes += len(p.Payload)
	s.ring.pushMark(p, m)
	s.ring.Flush()
	s.spread(p, m)
	if s.readers == 0 && (s.set.NoCache || key) {
		s.trimPackets(s.ring.head)
	} else if s.bytes > s.set.CacheBytes {
		s.trimBytes()
	}
}

// asksForATC tells whether the publisher's metadata wants its time left alone.
func asksForATC(t *Tracks) bool {
	return slices.ContainsFunc(t.Meta, func(f Field) bool { return f.Name == "bravo_atc" && f.Value == "true" })
}

// markOf tells who may begin at p: everybody at a key; and whoever waits for the
// publication at its first packet, since audio often precedes the first picture.
func (s *Stream) markOf(p *Packet, key bool) mark {
	fresh := s.fresh
	s.fresh = fresh && p.Kind() == KindData
	switch {
	case key:
		return markKey
	case fresh && p.Kind() != KindVideo:
		return markWait
	}
	return markNone
}

// spread encodes a packet for each wire and flushes them when that is due.
func (s *Stream) spread(p *Packet, m mark) {
	if len(s.wires.active) == 0 {
		return
	}
	for i := len(s.wires.active) - 1; i >= 0; i-- {
		if w := s.wires.active[i]; !w.append(p, m, s.set.ReduceConfigs) {
			s.hub.cfg.Logger.Error("wire ended", "stream", s.key, "format", w.name, "err", *w.ring.end.Load())
			s.wires.remove(w)
		}
	}
	now, within := s.flush.due(p.Kind() == KindVideo)
	if now || p == endOfPublication {
		s.flushWires()
	} else if !s.flush.armed && within > 0 {
		s.flush.armed = true
		if s.flush.timer == nil {
			s.flush.timer = time.AfterFunc(within, s.flushTimer)
		} else {
			s.flush.timer.Reset(within)
		}
	}
}

func (s *Stream) flushTimer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush.armed = false
	if s.flush.waiting > 0 {
		s.flushWires()
	}
}

func (s *Stream) flushWires() {
	s.flush.waiting, s.flush.ripe = 0, false
	if s.flush.armed {
		s.flush.armed = !s.flush.timer.Stop()
	}
	for _, w := range s.wires.active {
		w.ring.Flush()
	}
}

// setAuto takes what the write budget allows.
func (s *Stream) setAuto(video bool, window time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set.Flush.Mode == FlushAuto {
		s.flush.video, s.flush.window = video, window
	}
}

func (s *Stream) setTracks(t *Tracks) {
	s.tracks.Store(t)
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// cache keeps account of the GOP and tells whether players may join at p.
func (s *Stream) cache(p *Packet) (key bool) {
	switch p.Kind() {
	case KindVideo:
		if !s.video && p.Flags&KeyFrame == 0 {
			s.forget() // audio that could be joined at is no place to begin any more
		}
		s.video, s.audioRun = true, 0
		key = p.Flags&KeyFrame != 0 ||
			p.Flags&Recovery != 0 && (!s.keySeen || p.DTS-s.lastKey > recoveryAfter)
		if p.Flags&KeyFrame != 0 {
			s.lastKey, s.keySeen = p.DTS, true
		}
	case KindAudio:
		if s.audioRun++; s.audioRun > pureAudio && s.video {
			s.video = false
			s.forget()
		}
		key = !s.video && !p.Tracks.Has(KindVideo) || s.audioRun > pureAudio
	default:
		return false
	}
	if key {
		s.gopFrames, s.gopBytes = 0, 0
	}
	s.gopFrames++
	s.gopBytes += len(p.Payload)
	if s.set.CacheFrames > 0 && s.gopFrames > s.set.CacheFrames || s.gopBytes > s.set.CacheBytes {
		s.gopFrames, s.gopBytes = 0, 0
		s.forget()
	}
	return key
}

// forget drops the GOP cache: who joins waits for the next key frame.
func (s *Stream) forget() {
	s.ring.Forget()
	for _, w := range s.wires.active {
		w.ring.Forget()
	}
}

func (s *Stream) trimPackets(pos uint64) {
	if k, ok := s.ring.keyPos(); ok && !s.set.NoCache {
		pos = min(pos, k)
	}
	for p := s.ring.tail.Load(); p < pos; p++ {
		if v := s.ring.at(p); v != nil {
			s.bytes -= len(v.Payload)
		}
	}
	s.ring.Trim(pos)
}

// trimBytes drops the oldest packets until the rest fits the bound, whoever needs them.
func (s *Stream) trimBytes() {
	p := s.ring.tail.Load()
	for ; p < s.ring.head && s.bytes > s.set.CacheBytes; p++ {
		if v := s.ring.at(p); v != nil {
			s.bytes -= len(v.Payload)
		}
	}
	s.ring.Trim(p)
}

// configure takes other settings while the stream lives.
func (s *Stream) configure(set Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(set)
	s.clock.off = set.Jitter == JitterOff || set.ATC
	if set.NoCache {
		s.forget()
	}
}

// apply takes settings; FlushAuto keeps the step it has found.
func (s *Stream) apply(set Settings) {
	if set.Flush != s.set.Flush || set.Flush.Mode != FlushAuto {
		s.flush.configure(set.Flush)
	}
	s.set = set
}

func stack() string { return string(debug.Stack()) }
