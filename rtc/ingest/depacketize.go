package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/srsgo/srs/stream"
)

// maxFrame bounds an access unit, in bytes.
const maxFrame = 8 << 20

var (
	errPayload     = errors.New("malformed RTP payload")
	errInterleaved = errors.New("interleaved packetization was not agreed upon")
	errTooBig      = fmt.Errorf("access unit of more than %d bytes", maxFrame)
)

// depacketizer appends the payloads of a frame's packets to the frame, which begins empty.
type depacketizer interface {
	// begins tells that the payload surely is a frame's first.
	begins(payload []byte) bool
	push(frame, payload []byte) ([]byte, error)
	// reset forgets a frame of which the rest will not come.
	reset()
}

func newDepacketizer(c stream.Codec) depacketizer {
	switch c {
	case stream.H264:
		return new(avc)
	case stream.HEVC:
		return new(hevc)
	case stream.AV1:
		return new(av1)
	case stream.VP8:
		return vp8{}
	case stream.VP9:
		return vp9{}
	}
	return plain{}
}

// plain is a payload that is a whole frame: sound.
type plain struct{}

func (plain) begins([]byte) bool                         { return true }
func (plain) push(frame, payload []byte) ([]byte, error) { return append(frame, payload...), nil }
func (plain) reset()                                     {}

// fragments joins the fragments of a NAL unit, whose length stands before it in the frame.
type fragments struct {
	open bool
	at   int // where its length is
}

func (f *fragments) reset() { f.open = false }

// add takes a fragment; head is the NAL unit's header, for the first.
func (f *fragments) add(frame, head, body []byte, start, end bool) ([]byte, error) {
	if start {
		f.open, f.at = true, len(frame)
		frame = append(append(frame, 0, 0, 0, 0), head...)
	}
	if !f.open || f.at+4 > len(frame) {
		f.open = false
		return frame, fmt.Errorf("%w: a fragment without its beginning", errPayload)
	}
	frame = append(frame, body...)
	binary.BigEndian.PutUint32(frame[f.at:], uint32(len(frame)-f.at-4))
	f.open = !end
	return frame, nil
}

// appendNAL appends a NAL unit behind its length.
func appendNAL(frame, nal []byte) []byte {
	return append(binary.BigEndian.AppendUint32(frame, uint32(len(nal))), nal...)
}

// appendNALs appends those of an aggregation packet, each behind its length of 2 bytes.
func appendNALs(frame, b []byte) ([]byte, error) {
	for len(b) > 0 {
		if len(b) < 2 {
			return frame, errPayload
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) {
			return frame, fmt.Errorf("%w: NAL unit of %d bytes in %d", errPayload, n, len(b))
		}
		if n > 0 {
			frame = appendNAL(frame, b[:n])
		}
		b = b[n:]
	}
	return frame, nil
}

// avc is H.264 (RFC 6184 5.6 to 5.8).
type avc struct{ fragments }

const (
	avcSPS, avcAUD               = 7, 9
	avcSTAPA, avcSTAPB, avcMTAP  = 24, 25, 27
	avcFUA, avcFUB, avcLastSlice = 28, 29, 5
)

func (*avc) begins(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	t := b[0] & 31
	if t == avcSTAPA && len(b) > 3 {
		t = b[3] & 31
	}
	return t == avcSPS || t == avcAUD
}

func (d *avc) push(frame, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return frame, errPayload
	}
	switch t := b[0] & 31; {
	case t >= 1 && t < avcSTAPA:
		return appendNAL(frame, b), nil
	case t == avcSTAPA:
		return appendNALs(frame, b[1:])
	case t == avcFUA && len(b) > 2:
		head := [1]byte{b[0]&0xe0 | b[1]&31}
		return d.add(frame, head[:], b[2:], b[1]&0x80 != 0, b[1]&0x40 != 0)
	case t >= avcSTAPB && t <= avcMTAP || t == avcFUB:
		return frame, errInterleaved
	}
	return frame, errPayload
}

// hevc is HEVC (RFC 7798 4.4) without decoding order numbers.
type hevc struct{ fragments }

