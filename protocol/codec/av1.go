package codec

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

	"github.com/srsgo/srs/stream"
)

// OBU types (AV1 6.2.2) that are told apart here.
const (
	obuSequence    = 1
	obuTemporal    = 2
	obuFrameHeader = 3
	obuFrame       = 6
)

var errOBUSize = errors.New("OBU longer than what is left")

// obu is one open bitstream unit (AV1 5.3).
type obu struct {
	kind    uint8
	head    []byte // the header's one or two bytes
	body    []byte
	hasSize bool
}

// nextOBU takes an OBU from b, which is not empty. One without a size field takes all.
func nextOBU(b []byte) (o obu, rest []byte, err error) {
	if b[0]&0x80 != 0 {
		return obu{}, nil, errors.New("forbidden bit of an OBU is set")
	}
	n := 1
	if b[0]&4 != 0 {
		n = 2
	}
	if len(b) < n {
		return obu{}, nil, errOBUSize
	}
	o = obu{kind: b[0] >> 3 & 15, head: b[:n], hasSize: b[0]&2 != 0}
	b = b[n:]
	if !o.hasSize {
		o.body = b
		return o, nil, nil
	}
	size, n, err := leb128(b)
	if err != nil {
		return obu{}, nil, err
	}
	b = b[n:]
	if size > uint64(len(b)) {
		return obu{}, nil, errOBUSize
	}
	o.body = b[:size]
	return o, b[size:], nil
}

// leb128 reads a number (AV1 4.10.5), which has at most 8 bytes and 32 bits.
func leb128(b []byte) (v uint64, n int, err error) {
	for n < 8 && n < len(b) {
		x := b[n]
		v |= uint64(x&0x7f) << (7 * n)
		n++
		if x&0x80 == 0 {
			if v >= 1<<32 {
				return 0, 0, errOBUSize
			}
			return v, n, nil
		}
	}
	return 0, 0, errOBUSize
}

func appendLEB128(dst []byte, v int) []byte {
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// NormalizeAV1 brings a temporal unit into the form of package stream's payload table:
// OBUs with size fields, no temporal delimiter. An input in that form is returned as it
// is, without allocation; one that only begins with a delimiter is cut. config is the
// track's av1C, nil if there is none yet; Unit.Config is a new one if a sequence header
// inside says other profile, level, format or size. Sequence headers stay inside.
//
// A unit is a KeyFrame if the first frame in it is a key frame (AV1 5.9.2).
func NormalizeAV1(config, payload []byte) (Unit, error) {
	var u Unit
	kept, end, first, plain := 0, 0, 0, true
	var seq []byte
	frame, reduced := false, false
	for b := payload; len(b) > 0; {
		at := len(payload) - len(b)
		o, rest, err := nextOBU(b)
		if err != nil {
			return Unit{}, fmt.Errorf("codec: AV1 temporal unit: %w", err)
		}
		b = rest
		switch o.kind {
		case obuTemporal:
			continue
		case obuSequence:
			seq = o.body
			// reduced_still_picture_header follows seq_profile and still_picture.
			reduced = len(seq) > 0 && seq[0]&0x08 != 0
		case obuFrameHeader, obuFrame:
			// show_existing_frame and frame_type are the first three bits.
			if !frame && len(o.body) > 0 && (reduced || o.body[0]>>5 == 0) {
				u.Flags |= stream.KeyFrame
			}
			frame = true
		}
		if kept == 0 {
			first = at
		}
		plain = plain && o.hasSize && (kept == 0 || end == at)
		kept++
		end = len(payload) - len(b)
	}
	if seq != nil {
		u.Config = av1Config(config, seq)
	}
	switch {
	case kept == 0:
	case !plain:
		u.Payload = rewriteAV1(payload)
	case first == 0 && end == len(payload):
		u.Payload = payload
	default:
		u.Payload = payload[first:end:end]
	}
	return u, nil
}

// rewriteAV1 copies a temporal unit that was found sound.
func rewriteAV1(b []byte) []byte {
	out := make([]byte, 0, len(b)+5)
	for len(b) > 0 {
		o, rest, err := nextOBU(b)
		if err != nil {
			break
		}
		b = rest
		if o.kind != obuTemporal {
			out = appendOBU(out, o)
		}
	}
	return out
}

func appendOBU(dst []byte, o obu) []byte {
	at := len(dst)
	dst = append(dst, o.head...)
	dst[at] |= 2
	dst = appendLEB128(dst, len(o.body))
	return append(dst, o.body...)
}

// av1Sequence finds and reads the sequence header among OBUs; nil if there is none.
func av1Sequence(b []byte) (*av1.SequenceHeader, error) {
	for len(b) > 0 {
		o, rest, err := nextOBU(b)
		if err != nil {
			return nil, err
		}
		b = rest
		if o.kind == obuSequence {
			return readSequence(o.body)
		}
	}
	return nil, nil
}

func readSequence(body []byte) (*av1.SequenceHeader, error) {
	var s av1.SequenceHeader
	if err := s.Unmarshal(append([]byte{obuSequence << 3}, body...)); err != nil {
		return nil, fmt.Errorf("sequence header: %w", err)
	}
	return &s, nil
}

// av1Config gives a new av1C if the sequence header differs from config's in what
// matters to whoever sets up a decoder. Encoders write headers in-band that differ from
// the announced one in tools only, which is no change of the track: decoders read the
// header inside.
func av1Config(config, body []byte) []byte {
	if len(config) > 4 && bytes.Contains(config[4:], body) {
		return nil
	}
	s, err := readSequence(body)
	if err != nil {
		return nil
	}
	n := appendAV1C(nil, s, body)
	if len(config) > 4 && bytes.Equal(config[:3], n[:3]) {
		old, err := av1Sequence(config[4:])
		if err == nil && old != nil && old.Width() == s.Width() && old.Height() == s.Height() {
			return nil
		}
	}
	return n
}

// BuildAV1 makes an av1C (AV1-ISOBMFF 2.3) from the sequence header OBU that a temporal
// unit holds.
func BuildAV1(payload []byte) ([]byte, error) {
	for b := payload; len(b) > 0; {
		o, rest, err := nextOBU(b)
		if err != nil {
			return nil, fmt.Errorf("codec: building av1C: %w", err)
		}
		b = rest
		if o.kind != obuSequence {
			continue
		}
		s, err := readSequence(o.body)
		if err != nil {
			return nil, fmt.Errorf("codec: building av1C: %w", err)
		}
		return appendAV1C(nil, s, o.body), nil
	}
	return nil, errors.New("codec: building av1C: no sequence header")
}

func appendAV1C(dst []byte, s *av1.SequenceHeader, body []byte) []byte {
	bit := func(b bool, n uint) byte {
		if b {
			return 1 << n
		}
		return 0
	}
	var level uint8
	var tier bool
	if len(s.SeqLevelIdx) > 0 {
		level = s.SeqLevelIdx[0]
	}
	if len(s.SeqTier) > 0 {
		tier = s.SeqTier[0]
	}
	c := &s.ColorConfig
	dst = append(dst, 0x81, s.SeqProfile<<5|level&31,
		bit(tier, 7)|bit(c.HighBitDepth, 6)|bit(c.TwelveBit, 5)|bit(c.MonoChrome, 4)|
			bit(c.SubsamplingX, 3)|bit(c.SubsamplingY, 2)|byte(c.ChromaSamplePosition)&3, 0)
	return appendOBU(dst, obu{kind: obuSequence, head: []byte{obuSequence << 3}, body: body})
}
