package dvr

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/stream"
)

// packetReader reads the packets of an FLV or TS recording in the order of their times, which are those
// since the recording began.
type packetReader struct {
	src  stream.Source
	time func(time.Duration) time.Duration // since the recording began, of a time in the file
	late time.Duration                     // how late a packet may be behind those of other tracks
	wait []*stream.Packet                  // in order
	err  error                             // of src
}

// openFLV reads from the last key frame at or before a time on. What describes the tracks comes first.
func openFLV(f io.ReaderAt, size int64, from time.Duration) (*packetReader, error) {
	var begins time.Duration
	found, video := false, false
	var heads, before []run // of what is no frame: up to the key frame, and since then
	start := int64(flvStart)
	for t := range flvTags(f) {
		frame := t.head[0] == flv.TagAudio || t.head[0] == flv.TagVideo
		if frame && !found {
			begins, found = t.time, true
		}
		if found && t.time-begins > from {
			break
		}
		switch {
		case !frame || configTag(t.head):
			if before = append(before, run{f, t.pos, t.size}); len(before) > maxHeads {
				before = slices.Delete(before, 1, 2) // not the metadata
			}
		case t.head[0] == flv.TagVideo && !video:
			video = true
			fallthrough
		case video == (t.head[0] == flv.TagVideo) && (!video || len(t.head) > flvTagHeader+1 && keyTag(t.head[flvTagHeader:])):
			heads, start = slices.Clone(before), t.pos
		}
	}
	if !found {
		return nil, errNothing
	}
	list := slices.Concat([]run{{f, 0, flvStart}}, heads, []run{{f, start, size - start}})
	return &packetReader{src: flv.NewReader(newRuns(list).reader()), time: func(at time.Duration) time.Duration { return at - begins }}, nil
}

// maxHeads bounds the changes of tracks that are read before the key frame that is wanted.
const maxHeads = 64

// configTag tells whether an audio or video tag describes its track.
func configTag(tag []byte) bool {
	if len(tag) < flvTagHeader+2 {
		return false
	}
	a, b := tag[flvTagHeader], tag[flvTagHeader+1]
	kind := a & 15
	if tag[0] == flv.TagAudio {
		return a>>4 == 10 && b == 0 || a>>4 == 9 && (kind == 0 || kind == 5 && b&15 == 0)
	}
	if a&0x80 != 0 {
		return kind == 0 || kind == 6 && b&15 == 0
	}
	return (kind == 7 || kind == 12 || kind == 13) && b == 0
}

// What a TS is read with before a time that is wanted, for a key frame; and how far apart its tracks are.
const (
	tsBefore = 15 * time.Second
	tsLate   = time.Second
)

// openTS reads from a while before a time on: a key frame lies between the two, where there is one every
// 15 s.
func openTS(f io.ReaderAt, size int64, from time.Duration) (*packetReader, error) {
	first, ok := tsClock(f, 0, min(size, tsEdge), true)
	if !ok {
		return nil, errNothing
	}
	const wrap = 1 << 33
	lo, hi := int64(0), size/tsPacket
	for hi-lo > tsEdge/tsPacket {
		mid := (lo + hi) / 2
		c, ok := tsClock(f, mid*tsPacket, min(mid*tsPacket+tsEdge, size), true)
		if ok && stream.FromTicks((c-first+wrap)%wrap, 90000) <= from-tsBefore {
			lo = mid
		} else {
			hi = mid
		}
	}
	if from <= tsBefore {
		lo = 0
	}
	begins := first + stream.Ticks(mpegts.Lead, 90000)
	since := func(at time.Duration) time.Duration {
		n := ((stream.Ticks(at, 90000)-begins)%wrap + wrap) % wrap
		if n > wrap-60*90000 { // sound from before the first picture
			n -= wrap
		}
		return stream.FromTicks(n, 90000)
	}
	src := mpegts.NewReader(io.NewSectionReader(f, lo*tsPacket, size-lo*tsPacket))
	return &packetReader{src: src, time: since, late: tsLate}, nil
}

