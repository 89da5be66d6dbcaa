package egress

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// packer makes the payloads of a frame in one piece of memory. Where a frame needs several packets
// they are equal in size: such a run leaves in one call, and a shorter packet of sound may end it.
type packer struct {
	room   int // bytes that a payload may have
	slab   []byte
	start  int // of the packet in the making
	parts  [][]byte
	padded int      // the newest of parts that was padded, -1: none
	units  [][]byte // scratch
}

func (p *packer) begin(size int) {
	n := size/p.room + 2
	p.slab = make([]byte, 0, size+4*n+16)
	p.parts = make([][]byte, 0, n)
	p.start, p.padded = 0, -1
}

// end makes a packet of what was appended.
func (p *packer) end() {
	n := len(p.slab)
	p.parts = append(p.parts, p.slab[p.start:n:n])
	p.start = n
}

// endRun makes the frame's last packet, as long as those before it that pieces of one size have made.
func (p *packer) endRun() {
	if n := len(p.parts); n > 0 && p.padded < 0 {
		if k := len(p.parts[n-1]) - (len(p.slab) - p.start); k > 0 && k < 256 {
			p.slab = append(p.slab, make([]byte, k-1)...)
			p.slab = append(p.slab, byte(k))
			p.padded = n
		}
	}
	p.end()
}

// split gives the size of the pieces when n bytes are cut into as few as have at most room bytes,
// with the last piece no longer than the others.
func split(n, room int) int {
	k := (n + room - 1) / room
	return (n + k - 1) / k
}

// paramSets is what precedes key frames: NAL units, or a sequence header OBU.
type paramSets struct {
	units [][]byte
	size  int
}

// parseSets reads a track's configuration; one that is not understood gives none.
func parseSets(t *stream.Track) (s paramSets) {
	switch t.Codec {
	case stream.H264:
		if c, err := codec.ParseAVC(t.Config); err == nil {
			s.units = append(append(s.units, c.SPS...), c.PPS...)
		}
	case stream.HEVC:
		if c, err := codec.ParseHEVC(t.Config); err == nil {
			s.units = append(append(append(s.units, c.VPS...), c.SPS...), c.PPS...)
		}
	case stream.AV1:
		if len(t.Config) > 4 {
			_ = eachOBU(t.Config[4:], func(o obu) {
				if o.kind == obuSequence {
					s.units = append(s.units, t.Config[4:])
				}
			})
		}
	}
	for _, u := range s.units {
		s.size += len(u) + 4
	}
	return s
}

// NAL unit types: H.264 table 7-1, HEVC table 7-1, RFC 6184 5.2, RFC 7798 4.4.
const (
	avcSlice, avcPartA, avcSEI, avcAUD, avcEndSeq, avcEndStream, avcFiller = 1, 2, 6, 9, 10, 11, 12
	avcSTAP, avcFU                                                         = 24, 28

	hevcLastSlice                                       = 31
	hevcAUD, hevcEndSeq, hevcEndStream, hevcFiller      = 35, 36, 37, 38
	hevcPrefixSEI, hevcSuffixSEI                        = 39, 40
	hevcAP, hevcFU                                      = 48, 49
	fuStart, fuEnd                                 byte = 0x80, 0x40
)

type nalOptions struct{ hevc, dropSEI, merge bool }

// wanted tells whether a NAL unit is sent.
func (o nalOptions) wanted(u []byte) bool {
	if o.hevc {
		switch u[0] >> 1 & 63 {
		case hevcAUD, hevcEndSeq, hevcEndStream, hevcFiller:
			return false
		case hevcPrefixSEI, hevcSuffixSEI:
			return !o.dropSEI
		}
		return len(u) > 2
	}
	switch u[0] & 31 {
	case avcAUD, avcEndSeq, avcEndStream, avcFiller:
		return false
	case avcSEI:
		return !o.dropSEI
	}
	return len(u) > 1
}

// eachNAL calls f for each NAL unit, which has at least a byte, until it gives false.
func eachNAL(b []byte, f func(u []byte) bool) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errors.New("NAL units: cut in a length")
		}
		n := binary.BigEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return fmt.Errorf("NAL units: one of %d bytes where %d are left", n, len(b)-4)
		}
		if n > 0 && !f(b[4:4+n]) {
			return nil
		}
		b = b[4+n:]
	}
	return nil
}

