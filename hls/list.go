package hls

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/stream"
)

// list is a media playlist: the segments of all tracks, or with fMP4 of one. channel.mu guards it.
type list struct {
	c     *channel
	label string // of the track; empty for TS
	track int    // as cmaf.Part.Track
	info  *stream.Track
	name  string // path of the playlist

	segments []*seg // those that can be fetched, the oldest first
	first    int    // of those the first that the playlist has
	disc     int    // discontinuities before segments[first]
	base     int    // and before segments[0]

	init    *initFile
	source  *cmaf.InitSegment // of init
	codecs  string
	fresh   bool  // nothing of this publication has come yet
	entered bool  // it can be asked for
	open    *seg  // is being made
	hint    *part // is about to be made
	rate    rate

	views [views]atomic.Pointer[view]
}

// seg is a segment.
type seg struct {
	seq           int
	name, uri     string
	dts, duration time.Duration
	at            time.Time // of its first frame
	discontinuity bool
	gap           bool // there is nothing to fetch
	independent   bool // it begins with a key frame
	key           *key
	init          *initFile
	parts         []*part
	size          int
	list          *list
	opened        time.Time

	file   *segment.File // nil once it is only on disk
	stored bool          // on disk
	left   bool          // the playlist
}

// part is a part of a segment.
type part struct {
	list        *list
	seq, index  int
	name, uri   string
	duration    time.Duration
	independent bool
	done        bool // made, or given up
	file        *segment.File
}

// initFile is an initialization segment.
type initFile struct {
	list      *list
	name, uri string
	file      *segment.File
}

func newList(c *channel, label, name string) *list {
	return &list{c: c, label: label, name: name, fresh: true, base: c.disc, disc: c.disc}
}

// rate measures a track: bits and frames a second.
type rate struct {
	peak, bits, seconds float64
	frames              int           // of video
	length              time.Duration // of those
}

func (r *rate) add(size int, d time.Duration) {
	if s := d.Seconds(); s > 0.1 {
		bits := float64(8 * size)
		r.peak = max(r.peak, bits/s)
		r.bits, r.seconds = r.bits+bits, r.seconds+s
	}
}

// bandwidth gives the peak and the average.
func (r *rate) bandwidth() (peak, average int) {
	if r.seconds == 0 {
		return 0, 0
	}
	return int(math.Ceil(r.peak)), int(math.Ceil(r.bits / r.seconds))
}

// frameRate gives frames a second, to a thousandth; 0 if that is not known.
func (r *rate) frameRate() float64 {
	if r.length <= 0 {
		return 0
	}
	return math.Round(float64(r.frames)/r.length.Seconds()*1000) / 1000
}

// add appends a segment that is complete, and lets go of old ones. The caller holds channel.mu.
func (l *list) add(s *seg) {
	c := l.c
	s.list = l
	if c.target == 0 {
		c.target = firstTarget(max(s.duration, time.Duration(float64(c.cfg.Fragment)*c.cfg.TDRatio)))
	}
	if n := int(math.Round(s.duration.Seconds())); n > c.target {
		c.m.logger().Warn("a segment is longer than the target duration, which rises: players may stall once",
			"stream", c.key, "duration", s.duration, "target", n)
		c.target = n
	}
	if len(l.segments) == 0 {
		s.discontinuity = false // with nothing before it there is nothing to continue
	}
	l.segments = append(l.segments, s)
	c.next = max(c.next, s.seq+1)
	if !s.gap {
		l.rate.add(s.size, s.duration)
		if !c.m.reg.add(c.key.Vhost, s.name, s) && !c.clash {
			c.clash = true
			c.m.logger().Warn("two files have one name", "stream", c.key, "name", s.name)
		}
	}
	l.slide()
	c.shed()
}

// firstTarget is the target duration of a playlist, in seconds, by its first segment. It may not change
// later (RFC 8216 6.2.1), so a few milliseconds above a whole second, which the clocks of carriers make,
// do not count: what counts is an EXTINF rounded.
func firstTarget(d time.Duration) int {
	const jitter = 50 * time.Millisecond
	return max(1, int(math.Ceil((d - jitter).Seconds())))
}

