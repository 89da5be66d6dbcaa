package dvr

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/stream"
)

const (
	// viewerIdle is how long a viewer of HLS may ask for nothing.
	viewerIdle = 2 * time.Minute
	// maxSegments bounds a playlist: two days.
	maxSegments = 40000
	// viewerParam names a viewer in the URLs of a playlist.
	viewerParam = "hls_ctx"
)

// session gives the viewer of HLS whom a URL names, admits it if there is none, and has the playlist's URLs
// name it.
func (x *exchange) session(r stream.Request) (*stream.Session, error) {
	id := x.query.Get(viewerParam)
	if len(id) != len(stream.NewID()) || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		id = stream.NewID()
		x.query.Set(viewerParam, id)
	}
	r.ID = id
	s, err := x.m.viewers.Begin(x.r.Context(), id, r, viewerIdle)
	if err == nil {
		err = s.Err()
	}
	return s, err
}

// servePlaylist answers with a playlist of what was recorded as MP4 in [from, to).
func (x *exchange) servePlaylist() error {
	files, err := x.files()
	if err != nil {
		return err
	}
	l := x.library()
	defer l.close()
	p := vod{name: x.name, from: x.from, to: x.to}
	for i := range files {
		m, _, err := l.movie(&files[i])
		if err != nil {
			return err
		}
		if p.add(&files[i], m); len(p.list) > maxSegments {
			return errLong
		}
	}
	if len(p.list) == 0 {
		return errRange
	}
	media := playlist.Media{Version: 7, VOD: true, EndList: true, Segments: p.list, TargetDuration: int(math.Ceil(p.longest.Seconds()))}
	for _, name := range []string{"from", "start", "to", "end", "duration", "file", "begin", "shift"} { // the viewer's own go with it: a token, say
		x.query.Del(name)
	}
	return x.send("application/vnd.apple.mpegurl", media.Append(nil, x.query.Encode()))
}

// vod is a playlist in the making.
type vod struct {
	name     string
	from, to time.Time
	list     []playlist.Segment
	longest  time.Duration
	before   *movie          // the last file's, and the URL of its header
	header   *playlist.Map   // shared by files with equal ones
	ends     []time.Duration // of its tracks, on the playlist's timeline
	shown    time.Time
}

// add takes the segments of a recording that have something of the time that is wanted.
func (v *vod) add(r *Recording, m *movie) {
	lead := m.tracks[m.lead()]
	if len(lead.sizes) == 0 {
		return
	}
	cuts := m.segments()
	begin, _, _ := m.span()
	same := v.before != nil && v.before.continues(m)
	follows := same && r.Start.Sub(v.shown).Abs() <= seam
	shift := max(0, -cuts[0])
	if follows {
		shift = m.following(v.ends)
	}
	if !same {
		v.header = &playlist.Map{URI: v.url(r, nil)}
	}
	anew := true
	for i, at := range cuts[:len(cuts)-1] {
		next := cuts[i+1]
		last := i == len(cuts)-2
		starts := r.Start.Add(max(at, lead.time(lead.first)) - begin)
		ends := min(next, lead.after())
		if last {
			ends = lead.after()
		}
		d := ends - max(at, lead.time(lead.first))
		if !v.from.IsZero() && !starts.Add(d).After(v.from) || !v.to.IsZero() && !starts.Before(v.to) {
			continue
		}
		s := playlist.Segment{Duration: d, Map: v.header,
			URI: v.url(r, url.Values{"begin": {nanos(at)}, "end": {nanos(next)}, "shift": {nanos(shift)}})}
		if anew {
			s.ProgramDateTime, s.Discontinuity = starts, len(v.list) > 0 && !follows
			anew = false
		}
		v.list, v.longest = append(v.list, s), max(v.longest, d)
	}
	v.before, v.ends, v.shown = m, m.ends(shift), r.Start.Add(r.Duration)
}

func nanos(d time.Duration) string { return strconv.FormatInt(int64(d), 10) }

// url gives that of a recording's segment, without parameters that of its header.
func (v *vod) url(r *Recording, q url.Values) string {
	if q == nil {
		q = url.Values{}
	}
	q.Set("file", r.Name)
	return playlist.Escape(v.name) + ".m4s?" + q.Encode()
}

// serveSegment answers with a segment of a playlist, or with the header of segments.
func (x *exchange) serveSegment() error {
	r, err := x.m.file(x.key, x.query.Get("file"))
	if err != nil {
		return err
	}
	l := x.library()
	defer l.close()
	m, f, err := l.movie(&r)
	if errors.Is(err, fs.ErrNotExist) {
		return errRange
	}
	if err != nil {
		return err
	}
	hash := sha256.New()
	fmt.Fprintln(hash, f.Name, f.Size, f.Modified.UnixNano(), x.query.Get("begin"), x.query.Get("end"), x.query.Get("shift"))
	if !x.query.Has("begin") {
		x.serveContent("video/mp4", hash, strings.NewReader(string(m.fragmentHeader())))
		return nil
	}
	from, to, shift, err := parseSegment(x.query)
	if err != nil {
		return err
	}
	e := m.segment(from, to, shift)
	if e.size == 0 {
		return errRange
	}
	body, err := e.fragment(uint32(max(0, from+shift)/time.Millisecond) + 1)
	if err != nil {
		return err
	}
	x.serveContent("video/mp4", hash, body)
	return nil
}

// parseSegment reads what a segment's URL says: decoding times in the recording, and how much later it is in
// the playlist, in nanoseconds.
func parseSegment(q url.Values) (from, to, shift time.Duration, err error) {
	for name, v := range map[string]*time.Duration{"begin": &from, "end": &to, "shift": &shift} {
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if *v = time.Duration(n); err != nil || v.Abs() > maxDuration {
			return 0, 0, 0, fmt.Errorf("%w: %s is %.40q: nanoseconds are wanted", errQuery, name, q.Get(name))
		}
	}
	if from >= to {
		return 0, 0, 0, fmt.Errorf("%w: a segment that ends before it begins", errQuery)
	}
	return from, to, shift, nil
}
