package egress

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
)

// RTCP packet types and formats of feedback (RFC 3550 12.1, RFC 4585 6, RFC 5104 4).
const (
	rtcpSR, rtcpRR, rtcpSDES  = 200, 201, 202
	rtcpTransport, rtcpMedia  = 205, 206
	fmtNACK, fmtTransportCC   = 1, 15
	fmtPLI, fmtFIR, fmtREMB   = 1, 4, 15
	sdesCNAME                 = 1
	maxAsks                   = 256 // packets that a viewer may ask for before it is answered
	keyFrameEvery             = time.Second
	minResendFill             = 50.  // packets a second that each viewer may have again, at least
	minResendBurst            = 100. // and at once: a key frame of many packets
	minResendTime             = 20 * time.Millisecond
	reportEvery, reportBefore = time.Second, 200 * time.Millisecond
)

// feedback is what the viewer's RTCP has told. Its reader and the shard share it.
type feedback struct {
	mu   sync.Mutex
	loss float64 // share of packets, smoothed
	rtt  time.Duration
	asks []ask
}

// ask is a packet that is asked for.
type ask struct {
	flow *flow
	seq  uint16
}

// RTCP takes a compound packet of the viewer's, decrypted, that came at a time. It may be called by
// any goroutine, and keeps nothing of b. What is malformed is left out.
func (v *Viewer) RTCP(b []byte, at time.Time) {
	if v.closed.Load() {
		return
	}
	for len(b) >= 4 && b[0]>>6 == 2 {
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return
		}
		v.rtcp(b[1], int(b[0]&31), b[4:n], at)
		b = b[n:]
	}
}

// rtcp takes one packet; count is its count of blocks or its format.
func (v *Viewer) rtcp(kind uint8, count int, body []byte, at time.Time) {
	const feedbackHead = 8
	switch kind {
	case rtcpRR:
		v.received(body, 4, count, at)
	case rtcpSR:
		v.received(body, 24, count, at)
	case rtcpTransport:
		switch {
		case len(body) < feedbackHead:
		case count == fmtNACK:
			v.lost(binary.BigEndian.Uint32(body[4:]), body[feedbackHead:])
		case count == fmtTransportCC:
			v.path.arrivals(body[feedbackHead:], at)
		}
	case rtcpMedia:
		switch {
		case len(body) < feedbackHead:
		case count == fmtPLI, count == fmtFIR:
			v.askKeyFrame(at)
		case count == fmtREMB:
			v.path.limit(body[feedbackHead:])
		}
	}
}

// askKeyFrame asks the publisher for a key frame, for all viewers of the stream.
func (v *Viewer) askKeyFrame(at time.Time) {
	if v.video != nil && v.cfg.KeyFrame != nil && v.shard.fan.keys.allow(at, keyFrameEvery) {
		v.cfg.KeyFrame()
	}
}

// flow gives what is sent with an SSRC, nil if nothing is.
func (v *Viewer) flow(ssrc uint32) *flow {
	for _, f := range []*flow{v.video, v.audio} {
		if f != nil && f.media.SSRC == ssrc {
			return f
		}
	}
	return nil
}

// received takes report blocks (RFC 3550 6.4.1), which begin at from.
func (v *Viewer) received(body []byte, from, count int, at time.Time) {
	const block = 24
	for ; count > 0 && len(body) >= from+block; count-- {
		b := body[from : from+block]
		from += block
		if v.flow(binary.BigEndian.Uint32(b)) == nil {
			continue
		}
		lsr, dlsr := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
		v.fb.mu.Lock()
		v.fb.loss += (float64(b[4])/256 - v.fb.loss) / 4
		if took := uint32(ntp(at)>>16) - lsr - dlsr; lsr != 0 && took < 10<<16 {
			rtt := time.Duration(took) * time.Second >> 16
			if v.fb.rtt == 0 {
				v.fb.rtt = rtt
			}
			v.fb.rtt += (rtt - v.fb.rtt) / 4
		}
		loss := v.fb.loss
		v.fb.mu.Unlock()
		v.path.loss(loss, at)
	}
}

// lost takes what a viewer misses (RFC 4585 6.2.1).
func (v *Viewer) lost(ssrc uint32, fci []byte) {
	f := v.flow(ssrc)
	if f == nil || v.cfg.NoNACK || !f.media.Codecs[0].NACK {
		return
	}
	v.fb.mu.Lock()
	for ; len(fci) >= 4; fci = fci[4:] {
		seq, more := binary.BigEndian.Uint16(fci), binary.BigEndian.Uint16(fci[2:])
		for i := 0; i <= 16 && len(v.fb.asks) < maxAsks; i++ {
			if i == 0 || more>>(i-1)&1 != 0 {
				v.fb.asks = append(v.fb.asks, ask{f, seq + uint16(i)})
			}
		}
	}
	v.fb.mu.Unlock()
	v.shard.urge(v)
}

