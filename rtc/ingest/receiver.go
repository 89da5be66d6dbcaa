package ingest

import (
	"cmp"
	"encoding/binary"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/twcc"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

const (
	defaultLeastWait = 150 * time.Millisecond
	defaultMostWait  = time.Second
	reorderWait      = 60 * time.Millisecond // for a packet that cannot be asked for
	silence          = 500 * time.Millisecond
	maxSSRC          = 64
	maxWarnings      = 16
)

var errReordered = errors.New("pictures are shown in another order than they are sent in (B-frames): browsers stutter at them")

// Config configures a Receiver. Media, Sink and WriteRTCP are needed.
type Config struct {
	// Media are the sections that were agreed upon, each of which the publisher sends.
	Media []desc.Media
	// Sink takes the packets.
	Sink stream.Sink
	// WriteRTCP sends a compound packet to the publisher. It does not keep b and must not call the Receiver.
	WriteRTCP func(b []byte) error
	// Logger takes warnings, one of a kind; nil discards.
	Logger *slog.Logger
	// PLI is how often a key frame is asked for anyway (SRS pli_for_rtmp); 0: only when one is needed.
	PLI time.Duration
	// NACK asks for what is missing again, and TWCC tells how packets arrive, where that was agreed upon.
	NACK, TWCC bool
	// LeastWait and MostWait bound how long a packet that was asked for again is waited for; 0: 150 ms and 1 s.
	LeastWait, MostWait time.Duration
}

// Stats are the figures of a Receiver up to now.
type Stats struct {
	Packets, Bytes   uint64 // of RTP with headers, decrypted; retransmissions and padding are among them
	Lost             uint64 // packets that never came
	Recovered        uint64 // packets that came after they were asked for
	Late, Duplicates uint64 // packets that were of no use any more
	Unknown          uint64 // packets that belong to nothing that was agreed upon
	Malformed        uint64 // packets and frames that could not be read
	Frames           uint64 // access units that were passed on
	KeyFrames        uint64
	Dropped          uint64 // frames that could not be decoded for what was missing
	NACKs, PLIs      uint64 // requests that were sent
	RTT              time.Duration
}

// source is what an SSRC brings.
type source struct {
	flow *flow
	rtx  bool
}

// Receiver makes packets of a stream of what a publisher sends. Its methods may be called by several goroutines.
type Receiver struct {
	cfg    Config
	ext    desc.Extensions
	ssrc   uint32 // ours
	keyAsk atomic.Bool

	mu       sync.Mutex
	closed   bool
	flows    []*flow
	sources  map[uint32]source
	lastSSRC uint32
	lastFrom source
	out      output
	began    time.Time
	stats    Stats
	warned   map[string]bool
	arrivals *twcc.Recorder
	fresh    int // packets since the last feedback
	fedback  time.Time
	reported time.Time
	remb     remb
	p        packet
	buf      []byte
}

// New makes a Receiver. It runs no goroutine: the owner calls Tick.
func New(cfg Config) *Receiver {
	cfg.LeastWait, cfg.MostWait = cmp.Or(cfg.LeastWait, defaultLeastWait), cmp.Or(cfg.MostWait, defaultMostWait)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Receiver{cfg: cfg, ssrc: rand.Uint32() | 1, sources: map[uint32]source{}, warned: map[string]bool{}}
	r.out.recv = r
	for i := range cfg.Media {
		m := &cfg.Media[i]
		r.ext = merge(r.ext, m.Ext)
		layers := m.Layers
		if len(layers) == 0 {
			layers = []string{""}
		}
		for n, rid := range layers {
			f := &flow{recv: r, media: m, layer: n, rid: rid}
			f.info.ID = i<<4 | n
			if len(m.Codecs) > 0 {
				f.use(&m.Codecs[0])
			}
			f.wantKey = f.video()
			r.flows = append(r.flows, f)
		}
		if m.SSRC != 0 && len(m.Layers) == 0 {
			r.bind(m.SSRC, source{flow: r.flows[len(r.flows)-1]})
			if m.RTXSSRC != 0 {
				r.bind(m.RTXSSRC, source{r.flows[len(r.flows)-1], true})
			}
		}
		for _, c := range m.Codecs {
			if cfg.TWCC && c.TransportCC && m.Ext.TransportCC != 0 && r.arrivals == nil {
				r.arrivals = twcc.NewRecorder(r.ssrc)
			}
		}
	}
	return r
}

func merge(a, b desc.Extensions) desc.Extensions {
	return desc.Extensions{MID: cmp.Or(a.MID, b.MID), RID: cmp.Or(a.RID, b.RID),
		RepairedRID: cmp.Or(a.RepairedRID, b.RepairedRID), TransportCC: cmp.Or(a.TransportCC, b.TransportCC)}
}

func (r *Receiver) bind(ssrc uint32, s source) {
	if len(r.sources) < maxSSRC {
		r.sources[ssrc] = s
	}
}

// RTP takes a packet that came at a time, decrypted. It keeps nothing of b.
func (r *Receiver) RTP(b []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.stats.Packets++
	r.stats.Bytes += uint64(len(b))
	p := &r.p
	if err := p.parse(b, &r.ext); err != nil {
		r.stats.Malformed++
		return
	}
	if p.hasTransport && r.arrivals != nil {
		r.arrivals.Record(p.ssrc, p.transport, at.UnixMicro())
		r.fresh++
	}
	s, c := r.route(at)
	if s.flow == nil || c == nil {
		r.stats.Unknown++
		return
	}
	if s.rtx {
		if len(p.payload) < 2 || c != s.flow.coding {
			return // a probe
		}
		p.seq, p.payload = binary.BigEndian.Uint16(p.payload), p.payload[2:]
	}
	if r.began.IsZero() {
		r.began = at
	}
	s.flow.receive(p, c, s.rtx, at)
	r.out.settle(at)
	if r.keyAsk.Load() {
		r.askKeyFrames(at)
	}
}

// route finds what a packet belongs to: by SSRC, else by the names in its extensions, else by payload type.
func (r *Receiver) route(at time.Time) (source, *desc.Codec) {
	p := &r.p
	s := r.lastFrom
	if p.ssrc != r.lastSSRC || s.flow == nil {
		s = r.sources[p.ssrc]
	}
	if s.flow != nil {
		if c, rtx := s.flow.media.Codec(p.pt); c != nil && (rtx || !s.rtx) {
			r.lastSSRC, r.lastFrom = p.ssrc, s
			return source{s.flow, rtx}, c
		}
		return source{}, nil
	}
	for _, f := range r.flows {
		c, rtx := f.media.Codec(p.pt)
		rid := p.rid
		if rtx && len(p.repaired) > 0 {
			rid = p.repaired
		}
		if c == nil || len(p.mid) > 0 && string(p.mid) != f.media.MID || f.rid != "" && string(rid) != f.rid {
			continue
		}
		if !rtx && f.heard && f.ssrc != p.ssrc && at.Sub(f.last) < silence {
			continue // another one sends it
		}
		s = source{f, rtx}
		if !rtx && f.heard {
			delete(r.sources, f.ssrc) // it sends under a new one
		}
		r.bind(p.ssrc, s)
		return s, c
	}
	return source{}, nil
}

// receive takes a packet of the flow's.
func (f *flow) receive(p *packet, c *desc.Codec, again bool, at time.Time) {
	if !again {
		if f.heard && f.ssrc != p.ssrc {
			f.order.restart(p.seq - 1)
			f.order.started = false
			f.clock = clock{hz: f.clock.hz}
			f.lose()
		}
		f.ssrc, f.heard, f.last = p.ssrc, true, at
		if c != f.coding {
			f.use(c)
		}
		f.report.arrived(p, at, c.ClockRate)
		if len(p.payload) > 0 && f.clock.arrived(p.ts, at.Sub(f.recv.began), f.recv.out.settled) {
			f.gap = true
		}
	} else if !f.heard {
		return
	}
	switch f.order.take(p, at) {
	case restarted:
		f.packet(p.ts, p.marker, p.payload, true)
	case pass:
		f.packet(p.ts, p.marker, p.payload, false)
	case hold:
		f.repair(at)
		return
	case drop:
		return
	}
	f.drain(false)
	f.repair(at)
}

// drain passes what waited.
func (f *flow) drain(after bool) {
	for w := f.order.pop(); w != nil; w = f.order.pop() {
		f.packet(w.ts, w.marker, w.data, after)
		after = false
	}
}

// repair asks for what is missing, and gives it up in the end.
func (f *flow) repair(now time.Time) {
	if f.order.held == 0 {
		return
	}
	nack := f.recv.cfg.NACK && f.coding.NACK
	wait := reorderWait
	if nack {
		wait = min(max(f.recv.cfg.LeastWait, f.order.patience()), f.recv.cfg.MostWait)
	}
	for f.order.skip(now, wait) {
		f.drain(true)
	}
	if nack {
		f.recv.askAgain(f, now)
	}
	if f.wantKey {
		f.recv.askKeyFrame(f, now)
	}
}

// Tick sends what is due, and gives up what did not come in time. The owner calls it every 20 to 100 ms.
func (r *Receiver) Tick(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.began.IsZero() {
		return
	}
	for _, f := range r.flows {
		f.repair(now)
		due := r.cfg.PLI > 0 && now.Sub(f.askedKey) >= r.cfg.PLI && now.Sub(f.last) < silence
		if f.heard && f.video() && (f.wantKey || due) {
			r.askKeyFrame(f, now)
		}
	}
	r.askKeyFrames(now)
	r.out.settle(now)
	r.feedback(now)
	r.reports(now)
}

// RequestKeyFrame has the publisher asked for key frames. It may be called by any goroutine, and never blocks;
// requests that follow each other within a second are sent as one.
func (r *Receiver) RequestKeyFrame() { r.keyAsk.Store(true) }

// Close ends the Receiver; what waits is dropped.
func (r *Receiver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.out.queue = nil
	for _, f := range r.flows {
		f.order.slots, f.frame = nil, nil
		f.order.held = 0
	}
}

// Err gives the first error of the sink.
func (r *Receiver) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.err
}

// Stats gives the figures up to now.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	for _, f := range r.flows {
		s.Lost += f.order.skipped
		s.Recovered += f.order.recovered
		s.Late += f.order.late
		s.Duplicates += f.order.duplicates
		s.RTT = max(s.RTT, f.order.rtt)
	}
	return s
}

func (r *Receiver) malformed(f *flow, err error) {
	r.stats.Malformed++
	r.warn(f.info.Codec.String(), err)
}

// warn logs one warning of a kind.
func (r *Receiver) warn(kind string, err error) {
	if !r.warned[kind] && len(r.warned) < maxWarnings {
		r.warned[kind] = true
		r.cfg.Logger.Warn("rtc: publisher", "error", err)
	}
}
