package codec

import (
	"bytes"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"github.com/srsgo/srs/stream"
)

// maxSets bounds the parameter sets that are looked at in one access unit, and those of
// a kind in an hvcC.
const maxSets = 64

var errSets = fmt.Errorf("more than %d parameter sets", maxSets)

func parseSPS(nal []byte) (h264.SPS, error) {
	var s h264.SPS
	err := s.Unmarshal(nal)
	return s, err
}

// mergeSets gives config with the parameter sets of an access unit, which has lengths
// of size bytes (0: start codes). It gives nil if config has them all already, or if
// together they are not enough for a configuration.
func mergeSets(c stream.Codec, config []byte, size int, unit []byte) ([]byte, error) {
	hevc := c == stream.HEVC
	var lists [3][][]byte // VPS (HEVC only), SPS, PPS
	var h HEVC
	if len(config) > 0 {
		var err error
		if hevc {
			if h, err = ParseHEVC(config); err != nil {
				return nil, err
			}
			lists = [3][][]byte{h.VPS, h.SPS, h.PPS}
			if max(len(h.VPS), len(h.SPS), len(h.PPS)) > maxSets {
				return nil, errSets // each would be read to find its id
			}
		} else {
			a, err := ParseAVC(config)
			if err != nil {
				return nil, err
			}
			lists = [3][][]byte{nil, a.SPS, a.PPS}
		}
	}
	changed, seen := false, 0
	for b := unit; len(b) > 0; {
		nal, rest, err := next(b, size)
		if err != nil || rest == nil {
			break
		}
		b = rest
		if kind := setKind(hevc, nal); kind >= 0 {
			if seen++; seen > maxSets {
				return nil, errSets
			}
			var diff bool
			lists[kind], diff = mergeSet(hevc, kind, lists[kind], nal)
			changed = changed || diff
		}
	}
	if !changed {
		return nil, nil
	}
	if len(lists[1]) == 0 || len(lists[2]) == 0 || hevc && len(lists[0]) == 0 {
		return nil, nil
	}
	if hevc {
		return buildHEVC(HEVC{LengthSize: 4, VPS: lists[0], SPS: lists[1], PPS: lists[2], Other: h.Other, others: h.others})
	}
	return BuildAVC(lists[1], lists[2])
}

// setKind gives 0 for a VPS, 1 for an SPS, 2 for a PPS, -1 for all other NAL units and
// for sets too short to be true.
func setKind(hevc bool, nal []byte) int {
	if len(nal) < 2 {
		return -1
	}
	if hevc {
		if t := int(nal[0] >> 1 & 0x3f); t >= hevcVPS && t <= hevcPPS && len(nal) > 2 {
			return t - hevcVPS
		}
		return -1
	}
	switch nal[0] & 0x1f {
	case avcSPS:
		if len(nal) >= 4 {
			return 1
		}
	case avcPPS:
		return 2
	}
	return -1
}

// mergeSet puts nal in the place of the set with the same id, or at the end.
func mergeSet(hevc bool, kind int, sets [][]byte, nal []byte) (merged [][]byte, changed bool) {
	for _, s := range sets {
		if bytes.Equal(s, nal) {
			return sets, false
		}
	}
	id := setID(hevc, kind, nal)
	merged = make([][]byte, 0, len(sets)+1)
	found := false
	for _, s := range sets {
		if !found && setID(hevc, kind, s) == id {
			s, found = nal, true
		}
		merged = append(merged, s)
	}
	if !found {
		merged = append(merged, nal)
	}
	return merged, true
}

// setID gives the id of a parameter set, 0 where it cannot be read: nearly every
// encoder uses no other.
func setID(hevc bool, kind int, nal []byte) int {
	if !hevc {
		start := 1
		if kind == 1 {
			start = 4
		}
		return golomb(nal, start)
	}
	switch kind {
	case 0:
		if len(nal) > 2 {
			return int(nal[2] >> 4)
		}
	case 1:
		var s h265.SPS
		if err := s.Unmarshal(nal); err == nil {
			return int(s.ID)
		}
	case 2:
		return golomb(nal, 2)
	}
	return 0
}

func golomb(nal []byte, start int) int {
	if len(nal) <= start {
		return 0
	}
	pos := 0
	n, err := bits.ReadGolombUnsigned(nal[start:], &pos)
	if err != nil || n > 255 {
		return 0
	}
	return int(n)
}
