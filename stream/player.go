package stream

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Player reads a stream: packet by packet as a [Source], or as the bytes of a wire
// format through Serve. It uses one of the two, on one goroutine; the other methods are
// safe from any goroutine.
type Player struct {
	ses     *Session               // nil for one that Stream.Open gave
	home    *Stream                // whose viewer this is
	media   atomic.Pointer[Stream] // what it reads: home, or that with other sound
	ctx     context.Context
	start   Start
	persist bool
	accept  []Codec // sound that the viewer can play; nil: any

	packets *Cursor[Packet] // under stream.mu when set
	wire    *wire           // likewise
	view    *Cursor[record]
	fast    *fastPath // likewise

	gap    bool // packets are missing before the next one
	cut    bool // Serve ended inside of a write
	paused atomic.Bool
	closed sync.Once
	done   atomic.Bool

	mu     sync.Mutex
	inject []byte
}

// injectLimit bounds what waits to be sent between runs: a peer that asks for more
// answers than it reads is cut off.
const injectLimit = 64 << 10

func newPlayer(ctx context.Context, s *Stream, ses *Session, persist bool) *Player {
	p := &Player{ses: ses, home: s, ctx: ctx, persist: persist}
	p.media.Store(s)
	if ses != nil {
		ses.stream.Store(s)
		ses.player.Store(p)
	}
	return p
}

// Stream gives the stream that is played.
func (p *Player) Stream() *Stream { return p.home }

// Session gives the viewer's session, nil for a reader from within.
func (p *Player) Session() *Session { return p.ses }

// Context ends when the player is kicked or closed.
func (p *Player) Context() context.Context { return p.ctx }

// Tracks waits until the stream's tracks are settled, and gives them: those that the
// metadata promises have come, or without a promise both an audio and a video track
// have, or Settings.Probe has passed since there was any. After Accept they are those that the
// viewer gets.
func (p *Player) Tracks(ctx context.Context) (*Tracks, error) {
	t, err := p.settled(ctx)
	if err == nil && !p.suits(t) {
		if err = p.convert(); err == nil {
			t, err = p.settled(ctx)
		}
	}
	return t, err
}

func (p *Player) settled(ctx context.Context) (*Tracks, error) {
	s := p.media.Load()
	var probe <-chan time.Time
	for {
		s.mu.Lock()
		t, limit := s.tracks.Load(), s.set.Probe
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if t != nil && settled(t) {
			return t, nil
		}
		if t != nil && len(t.List) > 0 && probe == nil {
			timer := time.NewTimer(s.probeLeft(limit))
			defer timer.Stop()
			probe = timer.C
		}
		select {
		case <-changed:
		case <-probe:
			if t := s.tracks.Load(); t != nil {
				return t, nil
			}
			probe = nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-p.ctx.Done():
			return nil, context.Cause(p.ctx)
		}
	}
}

// probeLeft gives how much of the probe time a publication has left.
func (s *Stream) probeLeft(limit time.Duration) time.Duration {
	if p := s.live.Load(); p != nil {
		return max(limit-time.Since(p.Start), 0)
	}
	return limit
}

func settled(t *Tracks) bool {
	audio, video, promised := t.Has(KindAudio), t.Has(KindVideo), false
	for _, f := range t.Meta {
		switch f.Name {
		case "videocodecid", "width", "videodatarate":
			if promised = true; !video && nonZero(f.Value) {
				return false
			}
		case "audiocodecid", "audiosamplerate":
			if promised = true; !audio && nonZero(f.Value) {
				return false
			}
		}
	}
	return promised && (audio || video) || audio && video
}

func nonZero(v any) bool {
	switch x := v.(type) {
	case float64:
		return x != 0
	case string:
		return x != ""
	}
	return false
}

func (p *Player) startAt() Start {
	if p.start == FromKey && p.media.Load().set.NoCache {
		return NextKey
	}
	return p.start
}

// ReadPacket gives the next packet, beginning with the newest group of pictures. When
// the publisher leaves it gives io.EOF, unless Request.Persist says to wait for the next
// one. A reader that fell behind by more than Settings.Queue goes on at the newest key
// frame, whose packet has Discontinuity set.
func (p *Player) ReadPacket() (*Packet, error) {
	p.openPackets()
	for {
		pkt, err := p.tryPacket()
		switch {
		case p.ctx.Err() != nil:
			return nil, context.Cause(p.ctx)
		case p.done.Load():
			return nil, ErrClosed
		case pkt != nil || err != nil:
			return pkt, err
		}
		p.packets.wait(p.ctx.Done())
	}
}

