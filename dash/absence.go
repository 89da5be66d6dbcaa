package dash

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol/segment"
)

// blank are numbers that players ask for where a period ended before they have heard of that. They get an
// empty segment, since they take one that is not there for the end of all, and nothing else ever has these
// numbers.
type blank struct {
	p        *period
	from, to int // the first one, and the one behind the last; 0: as many as become due
}

// breakOff ends the period: what comes does not continue it.
func (c *channel) breakOff(now time.Time) {
	p := c.line.current()
	c.line.end(c.next)
	if p != nil && p.each > 0 {
		c.vacate(p)
		c.next = c.due(p, now) + bridge
		c.blanks[len(c.blanks)-1].to = c.next
	}
	c.ended = false
	c.hint()
}

// vacate has the numbers that follow be blank, if they are not yet.
func (c *channel) vacate(p *period) {
	if n := len(c.blanks); n > 0 && c.blanks[n-1].to == 0 {
		return
	}
	c.blanks = append(c.blanks, blank{p: p, from: c.next})
	for name, f := range c.hints {
		f.Close() // who waits has an empty one
		delete(c.hints, name)
		delete(c.files, name)
	}
}

// due is the number of the next segment, or of the first one that no player of p asks for yet.
func (c *channel) due(p *period, now time.Time) int {
	return max(c.next, p.first+int((now.Sub(c.line.begin)-p.start)/p.each)+ahead+1)
}

// following is the number with which a channel goes on that takes the place of this one.
func (c *channel) following(now time.Time) int {
	if p := c.line.current(); c.ended {
		return c.due(p, now) + bridge
	}
	return c.next
}

// blank tells whether a file is an empty segment.
func (c *channel) blank(name string, now time.Time) (id string, ok bool) {
	id, number, _ := strings.Cut(strings.TrimSuffix(name, ".m4s"), "-")
	n, err := strconv.Atoi(number)
	if err != nil || fmt.Sprintf("%s-%d.m4s", id, n) != name {
		return "", false
	}
	for _, x := range c.blanks {
		to := x.to
		if to == 0 {
			to = c.due(x.p, now) + bridge
		}
		if x.from <= n && n < to && slices.ContainsFunc(x.p.reps, func(r *rep) bool { return r.id == id }) {
			return id, true
		}
	}
	return "", false
}

// find gives a file below the channel's directory, nil for none.
func (c *channel) find(name string, now time.Time) *segment.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.files[name]; f != nil {
		return f
	}
	id, ok := c.blank(name, now)
	if !ok {
		return nil
	}
	f := segment.New(typeOf(id))
	f.CacheControl = c.cacheControl()
	f.Close()
	return f
}
