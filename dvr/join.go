package dvr

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/srsgo/srs/protocol/storage"
)

// seam is the gap up to which a file continues the one before: their starts are those of the clock, to
// the moment at which packets came.
const seam = time.Second

// joined is a movie made of several, with the times of the first one.
type joined struct {
	from, to time.Time
	movie    *movie
	open     []storage.File
	shown    time.Time // when the file before ends
}

// add takes what is wanted of a file. more is false if nothing that follows can be added.
func (j *joined) add(ctx context.Context, r *Recording) (more bool, err error) {
	if format(r.Name) != ".mp4" {
		return false, nil
	}
	f, err := r.Dir.Open(ctx, r.Name)
	if err != nil {
		return false, err
	}
	j.open = append(j.open, f)
	in, ok := f.(io.ReaderAt)
	if !ok {
		return false, fmt.Errorf("dvr: %s cannot be read at places", r.File)
	}
	m, err := openMovie(in, f.Info().Size)
	if err != nil {
		return false, err
	}
	begin, end, ok := m.span()
	if !ok {
		return true, nil
	}
	from, to := begin, end
	if !j.from.IsZero() && j.from.After(r.Start) {
		from = m.keyBefore(begin + j.from.Sub(r.Start))
	}
	if !j.to.IsZero() {
		to = min(to, begin+j.to.Sub(r.Start))
	}
	shift := time.Duration(0)
	if j.movie == nil {
		j.movie = &movie{header: m.header}
		for _, t := range m.tracks {
			j.movie.tracks = append(j.movie.tracks, &movieTrack{id: t.id, scale: t.scale, video: t.video})
		}
	} else {
		if !j.movie.continues(m) {
			return false, nil
		}
		shift = j.movie.tracks[m.lead()].after() - m.tracks[m.lead()].time(m.tracks[m.lead()].first)
		if gap := r.Start.Sub(j.shown); gap > seam {
			shift += gap
		}
	}
	j.movie.appendRange(m, from, to, shift)
	j.shown = r.Start.Add(r.Duration)
	return true, nil
}

// lead gives the track whose times go on without a seam: the first video, else the first.
func (m *movie) lead() int {
	return max(0, slices.IndexFunc(m.tracks, func(t *movieTrack) bool { return t.video && len(t.sizes) > 0 }))
}

// after gives when the sample behind the last one is decoded.
func (t *movieTrack) after() time.Duration { return t.time(t.last + int64(t.tail)) }

func (j *joined) close() {
	for _, f := range j.open {
		_ = f.Close()
	}
}

// continues tells whether o's tracks are described as those of m.
func (m *movie) continues(o *movie) bool {
	if len(m.tracks) != len(o.tracks) {
		return false
	}
	for i, t := range m.tracks {
		if t.scale != o.tracks[i].scale || t.video != o.tracks[i].video || !bytes.Equal(description(m.header, i), description(o.header, i)) {
			return false
		}
	}
	return true
}

// description gives the sample description of a track.
func description(header []byte, track int) (stsd []byte) {
	_ = children(header, func(name string, trak []byte) error { // was read before
		if name == "trak" {
			if track == 0 {
				stsd = descend(trak, "mdia", "minf", "stbl", "stsd")
			}
			track--
		}
		return nil
	})
	return stsd
}
