package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/srsgo/srs/stream"
)

// NAL unit types of H.264 (table 7-1) that are told apart here.
const (
	avcSliceLast = 5
	avcIDR       = 5
	avcSEI       = 6
	avcSPS       = 7
	avcPPS       = 8
	avcAUD       = 9
)

// Unit is a normalised access unit.
type Unit struct {
	// Payload has the form of package stream's payload table. It may share the input;
	// it is empty when the input had nothing but what does not belong there.
	Payload []byte
	// Flags tell KeyFrame, Recovery and Disposable as far as the bitstream does.
	Flags stream.Flags
	// Config is a new decoder configuration if the input had parameter sets that the
	// current one does not, else nil.
	Config []byte
}

var (
	errNALLength = errors.New("NAL unit longer than what is left")
	errNoStart   = errors.New("no start code")
)

// NormalizeNAL brings an access unit of H.264 or HEVC into the form of package
// stream's payload table: 4-byte lengths, no parameter sets, no delimiters. config is
// the track's avcC or hvcC, nil if there is none yet; parameter sets inside that it
// lacks give a new one in Unit.Config, unless they make no sound configuration.
//
// lengthSize is that of the input's lengths, 1 to 4, or 0 for Annex B start codes. An
// input that does not parse as lengths and begins with a start code is read as Annex
// B, for some FLV encoders write that. An input in normal form is returned as it is,
// without allocation; one that only begins with delimiters or parameter sets is cut.
//
// An IDR picture is a KeyFrame. A BLA or CRA picture of HEVC is a KeyFrame and
// Recovery: what leads it may be undecodable. A recovery point SEI gives Recovery. An
// H.264 unit that no picture refers to (nal_ref_idc 0) is Disposable.
func NormalizeNAL(c stream.Codec, config []byte, lengthSize int, payload []byte) (Unit, error) {
	if lengthSize < 0 || lengthSize > 4 || c != stream.H264 && c != stream.HEVC {
		return Unit{}, fmt.Errorf("codec: %v access unit: length size %d: %w", c, lengthSize, stream.ErrUnsupported)
	}
	w := walker{hevc: c == stream.HEVC, size: lengthSize}
	var err error
	if lengthSize == 0 {
		err = errNoStart
	} else {
		err = w.scan(payload)
	}
	if err != nil && startCode(payload) > 0 {
		w = walker{hevc: w.hevc}
		err = w.scan(payload)
	}
	if err != nil {
		return Unit{}, fmt.Errorf("codec: %v access unit: %w", c, err)
	}
	u := Unit{Flags: w.flags()}
	if u.Payload, err = w.output(payload); err != nil {
		return Unit{}, fmt.Errorf("codec: %v access unit: %w", c, err)
	}
	if w.sets {
		// A player may make something of the picture where we make nothing of the sets.
		u.Config, _ = mergeSets(c, config, w.size, payload)
	}
	return u, nil
}

// startCode gives the length of the Annex B start code that b begins with, else 0.
func startCode(b []byte) int {
	n := 0
	for n < len(b) && b[n] == 0 {
		n++
	}
	if n >= 2 && n < len(b) && b[n] == 1 {
		return n + 1
	}
	return 0
}

// next takes a NAL unit from b, which has lengths of size bytes, or start codes if
// size is 0. A nil rest means the end. Zeros behind the last NAL unit are padding.
func next(b []byte, size int) (nal, rest []byte, err error) {
	if size == 0 {
		return nextAnnexB(b)
	}
	if len(b) < size {
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return nil, nil, errNALLength
		}
		return nil, nil, nil
	}
	var n uint32
	for _, x := range b[:size] {
		n = n<<8 | uint32(x)
	}
	b = b[size:]
	if uint64(n) > uint64(len(b)) {
		return nil, nil, errNALLength
	}
	return b[:n:n], b[n:], nil
}

func nextAnnexB(b []byte) (nal, rest []byte, err error) {
	n := startCode(b)
	if n == 0 {
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return nil, nil, errNoStart
		}
		return nil, nil, nil
	}
	b = b[n:]
	end := bytes.Index(b, []byte{0, 0, 1})
	if end < 0 {
		end = len(b)
	}
	rest = b[end:]
	// A NAL unit never ends in a zero byte: zeros belong to the next start code.
	nal = bytes.TrimRight(b[:end], "\x00")
	return nal[:len(nal):len(nal)], rest, nil
}