// ReadPacket gives the next packet with its time since the recording began.
func (r *packetReader) ReadPacket() (*stream.Packet, error) {
	for r.err == nil && (len(r.wait) == 0 || r.wait[len(r.wait)-1].DTS-r.wait[0].DTS <= r.late) {
		p, err := r.src.ReadPacket()
		if err != nil {
			r.err = err
			break
		}
		q := *p
		q.DTS = r.time(p.DTS)
		q.PTS = q.DTS + p.PTS - p.DTS
		i, _ := slices.BinarySearchFunc(r.wait, q.DTS, func(w *stream.Packet, at time.Duration) int {
			return cmp.Or(cmp.Compare(w.DTS, at), -1) // behind its equals
		})
		r.wait = slices.Insert(r.wait, i, &q)
	}
	if len(r.wait) == 0 {
		return nil, r.err
	}
	p := settled(r.wait[0], r.wait[len(r.wait)-1].Tracks)
	r.wait[0] = nil
	r.wait = r.wait[1:]
	return p, nil
}

// splice joins recordings, which begin at times, to one stream from 0 on.
type splice struct {
	to       stream.Sink
	from, by time.Time // of what is wanted; zero: no bound
	meta     *stream.Tracks
	tracks   map[*stream.Tracks]*stream.Tracks // what stands for those of the files
	held     []*stream.Packet                  // since the last key frame before from
	bytes    int                               // of these
	begun    bool
	shift    time.Duration // from the file's times
	shown    time.Time     // when the file before ends
	ends     map[stream.Kind]*ending
}

// ending is where the packets of a kind are in the result.
type ending struct {
	last, step time.Duration
	anew       bool // another file has begun since
}

// maxHeld bounds what is read before a key frame that is wanted.
const maxHeld = 64 << 20

// add writes what is wanted of a recording.
func (s *splice) add(r *Recording, src stream.Source) error {
	s.held, s.bytes = nil, 0
	anew := true
	var from, to time.Duration
	if !s.from.IsZero() {
		from = s.from.Sub(r.Start)
	}
	if !s.by.IsZero() {
		to = s.by.Sub(r.Start)
	}
	for {
		p, err := src.ReadPacket()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !s.by.IsZero() && p.DTS >= to {
			break
		}
		if anew && !s.hold(p, from) {
			continue
		}
		if anew {
			s.join(r, s.held[0].DTS)
			anew = false
		} else {
			s.held = append(s.held, p)
		}
		for _, p := range s.held {
			if err := s.write(p); err != nil {
				return err
			}
		}
		s.held = s.held[:0]
	}
	s.shown = r.Start.Add(r.Duration)
	return nil
}

// hold keeps what begins with the last key frame. It tells whether the time is there that is wanted.
func (s *splice) hold(p *stream.Packet, from time.Duration) bool {
	if p.Key() || p.Kind() == stream.KindAudio && !p.Tracks.Has(stream.KindVideo) {
		s.held, s.bytes = s.held[:0], 0
	} else if len(s.held) == 0 {
		return false
	}
	if s.bytes += len(p.Payload); s.bytes > maxHeld {
		s.held, s.bytes = nil, 0
		return false
	}
	s.held = append(s.held, p)
	return p.DTS >= from
}

// join has a recording, whose first packet is at a time, follow on what there is.
func (s *splice) join(r *Recording, first time.Duration) {
	s.shift = -first
	for _, e := range s.ends {
		s.shift, e.anew = max(s.shift, e.last-first), true
	}
	if gap := r.Start.Sub(s.shown); s.begun && gap > seam {
		s.shift += gap
	}
	s.begun = true
}

// write gives a packet on, with the metadata of the first file.
func (s *splice) write(p *stream.Packet) error {
	t := s.tracks[p.Tracks]
	if t == nil {
		t = &stream.Tracks{List: p.Tracks.List, Meta: slices.Clone(p.Tracks.Meta)}
		t.Meta = slices.DeleteFunc(t.Meta, func(f stream.Field) bool {
			return slices.Contains([]string{"service", "duration", "filesize", "keyframes", "spacer"}, f.Name)
		})
		if s.meta == nil {
			s.meta = t
		}
		t.Meta = s.meta.Meta
		s.tracks = map[*stream.Tracks]*stream.Tracks{p.Tracks: t}
	}
	e := s.ends[p.Kind()]
	if e == nil {
		e = &ending{last: p.DTS + s.shift}
		if s.ends == nil {
			s.ends = map[stream.Kind]*ending{}
		}
		s.ends[p.Kind()] = e
	}
	if e.anew { // all kinds move together: none overlaps what there is
		e.anew = false
		s.shift = max(s.shift, e.last+e.step-p.DTS)
	}
	q := *p
	q.Tracks, q.DTS = t, max(0, p.DTS+s.shift)
	q.PTS = max(0, p.PTS+s.shift)
	if q.DTS > e.last {
		e.last, e.step = q.DTS, min(q.DTS-e.last, seam)
	}
	return s.to.WritePacket(&q)
}
