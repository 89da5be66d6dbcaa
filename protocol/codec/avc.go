package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxConfig bounds a decoder configuration that is built from parameter sets.
const maxConfig = 64 << 10

// AVC is an AVCDecoderConfigurationRecord, avcC (ISO 14496-15 5.3.3.1).
type AVC struct {
	Profile, Compat, Level uint8
	// LengthSize is the number of bytes of a NAL unit's length: 1, 2 or 4 (3 is not
	// allowed by the standard and accepted).
	LengthSize int
	// SPS and PPS are NAL units with their headers.
	SPS, PPS [][]byte
	// Ext is what follows the PPS: chroma format, bit depths and SPS extensions.
	Ext []byte
}

// ParseAVC reads an avcC. The result shares b. A record without parameter sets is
// accepted, for some encoders send them in-band only.
func ParseAVC(b []byte) (AVC, error) {
	if len(b) < 6 {
		return AVC{}, fmt.Errorf("avcC: %w", errShort)
	}
	if b[0] != 1 {
		return AVC{}, fmt.Errorf("avcC: version %d", b[0])
	}
	c := AVC{Profile: b[1], Compat: b[2], Level: b[3], LengthSize: int(b[4]&3) + 1}
	rest, err := b[6:], error(nil)
	if c.SPS, rest, err = readSets(rest, int(b[5]&0x1f)); err != nil {
		return AVC{}, fmt.Errorf("avcC: SPS: %w", err)
	}
	if len(rest) == 0 {
		// Some encoders leave the PPS count out when there is no SPS either.
		if len(c.SPS) == 0 {
			return c, nil
		}
		return AVC{}, fmt.Errorf("avcC: PPS: %w", errShort)
	}
	if c.PPS, rest, err = readSets(rest[1:], int(rest[0])); err != nil {
		return AVC{}, fmt.Errorf("avcC: PPS: %w", err)
	}
	c.Ext = rest
	return c, nil
}

// readSets takes n length-prefixed NAL units from b; empty ones are left out.
func readSets(b []byte, n int) (sets [][]byte, rest []byte, err error) {
	for ; n > 0; n-- {
		if len(b) < 2 {
			return nil, nil, errShort
		}
		size := int(binary.BigEndian.Uint16(b))
		if size > len(b)-2 {
			return nil, nil, errShort
		}
		if size > 0 {
			sets = append(sets, b[2:2+size:2+size])
		}
		b = b[2+size:]
	}
	return sets, b, nil
}

// Append appends the record. Counts and sizes must fit; see [BuildAVC].
func (c AVC) Append(dst []byte) []byte {
	dst = append(dst, 1, c.Profile, c.Compat, c.Level, 0xfc|byte(c.LengthSize-1)&3,
		0xe0|byte(len(c.SPS))&0x1f)
	dst = appendSets(dst, c.SPS)
	dst = append(dst, byte(len(c.PPS)))
	dst = appendSets(dst, c.PPS)
	return append(dst, c.Ext...)
}

func appendSets(dst []byte, sets [][]byte) []byte {
	for _, s := range sets {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

func setsSize(lists ...[][]byte) int {
	n := 0
	for _, l := range lists {
		for _, s := range l {
			n += 2 + len(s)
		}
	}
	return n
}

func checkSets(name string, sets [][]byte, most, header int) error {
	if len(sets) == 0 {
		return fmt.Errorf("no %s", name)
	}
	if len(sets) > most {
		return fmt.Errorf("%d %s, at most %d fit", len(sets), name, most)
	}
	for _, s := range sets {
		if len(s) < header || len(s) > 0xffff {
			return fmt.Errorf("%s of %d bytes", name, len(s))
		}
	}
	return nil
}

// BuildAVC makes an avcC with 4-byte lengths from at least one SPS and one PPS.
// Profiles from High on get the chroma and bit depth fields that the standard wants
// for them, if the SPS can be read.
func BuildAVC(sps, pps [][]byte) ([]byte, error) {
	if err := checkSets("SPS", sps, 31, 4); err != nil {
		return nil, fmt.Errorf("codec: building avcC: %w", err)
	}
	if err := checkSets("PPS", pps, 255, 2); err != nil {
		return nil, fmt.Errorf("codec: building avcC: %w", err)
	}
	n := setsSize(sps, pps)
	if n > maxConfig {
		return nil, fmt.Errorf("codec: building avcC: %d bytes of parameter sets", n)
	}
	s := sps[0]
	c := AVC{Profile: s[1], Compat: s[2], Level: s[3], LengthSize: 4, SPS: sps, PPS: pps}
	switch c.Profile {
	case 100, 110, 122, 144, 244, 44:
		if p, err := parseSPS(s); err == nil {
			c.Ext = []byte{0xfc | byte(p.ChromaFormatIdc)&3, 0xf8 | byte(p.BitDepthLumaMinus8)&7,
				0xf8 | byte(p.BitDepthChromaMinus8)&7, 0}
		}
	}
	return c.Append(make([]byte, 0, 7+n+len(c.Ext))), nil
}

// LengthSize gives the size of the NAL unit lengths that an avcC or hvcC announces.
func LengthSize(config []byte, hevc bool) (int, error) {
	at := 4
	if hevc {
		at = 21
	}
	if len(config) <= at {
		return 0, errors.New("codec: length size: configuration too short")
	}
	return int(config[at]&3) + 1, nil
}
