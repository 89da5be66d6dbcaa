package dvr

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/audience"
	"github.com/srsgo/srs/stream"
)

// prefix is where recordings are served.
const prefix = "/record/"

// errRange: there is no recording of a time.
var errRange = errors.New("dvr: nothing was recorded then")

// exchange is a request of a viewer whom the gates have admitted.
type exchange struct {
	m        *Module
	w        *viewer
	r        *http.Request
	query    url.Values
	key      stream.Key
	name     string // the path's last element, without extension
	from, to time.Time
}

// answerOf gives what answers for an extension; nil for none. /record/app/stream.json lists files, the
// others play what they have of a time. .m4s is what playlists refer to.
func answerOf(ext string) func(*exchange) error {
	switch ext {
	case ".json":
		return (*exchange).serveList
	case ".mp4":
		return (*exchange).serveMP4
	case ".flv", ".ts":
		return (*exchange).servePackets
	case ".m3u8":
		return (*exchange).servePlaylist
	case ".m4s":
		return (*exchange).serveSegment
	}
	return nil
}

// match gives the handler of what begins with prefix.
func (m *Module) match(r *http.Request) http.Handler {
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	ext := path.Ext(rest)
	answer := answerOf(ext)
	if !ok || answer == nil {
		return nil
	}
	q, u := *r, *r.URL
	u.Path, u.RawPath, q.URL = "/"+rest, "", &u
	res, err := m.host.ResolveHTTP(&q, ext)
	if err != nil || m.cfg.Load().vhost(res.Key.Vhost).NoPlay {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, &res, ext, answer) })
}

// serve answers a viewer whom the gates admit. One of HLS is asked for once, not with each segment.
func (m *Module) serve(w http.ResponseWriter, r *http.Request, res *protocol.Resolved, ext string, answer func(*exchange) error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		say(w, http.StatusMethodNotAllowed)
		return
	}
	x := &exchange{m: m, r: r, query: r.URL.Query(), key: res.Key, name: strings.TrimSuffix(path.Base(r.URL.Path), ext)}
	var err error
	if x.from, x.to, err = parseRange(x.query); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request := stream.Request{Key: res.Key, ID: protocol.RequestID(r), Protocol: "dvr", Type: "dvr-play",
		Remote: r.RemoteAddr, TLS: r.TLS != nil, Param: res.Param, URL: r.URL.RequestURI(), PageURL: r.Referer(), UserAgent: r.UserAgent()}
	var s *stream.Session
	hls := ext == ".m3u8" || ext == ".m4s"
	if hls {
		s, err = x.session(request)
	} else {
		s, err = m.host.Hub.View(r.Context(), request)
	}
	if err != nil {
		m.host.Logger.Warn("recording refused", "stream", res.Key, "remote", r.RemoteAddr, "err", err)
		refuse(w, err)
		return
	}
	x.w = &viewer{ResponseWriter: w, s: s, rc: http.NewResponseController(w)}
	err = answer(x)
	if !hls {
		m.host.Hub.EndView(s, cmp.Or(err, x.w.err))
	}
	x.fail(err)
}

// fail tells the viewer what was wrong, if it has got nothing yet. Else it must not take that for whole.
func (x *exchange) fail(err error) {
	w := x.w.ResponseWriter // the session has ended
	switch {
	case err == nil:
	case x.w.began:
		panic(http.ErrAbortHandler)
	case errors.Is(err, errRange):
		say(w, http.StatusNotFound)
	case errors.Is(err, stream.ErrUnsupported):
		http.Error(w, err.Error(), http.StatusNotAcceptable)
	case errors.Is(err, errLong), errors.Is(err, errQuery):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case x.r.Context().Err() == nil:
		x.m.host.Logger.Warn("recording cannot be played", "stream", x.key, "url", x.r.URL.RequestURI(), "err", err)
		say(w, http.StatusInternalServerError)
	}
}

// files gives the recordings of the time that was asked for.
func (x *exchange) files() ([]Recording, error) {
	files, err := x.m.Files(x.r.Context(), x.key, x.from, x.to)
	if err == nil && len(files) == 0 {
		err = errRange
	}
	return files, err
}

// library opens the recordings for this request.
func (x *exchange) library() *library { return &library{ctx: x.r.Context(), movies: &x.m.movies} }

func refuse(w http.ResponseWriter, err error) {
	var to *stream.RedirectError
	switch {
	case errors.As(err, &to) && to.URL != "":
		w.Header().Set("Location", to.URL)
		say(w, http.StatusFound)
	case errors.Is(err, stream.ErrShutdown), errors.Is(err, audience.ErrFull):
		say(w, http.StatusServiceUnavailable)
	default:
		say(w, http.StatusForbidden)
	}
}

func say(w http.ResponseWriter, code int) { http.Error(w, http.StatusText(code), code) }

// errQuery: a parameter is none.
var errQuery = errors.New("dvr: bad request")

