package dvr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/srsgo/srs/stream"
)

// movie is the index of a file of fragments.
type movie struct {
	header []byte // body of its moov
	tracks []*movieTrack
	runs   []run   // the media, in order
	size   int64   // of the media
	whole  int64   // where the last whole fragment ends
	remade *remade // what the media are made of; nil: they are in the file
}

// movieTrack is the index of a track. Times are in its own timescale.
type movieTrack struct {
	id, scale uint32
	video     bool
	sizes     []uint32
	deltas    []repeat // of decoding times
	offsets   []repeat // of presentation from decoding; they are signed
	syncs     []uint32 // numbers of the video's key frames, from 1
	chunks    []chunk

	first, last int64  // decoding times of the first and the last sample
	tail        uint32 // duration of the last sample
	begin, end  int64  // presentation of all
}

type repeat struct{ count, value uint32 }

// chunk is a run of one track's samples, at a place in the media.
type chunk struct {
	at      int64
	samples uint32
}

// parseMovie reads the index of a file of size bytes: all whole fragments from its beginning on.
func parseMovie(r io.ReaderAt, size int64) (*movie, error) {
	m, at := &movie{}, int64(0)
	for m.header == nil {
		b, err := boxAt(r, at, size)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errNothing
		}
		if err != nil {
			return nil, err
		}
		if b.name == "moov" {
			if m.header, err = b.load(r); err != nil {
				return nil, err
			}
		}
		at = b.end
	}
	if err := m.parseTracks(); err != nil {
		return nil, err
	}
	m.whole = at
	var moof []byte
	var from int64
	for at < size {
		b, err := boxAt(r, at, size)
		if err != nil { // cut off, or zeros that stand for what a machine did not write before it failed
			break
		}
		switch {
		case b.name == "moof":
			from = b.at
			if moof, err = b.load(r); err != nil {
				return nil, err
			}
		case b.name == "mdat" && moof != nil:
			if err := m.addFragment(r, moof, from, b); err != nil {
				return nil, err
			}
			moof, m.whole = nil, b.end
		}
		at = b.end
	}
	return m, nil
}

// parseTracks takes the tracks of the header.
func (m *movie) parseTracks() error {
	err := children(m.header, func(name string, trak []byte) error {
		if name != "trak" {
			return nil
		}
		tkhd, mdhd, hdlr := child(trak, "tkhd"), descend(trak, "mdia", "mdhd"), descend(trak, "mdia", "hdlr")
		if len(tkhd) < 84 || tkhd[0] != 0 || len(mdhd) < 24 || mdhd[0] > 1 || len(mdhd) < 24+12*int(mdhd[0]) || len(hdlr) < 12 || descend(trak, "mdia", "minf", "stbl", "stsd") == nil {
			return errors.New("dvr: mp4: a track is not described")
		}
		t := &movieTrack{id: binary.BigEndian.Uint32(tkhd[12:]), scale: binary.BigEndian.Uint32(mdhd[12+8*int(mdhd[0]):]), video: string(hdlr[8:12]) == "vide"}
		if t.scale == 0 || t.scale > math.MaxInt32/2 {
			return fmt.Errorf("dvr: mp4: track %d: timescale %d", t.id, t.scale)
		}
		m.tracks = append(m.tracks, t)
		return nil
	})
	if err == nil && (len(m.tracks) == 0 || len(child(m.header, "mvhd")) < 100) {
		err = errors.New("dvr: mp4: the header has no tracks")
	}
	return err
}

func (m *movie) track(id uint32) *movieTrack {
	for _, t := range m.tracks {
		if t.id == id {
			return t
		}
	}
	return nil
}

// addFragment takes the samples of a moof that begins at from, and whose mdat follows.
func (m *movie) addFragment(r io.ReaderAt, moof []byte, from int64, mdat box) error {
	err := children(moof, func(name string, traf []byte) error {
		if name != "traf" {
			return nil
		}
		tfhd, tfdt, trun := child(traf, "tfhd"), child(traf, "tfdt"), child(traf, "trun")
		if len(tfhd) < 8 || len(tfdt) < 12 || tfdt[0] != 1 || len(trun) < 12 {
			return fmt.Errorf("dvr: mp4: the fragment at %d is not described", from)
		}
		t := m.track(binary.BigEndian.Uint32(tfhd[4:]))
		if t == nil {
			return fmt.Errorf("dvr: mp4: the fragment at %d is of no track", from)
		}
		dts := binary.BigEndian.Uint64(tfdt[4:])
		if dts > 1<<60 {
			return fmt.Errorf("dvr: mp4: the fragment at %d is at %d", from, dts)
		}
		return t.add(tfhd, trun, int64(dts), from, mdat, m.size)
	})
	if err == nil {
		m.runs = append(m.runs, run{r, mdat.body, mdat.end - mdat.body})
		m.size += mdat.end - mdat.body
	}
	return err
}