// resends bounds what is sent again. It belongs to the shard's goroutine.
type resends struct {
	tokens float64 // packets
	filled time.Time
	seen   [64]struct { // what was sent of late
		ask
		at time.Time
	}
}

// allow tells whether a packet may be sent again: not more than the viewer is sent anyway, and not while the
// last copy may still be on its way.
func (r *resends) allow(a ask, now time.Time, rtt time.Duration) bool {
	s := &r.seen[a.seq%uint16(len(r.seen))]
	if s.ask == a && now.Sub(s.at) < max(rtt, minResendTime) || r.tokens < 1 {
		return false
	}
	s.ask, s.at = a, now
	r.tokens--
	return true
}

// fill gives room for more; perSec is how many packets the viewer is sent.
func (r *resends) fill(now time.Time, perSec int64) {
	fill := max(minResendFill, float64(perSec))
	r.tokens = min(r.tokens+fill*now.Sub(r.filled).Seconds(), max(minResendBurst, fill/2))
	r.filled = now
}

// resend sends again what the viewer misses.
func (v *Viewer) resend(o *output) {
	v.fb.mu.Lock()
	o.asks = append(o.asks[:0], v.fb.asks...)
	v.fb.asks = v.fb.asks[:0]
	rtt := v.fb.rtt
	v.fb.mu.Unlock()
	if len(o.asks) == 0 {
		return
	}
	var perSec int64
	if v.video != nil && v.video.track() != nil {
		perSec = v.video.track().rate.perSec.Load()
	}
	if v.resends == nil {
		v.resends = new(resends)
	}
	v.resends.fill(o.now, perSec)
	v.sentBytes, v.sentCount = 0, 0
	for _, a := range o.asks {
		if f, i, shift := a.flow.find(a.seq); f != nil && v.resends.allow(a, o.now, rtt) {
			v.again(a, f, i, shift, o)
		}
	}
	v.resent.Add(uint64(v.sentCount))
	v.count()
}

// again sends a frame's packet i once more: as a retransmission (RFC 4588 4) where that was agreed
// upon, else byte by byte as it was, since its number is the nonce of its encryption.
func (v *Viewer) again(a ask, f *Frame, i int, shift uint32, o *output) {
	w := a.flow
	if w.rtx == nil {
		v.emit(w.head.stamp(a.seq, shift, f, i), f.Payloads[i], o)
		return
	}
	o.buf = append(binary.BigEndian.AppendUint16(o.buf[:0], a.seq), f.Payloads[i]...)
	h := w.rtx.stamp(w.rtxSeq, shift, f, i)
	w.rtxSeq++
	v.stampSent(w.rtx, len(h)+len(o.buf), o)
	v.emit(h, o.buf, o)
}

// sendReport sends sender reports (RFC 3550 6.4.1) once a second while media flow, at first more often:
// sound and picture are in step once the viewer has both.
func (v *Viewer) sendReport(o *output) {
	if o.now.Before(v.reportAt) {
		return
	}
	every := reportEvery
	if v.reports < 5 {
		every = reportBefore
	}
	v.reports++
	v.reportAt = o.now.Add(every)
	b, n := o.buf[:0], uint8(0)
	for _, f := range [...]*flow{v.audio, v.video} {
		if f != nil && f.packets > 0 {
			b = f.appendReport(b, o.now)
			n++
		}
	}
	b = v.appendNames(b, n)
	o.buf = b
	if err := v.cfg.Peer.WriteRTCP(b); err != nil {
		v.refused.Add(1)
	}
}

// appendReport appends a sender report: what time now is on the stream's timeline, which sound and
// picture share.
func (f *flow) appendReport(b []byte, now time.Time) []byte {
	at := time.Duration(now.UnixNano() - f.track().origin.epoch.Load())
	b = append(b, 2<<6, rtcpSR, 0, 6)
	b = binary.BigEndian.AppendUint32(b, f.media.SSRC)
	b = binary.BigEndian.AppendUint64(b, ntp(now))
	b = binary.BigEndian.AppendUint32(b, uint32(stream.Ticks(at, f.clock))+f.head.timestamps)
	b = binary.BigEndian.AppendUint32(b, f.packets)
	return binary.BigEndian.AppendUint32(b, f.bytes)
}

// appendNames appends the canonical names of the n SSRCs that reports are sent for (RFC 3550 6.5).
func (v *Viewer) appendNames(b []byte, n uint8) []byte {
	start := len(b)
	b = append(b, 2<<6|n, rtcpSDES, 0, 0)
	for _, f := range [...]*flow{v.audio, v.video} {
		if f == nil || f.packets == 0 {
			continue
		}
		name := f.media.CNAME[:min(len(f.media.CNAME), 255)]
		b = binary.BigEndian.AppendUint32(b, f.media.SSRC)
		b = append(append(b, sdesCNAME, uint8(len(name))), name...)
		b = append(b, 0) // the list ends
		for (len(b)-start)%4 != 0 {
			b = append(b, 0)
		}
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16((len(b)-start)/4-1))
	return b
}
