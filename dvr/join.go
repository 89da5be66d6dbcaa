package dvr

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"time"
)

// seam is the gap up to which a file continues the one before: their starts are those of the clock, to
// the moment at which packets came.
const seam = time.Second

// errLong: what was asked for is too long.
var errLong = errors.New("dvr: more than can be played at once")

// joined is a movie made of several, with the times of the first one.
type joined struct {
	from, to time.Time
	movie    *movie
	shown    time.Time // when the file before ends
}

// add takes what is wanted of the movie of a recording. more is false if nothing that follows can be added.
func (j *joined) add(r *Recording, m *movie) (more bool, err error) {
	begin, end, ok := m.span()
	if !ok {
		return true, nil
	}
	from, to := begin, end
	if !j.from.IsZero() && j.from.After(r.Start) {
		_, from = m.keyBefore(begin + j.from.Sub(r.Start))
	}
	if !j.to.IsZero() {
		to = min(to, begin+j.to.Sub(r.Start))
	}
	shift := time.Duration(0)
	if j.movie == nil {
		j.movie = m.empty()
	} else {
		if !j.movie.continues(m) {
			return false, nil
		}
		shift = m.following(j.movie.ends(0))
		if gap := r.Start.Sub(j.shown); gap > seam {
			shift += gap
		}
	}
	began, begins := make([]bool, len(m.tracks)), m.at(from)
	j.movie.appendRange(m, shift, to, func(i int, p *piece) bool {
		// A picture that follows the first key frame needs it, also if it is seen before.
		began[i] = began[i] || p.dts+int64(int32(p.offset)) >= begins[i]
		return began[i]
	})
	if j.movie.samples() > maxSamples {
		return false, errLong
	}
	j.shown = r.Start.Add(r.Duration)
	return true, nil
}

// lead gives the track whose samples say where to cut: the first video, else the first of all, that has any.
func (m *movie) lead() int {
	i := slices.IndexFunc(m.tracks, func(t *movieTrack) bool { return t.video && len(t.sizes) > 0 })
	if i < 0 {
		i = slices.IndexFunc(m.tracks, func(t *movieTrack) bool { return len(t.sizes) > 0 })
	}
	return max(0, i)
}

// at gives the first tick of each track at a time or after it.
func (m *movie) at(d time.Duration) []int64 {
	list := make([]int64, len(m.tracks))
	for i, t := range m.tracks {
		list[i] = t.at(d)
	}
	return list
}

// ends gives where the tracks end, later by shift; those without samples end before all times.
func (m *movie) ends(shift time.Duration) []time.Duration {
	list := make([]time.Duration, len(m.tracks))
	for i, t := range m.tracks {
		if list[i] = math.MinInt64; len(t.sizes) > 0 {
			list[i] = t.after() + shift
		}
	}
	return list
}

// following gives how much later the movie is behind one whose tracks end at times: no track overlaps, and
// they stay together.
func (m *movie) following(ends []time.Duration) time.Duration {
	shift := time.Duration(math.MinInt64)
	for i, t := range m.tracks {
		if len(t.sizes) > 0 && ends[i] > math.MinInt64 {
			shift = max(shift, ends[i]-t.time(t.first))
		}
	}
	if shift == math.MinInt64 { // they have no track in common
		shift = slices.Max(ends)
	}
	return shift
}

// after gives when the sample behind the last one is decoded.
func (t *movieTrack) after() time.Duration { return t.time(t.last + int64(t.tail)) }

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
