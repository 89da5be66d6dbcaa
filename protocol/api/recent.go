package api

import (
	"sync"
	"time"
)

// recent is a value that is made when it is asked for, and given again to those who ask soon
// after: so long that making it takes at most one part in hundred of a core, however many ask.
// What is made quickly is always new; nothing is older than a second, unless keep is longer.
type recent[T any] struct {
	mu    sync.Mutex
	until time.Time
	value T
}

const (
	recentShare = 100
	recentLimit = time.Second
)

// get gives the value, which fresh makes of the last one when it is due, and kept for at least keep.
func (c *recent[T]) get(keep time.Duration, fresh func(old T) T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Before(c.until) {
		return c.value
	}
	c.value = fresh(c.value)
	end := time.Now()
	c.until = end.Add(max(keep, min(recentShare*end.Sub(now), recentLimit)))
	return c.value
}
