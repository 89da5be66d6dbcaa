// Package hlstest holds media playlists against the rules of HTTP Live Streaming, for tests: those of one
// version, and those of what may change from one version to the next (RFC 8216 4.3 and 6.2,
// draft-pantos-hls-rfc8216bis 4.4 and 6.2).
package hlstest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	// inexact is by how much sums of written durations may be off, in seconds: segments have three decimals.
	inexact = 0.002
	// inexactDate is by how much the dates of segments may be off from their durations: a camera's clock
	// is not the server's.
	inexactDate = 100 * time.Millisecond
)

// Checker is fed with the versions of one media playlist, in the order in which they were fetched. The zero
// value has seen none.
type Checker struct {
	last    *list
	text    string
	known   map[int]segment // all segments that there ever were, by number
	numbers map[string]int  // of their URIs, with the byte range
	disc    int             // discontinuity sequence of the first segment
	grown   time.Time       // when the newest came; zero: nobody cares
	errs    []error
}

// Check tells which rules a version breaks, by itself or after the versions before; nil for none. With
// a zero at, it may be as old as it wants: nothing is published.
func (c *Checker) Check(text string, at time.Time) error {
	c.errs = nil
	p, err := parse(text)
	if err != nil {
		return fmt.Errorf("hlstest: %w", err)
	}
	if err := c.inherit(p); err != nil {
		return err
	}
	p.check(c.wrong)
	if c.last != nil {
		c.compare(p, text)
	}
	c.learn(p)
	c.age(p, at)
	c.last, c.text = p, text
	if len(c.errs) > 0 {
		return fmt.Errorf("hlstest: %w in\n%s", errors.Join(c.errs...), text)
	}
	return nil
}

func (c *Checker) wrong(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// Segments gives how many segments there were.
func (c *Checker) Segments() int { return len(c.known) }

// Newest gives the number of the newest segment, which may be one that is being made, and its newest
// part; -1 for none. Rendition reports of other playlists are to tell the same.
func (c *Checker) Newest() (msn, part int) {
	if c.last == nil {
		return -1, -1
	}
	if n := len(c.last.open.parts); n > 0 {
		return c.last.next(), n - 1
	}
	msn = c.last.next() - 1
	return msn, len(c.known[msn].parts) - 1
}

// Reports gives the rendition reports of the newest version.
func (c *Checker) Reports() []Report {
	if c.last == nil {
		return nil
	}
	return c.last.reports
}

// first gives the number of the first segment in the text, and next that of the one behind the last.
func (p *list) first() int { return p.sequence + p.skipped }
func (p *list) next() int  { return p.first() + len(p.segments) }

// inherit puts into force what a delta update left out.
func (c *Checker) inherit(p *list) error {
	if p.skipped == 0 {
		return nil
	}
	for n := p.sequence; n < p.first(); n++ {
		if _, ok := c.known[n]; !ok {
			return fmt.Errorf("hlstest: segment %d is skipped, but was in no version before", n)
		}
	}
	before := c.known[p.first()-1]
	for i := range p.segments {
		p.segments[i].inherit(before)
	}
	p.open.inherit(before)
	return nil
}

func (s *segment) inherit(before segment) {
	if s.key == "" {
		s.key = before.key
	}
	if s.init == "" {
		s.init = before.init
	}
}

// check holds a version against the rules for each.
func (p *list) check(wrong func(string, ...any)) {
	if !p.hasTarget {
		wrong("no EXT-X-TARGETDURATION")
	}
	if p.version < p.needs {
		wrong("version %d, but %s needs %d", p.version, p.why, p.needs)
	}
	for i, s := range p.segments {
		n := p.first() + i
		if int(math.Round(s.duration)) > p.target {
			wrong("segment %d is longer than the target duration: %v", n, s.duration)
		}
		if s.init == "" && isMP4(s.uri) {
			wrong("segment %d has no EXT-X-MAP", n)
		}
		if len(s.parts) > 0 {
			if sum := p.checkParts(s.parts, true, wrong); math.Abs(sum-s.duration) > inexact {
				wrong("segment %d has %v s, its parts %v", n, s.duration, sum)
			}
		}
		if i == 0 || s.disc || s.date.IsZero() || p.segments[i-1].date.IsZero() {
			continue
		}
		want := p.segments[i-1].date.Add(time.Duration(p.segments[i-1].duration * float64(time.Second)))
		if s.date.Sub(want).Abs() > inexactDate {
			wrong("segment %d has the date %v: by the one before it is %v", n, s.date, want)
		}
	}
	p.checkParts(p.open.parts, false, wrong)
	p.checkControl(wrong)
}

func isMP4(uri string) bool {
	uri, _, _ = strings.Cut(uri, "?")
	return strings.HasSuffix(uri, ".m4s") || strings.HasSuffix(uri, ".mp4")
}

// checkParts checks the durations of the parts of a segment, and gives their sum.
func (p *list) checkParts(parts []part, complete bool, wrong func(string, ...any)) (sum float64) {
	for i, x := range parts {
		sum += x.duration
		if x.duration > p.partTarget {
			wrong("part %s is longer than the part target duration: %v", x.uri, x.duration)
		}
		final := complete && i == len(parts)-1
		if x.duration < 0.85*p.partTarget && !x.gap && !final {
			wrong("part %s has less than 85 %% of the part target duration: %v", x.uri, x.duration)
		}
		if x.uri == p.hint {
			wrong("part %s is hinted at while it is there", x.uri)
		}
	}
	return sum
}

// checkControl checks EXT-X-SERVER-CONTROL and what depends on it.
func (p *list) checkControl(wrong func(string, ...any)) {
	if p.hasParts && !p.hasInfo {
		wrong("parts without EXT-X-PART-INF")
	}
	if p.hasInfo && p.partHoldBack < 2*p.partTarget {
		wrong("PART-HOLD-BACK %v is less than two part target durations", p.partHoldBack)
	}
	target := float64(p.target)
	if p.holdBack > 0 && p.holdBack < 3*target {
		wrong("HOLD-BACK %v is less than three target durations", p.holdBack)
	}
	if p.skipUntil > 0 && p.skipUntil < 6*target {
		wrong("CAN-SKIP-UNTIL %v is less than six target durations", p.skipUntil)
	}
	if p.skipped == 0 {
		return
	}
	left := 0.0
	for _, s := range p.segments {
		left += s.duration
	}
	for _, x := range p.open.parts {
		left += x.duration
	}
	if p.skipUntil == 0 || left+inexact < p.skipUntil {
		wrong("a delta update has %v s, and CAN-SKIP-UNTIL is %v", left, p.skipUntil)
	}
}
