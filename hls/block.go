package hls

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// reload is what a player says of the version of a playlist that it wants (RFC 8216bis 6.2.5.2): the one
// that has a segment, or a part of it. Without, msn is -1.
type reload struct {
	msn, part int
	skip      bool
}

// parseReload reads the query of a playlist's URL; ok is false if it makes no sense.
func parseReload(get func(string) string) (r reload, ok bool) {
	r = reload{msn: -1, part: -1, skip: get("_HLS_skip") != ""}
	msn, part := get("_HLS_msn"), get("_HLS_part")
	if msn == "" {
		return r, part == ""
	}
	n, err := strconv.ParseUint(msn, 10, 31)
	if err != nil {
		return r, false
	}
	r.msn = int(n)
	if part != "" {
		if n, err = strconv.ParseUint(part, 10, 31); err != nil {
			return r, false
		}
		r.part = int(n)
	}
	return r, true
}

// newest gives the number of the newest segment, and how many parts of the next one there are. The
// caller holds channel.mu.
func (l *list) newest() (msn, parts int) {
	msn = -1
	if n := len(l.segments); n > 0 {
		msn = l.segments[n-1].seq
	}
	if l.open != nil {
		return msn, len(l.open.parts)
	}
	return msn, 0
}

// has tells whether the list is the version that is wanted, or a newer one.
func (l *list) has(r reload) bool {
	msn, parts := l.newest()
	return r.msn <= msn || r.msn == msn+1 && r.part >= 0 && r.part < parts
}

// tooFar tells whether what is wanted is further ahead than may be waited for.
func (l *list) tooFar(r reload) bool {
	msn, parts := l.newest()
	ahead := 3
	if t := l.c.cfg.PartDuration.Seconds(); t < 1 {
		ahead = int(math.Ceil(3 / t))
	}
	return r.msn > msn+2 || r.msn == msn+1 && r.part >= parts+ahead
}

// block waits until the list has what the player wants. If that does not come it is answered, and ok is
// false.
func (l *list) block(x *exchange, r reload) (ok bool) {
	c := l.c
	c.mu.Lock()
	far := l.tooFar(r)
	c.mu.Unlock()
	if far {
		say(x.w, http.StatusBadRequest, "That is too far ahead.")
		return false
	}
	return c.await(x, func() bool { return l.has(r) })
}

// await waits until ready, which is called with mu held, says so. If that does not come in the time of
// three segments, or too many wait, it is answered with 503 and ok is false.
func (c *channel) await(x *exchange, ready func() bool) (ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ready() {
		return true
	}
	if x.m.held.Add(1) > int64(x.m.cfg.Load().MaxHeld) {
		x.m.held.Add(-1)
		say(x.w, http.StatusServiceUnavailable, "Too many requests wait.")
		return false
	}
	defer x.m.held.Add(-1)
	timer := time.NewTimer(3 * time.Duration(max(c.target, 1)) * time.Second)
	defer timer.Stop()
	for !ready() && !c.over {
		changed := c.wait()
		c.mu.Unlock()
		late := false
		select {
		case <-changed:
		case <-x.r.Context().Done():
			late = true // nobody reads the answer
		case <-timer.C:
			late = true
		case <-x.m.leaving:
			late = true
		}
		if late {
			say(x.w, http.StatusServiceUnavailable, "It did not come in time.")
		}
		c.mu.Lock()
		if late {
			return false
		}
	}
	if c.over {
		say(x.w, http.StatusNotFound, "Not Found")
		return false
	}
	return true
}

// serve answers with a part, and waits for one that is about to be made.
func (p *part) serve(x *exchange) {
	c := p.list.c
	viewer, ok := x.touch(c)
	if !ok || !c.await(x, func() bool { return p.done }) {
		return
	}
	if n := p.file.Serve(x.w, x.r); viewer != nil {
		viewer.AddSent(int(n))
	}
}
