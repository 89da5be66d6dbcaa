package main

import (
	"bytes"
	"fmt"
)

// tagReader takes an FLV stream in arbitrary pieces (Adobe FLV 10.1, annex E.2 to E.4) and calls on for
// each tag. As with chunkReader only the beginning of a tag's body is kept.
type tagReader struct {
	on   func(message) error
	hdr  []byte // file header or tag header gathered so far
	skip int    // bytes to drop: rest of a long file header, previous tag size
	seen bool   // the file header has been read
	cur  message
	left int // bytes of the current body to come; its end delivers cur
	body bool
}

// feed consumes all of b. After an error the reader must not be used again.
func (r *tagReader) feed(b []byte) error {
	for len(b) > 0 {
		switch {
		case r.skip > 0:
			n := min(len(b), r.skip)
			r.skip -= n
			b = b[n:]
		case r.body:
			n := min(len(b), r.left)
			if room := mediaHead - len(r.cur.head); room > 0 {
				r.cur.head = append(r.cur.head, b[:min(n, room)]...)
			}
			r.left -= n
			b = b[n:]
			if r.left == 0 {
				if err := r.deliver(); err != nil {
					return err
				}
			}
		default:
			want := 11
			if !r.seen {
				want = 9
			}
			n := min(len(b), want-len(r.hdr))
			r.hdr = append(r.hdr, b[:n]...)
			b = b[n:]
			if len(r.hdr) == want {
				if err := r.header(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// header takes in a complete file or tag header.
func (r *tagReader) header() error {
	h := r.hdr
	r.hdr = r.hdr[:0]
	if !r.seen {
		if !bytes.HasPrefix(h, []byte("FLV")) {
			return fmt.Errorf("flv: stream begins with %q", h[:3])
		}
		size := uint24(h[6:]) // the top byte of the 32-bit size must be 0
		if h[5] != 0 || size < 9 {
			return fmt.Errorf("flv: bad header size")
		}
		r.seen, r.skip = true, int(size)-9+4
		return nil
	}
	kind := h[0] & 0x1F
	if kind != typeAudio && kind != typeVideo && kind != typeDataAMF0 {
		return fmt.Errorf("flv: tag of type %d", kind)
	}
	size := int(uint24(h[1:]))
	r.cur = message{kind: kind, ts: uint24(h[4:]) | uint32(h[7])<<24, size: size, head: r.cur.head[:0]}
	r.body, r.left = true, size
	if size == 0 {
		return r.deliver()
	}
	return nil
}

func (r *tagReader) deliver() error {
	r.body, r.skip = false, 4
	if r.cur.kind == typeDataAMF0 {
		return nil
	}
	return r.on(r.cur)
}

// mediaKind says what the tool must know of an FLV tag body: whether it is a coded frame (not a codec
// configuration) and whether it is a video key frame. It reads the classic and the enhanced headers.
func mediaKind(m message) (frame, key bool) {
	if len(m.head) < 2 {
		return false, false
	}
	b := m.head[0]
	if m.kind == typeAudio {
		switch b >> 4 {
		case 10: // AAC
			return m.head[1] != 0, false
		case 9: // enhanced audio: packet type in the low bits
			return b&15 == 1, false
		}
		return true, false
	}
	if m.kind != typeVideo {
		return false, false
	}
	kind := b >> 4 & 7
	if b&0x80 != 0 { // enhanced video
		frame = b&15 == 1 || b&15 == 3
	} else if id := b & 15; id == 7 || id == 12 || id == 13 {
		frame = m.head[1] == 1
	} else {
		frame = true
	}
	return frame, frame && kind == 1
}
