package egress

import (
	"errors"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

// Peer is the other side, as far as packets go to it.
type Peer interface {
	// AppendRTP adds an RTP packet to b, encrypted. It keeps neither header nor payload. An error
	// means that the packet is not sent.
	AppendRTP(b *wire.Batch, header, payload []byte) error
	// WriteRTCP sends a compound packet. It does not keep b.
	WriteRTCP(b []byte) error
}

// ViewerConfig is what a viewer gets. Stream, Peer and one of Audio and Video are needed.
type ViewerConfig struct {
	Stream *stream.Stream
	// Audio and Video are what was agreed upon, with the codec that is sent first in Codecs, and our
	// SSRCs and CNAME; nil: none.
	Audio, Video *desc.Media
	Peer         Peer
	// Session counts the bytes of RTP that are sent, before encryption; *stream.Session is one. Nil: nobody.
	Session interface{ AddSent(n int) }
	// KeyFrame asks the publisher for a key frame; nil: it cannot be asked. It is called once a second at
	// most for all viewers of the stream, by any goroutine, and must not block.
	KeyFrame func()
	// Packets says how packets are made; its codecs are those of Audio and Video.
	Packets Config
	// PlayoutDelay is what the receiver is asked for, where the extension was agreed upon; nil: nothing.
	PlayoutDelay *PlayoutDelay
	// NoNACK sends nothing again.
	NoNACK bool
	// Ended is told that no more will come, for another reason than Close; nil: nobody. It must not block.
	Ended func(err error)
}

// Viewer is one that a stream is sent to. It begins at the newest key frame, which is sent with all that
// followed faster than it was published; goes on at the newest one when it has fallen behind too far;
// and waits for the next publication when one ends.
type Viewer struct {
	cfg          ViewerConfig
	sender       *Sender
	shard        *shard
	urged        atomic.Bool
	closed       atomic.Bool
	packets      atomic.Uint64
	bytes        atomic.Uint64
	lapped       atomic.Uint64
	resent       atomic.Uint64
	refused      atomic.Uint64
	audio, video *flow

	fb   feedback
	path estimator

	// The shard's goroutine's own.
	index     int // in shard.viewers; -1: not there
	gone      bool
	current   *Frame // of video, partly sent
	at        int    // packets of it that were
	key       bool   // video goes on at a key frame only
	layers    layers
	burstAt   time.Time
	burst     int // packets that may be sent before the next one
	transport uint16
	soundAt   time.Time     // when sound begins
	soundFrom time.Duration // where it does
	sounds    bool
	reportAt  time.Time
	reports   int
	resends   *resends // nil: nothing was sent again
	sentBytes int      // in this pass
	sentCount int
}

// View begins to send a stream. The peer must be connected.
func (s *Sender) View(cfg ViewerConfig) (*Viewer, error) {
	v := &Viewer{cfg: cfg, sender: s, index: -1, key: true}
	form := cfg.Packets
	form.Audio, form.Video = 0, 0
	for _, m := range []*desc.Media{cfg.Audio, cfg.Video} {
		switch {
		case m == nil:
		case len(m.Codecs) == 0:
			return nil, errors.New("egress: a medium without a codec")
		case m == cfg.Audio:
			form.Audio = m.Codecs[0].Codec
			v.audio = newFlow(m, nil)
		default:
			form.Video = m.Codecs[0].Codec
			v.video = newFlow(m, cfg.PlayoutDelay)
		}
	}
	if v.audio == nil && v.video == nil {
		return nil, errors.New("egress: neither sound nor picture")
	}
	s.join(fanKey{cfg.Stream, form}, v)
	return v, nil
}

// Close ends sending. It does not wait: a packet that is under way may be sent yet.
func (v *Viewer) Close() {
	if !v.closed.Swap(true) {
		v.shard.urge(v)
	}
}

// ViewerStats are a viewer's figures up to now.
type ViewerStats struct {
	Packets, Bytes uint64 // of RTP with headers, before encryption; retransmissions are among them
	Resent         uint64 // packets that were asked for again and sent
	Refused        uint64 // packets that the peer did not take
	Lapped         uint64 // times that it went on at a key frame
	Loss           float64
	RTT            time.Duration // 0: not known yet
	// Rate is what the path carries at least, in bits/s, as far as the viewer tells; 0: not known.
	Rate int64
}

// Stats gives the figures up to now.
func (v *Viewer) Stats() ViewerStats {
	s := ViewerStats{Packets: v.packets.Load(), Bytes: v.bytes.Load(), Resent: v.resent.Load(),
		Refused: v.refused.Load(), Lapped: v.lapped.Load(), Rate: v.path.rate.Load()}
	v.fb.mu.Lock()
	defer v.fb.mu.Unlock()
	s.Loss, s.RTT = v.fb.loss, v.fb.rtt
	return s
}

// end tells that the form has ended.
func (v *Viewer) end(err error) {
	if v.cfg.Ended != nil && !v.closed.Load() {
		v.cfg.Ended(err)
	}
}

// settle is how long what was published before is given to get into the form. Sound begins only then,
// from now on: the past of it would be played late. Reports do too, for the newest frame tells the time.
// recent is what is not yet the past.
const (
	settle = 50 * time.Millisecond
	recent = 100 * time.Millisecond
)

// open begins to read.
func (v *Viewer) open(now time.Time) {
	for _, f := range []*flow{v.audio, v.video} {
		if f != nil {
			f.cursor = v.shard.fan.cursor()
		}
	}
	v.soundAt, v.reportAt = now.Add(settle), now.Add(2*settle)
}

// release lets go of what is read.
func (v *Viewer) release() {
	for _, f := range []*flow{v.audio, v.video} {
		if f != nil && f.cursor != nil {
			f.cursor.Close()
			f.cursor = nil
		}
	}
	v.current = nil
}

// serve sends what is ready, as far as pacing allows, and tells whether more waits for the next burst.
func (v *Viewer) serve(o *output) (more bool) {
	if v.closed.Load() {
		return false
	}
	v.sentBytes, v.sentCount = 0, 0
	if v.video != nil {
		more = v.serveVideo(o)
	}
	// Sound comes after the picture: a short packet may end a run of equal ones, but not begin it.
	if v.audio != nil {
		v.serveAudio(o)
	}
	if v.sentCount > 0 {
		v.count()
		v.sendReport(o)
	}
	return more
}

// count shows what was sent in this pass.
func (v *Viewer) count() {
	v.packets.Add(uint64(v.sentCount))
	v.bytes.Add(uint64(v.sentBytes))
	if v.cfg.Session != nil {
		v.cfg.Session.AddSent(v.sentBytes)
	}
}

// next gives the next frame of a kind, nil if none is ready.
func (v *Viewer) next(f *flow, k stream.Kind) *Frame {
	for {
		x, err := f.cursor.Try()
		switch {
		case err == nil:
			if x == nil || x.Kind == k {
				return x
			}
		case errors.Is(err, io.EOF): // the next publication begins at a key frame of its own
			v.key = v.key || k == stream.KindVideo
		case errors.Is(err, stream.ErrLapped):
			f.cursor.SkipToKey()
			if k == stream.KindVideo {
				v.key = true
				v.lapped.Add(1)
			}
		default: // the form has ended: the shard tells
			return nil
		}
	}
}

func (v *Viewer) serveAudio(o *output) {
	if o.now.Before(v.soundAt) {
		return
	}
	for {
		f := v.next(v.audio, stream.KindAudio)
		if f == nil {
			return
		}
		if !v.sounds {
			v.sounds = true
			v.soundFrom = time.Duration(f.track.origin.newest.Load()) - recent
		}
		if f.DTS >= v.soundFrom || f.DTS < v.soundFrom-10*time.Second {
			v.soundFrom = math.MinInt64 / 2
			v.send(v.audio, f, 0, o)
		}
	}
}

func (v *Viewer) serveVideo(o *output) (more bool) {
	for {
		if v.current == nil {
			f := v.next(v.video, stream.KindVideo)
			if f == nil {
				if v.key && o.now.After(v.soundAt) {
					v.askKeyFrame(o.now)
				}
				return false
			}
			if !v.accept(f, o.now) {
				continue
			}
			v.current, v.at = f, 0
		}
		f := v.current
		v.refill(f, o.now)
		for v.at < len(f.Payloads) && v.burst > 0 {
			v.send(v.video, f, v.at, o)
			v.at++
			v.burst--
		}
		if v.at < len(f.Payloads) {
			return true
		}
		v.current = nil
	}
}

// refill begins the next burst if it is time.
func (v *Viewer) refill(f *Frame, now time.Time) {
	if now.Sub(v.burstAt) < pace {
		return
	}
	v.burstAt = now
	perSec, cfg := f.track.rate.perSec.Load(), &v.sender.cfg
	n := max(cfg.Burst, perBurst(4*perSec))
	switch {
	case cfg.Burst < 0:
		n = math.MaxInt
	case v.path.judged():
		n = max(2, perBurst(4*perSec), perBurst(v.path.rate.Load()*5/2/(8*defaultMTU)))
	case now.Before(v.soundAt) || f.track.origin.newest.Load()-int64(f.DTS) > int64(3*recent):
		n = max(cfg.CatchUp, perBurst(8*perSec))
	}
	v.burst = n
}

// perBurst gives how many of the packets of a second a burst has.
func perBurst(perSec int64) int { return int(perSec * int64(pace) / int64(time.Second)) }

// send sends a frame's packet i.
func (v *Viewer) send(w *flow, f *Frame, i int, o *output) {
	seq, shift := w.take(f, i)
	h := w.head.stamp(seq, shift, f, i)
	v.stampSent(w.head, len(h)+len(f.Payloads[i]), o)
	if v.emit(h, f.Payloads[i], o) {
		w.packets++
		w.bytes += uint32(len(f.Payloads[i]))
	}
}

// stampSent has the receiver judge the path by the packet whose header it is.
func (v *Viewer) stampSent(h *header, size int, o *output) {
	if h.transport == 0 && h.absolute == 0 {
		return
	}
	h.sent(v.transport, o.now)
	if d := v.path.sent.Load(); d != nil {
		d.put(v.transport, size, o.now)
	}
	v.transport++
}

// emit gives a packet to the peer.
func (v *Viewer) emit(header, payload []byte, o *output) bool {
	if err := v.cfg.Peer.AppendRTP(o.batch, header, payload); err != nil {
		v.refused.Add(1)
		return false
	}
	v.sentCount++
	v.sentBytes += len(header) + len(payload)
	return true
}
