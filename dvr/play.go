package dvr

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// prefix is where recordings are served.
const prefix = "/record/"

// errRange: there is no recording of a time.
var errRange = errors.New("dvr: nothing was recorded then")

// match gives the handler of what begins with prefix: /record/app/stream.json lists files,
// /record/app/stream.mp4 plays what they have of a time. Both take ?from= and ?to=.
func (m *Module) match(r *http.Request) http.Handler {
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return nil
	}
	q, u := *r, *r.URL
	u.Path, u.RawPath, q.URL = "/"+rest, "", &u
	for ext, answer := range map[string]func(http.ResponseWriter, *http.Request, *stream.Session, time.Time, time.Time) error{
		".json": m.serveList, ".mp4": m.servePlay,
	} {
		if !strings.HasSuffix(rest, ext) {
			continue
		}
		res, err := m.host.ResolveHTTP(&q, ext)
		if err != nil || m.cfg.Load().vhost(res.Key.Vhost).NoPlay {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, &res, answer) })
	}
	return nil
}

// serve answers a viewer whom the gates admit.
func (m *Module) serve(w http.ResponseWriter, r *http.Request, res *protocol.Resolved,
	answer func(http.ResponseWriter, *http.Request, *stream.Session, time.Time, time.Time) error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		say(w, http.StatusMethodNotAllowed)
		return
	}
	from, err := parseTime(r.URL.Query().Get("from"))
	to, err2 := parseTime(r.URL.Query().Get("to"))
	if err != nil || err2 != nil || !to.IsZero() && !from.Before(to) {
		say(w, http.StatusBadRequest)
		return
	}
	s, err := m.host.Hub.View(r.Context(), stream.Request{Key: res.Key, ID: protocol.RequestID(r), Protocol: "dvr", Type: "dvr-play",
		Remote: r.RemoteAddr, TLS: r.TLS != nil, Param: res.Param, URL: r.URL.RequestURI(), PageURL: r.Referer(), UserAgent: r.UserAgent()})
	if err != nil {
		m.host.Logger.Warn("recording refused", "stream", res.Key, "remote", r.RemoteAddr, "err", err)
		refuse(w, err)
		return
	}
	err = answer(w, r, s, from, to)
	m.host.Hub.EndView(s, err)
	if errors.Is(err, errRange) {
		say(w, http.StatusNotFound)
	}
}

func refuse(w http.ResponseWriter, err error) {
	var to *stream.RedirectError
	switch {
	case errors.As(err, &to) && to.URL != "":
		w.Header().Set("Location", to.URL)
		say(w, http.StatusFound)
	case errors.Is(err, stream.ErrShutdown):
		say(w, http.StatusServiceUnavailable)
	default:
		say(w, http.StatusForbidden)
	}
}

func say(w http.ResponseWriter, code int) { http.Error(w, http.StatusText(code), code) }

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

// serveList answers with the files.
func (m *Module) serveList(w http.ResponseWriter, r *http.Request, s *stream.Session, from, to time.Time) error {
	files, err := m.Files(r.Context(), s.Request.Key, from, to)
	if err != nil {
		say(w, http.StatusInternalServerError)
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
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, err = w.Write(b)
	return err
}

// servePlay answers with an MP4 of what was recorded in [from, to), beginning at the key frame at or before
// from. It ends before a file whose tracks are described otherwise, or that is not an MP4.
func (m *Module) servePlay(w http.ResponseWriter, r *http.Request, s *stream.Session, from, to time.Time) error {
	files, err := m.Files(r.Context(), s.Request.Key, from, to)
	if err != nil {
		say(w, http.StatusInternalServerError)
		return err
	}
	if len(files) == 0 {
		return errRange
	}
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Cache-Control", "no-cache")
	out := &viewer{ResponseWriter: w, s: s, rc: http.NewResponseController(w)}
	return playMovies(r, out, files, from, to)
}

// playMovies answers with a plain MP4 of samples from several.
func playMovies(r *http.Request, w *viewer, files []Recording, from, to time.Time) error {
	j := joined{from: from, to: to}
	defer j.close()
	for i := range files {
		if more, err := j.add(r.Context(), &files[i]); err != nil || !more {
			if err != nil && j.movie == nil {
				say(w, http.StatusInternalServerError)
				return err
			}
			break
		}
	}
	if j.movie == nil {
		return errRange
	}
	body, size, _, err := j.movie.plain(files[0].Start)
	if errors.Is(err, errNothing) {
		return errRange
	}
	if err != nil {
		return err
	}
	w.Header().Set("Accept-Ranges", "none")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		return nil
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, body, make([]byte, 256<<10))
	return err
}

// stall is how long a viewer may take for 256 KiB.
const stall = time.Minute

// viewer is a response that counts, and ends when its client takes nothing or was kicked.
type viewer struct {
	http.ResponseWriter
	s  *stream.Session
	rc *http.ResponseController
}

// Write writes a piece.
func (v *viewer) Write(b []byte) (int, error) {
	if v.s.Err() != nil {
		return 0, context.Cause(v.s.Context())
	}
	_ = v.rc.SetWriteDeadline(time.Now().Add(stall)) // a server that cannot has bounds of its own
	n, err := v.ResponseWriter.Write(b)
	v.s.AddSent(n)
	return n, err
}