// slide lets segments leave the playlist that it does not need for its window, and those be forgotten
// that no player can still want: a segment must be there for as long as the playlist lasts after it has
// left it (RFC 8216 6.2.2).
func (l *list) slide() {
	v := &l.c.cfg
	total, i := time.Duration(0), len(l.segments)
	for i > 0 && total <= v.Window {
		i--
		total += l.segments[i].duration
	}
	l.leave(i)
	keep := 2*total + time.Duration(l.c.target)*time.Second + max(0, v.Rewind-v.Window)
	after := time.Duration(0)
	for j := len(l.segments) - 1; j >= 0; j-- {
		if after > keep && j < l.first {
			l.drop(j + 1)
			break
		}
		after += l.segments[j].duration
	}
}

// leave has the segments before the i-th leave the playlist.
func (l *list) leave(i int) {
	for ; l.first < i; l.first++ {
		s := l.segments[l.first]
		if s.discontinuity {
			l.disc++
		}
		s.left = true
		s.rest()
	}
}

// rest frees the memory of a segment that is on disk and not in the playlist any more.
func (s *seg) rest() {
	if s.left {
		s.free()
	}
}

// free frees the memory that a segment does not need: that of its parts, and its own if it is on disk.
func (s *seg) free() {
	for _, p := range s.parts {
		s.list.c.m.reg.remove(s.list.c.key.Vhost, p.name, p)
	}
	s.parts = nil
	if s.stored {
		s.file = nil
	}
}

// shed holds what is in memory to Vhost.MaxMemory. The caller holds mu.
func (c *channel) shed() {
	for n := c.memory(); n > c.cfg.MaxMemory; {
		seq, ok := c.oldest()
		if !ok {
			return
		}
		for _, l := range c.lists {
			n -= l.memory()
			l.shed(seq)
			n += l.memory()
		}
	}
}

// oldest gives the number of the oldest segment in memory that is not the newest of its list.
func (c *channel) oldest() (seq int, ok bool) {
	for _, l := range c.lists {
		for _, s := range l.segments[:max(0, len(l.segments)-1)] {
			if s.file != nil {
				if !ok || s.seq < seq {
					seq, ok = s.seq, true
				}
				break
			}
		}
	}
	return seq, ok
}

// shed takes the segment with a number, if the list has it and another, out of memory: to where it is
// stored, else with all before it out of the list.
func (l *list) shed(seq int) {
	i := slices.IndexFunc(l.segments, func(s *seg) bool { return s.seq == seq })
	if i < 0 || i == len(l.segments)-1 {
		return
	}
	if s := l.segments[i]; s.stored {
		s.free()
		return
	}
	if c := l.c; !c.full {
		c.full = true
		c.m.logger().Warn("segments leave early: there is no more memory for the stream", "stream", c.key, "bytes", c.cfg.MaxMemory)
	}
	l.leave(i + 1)
	l.drop(i + 1)
}

// memory gives the bytes that all lists hold. The caller holds mu.
func (c *channel) memory() (n int) {
	for _, l := range c.lists {
		n += l.memory()
	}
	return n
}

// drop forgets the first n segments.
func (l *list) drop(n int) {
	var last *initFile
	for _, s := range l.segments[:n] {
		if s.discontinuity {
			l.base++
		}
		l.forget(s)
		last = s.init
	}
	l.segments = append([]*seg(nil), l.segments[n:]...)
	l.first -= n
	// Initialization segments and keys go with the last segment that needs them.
	if last != nil && last != l.init && (len(l.segments) == 0 || l.segments[0].init != last) {
		l.c.discard(last.name, last)
	}
}

// forget takes a segment out of what can be fetched, and deletes its files.
func (l *list) forget(s *seg) {
	c := l.c
	if !s.gap {
		c.discard(s.name, s)
	}
	for _, p := range s.parts {
		c.m.reg.remove(c.key.Vhost, p.name, p)
	}
	if k := s.key; k != nil {
		if k.users--; k.users == 0 {
			c.m.reg.remove(c.key.Vhost, k.name, k)
		}
	}
}

// discontinuities gives how many there are up to the end. The caller holds mu.
func (c *channel) discontinuities() (n int) {
	n = c.disc
	for _, l := range c.lists {
		k := l.disc
		for _, s := range l.segments[l.first:] {
			if s.discontinuity {
				k++
			}
		}
		n = max(n, k)
	}
	return n
}

// memory gives the bytes that are held.
func (l *list) memory() (n int) {
	for _, s := range l.segments {
		if s.file != nil {
			n += s.size
		}
	}
	if l.open != nil {
		n += l.open.size
	}
	return n
}
