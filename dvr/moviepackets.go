package dvr

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/srsgo/srs/stream"
)

// moviePackets reads the packets of a movie in the order of their decoding times, which are those since its
// first one. It holds one of them at a time.
type moviePackets struct {
	tracks *stream.Tracks
	media  *runs
	begins time.Duration
	list   []*movieCursor
}

// movieCursor is a track with its next sample; nil at its end.
type movieCursor struct {
	*cursor
	now *piece
}

// packets reads the movie from the key frame at or before a time on.
func (m *movie) packets(from time.Duration) (*moviePackets, error) {
	r := &moviePackets{tracks: &stream.Tracks{}, media: newRuns(m.runs), begins: math.MaxInt64}
	for i, t := range m.tracks {
		if len(t.sizes) == 0 {
			continue
		}
		track, err := parseEntry(description(m.header, i), int(t.id), t.video)
		if err != nil {
			return nil, err
		}
		r.begins = min(r.begins, t.time(t.first))
		r.tracks.List = append(r.tracks.List, track)
		r.list = append(r.list, &movieCursor{cursor: t.cursor()})
	}
	if len(r.list) == 0 {
		return nil, errNothing
	}
	since, _ := m.keyBefore(r.begins + from)
	for _, c := range r.list {
		for c.now = c.next(); c.now != nil && c.t.time(c.now.dts) < since; {
			c.now = c.next()
		}
	}
	return r, nil
}

// ReadPacket gives the next packet.
func (r *moviePackets) ReadPacket() (*stream.Packet, error) {
	first, at := -1, time.Duration(math.MaxInt64)
	for i, c := range r.list {
		if c.now != nil && c.t.time(c.now.dts) < at {
			first, at = i, c.t.time(c.now.dts)
		}
	}
	if first < 0 {
		return nil, io.EOF
	}
	c := r.list[first]
	if c.now.size > maxHeld {
		return nil, fmt.Errorf("dvr: mp4: a sample of %d bytes", c.now.size)
	}
	p := &stream.Packet{Tracks: r.tracks, Track: first, DTS: at - r.begins, Payload: make([]byte, c.now.size),
		PTS: c.t.time(c.now.dts+int64(int32(c.now.offset))) - r.begins}
	if c.t.video && c.now.flags&notSync == 0 {
		p.Flags = stream.KeyFrame
	}
	if _, err := r.media.ReadAt(p.Payload, c.now.at); err != nil {
		return nil, unexpected(err)
	}
	c.now = c.next()
	return p, nil
}
