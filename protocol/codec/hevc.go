package codec

import (
	"encoding/binary"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// NAL unit types of HEVC (H.265 table 7-1) that are told apart here.
const (
	hevcBLAFirst = 16
	hevcIDRFirst = 19
	hevcIDRLast  = 20
	hevcCRA      = 21
	hevcIRAPLast = 23
	hevcVPS      = 32
	hevcSPS      = 33
	hevcPPS      = 34
	hevcAUD      = 35
	hevcSEI      = 39
)

// HEVC is an HEVCDecoderConfigurationRecord, hvcC (ISO 14496-15 8.3.3.1).
type HEVC struct {
	// Head is the record up to the arrays: the first 22 bytes.
	Head [22]byte
	// LengthSize is the number of bytes of a NAL unit's length.
	LengthSize int
	// VPS, SPS and PPS are NAL units with their headers.
	VPS, SPS, PPS [][]byte
	// Other are the record's arrays of other kinds (SEI), as they were.
	Other []byte

	others int
}

// ParseHEVC reads an hvcC. The result shares b. A record without parameter sets is
// accepted, for some encoders send them in-band only.
func ParseHEVC(b []byte) (HEVC, error) {
	if len(b) < 23 {
		return HEVC{}, fmt.Errorf("hvcC: %w", errShort)
	}
	// Version 0 was written by encoders that followed drafts.
	if b[0] > 1 {
		return HEVC{}, fmt.Errorf("hvcC: version %d", b[0])
	}
	c := HEVC{LengthSize: int(b[21]&3) + 1}
	copy(c.Head[:], b)
	arrays, rest := int(b[22]), b[23:]
	for ; arrays > 0; arrays-- {
		if len(rest) < 3 {
			return HEVC{}, fmt.Errorf("hvcC: array: %w", errShort)
		}
		start, kind := rest, rest[0]&0x3f
		sets, after, err := readSets(rest[3:], int(binary.BigEndian.Uint16(rest[1:])))
		if err != nil {
			return HEVC{}, fmt.Errorf("hvcC: array of NAL unit type %d: %w", kind, err)
		}
		rest = after
		switch kind {
		case hevcVPS:
			c.VPS = append(c.VPS, sets...)
		case hevcSPS:
			c.SPS = append(c.SPS, sets...)
		case hevcPPS:
			c.PPS = append(c.PPS, sets...)
		default:
			c.Other = append(c.Other, start[:len(start)-len(after)]...)
			c.others++
		}
	}
	return c, nil
}

// Append appends the record, with the parameter sets before other arrays.
func (c HEVC) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, c.Head[:]...)
	dst[at+21] = dst[at+21]&^3 | byte(c.LengthSize-1)&3
	n := len(dst)
	dst = append(dst, byte(c.others))
	for i, sets := range [...][][]byte{c.VPS, c.SPS, c.PPS} {
		if len(sets) == 0 {
			continue
		}
		dst[n]++
		// array_completeness: parameter sets are nowhere but here.
		dst = append(dst, 0x80|byte(hevcVPS+i))
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(sets)))
		dst = appendSets(dst, sets)
	}
	return append(dst, c.Other...)
}

// BuildHEVC makes an hvcC with 4-byte lengths from at least one VPS, SPS and PPS.
func BuildHEVC(vps, sps, pps [][]byte) ([]byte, error) {
	c := HEVC{LengthSize: 4, VPS: vps, SPS: sps, PPS: pps}
	return buildHEVC(c)
}

func buildHEVC(c HEVC) ([]byte, error) {
	for i, sets := range [...][][]byte{c.VPS, c.SPS, c.PPS} {
		// The ids allow for 16 VPS, 16 SPS and 64 PPS.
		if err := checkSets([...]string{"VPS", "SPS", "PPS"}[i], sets, 64, 3); err != nil {
			return nil, fmt.Errorf("codec: building hvcC: %w", err)
		}
	}
	n := setsSize(c.VPS, c.SPS, c.PPS) + len(c.Other)
	if n > maxConfig {
		return nil, fmt.Errorf("codec: building hvcC: %d bytes of parameter sets", n)
	}
	// profile_tier_level follows the first byte behind the header (H.265 7.3.2.2.1).
	raw := h264.EmulationPreventionRemove(c.SPS[0])
	if len(raw) < 15 {
		return nil, fmt.Errorf("codec: building hvcC: SPS: %w", errShort)
	}
	h := &c.Head
	h[0] = 1
	copy(h[1:13], raw[3:15])
	h[13], h[14], h[15] = 0xf0, 0, 0xfc
	h[16], h[17], h[18] = 0xfc|1, 0xf8, 0xf8
	var sps h265.SPS
	if err := sps.Unmarshal(c.SPS[0]); err == nil {
		h[16] = 0xfc | byte(sps.ChromaFormatIdc)&3
		h[17] = 0xf8 | byte(sps.BitDepthLumaMinus8)&7
		h[18] = 0xf8 | byte(sps.BitDepthChromaMinus8)&7
	}
	h[19], h[20] = 0, 0
	layers, nested := raw[2]>>1&7+1, raw[2]&1
	h[21] = layers<<3 | nested<<2 | 3
	return c.Append(make([]byte, 0, 32+n)), nil
}
