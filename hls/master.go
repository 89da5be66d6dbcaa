package hls

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// serve answers at the path of a stream or group.
func (f *front) serve(x *exchange) {
	own, of := x.m.reg.channels(f)
	single := len(of) == 0 && own != nil && own.cfg.Format == TS
	if len(of) == 0 && own != nil {
		of = []*channel{own}
	}
	if len(of) == 0 { // it went away just now
		say(x.w, http.StatusNotFound, "Not Found")
		return
	}
	lead := of[0]
	if x.r.Method == http.MethodHead {
		if single {
			own.lists[0].answer(x, "")
		} else {
			x.text(master(f.path, of, ""))
		}
		return
	}
	s, known, ok := x.session(&lead.cfg, false, f.key)
	switch {
	case !ok:
	case single && (known || lead.cfg.NoCtx):
		own.lists[0].answerTo(x, s)
	case single:
		s.AddSent(x.text(playlist.AppendCtxMaster(nil, x.withCtx(x.r.URL.EscapedPath(), s.ID), own.lists[0].uncommon())))
	default:
		q := x.param()
		if !lead.cfg.NoCtx {
			q = x.withCtx("", s.ID)[1:]
		}
		s.AddSent(x.text(master(f.path, of, q)))
	}
}

// uncommon gives the codecs of segments that are not of AVC with AAC: where none are named, shaka takes a
// playlist for one of those, and fails.
func (l *list) uncommon() string {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	codecs := l.codecs
	if strings.Contains(codecs, "avc1.") && strings.Contains(codecs, "mp4a.40.") && !strings.Contains(codecs, mp3) {
		return ""
	}
	return codecs
}

// mp3 is how MP3 is called in playlists, since Apple's players know no other name.
const mp3 = "mp4a.40.34"

// codecsOf gives the CODECS of tracks (RFC 6381).
func codecsOf(tracks ...stream.Track) string {
	list := strings.Split(cmaf.Codecs(tracks...), ",")
	for i, name := range list {
		if name == "mp3" {
			list[i] = mp3
		}
	}
	return strings.Join(list, ",")
}

// withCtx gives a path with a viewer's hls_ctx, and the query that the viewer came with behind it.
func (x *exchange) withCtx(path, id string) string {
	out := path + "?hls_ctx=" + id
	if p := x.param(); p != "" {
		out += "&" + p
	}
	return out
}

// master makes the playlist of the tracks of a stream, or of the variants of a group, for the path from.
func master(from string, of []*channel, query string) []byte {
	m := &playlist.Master{IndependentSegments: true}
	for i, c := range of {
		group := ""
		if len(of) > 1 {
			group = strconv.Itoa(i + 1)
		}
		c.mu.Lock()
		c.describe(m, from, "audio"+group, query)
		c.mu.Unlock()
	}
	return m.Append(nil)
}

// describe adds the tracks to a master. The caller holds mu.
func (c *channel) describe(m *playlist.Master, from, group, query string) {
	var sound, pictures []*list
	for _, l := range c.lists {
		for _, s := range l.segments[l.first:] {
			m.IndependentSegments = m.IndependentSegments && (s.independent || s.gap)
		}
		switch {
		case len(l.segments) == 0:
		case c.cfg.Format == TS || l.info != nil && l.info.Kind() == stream.KindVideo:
			pictures = append(pictures, l)
		default:
			sound = append(sound, l)
		}
	}
	if len(pictures) == 0 { // each track of sound by itself
		for _, l := range sound {
			m.Variants = append(m.Variants, l.variant(from, query))
		}
		return
	}
	var peak, average int
	codecs := ""
	for i, l := range sound {
		p, a := l.rate.bandwidth()
		peak, average = max(peak, p), max(average, a)
		codecs += "," + l.codecs
		m.Renditions = append(m.Renditions, rendition(l, group, i, withQuery(relative(from, l.name), query)))
	}
	for _, l := range pictures {
		v := l.variant(from, query)
		v.Bandwidth, v.AverageBandwidth, v.Codecs = v.Bandwidth+peak, v.AverageBandwidth+average, v.Codecs+codecs
		if len(sound) > 0 {
			v.Audio = group
		}
		m.Variants = append(m.Variants, v)
	}
}

// variant describes a list.
func (l *list) variant(from, query string) playlist.Variant {
	v := playlist.Variant{URI: withQuery(relative(from, l.name), query), Codecs: l.codecs}
	v.Bandwidth, v.AverageBandwidth = l.rate.bandwidth()
	if l.info != nil && l.info.Kind() == stream.KindVideo {
		v.Width, v.Height, v.FrameRate = l.info.Width, l.info.Height, l.rate.frameRate()
	}
	return v
}

// rendition describes a track of sound.
func rendition(l *list, group string, i int, uri string) playlist.Rendition {
	t := l.info
	name := cmp.Or(t.Name, t.Language, "audio")
	if i > 0 && t.Name == "" { // names differ in a group (RFC 8216 4.3.4.1.1)
		name += " " + strconv.Itoa(i+1)
	}
	return playlist.Rendition{
		Type: "AUDIO", GroupID: group, Name: name, Language: t.Language, Default: i == 0, AutoSelect: true,
		Channels: strconv.Itoa(max(t.Channels, 1)), URI: uri,
	}
}
