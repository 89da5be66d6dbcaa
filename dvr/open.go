package dvr

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/srsgo/srs/stream"
)

// maxMoov bounds the index of a plain file: some days.
const maxMoov = 256 << 20

var errTable = errors.New("dvr: mp4: a sample table is not whole")

// openMovie reads the index of a complete file of size bytes, plain or of fragments.
func openMovie(r io.ReaderAt, size int64) (*movie, error) {
	for at := int64(0); ; {
		b, err := boxAt(r, at, size)
		if err != nil {
			return nil, err
		}
		at = b.end
		if b.name != "moov" {
			continue
		}
		header, err := b.loadMax(r, maxMoov)
		if err != nil {
			return nil, err
		}
		if child(header, "mvex") != nil {
			return parseMovie(r, size)
		}
		m := &movie{header: header, runs: []run{{r, 0, size}}, size: size, whole: size}
		if err := m.parseTracks(); err != nil {
			return nil, err
		}
		return m, m.parseTables()
	}
}

// parseTables takes the samples of a plain file.
func (m *movie) parseTables() error {
	mvhd, i := child(m.header, "mvhd"), 0
	scale := int(binary.BigEndian.Uint32(mvhd[12:]))
	if mvhd[0] != 0 || scale <= 0 {
		return errors.New("dvr: mp4: the movie's header is not one of a recording")
	}
	return children(m.header, func(name string, trak []byte) error {
		if name != "trak" {
			return nil
		}
		t := m.tracks[i]
		i++
		if err := t.parseTable(descend(trak, "mdia", "minf", "stbl"), m.size); err != nil {
			return err
		}
		begins, err := edited(descend(trak, "edts", "elst"), scale, int(t.scale))
		if err != nil || len(t.sizes) == 0 {
			return err
		}
		t.first, t.last, t.begin, t.end = t.first+begins, t.last+begins, t.begin+begins, t.end+begins
		return nil
	})
}

// edited gives what an edit list adds to a track's times.
func edited(elst []byte, movie, scale int) (int64, error) {
	if elst == nil {
		return 0, nil
	}
	if len(elst) < 8 || elst[0] != 1 || (len(elst)-8)/20 < int(binary.BigEndian.Uint32(elst[4:])) {
		return 0, errors.New("dvr: mp4: the edit list is not one of a recording")
	}
	var delay int64
	for e := elst[8:]; len(e) >= 20; e = e[20:] {
		duration, at := binary.BigEndian.Uint64(e), int64(binary.BigEndian.Uint64(e[8:]))
		if duration > math.MaxUint32 || at < -1 || at > 1<<50 {
			return 0, errors.New("dvr: mp4: an edit is out of bounds")
		}
		if at >= 0 {
			return delay - at, nil
		}
		delay += stream.Ticks(stream.FromTicks(int64(duration), movie), scale)
	}
	return delay, nil
}

// table gives the entries, of n values each, of a box in a sample table.
func table(stbl []byte, name string, n int) []byte {
	b := child(stbl, name)
	if len(b) < 8 {
		return nil
	}
	count := uint64(binary.BigEndian.Uint32(b[4:])) * uint64(4*n)
	if count > uint64(len(b)-8) {
		return nil
	}
	return b[8 : 8+count]
}

// repeats gives what a table says of each sample in turn.
func repeats(b []byte) func() uint32 {
	left, value := uint32(0), uint32(0)
	return func() uint32 {
		for left == 0 {
			if len(b) < 8 {
				return 0
			}
			left, value, b = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8:]
		}
		left--
		return value
	}
}

// parseTable takes the samples of a track (8.6, 8.7), which are in a file of size bytes.
func (t *movieTrack) parseTable(stbl []byte, size int64) error {
	stsz := child(stbl, "stsz")
	if len(stsz) < 12 || binary.BigEndian.Uint32(stsz[4:]) != 0 || (len(stsz)-12)/4 < int(binary.BigEndian.Uint32(stsz[8:])) {
		return errTable
	}
	sizes := stsz[12 : 12+4*int(binary.BigEndian.Uint32(stsz[8:]))]
	durations, offsets := repeats(table(stbl, "stts", 2)), repeats(table(stbl, "ctts", 2))
	syncs := table(stbl, "stss", 1)
	all := child(stbl, "stss") == nil
	if err := t.parseChunks(stbl, len(sizes)/4); err != nil {
		return err
	}
	dts := int64(0)
	c, left, at := -1, uint32(0), int64(0)
	for n := uint32(1); len(sizes) > 0; n, sizes = n+1, sizes[4:] {
		if left == 0 {
			c++
			left, at = t.chunks[c].samples, t.chunks[c].at
		}
		s := sample{duration: durations(), size: binary.BigEndian.Uint32(sizes), flags: notSync, offset: offsets()}
		if at += int64(s.size); at > size {
			return fmt.Errorf("dvr: mp4: a sample that ends at %d of %d bytes", at, size)
		}
		if all || len(syncs) >= 4 && binary.BigEndian.Uint32(syncs) == n {
			s.flags = 0
			syncs = syncs[min(4, len(syncs)):]
		}
		t.sample(s, dts)
		dts += int64(s.duration)
		left--
	}
	return nil
}

