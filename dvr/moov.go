package dvr

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"time"
)

// movieScale is the timescale of a movie's header.
const movieScale = 1000

// plain gives the movie as a file with its index in front: its bytes, how many those are, and how long
// it is. start is when it was recorded.
func (m *movie) plain(start time.Time) (file *io.SectionReader, size int64, duration time.Duration, err error) {
	from, to, ok := m.span()
	if !ok {
		return nil, 0, 0, errNothing
	}
	ftyp := whole(nil, "ftyp", []byte("isom\x00\x00\x02\x00isomiso2mp41"))
	long := false
	moov := m.moov(start, from, to, 0, false)
	if total := int64(len(ftyp)+len(moov)+16) + m.size; total > math.MaxUint32-int64(len(moov)) {
		long = true
		moov = m.moov(start, from, to, 0, true)
	}
	mdat := u32(nil, uint32(m.size+8))
	mdat = append(mdat, "mdat"...)
	if long {
		mdat = u64(append(u32(nil, 1), "mdat"...), uint64(m.size)+16)
	}
	base := int64(len(ftyp) + len(moov) + len(mdat))
	moov = m.moov(start, from, to, base, long)
	head := bytes.Join([][]byte{ftyp, moov, mdat}, nil)
	file = newRuns(append([]run{{bytes.NewReader(head), 0, base}}, m.runs...)).reader()
	return file, base + m.size, to - from, nil
}

// moov makes the header (ISO 14496-12 8.2.1), for media that begin at base.
func (m *movie) moov(start time.Time, from, to time.Duration, base int64, long bool) []byte {
	const from1904 = 2082844800 // seconds to 1970
	created := uint32(max(0, min(start.Unix()+from1904, math.MaxUint32)))
	b, moov := begin(nil, "moov")
	mvhd := bytes.Clone(child(m.header, "mvhd"))
	binary.BigEndian.PutUint32(mvhd[4:], created)
	binary.BigEndian.PutUint32(mvhd[8:], created)
	binary.BigEndian.PutUint32(mvhd[12:], movieScale)
	binary.BigEndian.PutUint32(mvhd[16:], movieTicks(to-from))
	b = whole(b, "mvhd", mvhd)
	i := 0
	_ = children(m.header, func(name string, trak []byte) error { // was read before
		if name == "trak" {
			if t := m.tracks[i]; len(t.sizes) > 0 {
				b = t.trak(b, trak, from, base, long)
			}
			i++
		}
		return nil
	})
	return end(b, moov)
}

// movieTicks rounds up: no track ends later than its movie.
func movieTicks(d time.Duration) uint32 {
	const tick = time.Second / movieScale
	return uint32(max(0, min((d+tick-1)/tick, math.MaxUint32)))
}

// trak appends a track: what body, that of the box in the fragments' header, says of it, with an index.
func (t *movieTrack) trak(b, body []byte, begins time.Duration, base int64, long bool) []byte {
	delay := t.time(t.begin) - begins
	b, trak := begin(b, "trak")
	tkhd := bytes.Clone(child(body, "tkhd"))
	binary.BigEndian.PutUint32(tkhd[20:], movieTicks(delay)+movieTicks(t.time(t.end-t.begin)))
	b = whole(b, "tkhd", tkhd)
	b = t.edits(b, delay) // also where there is nothing to edit: some readers want one
	stsd := descend(body, "mdia", "minf", "stbl", "stsd")
	b = t.media(b, child(body, "mdia"), t.duration(), func(b []byte) []byte { return t.table(b, stsd, base, long) })
	return end(b, trak)
}

// media appends the track's media box (8.4.1): what mdia says of it, with a sample table.
func (t *movieTrack) media(b, mdia []byte, duration int64, table func([]byte) []byte) []byte {
	b, media := begin(b, "mdia")
	b, at := full(b, "mdhd", 1, 0) // with 64 bits: 32 are 13 hours of video
	b = u64(u32(u64(b, 0, 0), t.scale), uint64(duration))
	mdhd := child(mdia, "mdhd")
	b = end(append(b, mdhd[20+12*int(mdhd[0]):][:4]...), at) // the language
	b = whole(b, "hdlr", child(mdia, "hdlr"))
	b, minf := begin(b, "minf")
	for _, name := range []string{"vmhd", "smhd", "dinf"} {
		if x := descend(mdia, "minf", name); x != nil {
			b = whole(b, name, x)
		}
	}
	return end(end(table(b), minf), media)
}

// edits appends an edit list (8.6.6): the track waits for its beginning, and begins with its first
// picture, which is not at the media's time 0 if pictures are reordered.
func (t *movieTrack) edits(b []byte, delay time.Duration) []byte {
	b, edts := begin(b, "edts")
	b, elst := full(b, "elst", 1, 0)
	count := len(b)
	b = u32(b, 1)
	if delay > 0 {
		binary.BigEndian.PutUint32(b[count:], 2)
		b = u32(u64(b, uint64(movieTicks(delay)), math.MaxUint64), 1<<16)
	}
	b = u32(u64(b, uint64(movieTicks(t.time(t.end-t.begin))), uint64(t.begin-t.first)), 1<<16)
	return end(end(b, elst), edts)
}

// table appends the sample table (8.5).
func (t *movieTrack) table(b, stsd []byte, base int64, long bool) []byte {
	b, stbl := begin(b, "stbl")
	b = whole(b, "stsd", stsd)
	b, at := full(b, "stts", 0, 0)
	b = end(appendRepeats(b, again(slices.Clone(t.deltas), t.tail)), at)
	if len(t.offsets) > 1 || t.offsets[0].value != 0 {
		b, at = full(b, "ctts", 1, 0)
		b = end(appendRepeats(b, t.offsets), at)
	}
	if t.video && len(t.syncs) < len(t.sizes) {
		b, at = full(b, "stss", 0, 0)
		b = end(u32(u32(b, uint32(len(t.syncs))), t.syncs...), at)
	}
	b = t.chunkTable(b)
	b, at = full(b, "stsz", 0, 0)
	b = end(u32(u32(b, 0, uint32(len(t.sizes))), t.sizes...), at)
	if long {
		b, at = full(b, "co64", 0, 0)
		b = u32(b, uint32(len(t.chunks)))
		for _, c := range t.chunks {
			b = u64(b, uint64(base+c.at))
		}
		return end(end(b, at), stbl)
	}
	b, at = full(b, "stco", 0, 0)
	b = u32(b, uint32(len(t.chunks)))
	for _, c := range t.chunks {
		b = u32(b, uint32(base+c.at))
	}
	return end(end(b, at), stbl)
}

// chunkTable appends how many samples each chunk has (8.7.4).
func (t *movieTrack) chunkTable(b []byte) []byte {
	b, at := full(b, "stsc", 0, 0)
	count, n := len(b), uint32(0)
	b = u32(b, 0)
	for i, c := range t.chunks {
		if i == 0 || c.samples != t.chunks[i-1].samples {
			b = u32(b, uint32(i+1), c.samples, 1)
			n++
		}
	}
	binary.BigEndian.PutUint32(b[count:], n)
	return end(b, at)
}

func appendRepeats(b []byte, list []repeat) []byte {
	b = u32(b, uint32(len(list)))
	for _, x := range list {
		b = u32(b, x.count, x.value)
	}
	return b
}
