package ingest

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// RTCP packet types and formats of feedback (RFC 3550 12.1, RFC 4585 6).
const (
	rtcpSR        = 200
	rtcpTransport = 205
	fmtNACK       = 1

	reportEvery   = time.Second
	feedbackEvery = 100 * time.Millisecond
	feedbackMost  = 256 // packets that one feedback may tell of before it is due
	keyFrameEvery = time.Second
)

// report is what a receiver report tells of an SSRC (RFC 3550 6.4.1, A.3, A.8).
type report struct {
	started         bool
	base, highest   int64
	received        int64
	lastLost, lastN int64
	transit         int64
	jitter          float64 // in units of the clock
	sr              uint32
	srAt            time.Time
}

// arrived takes a packet as it came.
func (r *report) arrived(p *packet, at time.Time, hz int) {
	seq := r.highest + int64(int16(p.seq-uint16(r.highest)))
	if !r.started || seq > r.highest+window || seq < r.highest-2*window {
		*r = report{started: true, base: int64(p.seq), highest: int64(p.seq), sr: r.sr, srAt: r.srAt}
		seq = r.highest
	}
	r.highest = max(r.highest, seq)
	r.received++
	transit := int64(uint32(at.UnixMicro()*int64(hz)/1e6) - p.ts)
	if d := int64(int32(transit - r.transit)); r.received > 1 {
		r.jitter += (float64(max(d, -d)) - r.jitter) / 16
	}
	r.transit = transit
}

// block gives the report since the one before.
func (r *report) block(ssrc uint32, now time.Time) rtcp.ReceptionReport {
	expected := r.highest - r.base + 1
	lost := max(expected-r.received, 0)
	b := rtcp.ReceptionReport{SSRC: ssrc, TotalLost: uint32(min(lost, 1<<23-1)), LastSequenceNumber: uint32(r.highest),
		Jitter: uint32(r.jitter), LastSenderReport: r.sr}
	if n, l := expected-r.lastN, lost-r.lastLost; n > 0 && l > 0 {
		b.FractionLost = uint8(min(l*256/n, 255))
	}
	r.lastN, r.lastLost = expected, lost
	if r.sr != 0 {
		b.Delay = uint32(now.Sub(r.srAt) * 65536 / time.Second)
	}
	return b
}

// RTCP takes a compound packet that came at a time, decrypted. It keeps nothing of b; what is malformed is left
// out.
func (r *Receiver) RTCP(b []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed && len(b) >= 4 && b[0]>>6 == 2 {
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return
		}
		if b[1] == rtcpSR && n >= 28 {
			r.senderReport(b[4:n], at)
		}
		b = b[n:]
	}
}

// senderReport takes what says which wall-clock time a timestamp is (RFC 3550 6.4.1).
func (r *Receiver) senderReport(b []byte, at time.Time) {
	s := r.sources[binary.BigEndian.Uint32(b)]
	f := s.flow
	if f == nil || s.rtx || !f.heard {
		return
	}
	ntp := binary.BigEndian.Uint64(b[4:])
	f.report.sr, f.report.srAt = uint32(ntp>>16), at
	const epoch = 2208988800 // 1970 in NTP's seconds
	if ntp>>32 == 0 {
		return
	}
	nanos := int64(ntp & (1<<32 - 1) * uint64(time.Second) >> 32)
	f.clock.sync(binary.BigEndian.Uint32(b[12:]), time.Unix(int64(ntp>>32)-epoch, nanos))
	r.follow(r.out.settled)
}

// follow has all tracks keep time with one of those with reports, else of all: sound, where there is some.
func (r *Receiver) follow(settled bool) {
	var ref *flow
	for _, f := range r.flows {
		switch c := &f.clock; {
		case !c.started:
		case ref == nil, c.reported && !ref.clock.reported, c.reported == ref.clock.reported && ref.video() && !f.video():
			ref = f
		}
	}
	for _, f := range r.flows {
		if ref != nil && f != ref {
			f.clock.follow(&ref.clock, settled)
		}
	}
}

