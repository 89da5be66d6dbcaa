package dash

import (
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// maxGOP is for how long pictures are listed without a new key frame. Players remove what lies behind them,
// dash.js what is older than 20 s, and browsers remove no less than whole groups of pictures: of a longer
// one also those that are just being played, and the player stands still for good.
const maxGOP = 20 * time.Second

// drought is the absence of key frames. What goes on too long, or where players count, ends the period: the
// next one begins with a key frame, since without one players can make nothing of what comes.
type drought struct {
	on    bool          // the last segment began without a key frame
	skip  bool          // nothing is listed
	key   time.Duration // stream time of the last key frame that began a segment
	out   int           // the packager's number of the last segment that was not listed
	early []*cmaf.Part  // of a segment of which no picture has come
}

// leads tells whether a part begins the pictures of a segment.
func (c *channel) leads(p *cmaf.Part) bool {
	if p.Index != 0 || p.Init.Tracks[0].Kind() != stream.KindVideo {
		return false
	}
	if x := c.line.current(); x != nil {
		for _, r := range x.reps {
			if r.info().Kind() == stream.KindVideo {
				return r.track == p.Track
			}
		}
	}
	return true
}

// sift gives the parts that are to be listed now that p is there. The caller holds mu.
func (c *channel) sift(p *cmaf.Part, now time.Time) []*cmaf.Part {
	d := &c.dry
	switch {
	case !d.on || c.cut != nil:
		if c.leads(p) {
			d.saw(p)
		}
		return []*cmaf.Part{p}
	case d.skip && p.Segment == d.out:
		return nil
	case len(d.early) > 0 && d.early[0].Segment != p.Segment: // there are no pictures any more
		d.on, d.skip = false, false
		return append(d.take(), p)
	}
	d.early = append(d.early, p) // whether its segment is listed is not known before the first picture
	if !c.leads(p) {
		return nil
	}
	if d.saw(p); !d.on {
		d.skip = false
		return d.take()
	}
	if d.skip || p.Discontinuity || c.line.counts() || p.Start+p.Duration-d.key > maxGOP {
		c.skip(now)
		d.out, d.early = p.Segment, nil
	}
	return d.take()
}

// skip has nothing be listed until there is a key frame.
func (c *channel) skip(now time.Time) {
	if c.dry.skip {
		return
	}
	c.dry.skip = true
	if c.line.counts() {
		c.line.drifted(c.next)
	}
	c.interrupt(now)
	c.render(now)
}

// saw takes note of the first picture of a segment.
func (d *drought) saw(p *cmaf.Part) {
	if d.on = !p.Independent; !d.on {
		d.key = p.Start
	}
}

// take gives the parts that waited.
func (d *drought) take() []*cmaf.Part {
	early := d.early
	d.early = nil
	return early
}

// interrupt ends what can be listed for now.
func (c *channel) interrupt(now time.Time) {
	if c.line.counts() {
		// The period stays open until there is another one: players that count take its end for that of all.
		c.ended = true
		c.vacate(c.line.current())
	} else {
		c.breakOff(now)
	}
}