const hevcVPS, hevcAUD, hevcAP, hevcFU, hevcPACI = 32, 35, 48, 49, 50

func (*hevc) begins(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	t := b[0] >> 1 & 63
	if t == hevcAP && len(b) > 4 {
		t = b[4] >> 1 & 63
	}
	return t == hevcVPS || t == hevcAUD
}

func (d *hevc) push(frame, b []byte) ([]byte, error) {
	if len(b) < 3 {
		return frame, errPayload
	}
	switch t := b[0] >> 1 & 63; {
	case t < hevcAP:
		return appendNAL(frame, b), nil
	case t == hevcAP:
		return appendNALs(frame, b[2:])
	case t == hevcFU && len(b) > 3:
		head := [2]byte{b[0]&0x81 | b[2]&63<<1, b[1]}
		return d.add(frame, head[:], b[3:], b[2]&0x80 != 0, b[2]&0x40 != 0)
	}
	return frame, errPayload
}

// vp8 is VP8 (RFC 7741 4.2).
type vp8 struct{}

func (vp8) begins(b []byte) bool { return len(b) > 0 && b[0]&0x10 != 0 && b[0]&7 == 0 }
func (vp8) reset()               {}

func (vp8) push(frame, b []byte) ([]byte, error) {
	if len(b) == 0 {
		return frame, errPayload
	}
	if len(frame) == 0 && b[0]&0x17 != 0x10 {
		return frame, fmt.Errorf("%w: a frame without its beginning", errPayload)
	}
	n := 1
	if b[0]&0x80 != 0 {
		if len(b) < 2 {
			return frame, errPayload
		}
		x := b[1]
		n = 2
		if x&0x80 != 0 { // picture id, of 7 or 15 bits
			n++
			if len(b) >= n && b[n-1]&0x80 != 0 {
				n++
			}
		}
		if x&0x40 != 0 {
			n++
		}
		if x&0x30 != 0 {
			n++
		}
	}
	if len(b) <= n {
		return frame, errPayload
	}
	return append(frame, b[n:]...), nil
}

// vp9 is VP9 (RFC 9628 4.2).
type vp9 struct{}

func (vp9) begins(b []byte) bool {
	// The first of the lowest spatial layer.
	n, ok := vp9Header(b)
	return ok && b[0]&0x08 != 0 && n.layer == 0
}

func (vp9) reset() {}

func (vp9) push(frame, b []byte) ([]byte, error) {
	h, ok := vp9Header(b)
	if !ok || h.size >= len(b) {
		return frame, errPayload
	}
	if len(frame) == 0 && b[0]&0x08 == 0 {
		return frame, fmt.Errorf("%w: a frame without its beginning", errPayload)
	}
	return append(frame, b[h.size:]...), nil
}

// vp9Descriptor is what matters of VP9's payload descriptor.
type vp9Descriptor struct {
	size  int
	layer uint8 // spatial
}

func vp9Header(b []byte) (d vp9Descriptor, ok bool) {
	if len(b) == 0 {
		return d, false
	}
	at := 1
	next := func() (x byte) {
		if at < len(b) {
			x = b[at]
		}
		at++
		return x
	}
	flags := b[0]
	const picture, inter, layers, flexible, structure = 0x80, 0x40, 0x20, 0x10, 0x02
	if flags&picture != 0 && next()&0x80 != 0 {
		next()
	}
	if flags&layers != 0 {
		d.layer = next() >> 1 & 7
		if flags&flexible == 0 {
			next() // TL0PICIDX
		}
	}
	if flags&(flexible|inter) == flexible|inter {
		for i := 0; i < 3 && next()&1 != 0; i++ {
		}
	}
	if flags&structure != 0 {
		s := next()
		if s&0x10 != 0 {
			at += 4 * (int(s>>5) + 1)
		}
		if s&0x08 != 0 {
			for range next() {
				at += int(next() >> 2 & 3)
				if at > len(b) {
					return d, false
				}
			}
		}
	}
	d.size = at
	return d, at <= len(b)
}
