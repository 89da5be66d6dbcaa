package egress

import "errors"

// OBU types (AV1 6.2.2) that are told apart here.
const (
	obuSequence = 1
	obuTemporal = 2
	obuTileList = 8
	obuPadding  = 15
)

var errOBU = errors.New("an OBU is longer than what is left")

// obu is one open bitstream unit (AV1 5.3), its header without a size field.
type obu struct {
	kind byte
	head [2]byte
	n    int // bytes of head
	body []byte
}

func (o *obu) size() int { return o.n + len(o.body) }

// appendRange appends the bytes from to to of the unit without its size field.
func (o *obu) appendRange(dst []byte, from, to int) []byte {
	if from < o.n {
		dst = append(dst, o.head[from:min(to, o.n)]...)
	}
	if to > o.n {
		dst = append(dst, o.body[max(from-o.n, 0):to-o.n]...)
	}
	return dst
}

// eachOBU calls f for each unit of b.
func eachOBU(b []byte, f func(obu)) error {
	for len(b) > 0 {
		o := obu{kind: b[0] >> 3 & 15, n: 1}
		o.head[0] = b[0] &^ 2
		if b[0]&4 != 0 {
			o.n = 2
		}
		if len(b) < o.n {
			return errOBU
		}
		copy(o.head[1:o.n], b[1:])
		sized := b[0]&2 != 0
		b = b[o.n:]
		size := uint64(len(b))
		if sized {
			var n int
			if size, n = leb128(b); n == 0 || size > uint64(len(b)-n) {
				return errOBU
			}
			b = b[n:]
		}
		o.body, b = b[:size], b[size:]
		f(o)
	}
	return nil
}

// leb128 reads a number (AV1 4.10.5); n is 0 for one that is cut or longer than 4 bytes.
func leb128(b []byte) (v uint64, n int) {
	for n < 4 && n < len(b) {
		v |= uint64(b[n]&0x7f) << (7 * n)
		n++
		if b[n-1]&0x80 == 0 {
			return v, n
		}
	}
	return 0, 0
}

func leb128Size(v int) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

func appendLEB128(dst []byte, v int) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// av1 packetizes a temporal unit (AV1 RTP payload format 4): OBUs without size fields, each element
// behind its length. A sequence header precedes key frames.
func (p *packer) av1(sets *paramSets, key bool, payload []byte) error {
	var units []obu
	total, sequence := 0, false
	take := func(o obu) {
		switch o.kind {
		case obuTemporal, obuTileList, obuPadding:
			return
		case obuSequence:
			sequence = true
		}
		units = append(units, o)
		total += o.size() + leb128Size(o.size())
	}
	if err := eachOBU(payload, take); err != nil || len(units) == 0 {
		return err
	}
	if key && !sequence && len(sets.units) > 0 {
		frame := units
		units = nil
		_ = eachOBU(sets.units[0], func(o obu) {
			if o.kind == obuSequence {
				take(o)
			}
		})
		units = append(units, frame...)
	}
	// Each packet has the aggregation header, and may repeat the length of an element that is cut.
	const (
		cut         = 3
		continued   = 0x80 // Z, Y and N of the aggregation header
		goesOn      = 0x40
		newSequence = 0x08
	)
	size := min(split(total, p.room-1-cut)+cut, p.room-1)
	head := byte(0)
	if key {
		head = newSequence
	}
	p.slab = append(p.slab, head)
	left := size
	for i := range units {
		o := &units[i]
		for at := 0; at < o.size(); {
			if left < cut+1 && p.start < len(p.slab)-1 {
				p.end()
				head, left = 0, size
				if at > 0 {
					head = continued
				}
				p.slab = append(p.slab, head)
			}
			n := min(o.size()-at, left-leb128Size(left))
			p.slab = o.appendRange(appendLEB128(p.slab, n), at, at+n)
			left -= n + leb128Size(n)
			at += n
			if at < o.size() {
				p.slab[p.start] |= goesOn
				left = 0
			}
		}
	}
	p.end()
	return nil
}