// walker looks at each NAL unit of an access unit once.
type walker struct {
	hevc bool
	size int // of the lengths; 0 is Annex B

	sets       bool // parameter sets are inside
	key, point bool // IRAP picture; recovery point
	open       bool // the IRAP picture is not an IDR
	slices     bool
	referenced bool // a slice has nal_ref_idc != 0

	kept       int // bytes of the output
	first, end int // where kept NAL units begin and end in the input
	gaps       bool
}

func (w *walker) scan(b []byte) error {
	total := len(b)
	for len(b) > 0 {
		at := total - len(b)
		nal, rest, err := next(b, w.size)
		if err != nil {
			return err
		}
		if rest == nil {
			break
		}
		b = rest
		if len(nal) == 0 || !w.see(nal) {
			continue
		}
		if w.kept == 0 {
			w.first = at
		} else if w.end != at {
			w.gaps = true
		}
		w.kept += 4 + len(nal)
		w.end = total - len(b)
	}
	return nil
}

// see notes what the NAL unit tells and whether it belongs into the payload.
func (w *walker) see(nal []byte) (keep bool) {
	if w.hevc {
		switch t := nal[0] >> 1 & 0x3f; {
		case t >= hevcVPS && t <= hevcPPS:
			w.sets = true
			return false
		case t == hevcAUD:
			return false
		case t >= hevcBLAFirst && t <= hevcIRAPLast:
			w.key = true
			w.open = w.open || t < hevcIDRFirst || t > hevcIDRLast
		case t == hevcSEI:
			w.point = w.point || len(nal) > 2 && recoveryPoint(nal[2:])
		}
		return true
	}
	switch t := nal[0] & 0x1f; {
	case t == avcSPS || t == avcPPS:
		w.sets = true
		return false
	case t == avcAUD:
		return false
	case t == avcSEI:
		w.point = w.point || recoveryPoint(nal[1:])
	case t >= 1 && t <= avcSliceLast:
		w.slices = true
		w.key = w.key || t == avcIDR
		w.referenced = w.referenced || nal[0]&0x60 != 0
	}
	return true
}

func (w *walker) flags() (f stream.Flags) {
	if w.key {
		f |= stream.KeyFrame
	}
	// An IDR picture is right at once, whatever an SEI message says.
	if w.point && !w.key || w.open {
		f |= stream.Recovery
	}
	if w.slices && !w.referenced && !w.key {
		f |= stream.Disposable
	}
	return f
}

// output gives the kept NAL units behind 4-byte lengths: a part of b where they lie
// there like that, else a copy.
func (w *walker) output(b []byte) ([]byte, error) {
	if w.size == 4 && !w.gaps {
		if w.first == 0 && w.end == len(b) {
			return b, nil
		}
		return b[w.first:w.end:w.end], nil
	}
	out := make([]byte, 0, w.kept)
	keep := walker{hevc: w.hevc}
	for len(b) > 0 {
		nal, rest, err := next(b, w.size)
		if err != nil || rest == nil {
			return out, err
		}
		b = rest
		if len(nal) > 0 && keep.see(nal) {
			out = binary.BigEndian.AppendUint32(out, uint32(len(nal)))
			out = append(out, nal...)
		}
	}
	return out, nil
}

// recoveryPoint looks for a recovery point message (payloadType 6 in both codecs) in
// an SEI NAL unit's content (H.264 7.3.2.3.1, H.265 7.3.5).
func recoveryPoint(b []byte) bool {
	zeros, i := 0, 0
	read := func() int { // the next byte, emulation prevention left out
		if zeros >= 2 && i < len(b) && b[i] == 3 {
			i, zeros = i+1, 0
		}
		if i >= len(b) {
			return -1
		}
		x := int(b[i])
		i++
		if x == 0 {
			zeros++
		} else {
			zeros = 0
		}
		return x
	}
	number := func() int {
		n := 0
		for {
			x := read()
			if x < 0 {
				return -1
			}
			n += x
			if x != 0xff {
				return n
			}
		}
	}
	for i < len(b)-1 {
		kind := number()
		size := number()
		if kind < 0 || size < 0 {
			return false
		}
		if kind == 6 {
			return true
		}
		for ; size > 0; size-- {
			if read() < 0 {
				return false
			}
		}
	}
	return false
}
