package hls

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/grafov/m3u8"
)

// maxRecover bounds a playlist that is read.
const maxRecover = 16 << 20

// past is what a playlist that an earlier process has left says.
type past struct {
	target, next, disc int
	segments           []pastSegment
	sealed             bool // there are keys
}

type pastSegment struct {
	seq           int
	name          string
	duration      time.Duration
	discontinuity bool
	at            time.Time
}

// parsePast reads the playlist at the path name, whose segments' URIs begin with prefix.
func parsePast(b []byte, name, prefix string) (p past, err error) {
	defer func() {
		if r := recover(); r != nil { // the parser indexes what it has not looked at
			err = fmt.Errorf("hls: reading playlist %s: %v", name, r)
		}
	}()
	any, kind, err := m3u8.DecodeFrom(bytes.NewReader(b), false)
	if err != nil {
		return p, fmt.Errorf("hls: reading playlist %s: %w", name, err)
	}
	list, ok := any.(*m3u8.MediaPlaylist)
	if !ok || kind != m3u8.MEDIA {
		return p, fmt.Errorf("hls: reading playlist %s: it has no segments", name)
	}
	const most = 1 << 40
	if list.SeqNo > most || list.DiscontinuitySeq > most || list.TargetDuration < 0 || list.TargetDuration > 3600 {
		return p, fmt.Errorf("hls: reading playlist %s: numbers out of range", name)
	}
	p = past{target: int(list.TargetDuration), next: int(list.SeqNo), disc: int(list.DiscontinuitySeq), sealed: list.Key != nil}
	for _, s := range list.Segments {
		if s == nil {
			continue
		}
		x := pastSegment{seq: p.next, discontinuity: s.Discontinuity, at: s.ProgramDateTime}
		p.next++
		p.sealed = p.sealed || s.Key != nil
		if !(s.Duration >= 0 && s.Duration <= 3600) {
			return past{}, fmt.Errorf("hls: reading playlist %s: a duration of %v s", name, s.Duration)
		}
		x.duration = time.Duration(s.Duration * float64(time.Second)).Round(time.Millisecond)
		x.name = nameOf(s.URI, name, prefix)
		p.segments = append(p.segments, x)
	}
	return p, nil
}

// nameOf gives the file that a URI in a playlist is for, empty if it is for none.
func nameOf(uri, playlist, prefix string) string {
	uri, _, _ = strings.Cut(uri, "?")
	name, err := url.PathUnescape(uri)
	if err != nil {
		return ""
	}
	if prefix != "" {
		name, _ = strings.CutPrefix(name, strings.TrimSuffix(prefix, "/")+"/")
	} else {
		name = path.Join(path.Dir(playlist), name)
	}
	if !fs.ValidPath(name) {
		return ""
	}
	return name
}

// restore goes on where an earlier process has ended: with its numbers, and the segments that are still
// on disk.
func (c *channel) restore() {
	if c.store == nil || c.store.disk == nil {
		return
	}
	l := newList(c, "", c.listName())
	from := l.name
	if c.cfg.Format == FMP4 {
		from = beside(c.main, "v1", ".m3u8")
	}
	p, err := c.readPast(from)
	if err != nil {
		c.m.logger().Warn("hls cannot go on where it ended", "stream", c.key, "err", err)
	}
	c.next = max(c.next, p.next)
	if c.cfg.Format == FMP4 || p.sealed || len(p.segments) == 0 {
		return // what was before needs more than its playlist tells
	}
	c.target, l.base, l.disc = max(p.target, firstTarget(time.Duration(float64(c.cfg.Fragment)*c.cfg.TDRatio))), p.disc, p.disc
	for _, x := range p.segments {
		f, err := c.store.disk.Open(context.Background(), x.name)
		if err != nil {
			l.segments, l.first = nil, 0 // a list has no holes
			continue
		}
		size := int(f.Info().Size)
		_ = f.Close()
		discontinuity := x.discontinuity
		l.add(&seg{seq: x.seq, name: x.name, uri: c.cfg.uri(l.name, x.name), duration: x.duration, at: x.at,
			discontinuity: discontinuity, size: size, stored: true})
	}
	c.lists = append(c.lists, l)
}

// readPast reads a playlist from disk; one that is not there says nothing.
func (c *channel) readPast(name string) (past, error) {
	f, err := c.store.disk.Open(context.Background(), name)
	if err != nil {
		return past{}, nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(bufio.NewReader(f), maxRecover))
	if err != nil {
		return past{}, err
	}
	return parsePast(b, name, c.cfg.EntryPrefix)
}
