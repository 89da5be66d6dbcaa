package ingest

import (
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	// maxSkew is how far a sender report may move a track against another.
	maxSkew = 5 * time.Second
	// jump is how far a timestamp may be from its arrival before it counts as a new beginning.
	jump = 10 * time.Second
	// slew is the share of the time that passes by which a track is moved at most.
	slew = 10
)

// clock maps a track's RTP timestamps to the stream's timeline.
type clock struct {
	hz      int
	started bool
	newest  int64 // extended timestamp
	origin  int64
	// offset is what is added to media time, want what it moves to; at is the media time of the last frame.
	offset, want time.Duration
	at           time.Duration
	// fastest is the least that was seen between media time and arrival.
	fastest time.Duration
	// report is the wall-clock time at media time 0, as the last sender report tells.
	report   time.Time
	reported bool
}

// media gives the time of a timestamp since the track's first.
func (c *clock) media(ts uint32) time.Duration {
	if !c.started {
		c.started, c.newest, c.origin = true, int64(ts), int64(ts)
	}
	return stream.FromTicks(c.extend(ts)-c.origin, c.hz)
}

func (c *clock) extend(ts uint32) int64 { return c.newest + int64(int32(ts-uint32(c.newest))) }

// arrived takes a packet that came at a time since the stream's beginning, and tells whether time jumped. Until
// settled, what arrives fastest tells the offset.
func (c *clock) arrived(ts uint32, at time.Duration, settled bool) (jumped bool) {
	first := !c.started
	m := c.media(ts)
	c.newest = max(c.newest, c.extend(ts))
	d := at - m
	if first || d < c.fastest {
		c.fastest = d
	}
	switch {
	case first:
		c.offset, c.want = d, d
	case d-c.offset > jump || c.offset-d > jump:
		c.offset, c.want, c.at, c.fastest = d, d, m, d
		c.reported = false
		return true
	case !settled:
		c.offset, c.want = c.fastest, c.fastest
	}
	return false
}

// sync takes a sender report.
func (c *clock) sync(ts uint32, ntp time.Time) {
	if c.started {
		c.report, c.reported = ntp.Add(-c.media(ts)), true
	}
}

// follow has the track keep time with a reference: by the sender reports of both, and as long as neither has
// one by what came fastest of both. A publisher may begin with what waited for the connection, of which sound
// and picture come at once that were not captured at once.
func (c *clock) follow(ref *clock, settled bool) {
	if !c.started || c.reported != ref.reported {
		return
	}
	apart := c.fastest - ref.fastest
	if c.reported {
		apart = c.report.Sub(ref.report)
	}
	want := ref.offset + apart
	if d := want - c.offset; d > maxSkew || d < -maxSkew {
		return
	}
	c.want = want
	if !settled {
		c.offset = want
	}
}

// delay moves the track.
func (c *clock) delay(d time.Duration) {
	c.offset, c.want, c.fastest = c.offset+d, c.want+d, c.fastest+d
}

// stamp gives a frame's place on the stream's timeline.
func (c *clock) stamp(media time.Duration) time.Duration {
	if step := (media - c.at) / slew; step > 0 {
		c.offset += min(max(c.want-c.offset, -step), step)
		c.at = media
	}
	return media + c.offset
}

// wall gives the time at which a frame was captured, zero where that is not known.
func (c *clock) wall(media time.Duration) time.Time {
	if !c.reported {
		return time.Time{}
	}
	return c.report.Add(media)
}