// parseRange reads which time is asked for: from, or start, and to, or end; instead of these duration,
// which counts from there, in seconds. What is missing is no bound.
func parseRange(q url.Values) (from, to time.Time, err error) {
	for i, names := range [2][2]string{{"from", "start"}, {"to", "end"}} {
		text := cmp.Or(q.Get(names[0]), q.Get(names[1]))
		at, err := parseTime(text)
		if err != nil {
			return from, to, fmt.Errorf("%w: %s is %.40q: milliseconds since 1970 or a time as in RFC 3339 are wanted", errQuery, names[0], text)
		}
		if i == 0 {
			from = at
		} else {
			to = at
		}
	}
	if text := q.Get("duration"); text != "" {
		d, err := strconv.ParseFloat(text, 64)
		if err != nil || !(d > 0 && d < maxDuration.Seconds()) || from.IsZero() || !to.IsZero() {
			return from, to, fmt.Errorf("%w: duration is %.40q: seconds, with from and without to, are wanted", errQuery, text)
		}
		to = from.Add(time.Duration(d * float64(time.Second)))
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, fmt.Errorf("%w: the time ends before it begins", errQuery)
	}
	return from, to, nil
}

// maxDuration bounds times that are asked for.
const maxDuration = 1 << 50 * time.Nanosecond

// parseTime reads milliseconds since 1970, or the form of RFC 3339. An empty text is no time.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		if ms < 0 || ms > 1<<50 {
			return time.Time{}, strconv.ErrRange
		}
		return time.UnixMilli(ms), nil
	}
	return time.Parse(time.RFC3339, s)
}

// serveList answers with the files; that there are none is an answer too.
func (x *exchange) serveList() error {
	files, err := x.files()
	if err != nil && !errors.Is(err, errRange) {
		return err
	}
	type row struct {
		Name     string `json:"name"`
		Start    int64  `json:"start_ms"`
		Duration int64  `json:"duration_ms"`
		Bytes    int64  `json:"bytes"`
		Gaps     int    `json:"gaps"`
	}
	rows := make([]row, len(files))
	for i, f := range files {
		rows[i] = row{f.Name, f.Start.UnixMilli(), f.Duration.Milliseconds(), f.Bytes, f.Gaps}
	}
	b, err := json.Marshal(map[string]any{"code": 0, "recordings": rows})
	if err != nil {
		return err
	}
	return x.send("application/json", b)
}

// send answers with a text.
func (x *exchange) send(contentType string, b []byte) error {
	x.header(contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, err := x.w.Write(b)
	return err
}

// header says what the answer is. Recordings come, and go.
func (x *exchange) header(contentType string) {
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Cache-Control", "no-cache")
}

// serveMP4 answers with an MP4 of what was recorded in [from, to), beginning at the key frame at or before
// from. It ends before a file whose tracks are described otherwise, or that is not an MP4. Equal questions
// get equal bytes while the recordings are the same: any range of them can be asked for (RFC 9110 14).
func (x *exchange) serveMP4() error {
	files, err := x.files()
	if err != nil {
		return err
	}
	l, j := x.library(), joined{from: x.from, to: x.to}
	defer l.close()
	hash, first := sha256.New(), time.Time{}
	for i := range files {
		m, f, err := l.movie(&files[i])
		if err == nil {
			fmt.Fprintln(hash, f.Name, f.Size, f.Modified.UnixNano())
			var more bool
			if more, err = j.add(&files[i], m); err == nil && !more {
				break
			}
		}
		if err != nil && (j.movie == nil || errors.Is(err, errLong)) {
			return err
		} else if err != nil {
			break
		}
		if first.IsZero() {
			first = files[i].Start
		}
	}
	if j.movie == nil {
		return errRange
	}
	body, _, _, err := j.movie.plain(first)
	if errors.Is(err, errNothing) {
		return errRange
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(hash, x.from.UnixNano(), x.to.UnixNano())
	x.serveContent("video/mp4", hash, body)
	return nil
}

// serveContent answers with a part of what there is, or all of it. Its errors end the connection: the
// length was told.
func (x *exchange) serveContent(contentType string, of hash.Hash, body io.ReadSeeker) {
	x.header(contentType)
	x.w.Header().Set("ETag", fmt.Sprintf("\"%x\"", of.Sum(nil)[:16]))
	http.ServeContent(x.w, x.r, "", time.Time{}, body)
}

// stall is how long a viewer may take for 256 KiB.
const stall = time.Minute

// viewer is a response that counts, and ends when its client takes nothing or was kicked.
type viewer struct {
	http.ResponseWriter
	s     *stream.Session
	rc    *http.ResponseController
	began bool
	err   error // the first of writing
}

// Write writes a piece.
func (v *viewer) Write(b []byte) (n int, err error) {
	defer func() { v.err = cmp.Or(v.err, err) }()
	v.began = true
	if v.s.Err() != nil {
		return 0, context.Cause(v.s.Context())
	}
	_ = v.rc.SetWriteDeadline(time.Now().Add(stall)) // a server that cannot has bounds of its own
	n, err = v.ResponseWriter.Write(b)
	v.s.AddSent(n)
	return n, err
}
