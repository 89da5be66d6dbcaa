package hook

import (
	"log/slog"
	"sync"
	"time"
)

// complainEvery is how often one kind of trouble is told.
const complainEvery = 5 * time.Second

// complaint is trouble that repeats: the log gets the first, and from then on one line at intervals
// that tells how many there were.
type complaint struct {
	mu     sync.Mutex
	next   time.Time
	untold int
}

func (c *complaint) tell(l *slog.Logger, what string, args ...any) {
	c.mu.Lock()
	now, untold := time.Now(), c.untold
	if c.untold++; now.Before(c.next) {
		c.mu.Unlock()
		return
	}
	c.next, c.untold = now.Add(complainEvery), 0
	c.mu.Unlock()
	if untold > 0 {
		args = append(args, "untold", untold)
	}
	l.Warn(what, args...)
}