// parseChunks takes where the samples are; their number is n.
func (t *movieTrack) parseChunks(stbl []byte, n int) error {
	stsc, wide := table(stbl, "stsc", 3), false
	places := table(stbl, "stco", 1)
	if child(stbl, "co64") != nil {
		places, wide = table(stbl, "co64", 2), true
	}
	samples := uint32(0)
	for i := uint32(1); n > 0; i++ {
		if len(stsc) >= 12 && binary.BigEndian.Uint32(stsc) == i {
			samples, stsc = binary.BigEndian.Uint32(stsc[4:]), stsc[12:]
		}
		if samples == 0 || len(places) < 4 {
			return errTable
		}
		c := chunk{samples: min(samples, uint32(n))}
		if wide {
			c.at, places = int64(min(binary.BigEndian.Uint64(places), math.MaxInt64/2)), places[8:]
		} else {
			c.at, places = int64(binary.BigEndian.Uint32(places)), places[4:]
		}
		n -= int(c.samples)
		t.chunks = append(t.chunks, c)
	}
	return nil
}

// keyBefore gives when the last key frame at or before a time is decoded and presented; without pictures, the
// time.
func (m *movie) keyBefore(at time.Duration) (dts, pts time.Duration) {
	dts, pts = at, at
	for _, t := range m.tracks {
		if !t.video || len(t.sizes) == 0 {
			continue
		}
		dts, pts = t.time(t.first), t.time(t.begin)
		t.each(func(p *piece) bool {
			if shown := t.time(p.dts + int64(int32(p.offset))); p.flags&notSync == 0 && shown <= at {
				dts, pts = t.time(p.dts), shown
			}
			return true
		})
		break
	}
	return dts, pts
}

// at gives the first tick of a time or after it.
func (t *movieTrack) at(d time.Duration) int64 {
	n := stream.Ticks(d, int(t.scale))
	for t.time(n) >= d {
		n--
	}
	return n + 1
}

// appendRange adds the samples of o that want takes and that are decoded before to, later by shift. Their
// tracks must be equal.
func (m *movie) appendRange(o *movie, shift, to time.Duration, want func(track int, p *piece) bool) {
	type part struct {
		track int
		dts   time.Duration
		in    run
		list  []piece
	}
	var parts []part
	for i, t := range o.tracks {
		var now *part
		end := t.at(to)
		t.each(func(p *piece) bool {
			if p.dts >= end || !want(i, p) {
				return p.dts < end
			}
			d := t.time(p.dts)
			if now == nil || now.in.at+now.in.n != p.at || d-now.dts >= partDuration {
				parts = append(parts, part{track: i, dts: d, in: run{at: p.at}})
				now = &parts[len(parts)-1]
			}
			now.in.n += int64(p.size)
			now.list = append(now.list, *p)
			return true
		})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.dts, b.dts) })
	in := newRuns(o.runs)
	for _, x := range parts {
		t := m.tracks[x.track]
		t.chunks = append(t.chunks, chunk{m.size, uint32(len(x.list))})
		for _, p := range x.list {
			dts := p.dts + stream.Ticks(shift, int(t.scale))
			if len(t.sizes) > 0 { // sound may overlap by less than a frame where files meet
				dts = max(dts, t.last+int64(t.tail))
			}
			t.sample(p.sample, dts)
		}
		x.in.in = in
		m.runs, m.size = append(m.runs, x.in), m.size+x.in.n
	}
}

// empty gives a movie with the tracks of m and without samples.
func (m *movie) empty() *movie {
	e := &movie{header: m.header}
	for _, t := range m.tracks {
		e.tracks = append(e.tracks, &movieTrack{id: t.id, scale: t.scale, video: t.video})
	}
	return e
}

// over gives m with its media in another reader of the same file.
func (m *movie) over(in io.ReaderAt) *movie {
	n := *m
	if m.remade != nil {
		in = &remaker{remade: m.remade, in: in}
	}
	n.runs = slices.Clone(m.runs)
	for i := range n.runs {
		n.runs[i].in = in
	}
	return &n
}

// samples counts those of all tracks.
func (m *movie) samples() (n int) {
	for _, t := range m.tracks {
		n += len(t.sizes)
	}
	return n
}
