package dvr

// piece is a sample with its place.
type piece struct {
	sample
	dts, at int64
	n       int // from 0
}

// cursor goes through the samples of a track.
type cursor struct {
	t               *movieTrack
	deltas, offsets counted
	syncs           []uint32
	chunk           int    // the next one
	left            uint32 // samples of the chunk before
	p               piece  // the last one that was given
	begun           bool
}

// counted goes through values that are repeated.
type counted struct {
	list []repeat
	used uint32 // of the first
}

// next gives the next value; last once there is none.
func (c *counted) next(last uint32) uint32 {
	for len(c.list) > 0 && c.used == c.list[0].count {
		c.list, c.used = c.list[1:], 0
	}
	if len(c.list) == 0 {
		return last
	}
	c.used++
	return c.list[0].value
}

func (t *movieTrack) cursor() *cursor {
	return &cursor{t: t, deltas: counted{list: t.deltas}, offsets: counted{list: t.offsets}, syncs: t.syncs, p: piece{dts: t.first}}
}

// next gives the next sample, until the next call; nil at the end.
func (c *cursor) next() *piece {
	p, t := &c.p, c.t
	if c.begun {
		p.dts, p.at, p.n = p.dts+int64(p.duration), p.at+int64(p.size), p.n+1
	}
	c.begun = true
	for c.left == 0 {
		if c.chunk == len(t.chunks) {
			return nil
		}
		p.at, c.left = t.chunks[c.chunk].at, t.chunks[c.chunk].samples
		c.chunk++
	}
	c.left--
	p.duration, p.offset, p.size = c.deltas.next(t.tail), c.offsets.next(0), t.sizes[p.n]
	p.flags = 0
	if t.video {
		if p.flags = notSync; len(c.syncs) > 0 && int(c.syncs[0]) == p.n+1 {
			p.flags, c.syncs = 0, c.syncs[1:]
		}
	}
	return p
}

// each gives the samples, in order, until f has had enough.
func (t *movieTrack) each(f func(*piece) bool) {
	for c := t.cursor(); ; {
		if p := c.next(); p == nil || !f(p) {
			return
		}
	}
}
