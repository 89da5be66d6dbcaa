package ingest

import "fmt"

// av1 is AV1 (RTP payload format for AV1 4.4): OBUs without sizes, which packets cut. In the frame they have
// sizes.
type av1 struct {
	part []byte // of an OBU that goes on in the next packet
	cut  bool
}

func (*av1) begins(b []byte) bool { return len(b) > 0 && b[0]&0x88 == 0x08 }

func (d *av1) reset() { d.part, d.cut = d.part[:0], false }

func (d *av1) push(frame, b []byte) ([]byte, error) {
	const continues, goesOn = 0x80, 0x40
	if len(b) < 2 {
		return frame, errPayload
	}
	head, count := b[0], int(b[0]>>4&3)
	b = b[1:]
	if head&continues == 0 {
		d.reset()
	} else if !d.cut {
		return frame, fmt.Errorf("%w: an OBU without its beginning", errPayload)
	}
	for i := 1; len(b) > 0; i++ {
		element := b
		if count == 0 || i < count {
			n, size := leb128(b)
			if size == 0 || n > uint64(len(b)-size) {
				d.reset()
				return frame, fmt.Errorf("%w: OBU longer than its packet", errPayload)
			}
			element, b = b[size:size+int(n)], b[size+int(n):]
		} else {
			b = nil // the last has no length
		}
		frame = d.element(frame, element, len(b) == 0 && head&goesOn != 0)
		if len(frame)+len(d.part) > maxFrame {
			return frame, errTooBig
		}
	}
	return frame, nil
}

// element takes one, or a part of it, of which more will come.
func (d *av1) element(frame, b []byte, more bool) []byte {
	if more || d.cut {
		d.part = append(d.part, b...)
		if d.cut = more; more {
			return frame
		}
		b = d.part
		defer d.reset()
	}
	return appendOBU(frame, b)
}

// appendOBU appends a unit with a size field (AV1 5.3.1).
func appendOBU(frame, b []byte) []byte {
	if len(b) == 0 {
		return frame
	}
	const extended, sized = 4, 2
	n := 1
	if b[0]&extended != 0 {
		n = 2
	}
	if b[0]&sized != 0 || len(b) < n {
		return append(frame, b...)
	}
	frame = append(append(frame, b[0]|sized), b[1:n]...)
	size := len(b) - n
	for ; size >= 0x80; size >>= 7 {
		frame = append(frame, byte(size)|0x80)
	}
	return append(append(frame, byte(size)), b[n:]...)
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
