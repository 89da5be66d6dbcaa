package dash

import (
	"slices"
	"time"
)

const (
	lateSegments = 8  // by how many the publisher's clock is judged
	fewSegments  = 16 // a period whose @duration was wrong before so many had an irregular stream
	maxIrregular = 2  // such periods, until segments are listed
	kept         = 2  // segments that can be fetched after they have left the window
	ahead        = 2  // segments that can be asked for before they begin
	bridge       = 5  // empty segments after a period that players count in
)

// timeline is what the manifest tells: periods of segments, and when they become available. It knows
// neither files nor clocks.
type timeline struct {
	cfg     *Vhost
	begin   time.Time // availabilityStartTime; zero before the first segment
	periods []*period
	next    int // id of the next period

	late      []time.Duration // of the last segments: by how much they came after they should have
	renew     bool            // the next segment begins a period, by the clock
	irregular int
}

// current gives the period that goes on, nil for none.
func (t *timeline) current() *period {
	if n := len(t.periods); n > 0 && t.periods[n-1].last < 0 {
		return t.periods[n-1]
	}
	return nil
}

// counts tells whether players ask for segments by number, without their being listed.
func (t *timeline) counts() bool {
	p := t.current()
	return p != nil && p.each > 0
}

// end ends the current period before segment n: what comes does not continue it.
func (t *timeline) end(n int) {
	p := t.current()
	if p == nil {
		return
	}
	p.last = n - 1
	t.late = t.late[:0]
	if p.last < p.first { // it was begun ahead of its first segment
		t.remove(len(t.periods) - 1)
	}
}

func (t *timeline) remove(i int) {
	for _, r := range t.periods[i].reps {
		r.init.uses--
	}
	t.periods = append(t.periods[:i:i], t.periods[i+1:]...)
}

// add takes a segment that is complete at the time now.
func (t *timeline) add(c *cut, now time.Time) {
	p := t.current()
	switch {
	case p == nil || c.broken || t.renew && c.lead().sap:
		p = t.open(c, now)
	case !p.fits(c):
		if p.each == 0 || p.changed(c) {
			p = t.open(c, now)
			break
		}
		// Its players have most of the segment: the next period has the other tracks.
		p.add(c)
		t.follow(c, 0)
		return
	}
	p.add(c)
	t.judge(p, c, now)
}

// changed tells whether a track of c has another initialization segment than in p.
func (p *period) changed(c *cut) bool {
	for _, b := range c.tracks {
		if r := p.find(b.track); r != nil && r.init != b.init {
			return true
		}
	}
	return false
}

// open begins a period with c.
func (t *timeline) open(c *cut, now time.Time) *period {
	t.end(c.number)
	p := newPeriod(t.next, c)
	t.next++
	lead := c.lead()
	if t.begin.IsZero() {
		// To the millisecond, as the manifest has it.
		t.begin = now.Add(-lead.duration).Round(time.Millisecond)
	} else {
		p.start = now.Sub(t.begin) - lead.duration
		if n := len(t.periods); n > 0 {
			before := t.periods[n-1]
			end := before.at(before.end)
			if p.start < end+t.slack() && !t.renew || p.start < end {
				p.start = end
			}
			p.gap = p.start > end
		}
	}
	p.start = p.start.Round(time.Millisecond)
	if t.cfg.lowLatency() && t.irregular < maxIrregular {
		p.each = lead.duration
		if d := rateOf(lead).length(lead.samples); d > 0 {
			p.each = d // without the rounding of times
		}
	}
	t.renew = false
	t.late = t.late[:0]
	t.periods = append(t.periods, p)
	return p
}

// slack is by how much segments may come late, for long, and still count as in time.
func (t *timeline) slack() time.Duration {
	if t.cfg.lowLatency() {
		return max(t.cfg.LowLatency.Target/4, t.cfg.LowLatency.PartDuration)
	}
	return max(time.Second, t.cfg.Fragment/2)
}

// judge tells whether the manifest still says when segments come, and begins a period where it does
// not.
func (t *timeline) judge(p *period, c *cut, now time.Time) {
	if len(t.late) == lateSegments {
		t.late = append(t.late[:0], t.late[1:]...)
	}
	t.late = append(t.late, now.Sub(t.begin)-p.at(p.end))
	shift := t.shift()
	if p.each == 0 {
		t.renew = shift > 0 // players that ask early wait; early segments do no harm
		return
	}
	lead := c.lead()
	off := lead.start - p.nominal(c.number)
	if shift == 0 && max(off, -off) <= p.each/4 || !lead.sap {
		return
	}
	if shift == 0 {
		if t.drifted(c.number); t.irregular >= maxIrregular {
			t.renew = true
			return
		}
	}
	t.follow(c, shift)
}

