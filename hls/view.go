package hls

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/stream"
)

// The views of a list.
const (
	viewWindow = iota // the playlist
	viewSkip          // with what the player has left out (EXT-X-SKIP)
	viewRewind        // all that can be fetched
	viewFile          // for files: without parts, which are in memory alone
	views
)

// view is a version of a playlist.
type view struct {
	media *playlist.Media

	once sync.Once
	text *segment.Text

	split  sync.Once
	pieces [][]byte
}

// shared gives the text for viewers who need nothing of their own in it.
func (v *view) shared() *segment.Text {
	v.once.Do(func() { v.text = segment.NewText(typePlaylist, v.media.Append(nil, "")) })
	return v.text
}

// place stands for a viewer's query in a text: no URI has it.
const place = "\x00"

// own gives the text with a viewer's query, from one that is rendered once for all of them.
func (v *view) own(query string) []byte {
	v.split.Do(func() { v.pieces = bytes.Split(v.media.Append(nil, place), []byte(place)) })
	return bytes.Join(v.pieces, []byte(query))
}

// view gives the list as it is now.
func (l *list) view(kind int) *view {
	if v := l.views[kind].Load(); v != nil {
		return v
	}
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	v := &view{media: l.media(kind)}
	l.views[kind].Store(v)
	return v
}

// media describes the list. The caller holds channel.mu.
func (l *list) media(kind int) *playlist.Media {
	c := l.c
	first, disc := l.first, l.disc
	if kind == viewRewind {
		first, disc = 0, l.base
	}
	m := &playlist.Media{
		Version: 3, TargetDuration: c.target, DiscontinuitySequence: disc, EndList: c.cfg.EndList && !c.live,
		Segments: make([]playlist.Segment, 0, len(l.segments)-first),
	}
	if first < len(l.segments) {
		m.Sequence = l.segments[first].seq
	} else if l.open != nil {
		m.Sequence = l.open.seq
	}
	low := c.cfg.PartDuration > 0 && (kind == viewWindow || kind == viewSkip)
	if c.cfg.Format == FMP4 {
		m.Version = 7
	}
	dated := c.cfg.Format == FMP4 || len(c.cfg.Variants) > 0
	// Parts are listed near the end alone.
	end := time.Duration(0)
	for _, s := range l.segments[first:] {
		end += s.duration
	}
	for _, s := range l.segments[first:] {
		x := s.entry(dated)
		if low && end <= 3*time.Duration(c.target)*time.Second {
			x.Parts = entries(s.parts)
		}
		end -= s.duration
		if s.gap {
			m.Version = max(m.Version, 8)
		}
		m.Segments = append(m.Segments, x)
	}
	if low {
		l.low(m, kind)
	}
	return m
}

// entry describes a segment.
func (s *seg) entry(dated bool) playlist.Segment {
	x := playlist.Segment{URI: s.uri, Duration: s.duration, Discontinuity: s.discontinuity, Gap: s.gap}
	if s.key != nil {
		x.Key = &playlist.Key{Method: "AES-128", URI: s.key.uri, IV: s.key.iv[:]}
	}
	if s.init != nil {
		x.Map = &playlist.Map{URI: s.init.uri}
	}
	if dated {
		x.ProgramDateTime = s.at
	}
	return x
}

func entries(parts []*part) []playlist.Part {
	out := make([]playlist.Part, len(parts))
	for i, p := range parts {
		out[i] = playlist.Part{URI: p.uri, Duration: p.duration, Independent: p.independent}
	}
	return out
}

