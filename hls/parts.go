package hls

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// packaging is how parts are made. DASH with the same lengths reads the same ones.
func (v *Vhost) packaging() cmaf.Config {
	return cmaf.Config{
		SegmentDuration: time.Duration(float64(v.Fragment) * v.TDRatio), PartDuration: v.PartDuration,
		NoWaitKeyFrame: v.NoWaitKeyFrame, ProducerTime: v.PartDuration > 0,
	}
}

// runParts reads CMAF parts.
func (c *channel) runParts(ctx context.Context, s *stream.Stream) error {
	s, err := s.As(ctx, cmaf.Sound()...)
	if err != nil {
		return err
	}
	cur := stream.Derive(s, cmaf.Parts(), c.cfg.packaging())
	defer cur.Close()
	for {
		p, err := cur.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, stream.ErrLapped):
			cur.SkipToKey()
		case err != nil:
			return err
		default:
			if err := c.add(p); err != nil {
				return err
			}
		}
	}
}

// add takes a part.
func (c *channel) add(p *cmaf.Part) error {
	t := &p.Init.Tracks[0]
	if t.Kind() == stream.KindVideo && c.cfg.NoVideo || t.Kind() == stream.KindAudio && c.cfg.NoAudio {
		return nil
	}
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return nil
	}
	l := c.listOf(p.Track, t)
	if !c.begun {
		c.begun, c.shift = true, c.next-p.Segment
	}
	whole, err := l.take(p)
	c.tell()
	c.mu.Unlock()
	if err != nil {
		return err
	}
	for _, s := range whole {
		c.storeSegment(s)
	}
	return nil
}

// listOf finds or makes the list of a track. The caller holds mu.
func (c *channel) listOf(track int, t *stream.Track) *list {
	n := 1
	for _, l := range c.lists {
		if l.info.Kind() == t.Kind() {
			if l.track == track {
				return l
			}
			n++
		}
	}
	label := map[stream.Kind]string{stream.KindVideo: "v", stream.KindAudio: "a"}[t.Kind()] + strconv.Itoa(n)
	l := newList(c, label, beside(c.main, label, ".m3u8"))
	l.track, l.info = track, t
	c.lists = append(c.lists, l)
	return l
}

// take adds a part, and gives the segments that are complete with it.
func (l *list) take(p *cmaf.Part) (whole []*seg, err error) {
	c, seq := l.c, l.c.shift+p.Segment
	if l.init == nil || l.source != p.Init {
		l.begin(p.Init)
	}
	if l.open != nil && l.open.seq != seq { // its last part never came
		if whole, err = l.finish(whole); err != nil {
			return nil, err
		}
	}
	if l.open == nil {
		l.fill(seq)
		l.open = l.start(p, seq)
	}
	s := l.open
	s.file.Append(p.Data)
	s.size += len(p.Data)
	s.duration = p.Start + p.Duration - s.dts
	l.rate.frames, l.rate.length = l.rate.frames+p.Samples, l.rate.length+p.Duration
	if c.cfg.PartDuration > 0 {
		l.addPart(s, p)
	}
	if p.Last {
		return l.finish(whole)
	}
	return whole, nil
}

// start opens a segment with its first part.
func (l *list) start(p *cmaf.Part, seq int) *seg {
	c := l.c
	s := &seg{list: l, seq: seq, dts: p.Start, init: l.init, independent: p.Independent, opened: time.Now(), file: segment.New(typeM4S)}
	s.discontinuity = p.Discontinuity || l.fresh && len(l.segments) > 0
	l.fresh = false
	s.at = c.clock.at(p.Start, p.NTP, s.discontinuity)
	s.file.CacheControl = c.cacheControl()
	return s
}

// fill stands in for segments in which the track had nothing: all lists count alike.
func (l *list) fill(seq int) {
	if len(l.segments) == 0 {
		return
	}
	c := l.c
	for n := l.segments[len(l.segments)-1].seq + 1; n < seq; n++ {
		last := l.segments[len(l.segments)-1]
		s := &seg{list: l, seq: n, gap: true, init: last.init, dts: last.dts + last.duration, at: last.at.Add(last.duration),
			duration: c.cfg.Fragment}
		for _, o := range c.lists {
			if i := slices.IndexFunc(o.segments, func(x *seg) bool { return x.seq == n && !x.gap }); i >= 0 {
				s.duration, s.dts, s.at = o.segments[i].duration, o.segments[i].dts, o.segments[i].at
				break
			}
		}
		s.name = beside(c.main, l.label+".gap"+strconv.Itoa(n), ".m4s") // nobody fetches it
		s.uri = c.cfg.uri(l.name, s.name)
		l.add(s)
	}
}

// finish completes the open segment.
func (l *list) finish(whole []*seg) ([]*seg, error) {
	c, s := l.c, l.open
	l.open = nil
	name, err := c.cfg.segmentName(l.label, storage.Vars{Key: c.key, Seq: s.seq, Duration: s.duration, Time: s.opened})
	if err != nil {
		return nil, err
	}
	s.name, s.uri = name, c.cfg.uri(l.name, name)
	s.file.Close()
	l.add(s)
	c.enter(l)
	return append(whole, s), nil
}

// begin makes an initialization segment the one of the segments that come. Its name is its content's, so
// that it changes only with that.
func (l *list) begin(in *cmaf.InitSegment) {
	c := l.c
	l.source = in
	l.info = &in.Tracks[0]
	l.codecs = codecsOf(in.Tracks...)
	name := beside(c.main, fmt.Sprintf("%s.%08x", l.label, crc32.ChecksumIEEE(in.Data)), ".mp4")
	if l.init != nil && l.init.name == name {
		return
	}
	old := l.init
	f := segment.New(typeMP4)
	f.CacheControl = c.cacheControl()
	f.Append(in.Data)
	f.Close()
	l.init = &initFile{list: l, name: name, uri: c.cfg.uri(l.name, name), file: f}
	c.m.reg.add(c.key.Vhost, name, l.init)
	if c.store != nil {
		c.store.put(fileJob(name, in.Data))
	}
	if old != nil && !slices.ContainsFunc(l.segments, func(s *seg) bool { return s.init == old }) {
		c.discard(old.name, old)
	}
}

// addPart adds a part to the open segment: the one that was announced. It announces the next.
func (l *list) addPart(s *seg, p *cmaf.Part) {
	x := l.hint
	if x == nil || x.seq != s.seq || x.index != p.Index {
		l.unhint()
		x = l.announce(s.seq, p.Index)
	}
	x.duration, x.independent, x.done = p.Duration, p.Independent, true
	x.file.Append(p.Data)
	x.file.Close()
	s.parts = append(s.parts, x)
	l.hint = nil
	if p.Last {
		l.hint = l.announce(s.seq+1, 0)
	} else {
		l.hint = l.announce(s.seq, p.Index+1)
	}
}

// announce makes a part that is about to come one that can be asked for.
func (l *list) announce(seq, index int) *part {
	c := l.c
	p := &part{list: l, seq: seq, index: index, file: segment.New(typeM4S)}
	p.file.CacheControl = c.cacheControl()
	p.name = beside(c.main, fmt.Sprintf("%s.%d.%d", l.label, seq, index), ".m4s")
	p.uri = c.cfg.uri(l.name, p.name)
	c.m.reg.add(c.key.Vhost, p.name, p)
	return p
}

// unhint takes back what was announced.
func (l *list) unhint() {
	if p := l.hint; p != nil {
		l.c.m.reg.remove(l.c.key.Vhost, p.name, p)
		p.file.Abort()
		p.done = true
		l.hint = nil
	}
}