// drifted notes that segment n is not where @duration has it.
func (t *timeline) drifted(n int) {
	if n-t.current().first < fewSegments {
		t.irregular++
	}
}

// shift is by how much all of the last segments came late, or early; 0 where it does not matter.
func (t *timeline) shift() time.Duration {
	if len(t.late) < lateSegments {
		return 0
	}
	least, most := t.late[0], t.late[0]
	for _, d := range t.late {
		least, most = min(least, d), max(most, d)
	}
	switch slack := t.slack(); {
	case least > slack:
		return least
	case most < -slack:
		return most
	}
	return 0
}

// follow begins a period after c, which is the last of the current one, with c's tracks: moved by
// shift, and with @duration from how long segments were.
func (t *timeline) follow(c *cut, shift time.Duration) {
	p := t.current()
	n := c.number - p.first + 1
	q := p.after(t.next, c.number+1)
	if !p.fits(c) {
		for _, r := range q.reps {
			r.init.uses--
		}
		q = newPeriod(t.next, c)
		q.first, q.offset, q.end = c.number+1, p.end, p.end
	}
	t.next++
	q.start = (p.at(p.end) + shift).Round(time.Millisecond)
	q.each = c.lead().duration
	if n >= lateSegments {
		q.each = (p.end - p.offset) / time.Duration(n)
	}
	t.end(c.number + 1)
	t.periods = append(t.periods, q)
}

// trim takes what has left the window out, and gives the segments.
func (t *timeline) trim() []*seg { return t.take(t.passed) }

// shorten takes the oldest segment of all tracks out, and gives it; none if it is the newest.
func (t *timeline) shorten() []*seg {
	newest := t.newest()
	oldest := newest
	for _, p := range t.periods {
		for _, r := range p.reps {
			if len(r.segments) > 0 {
				oldest = min(oldest, r.segments[0].number)
			}
		}
	}
	return t.take(func(_ *period, s *seg) bool { return s.number == oldest && s.number < newest })
}

// take takes segments out from the oldest on, for as long as they go, and gives them.
func (t *timeline) take(goes func(*period, *seg) bool) (gone []*seg) {
	for i := 0; i < len(t.periods); i++ {
		p := t.periods[i]
		for _, r := range p.reps {
			n := 0
			for n < len(r.segments) && goes(p, r.segments[n]) {
				n++
			}
			gone = append(gone, r.segments[:n]...)
			r.segments = append(r.segments[:0:0], r.segments[n:]...)
		}
		if p.empty() && p != t.current() {
			t.remove(i)
			i--
		}
	}
	return gone
}

// passed tells whether a segment has left the window: that many segments, and TimeShift.
func (t *timeline) passed(p *period, s *seg) bool {
	if t.after(s.number) < t.cfg.WindowSize {
		return false
	}
	last := t.periods[len(t.periods)-1]
	return last.at(last.end)-p.at(s.start+s.duration) >= t.cfg.TimeShift
}

// after counts the segments after number n. There are numbers that no segment has.
func (t *timeline) after(n int) (count int) {
	for _, p := range t.periods {
		most := 0
		for _, r := range p.reps {
			i, _ := slices.BinarySearchFunc(r.segments, n+1, func(s *seg, n int) int { return s.number - n })
			most = max(most, len(r.segments)-i)
		}
		count += most
	}
	return count
}

// newest is the number of the newest segment.
func (t *timeline) newest() int {
	last := t.periods[len(t.periods)-1]
	newest := last.first - 1
	for _, r := range last.reps {
		if n := len(r.segments); n > 0 {
			newest = max(newest, r.segments[n-1].number)
		}
	}
	return newest
}

// depth is how long the window is.
func (t *timeline) depth() (d time.Duration) {
	if len(t.periods) == 0 {
		return 0
	}
	last := t.periods[len(t.periods)-1]
	first := last.at(last.end)
	for _, p := range t.periods {
		for _, r := range p.reps {
			if len(r.segments) > 0 {
				first = min(first, p.at(r.segments[0].start))
			}
		}
	}
	return last.at(last.end) - first
}

// sinceGap is how much there is behind the last gap in the window; false for none.
func (t *timeline) sinceGap() (time.Duration, bool) {
	last := t.periods[len(t.periods)-1]
	for _, p := range slices.Backward(t.periods) {
		if p.gap {
			return last.at(last.end) - p.start, true
		}
	}
	return 0, false
}

// longest is the longest segment in the window.
func (t *timeline) longest() (d time.Duration) {
	for _, p := range t.periods {
		for _, r := range p.reps {
			for _, s := range r.segments {
				d = max(d, s.duration)
			}
		}
	}
	return d
}

// listed tells whether there is a segment to play.
func (t *timeline) listed() bool {
	for _, p := range t.periods {
		if !p.empty() {
			return true
		}
	}
	return false
}
