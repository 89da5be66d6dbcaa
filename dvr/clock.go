package dvr

import (
	"time"

	"github.com/srsgo/srs/stream"
)

// clock makes the times of a file.
type clock struct {
	jitter stream.Jitter
	began  bool
	base   time.Duration // what is taken from the stream's time
	last   time.Duration // of the stream, in JitterFull
}

// What SRS takes for a step in time, and for how long.
const (
	maxStep = 250 * time.Millisecond
	aStep   = 10 * time.Millisecond
)

// packet gives p with the file's times. None is below 0: a file begins with a key frame, and sound that
// belongs before that may come after it.
func (c *clock) packet(p *stream.Packet) *stream.Packet {
	if c.jitter == stream.JitterOff {
		return p
	}
	if !c.began {
		c.began, c.base, c.last = true, p.DTS, p.DTS
	}
	if c.jitter == stream.JitterFull {
		if step := p.DTS - c.last; step > maxStep || step < -maxStep {
			c.base += step - aStep
		}
		c.last = p.DTS
	}
	q := *p
	q.DTS = max(0, p.DTS-c.base)
	q.PTS = max(0, p.PTS-c.base)
	return &q
}
