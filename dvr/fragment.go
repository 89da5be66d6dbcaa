package dvr

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"
)

// fragmentHeader gives the movie's header (ISO 14496-12 8.8) for fragments, which fragment makes.
func (m *movie) fragmentHeader() []byte {
	b := whole(nil, "ftyp", []byte("iso6\x00\x00\x00\x01iso6cmfcmp41"))
	b, moov := begin(b, "moov")
	mvhd := bytes.Clone(child(m.header, "mvhd"))
	clear(mvhd[4:12]) // recordings with equal tracks have equal headers
	clear(mvhd[16:20])
	b = whole(b, "mvhd", mvhd)
	i := 0
	_ = children(m.header, func(name string, body []byte) error { // was read before
		if name != "trak" {
			return nil
		}
		var trak int
		b, trak = begin(b, "trak")
		tkhd := bytes.Clone(child(body, "tkhd"))
		clear(tkhd[4:12])
		clear(tkhd[20:24])
		b = whole(b, "tkhd", tkhd)
		b = m.tracks[i].media(b, child(body, "mdia"), 0, func(b []byte) []byte {
			b, stbl := begin(b, "stbl")
			b = whole(b, "stsd", descend(body, "mdia", "minf", "stbl", "stsd"))
			for _, name := range []string{"stts", "stsc", "stco"} {
				b = whole(b, name, make([]byte, 8))
			}
			return end(whole(b, "stsz", make([]byte, 12)), stbl)
		})
		b = end(b, trak)
		i++
		return nil
	})
	b, mvex := begin(b, "mvex")
	for _, t := range m.tracks {
		b = whole(b, "trex", u32(nil, 0, t.id, 1, 0, 0, 0))
	}
	return end(end(b, mvex), moov)
}

// maxFragment bounds the samples of a fragment.
const maxFragment = 1 << 17

// fragment gives the movie as one fragment with a number.
func (m *movie) fragment(number uint32) (*io.SectionReader, error) {
	if m.size > math.MaxUint32/2 || m.samples() > maxFragment {
		return nil, errLong
	}
	for _, t := range m.tracks {
		if len(t.sizes) > 0 && t.first < 0 {
			return nil, fmt.Errorf("%w: a segment before the beginning", errQuery)
		}
	}
	base := len(m.moof(number, 0)) + 8
	head := append(u32(m.moof(number, int64(base)), uint32(m.size+8)), "mdat"...)
	return newRuns(append([]run{{bytes.NewReader(head), 0, int64(len(head))}}, m.runs...)).reader(), nil
}

// moof makes the index of a fragment (8.8.4) whose media begin base bytes behind its own beginning.
func (m *movie) moof(number uint32, base int64) []byte {
	const (
		baseIsMoof   = 0x20000
		dependsNot   = 0x2000000
		dependsOn    = 0x1010000 // and is no key frame
		sampleFields = dataOffset | sampleDuration | sampleSize | sampleFlags | sampleOffset
	)
	b, moof := begin(nil, "moof")
	b = whole(b, "mfhd", u32(nil, 0, number))
	for _, t := range m.tracks {
		if len(t.sizes) == 0 {
			continue
		}
		var traf int
		b, traf = begin(b, "traf")
		b = whole(b, "tfhd", u32(nil, baseIsMoof, t.id))
		b = whole(b, "tfdt", u64(u32(nil, 1<<24), uint64(t.first)))
		c, left, trun := 0, uint32(0), 0
		t.each(func(p *piece) bool {
			if left == 0 {
				b, trun = full(b, "trun", 1, sampleFields)
				left = t.chunks[c].samples
				b = u32(b, left, uint32(base+t.chunks[c].at))
				c++
			}
			flags := uint32(dependsNot)
			if p.flags&notSync != 0 {
				flags = dependsOn
			}
			b = u32(b, p.duration, p.size, flags, p.offset)
			if left--; left == 0 {
				b = end(b, trun)
			}
			return true
		})
		b = end(b, traf)
	}
	return end(b, moof)
}

// How long the segments of a playlist are: they end at key frames, if there are such, and at once without
// pictures.
const (
	minSegment   = 4 * time.Second
	soundSegment = 6 * time.Second
	maxSegment   = 20 * time.Second
)

// segments gives the decoding times at which the segments of a playlist begin, and where the last one ends.
func (m *movie) segments() (list []time.Duration) {
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for _, t := range m.tracks {
		if len(t.sizes) > 0 {
			first, last = min(first, t.time(t.first)), max(last, t.time(t.last)+1)
		}
	}
	t := m.tracks[m.lead()]
	list = append(list, first)
	t.each(func(p *piece) bool {
		d := t.time(p.dts)
		n := d - list[len(list)-1]
		if t.video && n >= minSegment && p.flags&notSync == 0 || t.video && n >= maxSegment || !t.video && n >= soundSegment {
			list = append(list, d)
		}
		return true
	})
	return append(list, last)
}

// segment gives the part that is decoded in [from, to), later by shift.
func (m *movie) segment(from, to, shift time.Duration) *movie {
	e, begins := m.empty(), m.at(from)
	e.appendRange(m, shift, to, func(i int, p *piece) bool { return p.dts >= begins[i] })
	return e
}
