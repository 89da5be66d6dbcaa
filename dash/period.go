package dash

import (
	"math"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/stream"
)

// seg is a segment of one track.
type seg struct {
	number          int
	name            string        // below the channel's directory
	start, duration time.Duration // of presentation, in stream time
	size            int           // bytes
	samples         int
	sap             bool // decoding can begin here
	file            *segment.File
}

// cut is the segment of all tracks that is being made.
type cut struct {
	number  int
	segment int // the packager's number
	broken  bool
	tracks  []*building
}

// building is the segment of a track.
type building struct {
	*seg
	track int
	id    string
	init  *initFile
	begun time.Duration // decoding time of the first sample
	ntp   time.Time     // when that was captured
	whole bool
}

// initFile is an initialization segment that can be fetched.
type initFile struct {
	*cmaf.InitSegment
	id   string // of the representation
	name string
	uses int // periods that name it
}

func (c *cut) find(track int) *building {
	for _, b := range c.tracks {
		if b.track == track {
			return b
		}
	}
	return nil
}

// lead is the track by which time is told: the first video, else the first.
func (c *cut) lead() *building {
	for _, b := range c.tracks {
		if b.init.Tracks[0].Kind() == stream.KindVideo {
			return b
		}
	}
	return c.tracks[0]
}

// period is a stretch in which nothing changes but time (ISO 23009-1 5.3.2).
type period struct {
	id     int
	start  time.Duration // on the manifest's timeline
	offset time.Duration // stream time at start
	first  int           // number of the first segment
	last   int           // number of the last one; -1 while more come
	// each is @duration: segments are asked for by number, without being listed. 0: they are listed.
	each time.Duration
	gap  bool // nothing is between the period before and this one
	reps []*rep
	end  time.Duration // stream time at the end of the last segment
}

// rep is a representation: a track in a period.
type rep struct {
	track     int
	id        string
	init      *initFile
	bandwidth int // bits a second that no segment so far exceeds
	rate      frameRate
	sap       bool          // decoding can begin at each segment so far
	ntp       time.Time     // when the sample at ntpOf was captured; zero for not known yet
	ntpOf     time.Duration // stream time
	segments  []*seg        // in the window, the oldest first
}

func (r *rep) info() *stream.Track { return &r.init.Tracks[0] }

// newPeriod makes a period of the tracks in c.
func newPeriod(id int, c *cut) *period {
	p := &period{id: id, first: c.number, last: -1, offset: max(0, c.lead().start)} // presentationTimeOffset has no sign
	for _, b := range c.tracks {
		r := &rep{track: b.track, id: b.id, init: b.init, bandwidth: b.bandwidth(), rate: rateOf(b), sap: true, ntp: b.ntp, ntpOf: b.start}
		b.init.uses++
		p.reps = append(p.reps, r)
	}
	return p
}

// after makes a period that continues p from segment n on.
func (p *period) after(id, n int) *period {
	q := &period{id: id, first: n, last: -1, offset: p.end, end: p.end}
	for _, r := range p.reps {
		r.init.uses++
		q.reps = append(q.reps, &rep{track: r.track, id: r.id, init: r.init, bandwidth: r.bandwidth, rate: r.rate, sap: r.sap})
	}
	return q
}

// find gives the representation of a track, nil for none.
func (p *period) find(track int) *rep {
	for _, r := range p.reps {
		if r.track == track {
			return r
		}
	}
	return nil
}

// fits tells whether c can be the period's next segment: its tracks are those of the period.
func (p *period) fits(c *cut) bool {
	if len(c.tracks) != len(p.reps) {
		return false
	}
	for _, b := range c.tracks {
		if r := p.find(b.track); r == nil || r.init != b.init {
			return false
		}
	}
	return true
}

// captureSlack is by how much the time of capture may be off. What is less changes no manifest.
const captureSlack = 50 * time.Millisecond

// add appends a segment.
func (p *period) add(c *cut) {
	for _, b := range c.tracks {
		r := p.find(b.track)
		if r == nil {
			continue
		}
		// What an encoder kept until it was connected came in later than the rest: the least delay tells
		// when samples were captured.
		if r.ntp.IsZero() || r.ntp.Sub(b.ntp)-(r.ntpOf-b.start) > captureSlack {
			r.ntp, r.ntpOf = b.ntp, b.start
		}
		r.segments = append(r.segments, b.seg)
		r.sap = r.sap && b.sap
		r.bandwidth = max(r.bandwidth, b.bandwidth())
	}
	lead := c.lead()
	p.end = lead.start + lead.duration
}

// at gives stream time on the manifest's timeline.
func (p *period) at(t time.Duration) time.Duration { return p.start + t - p.offset }

// nominal is when segment n begins by @duration, in stream time.
func (p *period) nominal(n int) time.Duration {
	return p.offset + time.Duration(n-p.first)*p.each
}

// empty tells whether no segment is in the window.
func (p *period) empty() bool {
	for _, r := range p.reps {
		if len(r.segments) > 0 {
			return false
		}
	}
	return true
}

// bandwidth is that of the segment, in bits a second.
func (b *building) bandwidth() int {
	if b.duration <= 0 {
		return 1
	}
	return roundUp(float64(b.size) * 8 / b.duration.Seconds())
}

// roundUp gives the least number with two digits other than 0 that is not below bits: a manifest should
// not change with each segment.
func roundUp(bits float64) int {
	if bits <= 0 {
		return 1
	}
	unit := math.Pow(10, max(0, math.Floor(math.Log10(bits))-1))
	return int(math.Ceil(bits/unit) * unit)
}

// frameRate is a fraction; the zero value is not known.
type frameRate struct{ num, den int }

// rateOf gives the frame rate of a segment where that is one in use: a whole number, or 1000/1001 of
// one.
func rateOf(b *building) frameRate {
	if b.init.Tracks[0].Kind() != stream.KindVideo || b.samples < 2 || b.duration <= 0 {
		return frameRate{}
	}
	fps := float64(b.samples) / b.duration.Seconds()
	// Times in milliseconds put the ends of a segment off by up to 1 ms.
	slack := max(fps*0.001/b.duration.Seconds(), fps*1e-6)
	best := frameRate{}
	for _, r := range [...]frameRate{{int(math.Round(fps)), 1}, {1000 * int(math.Round(fps*1.001)), 1001}} {
		if off := math.Abs(fps - float64(r.num)/float64(r.den)); r.num > 0 && off <= slack {
			best, slack = r, off
		}
	}
	return best
}

// length gives how long n frames last, 0 where that is not known.
func (f frameRate) length(n int) time.Duration {
	if f.num == 0 {
		return 0
	}
	return time.Duration(math.Round(float64(n) * float64(f.den) / float64(f.num) * float64(time.Second)))
}
