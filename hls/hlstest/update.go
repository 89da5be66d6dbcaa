package hlstest

import "time"

// compare holds a version against the one before.
func (c *Checker) compare(p *list, text string) {
	old := c.last
	if old.end && text != c.text {
		c.wrong("it changes behind EXT-X-ENDLIST")
	}
	if p.target != old.target {
		c.wrong("the target duration changes from %d to %d", old.target, p.target)
	}
	if p.hasInfo != old.hasInfo || p.partTarget != old.partTarget {
		c.wrong("the part target duration changes from %v to %v", old.partTarget, p.partTarget)
	}
	if p.sequence < old.sequence || p.next() < old.next() {
		c.wrong("segments %d to %d come after %d to %d", p.sequence, p.next()-1, old.sequence, old.next()-1)
		return
	}
	if p.sequence > old.next() {
		return // what was between nobody saw
	}
	c.compareRemoved(p)
	for i, s := range p.segments {
		c.compareSegment(p.first()+i, s)
	}
	if p.next() == old.next() {
		c.compareParts(p.next(), p.open.parts)
	}
	c.compareHint(p)
}

// compareRemoved checks what has gone from the front. A discontinuity is counted with its segment.
func (c *Checker) compareRemoved(p *list) {
	for n := c.last.sequence; n < p.sequence; n++ {
		if s, ok := c.known[n]; ok && s.disc || !ok && c.last.open.disc {
			c.disc++
		}
	}
	if p.discontinuities != c.disc {
		c.wrong("EXT-X-DISCONTINUITY-SEQUENCE is %d, and should be %d", p.discontinuities, c.disc)
	}
	if p.sequence == c.last.sequence {
		return
	}
	if p.kind != "" {
		c.wrong("a segment is removed, which %s forbids", p.kind)
	}
	length := 0.0
	for n := p.sequence; n < p.next(); n++ {
		if n < p.first() {
			length += c.known[n].duration
		} else {
			length += p.segments[n-p.first()].duration
		}
	}
	if want := 3 * float64(p.target); !p.end && length < want {
		c.wrong("a segment is removed, and %v s stay: less than three target durations", length)
	}
}

// compareSegment checks a segment that may have been there before, or may have been in the making.
func (c *Checker) compareSegment(n int, s segment) {
	id := s.uri + " " + s.bytes
	if other, ok := c.numbers[id]; ok && other != n {
		c.wrong("segments %d and %d have one URI", other, n)
	}
	old, ok := c.known[n]
	if !ok {
		if n == c.last.next() {
			c.compareParts(n, s.parts)
			c.compareHead(n, c.last.open, s)
		}
		return
	}
	if s.uri != old.uri || s.bytes != old.bytes || s.duration != old.duration || s.gap != old.gap {
		c.wrong("segment %d changes from %s (%v s) to %s (%v s)", n, old.uri, old.duration, s.uri, s.duration)
	}
	if s.disc != old.disc {
		c.wrong("segment %d changes its EXT-X-DISCONTINUITY", n)
	}
	c.compareHead(n, old, s)
	// Parts may go, as the segment leaves the end.
	if len(s.parts) > 0 && !equalParts(s.parts, old.parts) {
		c.wrong("segment %d has other parts than before", n)
	}
}

// compareHead checks what is in force for a segment, where an earlier version told.
func (c *Checker) compareHead(n int, old, s segment) {
	if len(old.parts) == 0 && old.uri == "" {
		return // nothing of it was there
	}
	if inForce(s.key) != inForce(old.key) {
		c.wrong("segment %d changes its key from %s to %s", n, inForce(old.key), inForce(s.key))
	}
	if s.init != old.init {
		c.wrong("segment %d changes its EXT-X-MAP from %s to %s", n, old.init, s.init)
	}
	if !old.date.IsZero() && !s.date.IsZero() && !s.date.Equal(old.date) {
		c.wrong("segment %d changes its date from %v to %v", n, old.date, s.date)
	}
}

func inForce(key string) string {
	if key == "" {
		return "none"
	}
	return key
}

// compareParts checks that a segment in the making keeps its parts.
func (c *Checker) compareParts(n int, parts []part) {
	old := c.last.open.parts
	if len(parts) < len(old) || !equalParts(parts[:len(old)], old) {
		c.wrong("segment %d loses or changes parts that it had", n)
	}
}

func equalParts(a, b []part) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// compareHint checks that the part behind those of the version before is the one it hinted at. A
// discontinuity comes without notice.
func (c *Checker) compareHint(p *list) {
	if c.last.hint == "" {
		return
	}
	for n, i := c.last.next(), len(c.last.open.parts); n <= p.next(); n, i = n+1, 0 {
		s := p.open
		if n < p.next() {
			if n < p.first() {
				return
			}
			s = p.segments[n-p.first()]
		}
		if i == 0 && s.disc {
			return
		}
		if i < len(s.parts) {
			if s.parts[i].uri != c.last.hint {
				c.wrong("%s was hinted at, and %s came", c.last.hint, s.parts[i].uri)
			}
			return
		}
	}
}

// learn keeps what a version has.
func (c *Checker) learn(p *list) {
	if c.last == nil {
		c.known, c.numbers = map[int]segment{}, map[string]int{}
	}
	if c.last == nil || p.sequence > c.last.next() {
		c.disc = p.discontinuities
	}
	for i, s := range p.segments {
		n := p.first() + i
		if old, ok := c.known[n]; ok && len(s.parts) == 0 {
			s.parts = old.parts
		}
		c.known[n] = s
		c.numbers[s.uri+" "+s.bytes] = n
	}
}

// age checks that there is news in time (RFC 8216 6.2.1): for half a target duration more than one.
func (c *Checker) age(p *list, at time.Time) {
	switch {
	case at.IsZero():
		c.grown = at
	case c.grown.IsZero(), p.end, c.last == nil, p.next() > c.last.next():
		c.grown = at
	default:
		if limit := time.Duration(p.target) * 3 * time.Second / 2; at.Sub(c.grown) > limit {
			c.wrong("no new segment for %v behind %d", at.Sub(c.grown), p.next()-1)
		}
	}
}