// low adds what low latency has (RFC 8216bis 4.4).
func (l *list) low(m *playlist.Media, kind int) {
	c := l.c
	target := time.Duration(c.target) * time.Second
	m.Version = 9
	m.PartTarget = c.cfg.PartDuration
	m.PartHoldBack = 3 * c.cfg.PartDuration
	m.HoldBack = 3 * target
	m.CanBlockReload = true
	m.SkipUntil = 6 * target
	m.Skip = kind == viewSkip
	if s := l.open; s != nil {
		x := s.entry(true)
		m.Open = &x
		m.Open.Parts = entries(s.parts)
	}
	if l.hint != nil {
		m.PreloadHint = l.hint.uri
	}
	for _, o := range c.lists {
		if o != l && len(o.segments) > 0 {
			msn, parts := o.newest()
			r := playlist.RenditionReport{URI: relative(l.name, o.name), LastMSN: msn, LastPart: -1}
			if parts > 0 {
				r.LastMSN, r.LastPart = msn+1, parts-1
			} else if last := o.segments[len(o.segments)-1]; len(last.parts) > 0 {
				r.LastPart = len(last.parts) - 1
			}
			m.RenditionReports = append(m.RenditionReports, r)
		}
	}
}

// text gives the playlist as it is stored. The caller holds channel.mu.
func (l *list) text() []byte { return l.media(viewFile).Append(nil, "") }

// serve answers with the playlist of a track.
func (l *list) serve(x *exchange) {
	if x.r.Method == http.MethodHead {
		l.answer(x, "")
		return
	}
	if s, _, ok := x.session(&l.c.cfg, true, l.c.keysOf()...); ok {
		l.answerTo(x, s)
	}
}

// answerTo answers with the playlist for a viewer.
func (l *list) answerTo(x *exchange, s *stream.Session) {
	n := l.answer(x, x.ownQuery(&l.c.cfg, s.ID))
	s.AddSent(n)
}

// ownQuery gives what the URIs in a viewer's playlists have as query: hls_ctx, and the vhost if the
// viewer's URL says which one that is.
func (x *exchange) ownQuery(c *Vhost, id string) string {
	q := ""
	if !c.NoCtx && !c.NoTSCtx {
		q = "hls_ctx=" + id
	}
	for _, name := range [...]string{"vhost", "domain"} {
		if v := x.query.Get(name); v != "" {
			if q != "" {
				q += "&"
			}
			q += name + "=" + url.QueryEscape(v)
		}
	}
	return q
}

// answer waits for what the player wants, and answers with the playlist, in which URIs have the query.
func (l *list) answer(x *exchange, query string) (sent int) {
	kind := viewWindow
	if l.c.cfg.PartDuration > 0 {
		r, ok := parseReload(x.query.Get)
		if !ok {
			say(x.w, http.StatusBadRequest, "What is to be waited for makes no sense.")
			return 0
		}
		if r.msn >= 0 && !l.block(x, r) {
			return 0
		}
		if r.skip {
			kind = viewSkip
		}
	}
	if l.c.cfg.Rewind > 0 && x.query.Get("rewind") != "" {
		kind = viewRewind
	}
	v := l.view(kind)
	if len(v.media.Segments) == 0 && v.media.Open == nil {
		say(x.w, http.StatusNotFound, "Not Found")
		return 0
	}
	if query == "" {
		return int(v.shared().Serve(x.w, x.r))
	}
	return x.text(v.own(query))
}

// minGzip is from which size on a viewer's own playlist is compressed: what fits one packet is not worth
// it.
const minGzip = 1400

// text answers with a playlist that is one viewer's.
func (x *exchange) text(body []byte) (sent int) {
	h := x.w.Header()
	h.Set("Content-Type", typePlaylist)
	h.Set("Cache-Control", "no-cache")
	if len(body) >= minGzip {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = x.m.compress(body)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if x.r.Method == http.MethodHead {
		return 0
	}
	n, _ := x.w.Write(body)
	return n
}

// compress compresses a text with a writer that is used again: each has 800 KB.
func (m *Module) compress(b []byte) []byte {
	out := bytes.NewBuffer(make([]byte, 0, len(b)/2))
	z, _ := m.zips.Get().(*gzip.Writer)
	if z == nil {
		z, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one
	}
	z.Reset(out)
	_, _ = z.Write(b) // a Buffer takes all
	_ = z.Close()
	m.zips.Put(z)
	return out.Bytes()
}
