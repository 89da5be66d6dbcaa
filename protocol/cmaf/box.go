package cmaf

import (
	"encoding/binary"
	"math"
)

// begin appends the header of a box, whose size end fills in.
func begin(b []byte, name string) ([]byte, int) {
	at := len(b)
	return append(append(b, 0, 0, 0, 0), name...), at
}

// full is begin for a box with version and flags.
func full(b []byte, name string, version byte, flags uint32) ([]byte, int) {
	b, at := begin(b, name)
	return binary.BigEndian.AppendUint32(b, uint32(version)<<24|flags), at
}

// end fills in the size of the box that begins at.
func end(b []byte, at int) []byte {
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// box appends a whole box.
func box(b []byte, name string, content ...byte) []byte {
	b, at := begin(b, name)
	return end(append(b, content...), at)
}

func u16(b []byte, values ...int) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, uint16(max(0, min(v, math.MaxUint16))))
	}
	return b
}

func u32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func u64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func zeros(b []byte, n int) []byte { return append(b, make([]byte, n)...) }