func (p *Player) openPackets() {
	if p.packets != nil {
		return
	}
	s := p.media.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	p.packets = s.ring.Cursor(p.startAt())
	if p.start == Begin {
		p.packets.pos.Store(max(p.packets.pos.Load(), s.begun))
	}
	s.readers++
}

// tryPacket gives the next packet, nil if none is ready.
func (p *Player) tryPacket() (*Packet, error) {
	for {
		finding := p.packets.findKey
		pkt, err := p.packets.Try()
		switch {
		case errors.Is(err, ErrLapped):
			p.lapped(p.media.Load().ring.tail.Load() - p.packets.pos.Load())
			p.packets.SkipToKey()
			p.gap = true
		case err != nil || pkt == nil:
			return nil, err
		case pkt == endOfPublication && !p.persist:
			return nil, io.EOF
		case pkt == endOfPublication:
			p.packets.findKey = finding
		default:
			if p.gap {
				q := *pkt
				q.Flags |= Discontinuity
				pkt, p.gap = &q, false
			}
			p.count(1, len(pkt.Payload))
			return pkt, nil
		}
	}
}

// AddSent counts what the viewer was sent by somebody else: one who reads a derived form for it.
func (p *Player) AddSent(packets, bytes int) { p.count(packets, bytes) }

func (p *Player) count(packets, bytes int) {
	if p.ses != nil {
		p.ses.packets.Add(uint64(packets))
		p.ses.bytes.Add(uint64(bytes))
	}
}

// lapped counts what a slow viewer missed, and says so the first time.
func (p *Player) lapped(missed uint64) {
	if p.ses == nil {
		return
	}
	p.ses.dropped.Add(missed)
	if p.ses.lapped.Add(1) == 1 {
		p.home.hub.cfg.Logger.Warn("viewer is slow, goes on at the newest key frame",
			"id", p.ses.ID, "stream", p.home.key, "missed", missed)
	}
}

// Pause stops Serve from sending media, or lets it go on: where it was if that is
// retained still, else at the newest key frame.
func (p *Player) Pause(on bool) {
	p.paused.Store(on)
	p.wake()
}

// RequestKeyFrame asks the publisher for a key frame where its protocol can.
func (p *Player) RequestKeyFrame() {
	if pub := p.home.live.Load(); pub != nil {
		if f := pub.keyReq.Load(); f != nil {
			(*f)()
		}
	}
}

// Inject has Serve send b between two runs of media, as soon as it can: replies of a
// protocol that shares its connection with media. b is copied. ErrSlow tells that too
// much waits already.
func (p *Player) Inject(b []byte) error {
	p.mu.Lock()
	if len(p.inject)+len(b) > injectLimit {
		p.mu.Unlock()
		return ErrSlow
	}
	p.inject = append(p.inject, b...)
	p.mu.Unlock()
	p.wake()
	return nil
}

func (p *Player) takeInjected() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.inject
	p.inject = nil
	return b
}

// lock locks the stream that is read, which may change to one with other sound.
func (p *Player) lock() *Stream {
	for {
		s := p.media.Load()
		s.mu.Lock()
		if p.media.Load() == s {
			return s
		}
		s.mu.Unlock()
	}
}

func (p *Player) wake() {
	defer p.lock().mu.Unlock()
	if p.fast != nil {
		p.fast.attend()
	}
	if p.view != nil {
		p.view.Interrupt()
	}
	if p.packets != nil {
		p.packets.Interrupt()
	}
}

// SendBuffer suggests a size in bytes for the socket's send buffer: what the stream
// brings in about 0.7 s, so that viewers that stall cannot fill the host's memory.
func (p *Player) SendBuffer() int {
	return int(min(max(p.media.Load().rate.Load()*7/10, 128<<10), 1<<20))
}

// Intact tells, after Serve has returned, whether it ended between two runs: what the
// peer got is whole, and more may follow.
func (p *Player) Intact() bool { return !p.cut }

// NoDelay tells whether the viewer's socket should send small segments at once.
func (p *Player) NoDelay() bool {
	s := p.home
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set.NoDelay == nil || *s.set.NoDelay
}

// Close ends the player's session. It may be called more than once, and while another
// goroutine reads: that one gets an error.
func (p *Player) Close() error { return p.CloseCause(nil) }

// CloseCause is Close with what the session's end is put down to.
func (p *Player) CloseCause(cause error) error {
	p.closed.Do(func() {
		p.done.Store(true)
		if p.ses != nil {
			p.hubEnd(cause)
		}
		p.wake()
		if s := p.media.Load(); s != p.home {
			s.removePlayer(p)
		}
		p.home.removePlayer(p)
	})
	return nil
}

func (p *Player) hubEnd(cause error) { p.home.hub.end(p.ses, EventStop, cause) }