// Flags of tfhd and trun (ISO 14496-12 8.8.7, 8.8.8).
const (
	baseOffset, descriptionIndex, defaultDuration, defaultSize, defaultFlags = 0x1, 0x2, 0x8, 0x10, 0x20

	dataOffset, firstFlags, sampleDuration, sampleSize, sampleFlags, sampleOffset = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800

	notSync = 1 << 16 // of a sample's flags
)

// add takes the samples of a track run, whose data are in mdat and will be at media of the whole.
func (t *movieTrack) add(tfhd, trun []byte, dts, from int64, mdat box, media int64) error {
	duration, flags, err := defaults(tfhd)
	if err != nil {
		return err
	}
	has, count := binary.BigEndian.Uint32(trun)&0xffffff, int(binary.BigEndian.Uint32(trun[4:]))
	if has&dataOffset == 0 || has&sampleSize == 0 || has&firstFlags != 0 {
		return fmt.Errorf("dvr: mp4: track run with flags %#x", has)
	}
	fields := 0
	for _, f := range []uint32{sampleDuration, sampleSize, sampleFlags, sampleOffset} {
		if has&f != 0 {
			fields++
		}
	}
	at := from + int64(int32(binary.BigEndian.Uint32(trun[8:])))
	rest := trun[12:]
	if count == 0 || len(rest)/(4*fields) < count {
		return fmt.Errorf("dvr: mp4: track run of %d samples in %d bytes", count, len(rest))
	}
	t.chunks = append(t.chunks, chunk{media + at - mdat.body, uint32(count)})
	for range count {
		s := sample{duration: duration, flags: flags}
		for _, f := range []struct {
			flag uint32
			to   *uint32
		}{{sampleDuration, &s.duration}, {sampleSize, &s.size}, {sampleFlags, &s.flags}, {sampleOffset, &s.offset}} {
			if has&f.flag != 0 {
				*f.to = binary.BigEndian.Uint32(rest)
				rest = rest[4:]
			}
		}
		if at < mdat.body || int64(s.size) > mdat.end-at {
			return fmt.Errorf("dvr: mp4: a sample at %d with %d bytes is not in its box", at, s.size)
		}
		at += int64(s.size)
		t.sample(s, dts)
		dts += int64(s.duration)
	}
	return nil
}

// defaults reads what a tfhd says of samples.
func defaults(tfhd []byte) (duration, flags uint32, err error) {
	has, rest := binary.BigEndian.Uint32(tfhd)&0xffffff, tfhd[8:]
	for _, f := range []struct {
		flag uint32
		to   *uint32
	}{{descriptionIndex, new(uint32)}, {defaultDuration, &duration}, {defaultSize, new(uint32)}, {defaultFlags, &flags}} {
		if has&f.flag == 0 {
			continue
		}
		if len(rest) < 4 {
			return 0, 0, errors.New("dvr: mp4: a track fragment's header is too short")
		}
		*f.to, rest = binary.BigEndian.Uint32(rest), rest[4:]
	}
	if has&baseOffset != 0 {
		return 0, 0, errors.New("dvr: mp4: a track fragment with an offset of its own")
	}
	return duration, flags, nil
}

type sample struct{ duration, size, flags, offset uint32 }

// sample takes the next one. Where the one before leaves a gap it becomes longer.
func (t *movieTrack) sample(s sample, dts int64) {
	if len(t.sizes) == 0 {
		t.first, t.begin, t.end = dts, math.MaxInt64, math.MinInt64
	} else {
		dts = max(dts, t.last)
		t.deltas = again(t.deltas, uint32(min(dts-t.last, math.MaxUint32)))
	}
	t.sizes = append(t.sizes, s.size)
	t.offsets = again(t.offsets, s.offset)
	if t.video && s.flags&notSync == 0 {
		t.syncs = append(t.syncs, uint32(len(t.sizes)))
	}
	pts := dts + int64(int32(s.offset))
	t.begin, t.end = min(t.begin, pts), max(t.end, pts+int64(s.duration))
	t.last, t.tail = dts, s.duration
}

// again adds a value to a list of runs.
func again(list []repeat, v uint32) []repeat {
	if n := len(list); n > 0 && list[n-1].value == v {
		list[n-1].count++
		return list
	}
	return append(list, repeat{1, v})
}

// samples counts them.
func (t *movieTrack) samples() int { return len(t.sizes) }

// duration is that of the media timeline.
func (t *movieTrack) duration() int64 { return t.last - t.first + int64(t.tail) }

func (t *movieTrack) time(n int64) time.Duration { return stream.FromTicks(n, int(t.scale)) }

// span gives when the presentation of all tracks begins and ends.
func (m *movie) span() (begin, end time.Duration, ok bool) {
	begin, end = math.MaxInt64, math.MinInt64
	for _, t := range m.tracks {
		if len(t.sizes) > 0 {
			begin, end, ok = min(begin, t.time(t.begin)), max(end, t.time(t.end)), true
		}
	}
	return begin, end, ok
}