// nal packetizes an access unit of H.264 (RFC 6184, mode 1) or HEVC (RFC 7798). Parameter sets
// precede key frames, together in one packet.
func (p *packer) nal(o nalOptions, sets *paramSets, key bool, payload []byte) error {
	if key {
		p.aggregate(o.hevc, sets.units)
	}
	p.units = p.units[:0]
	err := eachNAL(payload, func(u []byte) bool {
		if o.wanted(u) {
			p.units = append(p.units, u)
		}
		return true
	})
	switch {
	case err != nil:
		return err
	case len(p.units) == 0: // parameter sets alone are no frame
		p.parts = nil
	case o.merge:
		p.aggregate(o.hevc, p.units)
	default:
		for _, u := range p.units {
			p.single(o.hevc, u)
		}
	}
	return nil
}

// aggregate packetizes NAL units, as many in a packet as fit.
func (p *packer) aggregate(hevc bool, units [][]byte) {
	head := 1
	if hevc {
		head = 2
	}
	for len(units) > 0 {
		n, size := 0, head
		for n < len(units) && size+2+len(units[n]) <= p.room {
			size += 2 + len(units[n])
			n++
		}
		if n < 2 {
			p.single(hevc, units[0])
			units = units[1:]
			continue
		}
		if hevc {
			p.slab = append(p.slab, hevcAP<<1, 1)
		} else {
			nri := byte(0)
			for _, u := range units[:n] {
				nri = max(nri, u[0]&0x60)
			}
			p.slab = append(p.slab, nri|avcSTAP)
		}
		for _, u := range units[:n] {
			p.slab = binary.BigEndian.AppendUint16(p.slab, uint16(len(u)))
			p.slab = append(p.slab, u...)
		}
		p.end()
		units = units[n:]
	}
}

// single packetizes one NAL unit, in fragments if it is too long.
func (p *packer) single(hevc bool, u []byte) {
	if len(u) <= p.room {
		p.slab = append(p.slab, u...)
		p.end()
		return
	}
	var head [3]byte
	n := 2
	if hevc {
		head = [3]byte{u[0]&0x81 | hevcFU<<1, u[1], u[0] >> 1 & 63}
		n, u = 3, u[2:]
	} else {
		head = [3]byte{u[0]&0xe0 | avcFU, u[0] & 31}
		u = u[1:]
	}
	kind := head[n-1]
	size := split(len(u), p.room-n)
	for mark := fuStart; len(u) > size; mark = 0 {
		head[n-1] = kind | mark
		p.slab = append(append(p.slab, head[:n]...), u[:size]...)
		p.end()
		u = u[size:]
	}
	head[n-1] = kind | fuEnd
	p.slab = append(append(p.slab, head[:n]...), u...)
	p.endRun()
}

// reordered tells whether a frame that is shown before another one that precedes it is one that the
// others can do without: a B picture of H.264, a picture of HEVC that none of its sublayer refers to.
func reordered(c stream.Codec, payload []byte) bool {
	b := false
	_ = eachNAL(payload, func(u []byte) bool {
		switch {
		case c == stream.HEVC:
			kind := u[0] >> 1 & 63
			if kind > hevcLastSlice {
				return true
			}
			b = kind < 16 && kind&1 == 0
		case c != stream.H264:
		case u[0]&31 != avcSlice && u[0]&31 != avcPartA:
			return true
		default:
			b = sliceType(u[1:])%5 == 1
		}
		return false
	})
	return b
}

// sliceType reads slice_type from a slice header (H.264 7.3.3): the second Exp-Golomb number.
func sliceType(b []byte) uint32 {
	var buf [8]byte
	copy(buf[:], b)
	bits := binary.BigEndian.Uint64(buf[:])
	var v uint32
	for range 2 {
		zeros := 0
		for bits&(1<<63) == 0 && zeros < 16 {
			bits <<= 1
			zeros++
		}
		v = uint32(bits>>(63-zeros)) - 1
		bits <<= zeros + 1
	}
	return v
}

// vp8 packetizes a frame (RFC 7741) with the least descriptor.
func (p *packer) vp8(b []byte) {
	const start = 0x10
	p.described(b, start, 0, 0)
}

// vp9 packetizes a frame (RFC 9628) with the least descriptor: one spatial layer, references not told.
func (p *packer) vp9(key bool, b []byte) {
	const inter, start, end = 0x40, 0x08, 0x04
	if key {
		p.described(b, start, 0, end)
	} else {
		p.described(b, inter|start, inter, inter|end)
	}
}

// described cuts a frame into packets that begin with a byte: the first one with first, then middle. The
// bits of last are those of the last one, beside first's if it is the only one.
func (p *packer) described(b []byte, first, middle, last byte) {
	if len(b) == 0 {
		return
	}
	size := split(len(b), p.room-1)
	d := first
	for ; len(b) > size; d = middle {
		p.slab = append(append(p.slab, d), b[:size]...)
		p.end()
		b = b[size:]
	}
	p.slab = append(append(p.slab, d|last), b...)
	p.endRun()
}
