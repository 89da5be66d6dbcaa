package dash

import "slices"

// keep keeps segments that have left the manifest for slow players.
func (c *channel) keep(gone []*seg) {
	for _, s := range gone {
		c.leaving = append(c.leaving, leaving{s.name, c.next + kept, s.size})
	}
}

// leave lets go of files that were kept for slow players.
func (c *channel) leave() {
	for len(c.blanks) > 0 && c.blanks[0].to > 0 && c.blanks[0].to+bridge+kept <= c.next {
		c.blanks = c.blanks[1:]
	}
	for len(c.leaving) > 0 && c.leaving[0].until <= c.next {
		c.forget(c.leaving[0].name)
		c.leaving = c.leaving[1:]
	}
}

func (c *channel) forget(name string) {
	delete(c.files, name)
	if !c.cfg.NoCleanup {
		c.remove(c.dir + "/" + name)
	}
}

// shed holds what is in memory to Vhost.MaxMemory: what is kept for slow players goes first, then the
// oldest segments do.
func (c *channel) shed() {
	for n := c.memory(); n > c.cfg.MaxMemory; {
		i := slices.IndexFunc(c.leaving, func(x leaving) bool { return x.size > 0 })
		if i < 0 {
			gone := c.line.shorten()
			if len(gone) == 0 {
				return
			}
			if !c.full {
				c.full = true
				c.m.host.Logger.Warn("segments leave early: there is no more memory for the stream", "stream", c.key, "bytes", c.cfg.MaxMemory)
			}
			c.keep(gone)
			continue
		}
		n -= c.leaving[i].size
		c.forget(c.leaving[i].name)
		c.leaving = slices.Delete(c.leaving, i, i+1)
	}
}

// memory gives the bytes that all files hold.
func (c *channel) memory() (n int) {
	for _, f := range c.files {
		n += int(f.Len())
	}
	return n
}
