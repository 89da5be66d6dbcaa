package egress

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// header is the RTP header of one SSRC (RFC 3550 5.1), with what changes from packet to packet at
// known places. Its length stays the same, so that a frame's packets do.
type header struct {
	b          [12 + 4 + 64]byte
	n          int
	spare      int // bytes at the end that are padding
	transport  int // where the transport-wide sequence number is; 0: nowhere
	absolute   int // where the time of sending is; 0: nowhere
	timestamps uint32
}

// PlayoutDelay asks the receiver to show what it gets after a delay between both, in steps of 10 ms
// up to 40.95 s.
type PlayoutDelay struct{ Min, Max time.Duration }

// newHeader makes that of a codec. Timestamps begin at an offset.
func newHeader(pt uint8, ssrc, timestamps uint32, m *desc.Media, delay *PlayoutDelay) *header {
	h := &header{n: 12, timestamps: timestamps}
	h.b[0], h.b[1] = 2<<6, pt
	binary.BigEndian.PutUint32(h.b[8:], ssrc)
	if at := h.extend(m.Ext.MID, len(m.MID)); at > 0 {
		copy(h.b[at:], m.MID)
	}
	if delay == nil {
		return h
	}
	if at := h.extend(m.Ext.PlayoutDelay, 3); at > 0 {
		steps := func(d time.Duration) uint32 { return uint32(min(max(d, 0)/(10*time.Millisecond), 4095)) }
		v := steps(delay.Min)<<12 | max(steps(delay.Max), steps(delay.Min))
		h.b[at], h.b[at+1], h.b[at+2] = uint8(v>>16), uint8(v>>8), uint8(v)
	}
	return h
}

// judge adds what lets the receiver judge the path: where both were agreed upon, that which it tells most by.
func (h *header) judge(m *desc.Media) {
	if h == nil {
		return
	}
	if h.transport = h.extend(m.Ext.TransportCC, 2); h.transport == 0 {
		h.absolute = h.extend(m.Ext.AbsSendTime, 3)
	}
}

// extend adds an extension of n bytes (RFC 8285 4.2) and gives where they are; 0: nowhere.
func (h *header) extend(id uint8, n int) (at int) {
	end := max(12+4, h.n-h.spare)
	if id == 0 || id > 14 || n == 0 || n > 16 || end+1+n > len(h.b)-3 {
		return 0
	}
	h.b[end] = id<<4 | uint8(n-1)
	end += 1 + n
	h.n = (end + 3) / 4 * 4
	h.spare = h.n - end
	h.b[0] |= 1 << 4
	binary.BigEndian.PutUint16(h.b[12:], 0xBEDE)
	binary.BigEndian.PutUint16(h.b[14:], uint16(h.n-16)/4)
	return end - n
}

// stamp gives the header of a frame's packet i, its timestamp moved by shift, valid until the next call.
func (h *header) stamp(seq uint16, shift uint32, f *Frame, i int) []byte {
	const padding, marker = 0x20, 0x80
	h.b[0] &^= padding
	h.b[1] &^= marker
	if i == int(f.padded) {
		h.b[0] |= padding
	}
	if i == len(f.Payloads)-1 && f.Kind == stream.KindVideo {
		h.b[1] |= marker
	}
	binary.BigEndian.PutUint16(h.b[2:], seq)
	binary.BigEndian.PutUint32(h.b[4:], f.Timestamp+shift+h.timestamps)
	return h.b[:h.n]
}

// sent writes when the packet is sent, and as which of all.
func (h *header) sent(seq uint16, now time.Time) {
	if h.transport > 0 {
		binary.BigEndian.PutUint16(h.b[h.transport:], seq)
	}
	if h.absolute > 0 { // seconds, 6 bits and 18 of the fraction
		v := ntp(now) >> 14
		h.b[h.absolute], h.b[h.absolute+1], h.b[h.absolute+2] = uint8(v>>16), uint8(v>>8), uint8(v)
	}
}

// ntp gives a time as NTP does (RFC 3550 4): seconds since 1900 and their fraction of 1/2³².
func ntp(t time.Time) uint64 {
	const epoch = 2208988800
	return uint64(t.Unix()+epoch)<<32 | uint64(t.Nanosecond())*(1<<32)/uint64(time.Second)&math.MaxUint32
}
