package dvr

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/stream"
)

// flvKeys says where an FLV's key frames are. In the file that is the metadata's field keyframes, with
// the arrays filepositions and times; it is written over a field of the same size that means nothing.
type flvKeys struct {
	list  []flvKey
	every int // one of so many is kept; 0: all
	n     int // how many there were
}

type flvKey struct {
	at  time.Duration
	pos int64
}

const (
	maxFLVKeys = 1000 // even
	// What the two fields take without entries, and what an entry takes.
	keysHead, spacerHead, keySize = 47, 13, 18
	// The first entry is for the sequence headers: players take it for that.
	keysRoom = keysHead + (maxFLVKeys+1)*keySize + spacerHead
)

// add notes a key frame. When there is no more room every second goes.
func (k *flvKeys) add(at time.Duration, pos int64) {
	k.every = max(k.every, 1)
	k.n++
	if (k.n-1)%k.every != 0 {
		return
	}
	if len(k.list) == maxFLVKeys {
		for i := range maxFLVKeys / 2 {
			k.list[i] = k.list[2*i]
		}
		k.list, k.every = k.list[:maxFLVKeys/2], 2*k.every
	}
	k.list = append(k.list, flvKey{at, pos})
}

// reserveKeys makes room in the metadata, which is the tag at at in b: at the end of its fields.
func reserveKeys(b []byte, at int) []byte {
	body := at + flvTagHeader
	if len(b) < body || b[at] != flv.TagScript || tagSize(b[at:]) > maxFLVMeta {
		return b
	}
	n := tagSize(b[at:])
	const count = len("\x02\x00\x0aonMetaData\x08")
	fields := b[body+count:]
	binary.BigEndian.PutUint32(fields, binary.BigEndian.Uint32(fields)+2) // with keyframes
	b = slices.Insert(b, body+n-3, appendSpacer(make([]byte, 0, keysRoom), keysRoom)...)
	n += keysRoom
	b[at+1], b[at+2], b[at+3] = byte(n>>16), byte(n>>8), byte(n)
	binary.BigEndian.PutUint32(b[body+n:], uint32(flvTagHeader+n))
	return b
}

// tagSize gives the size of a tag's body.
func tagSize(h []byte) int { return int(h[1])<<16 | int(h[2])<<8 | int(h[3]) }

// appendSpacer appends a field of n bytes: an array of nulls.
func appendSpacer(b []byte, n int) []byte {
	n -= spacerHead
	b = binary.BigEndian.AppendUint32(append(b, "\x00\x06spacer\x0a"...), uint32(n))
	return append(b, bytes.Repeat([]byte{5}, n)...)
}

// field gives the field keyframes, and what is left of the room. first is the time of the tags behind the
// metadata, which begin at pos; what is not within size is left out.
func (k *flvKeys) field(first time.Duration, pos, size int64) []byte {
	list := append([]flvKey{{first, pos}}, k.list...)
	list = slices.DeleteFunc(list, func(x flvKey) bool { return x.pos >= size })
	array := func(b []byte, name string, value func(flvKey) float64) []byte {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(name))), name...)
		b = binary.BigEndian.AppendUint32(append(b, 0x0a), uint32(len(list)))
		for _, x := range list {
			b = binary.BigEndian.AppendUint64(append(b, 0), math.Float64bits(value(x)))
		}
		return b
	}
	b := append(make([]byte, 0, keysRoom), "\x00\x09keyframes\x03"...)
	b = array(b, "filepositions", func(x flvKey) float64 { return float64(x.pos) })
	b = array(b, "times", func(x flvKey) float64 { return x.at.Round(time.Millisecond).Seconds() })
	b = append(b, 0, 0, 9)
	return appendSpacer(b, keysRoom-len(b))
}

// keysAt gives where the room is in a metadata tag; -1 if there is none.
func keysAt(tag []byte) int {
	at := len(tag) - 3 - keysRoom
	if at < flvTagHeader || !bytes.HasPrefix(tag[at:], []byte("\x00\x06spacer\x0a")) && !bytes.HasPrefix(tag[at:], []byte("\x00\x09keyframes\x03")) {
		return -1
	}
	return at
}

// keyTag tells from the first two bytes of a video tag's body whether it is a key frame of a track that all
// players show (E.4.3, and Enhanced RTMP version 2).
func keyTag(b []byte) bool {
	kind := b[0] & 15
	if b[0]&0x80 != 0 { // coded frames, with and without an offset
		return b[0]>>4&7 == 1 && (kind == 1 || kind == 3)
	}
	headers := kind == 7 || kind == 12 || kind == 13
	return b[0]>>4 == 1 && (!headers || b[1] == 1)
}

// withoutKeys gives tracks whose metadata say nothing of a file that was published.
func withoutKeys(t *stream.Tracks) *stream.Tracks {
	ours := func(f stream.Field) bool { return f.Name == "keyframes" || f.Name == "spacer" }
	if !slices.ContainsFunc(t.Meta, ours) {
		return t
	}
	return &stream.Tracks{List: t.List, Meta: slices.DeleteFunc(slices.Clone(t.Meta), ours)}
}