// write sends RTCP.
func (r *Receiver) write(list ...rtcp.Packet) {
	b, err := rtcp.Marshal(list)
	if err != nil {
		r.warn("rtcp", err)
		return
	}
	_ = r.cfg.WriteRTCP(b) // a peer that cannot be reached ends by its own timeout
}

// askAgain asks for what is missing (RFC 4585 6.2.1).
func (r *Receiver) askAgain(f *flow, now time.Time) {
	const head = 12
	b := append(r.buf[:0], 2<<6|fmtNACK, rtcpTransport, 0, 0)
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	b = binary.BigEndian.AppendUint32(b, f.ssrc)
	b = f.order.due(b, now)
	r.buf = b
	if len(b) == head {
		return
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	r.stats.NACKs++
	_ = r.cfg.WriteRTCP(b)
}

// askKeyFrames passes on what was requested.
func (r *Receiver) askKeyFrames(now time.Time) {
	if !r.keyAsk.Swap(false) {
		return
	}
	for _, f := range r.flows {
		if f.heard && f.video() && now.Sub(f.last) < silence && !r.askKeyFrame(f, now) {
			f.wantKey = true // later
		}
	}
}

// askKeyFrame asks for a key frame, once a second at most, and tells whether it did.
func (r *Receiver) askKeyFrame(f *flow, now time.Time) bool {
	if !f.askedKey.IsZero() && now.Sub(f.askedKey) < keyFrameEvery {
		return false
	}
	f.askedKey = now
	r.stats.PLIs++
	if f.coding.FIR && !f.coding.PLI {
		f.firs++
		r.write(&rtcp.FullIntraRequest{SenderSSRC: r.ssrc, MediaSSRC: f.ssrc, FIR: []rtcp.FIREntry{{SSRC: f.ssrc, SequenceNumber: f.firs}}})
		return true
	}
	r.write(&rtcp.PictureLossIndication{SenderSSRC: r.ssrc, MediaSSRC: f.ssrc})
	return true
}

// feedback tells how packets arrived.
func (r *Receiver) feedback(now time.Time) {
	if r.arrivals == nil || r.fresh == 0 || now.Sub(r.fedback) < feedbackEvery && r.fresh < feedbackMost {
		return
	}
	r.fresh, r.fedback = 0, now
	for _, p := range r.arrivals.BuildFeedbackPacket() {
		r.write(p)
	}
}

// reports sends receiver reports.
func (r *Receiver) reports(now time.Time) {
	if now.Sub(r.reported) < reportEvery {
		return
	}
	if r.out.settled {
		r.follow(true)
	}
	took := now.Sub(r.reported)
	r.reported = now
	rr := &rtcp.ReceiverReport{SSRC: r.ssrc}
	var remb []uint32
	worst := uint8(0)
	for _, f := range r.flows {
		if !f.heard || len(rr.Reports) == 31 {
			continue
		}
		b := f.report.block(f.ssrc, now)
		worst = max(worst, b.FractionLost)
		rr.Reports = append(rr.Reports, b)
		if f.coding.REMB && f.video() && r.arrivals == nil {
			remb = append(remb, f.ssrc)
		}
	}
	list := []rtcp.Packet{rr}
	if len(remb) > 0 {
		rate := r.remb.next(r.stats.Bytes, worst, took)
		list = append(list, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: r.ssrc, Bitrate: rate, SSRCs: remb})
	}
	r.write(list...)
}

// remb estimates what the publisher may send, by loss alone, for those who know no better feedback.
type remb struct {
	bytes uint64
	rate  float32 // bits/s
}

func (e *remb) next(bytes uint64, loss uint8, took time.Duration) float32 {
	const least, most, first = 300e3, 50e6, 2.5e6
	got := float32(bytes-e.bytes) * 8 / float32(took.Seconds())
	e.bytes = bytes
	switch {
	case e.rate == 0:
		e.rate = first
	case loss > 256/10:
		e.rate = min(e.rate, got) * (1 - float32(loss)/512)
	case loss < 256/50:
		e.rate = max(e.rate, got*3/2) * 1.05
	}
	e.rate = min(max(e.rate, least), most)
	return e.rate
}
