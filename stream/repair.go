package stream

import (
	"slices"
	"time"
)

const (
	maxStep = 3 * time.Second        // larger steps need a reason
	maxBack = 250 * time.Millisecond // steps back up to this are jitter, as for SRS
	// wrap24 and wrap32 are where RTMP's time stamps start again: at 24 bits for
	// encoders without extended time stamps (4.66 h), and at 32 (49.7 days).
	wrap24 = (1 << 24) * time.Millisecond
	wrap32 = (1 << 32) * time.Millisecond
)

// clock puts a stream's time right, once for all its viewers: the time of each
// publication continues that of the one before, wraps and jumps are taken out, and DTS
// never goes back within a track.
type clock struct {
	off     bool // leave time alone
	base    time.Duration
	started bool
	last    time.Duration // newest time given
	wall    time.Time     // when it was given
	tracks  []trackClock
}

type trackClock struct {
	id      int
	seen    bool
	offset  time.Duration // given time minus publisher's time
	in, out time.Duration
	step    time.Duration // of a usual packet
}

// restart begins a publication.
func (c *clock) restart(off bool) {
	c.off = off
	if c.started {
		c.base = c.last + 20*time.Millisecond
	}
	c.started = false
	c.tracks = c.tracks[:0]
}

// trackID tells the tracks of a publication apart.
func trackID(p *Packet) int {
	if t := p.Info(); t != nil {
		return t.ID<<2 | int(t.Kind())
	}
	return Data
}

// fix gives p with its time put right: p itself if nothing changes.
func (c *clock) fix(p *Packet, now time.Time) *Packet {
	if c.off {
		c.started, c.last = true, max(c.last, p.DTS)
		return p
	}
	t := c.track(trackID(p))
	offset, jumped := c.offsetFor(t, p.DTS, now)
	out := max(p.DTS+offset, c.base)
	if t.seen {
		if d := out - t.out; !jumped && d > 0 && d < time.Second {
			t.step = d
		}
		out = max(out, t.out)
	}
	t.seen, t.offset, t.in, t.out = true, offset, p.DTS, out
	c.last, c.wall = max(c.last, out), now
	if out == p.DTS && !jumped {
		return p
	}
	q := *p
	q.DTS, q.PTS = out, out+(p.PTS-p.DTS)
	if jumped {
		q.Flags |= Discontinuity
	}
	return &q
}

func (c *clock) track(id int) *trackClock {
	for i := range c.tracks {
		if c.tracks[i].id == id {
			return &c.tracks[i]
		}
	}
	c.tracks = append(c.tracks, trackClock{id: id, step: 20 * time.Millisecond})
	return &c.tracks[len(c.tracks)-1]
}

// offsetFor decides what to add to a track's time.
func (c *clock) offsetFor(t *trackClock, in time.Duration, now time.Time) (offset time.Duration, jumped bool) {
	if !c.started {
		c.started = true
		if c.base == 0 && in >= 0 && in < time.Second {
			return 0, false // a first publication that starts near zero keeps its time
		}
		return c.base - in, c.base != 0
	}
	if t.seen {
		offset = t.offset
		step := in - t.in
		if step >= -maxBack && step <= maxStep {
			return offset, false
		}
		for _, wrap := range [...]time.Duration{wrap24, wrap32} {
			if s := step + wrap; s >= -maxBack && s <= maxStep {
				return offset + wrap, false
			}
		}
		if c.plausible(in+offset, now) {
			return offset, false
		}
	}
	// Another track may have made the same jump: then both stay in sync.
	if i := slices.IndexFunc(c.tracks, func(o trackClock) bool {
		return o.seen && o.id != t.id && c.plausible(in+o.offset, now)
	}); i >= 0 {
		return c.tracks[i].offset, t.seen
	}
	if !t.seen {
		return c.last - in, false
	}
	return t.out + t.step - in, true
}

// plausible tells whether a time fits the stream: near its newest time, or ahead of it
// by what has passed on the wall clock (an encoder that paused).
func (c *clock) plausible(at time.Duration, now time.Time) bool {
	ahead := at - c.last
	if ahead >= -maxStep && ahead <= maxStep {
		return true
	}
	passed := now.Sub(c.wall)
	return ahead > 0 && ahead >= passed-maxStep && ahead <= passed+maxStep
}

// mixer sorts a publisher's audio and video by time (SRS mix_correct): packets leave
// while both kinds wait, or when ten of one kind do.
type mixer struct {
	queue        []*Packet
	audio, video int
}

const mixLimit = 10

func (m *mixer) write(p *Packet, out func(*Packet)) {
	i := len(m.queue)
	for i > 0 && m.queue[i-1].DTS > p.DTS {
		i--
	}
	m.queue = slices.Insert(m.queue, i, p)
	m.count(p, 1)
	for len(m.queue) > 0 && (m.audio > 0 && m.video > 0 || len(m.queue) >= mixLimit) {
		m.pop(out)
	}
}

func (m *mixer) flush(out func(*Packet)) {
	for len(m.queue) > 0 {
		m.pop(out)
	}
}

func (m *mixer) pop(out func(*Packet)) {
	p := m.queue[0]
	m.queue = slices.Delete(m.queue, 0, 1)
	m.count(p, -1)
	out(p)
}

func (m *mixer) count(p *Packet, n int) {
	switch p.Kind() {
	case KindVideo:
		m.video += n
	case KindAudio:
		m.audio += n
	}
}

// viewerClock gives one viewer a timeline of its own, as SRS's time_jitter full and
// zero do.
type viewerClock struct {
	full, started bool
	in, out       time.Duration
}

func (c *viewerClock) fix(p *Packet) *Packet {
	if !c.started {
		c.started, c.in = true, p.DTS
	}
	q := *p
	if c.full {
		step := p.DTS - c.in
		if step <= -250*time.Millisecond || step >= 250*time.Millisecond {
			step = 10 * time.Millisecond
		}
		c.in, c.out = p.DTS, max(0, c.out+step)
		q.DTS = c.out
	} else {
		q.DTS = max(0, p.DTS-c.in)
	}
	q.PTS = q.DTS + (p.PTS - p.DTS)
	return &q
}
