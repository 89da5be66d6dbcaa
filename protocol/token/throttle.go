package token

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// ThrottleConfig configures a Throttle. Its zero value works.
type ThrottleConfig struct {
	// Free is how many failures in a row cost nothing; 0: 5.
	Free int
	// Wait is how long an address is refused after the first failure that costs; each further
	// one doubles it. 0: 1 s.
	Wait time.Duration
	// MaxWait bounds the doubling; 0: 5 min.
	MaxWait time.Duration
	// Forget is how long after its last failure an address is forgotten; 0: 15 min.
	Forget time.Duration
	// Addresses bounds how many addresses are remembered; beyond, the one whose last failure is
	// the longest ago is forgotten. 0: 10,000.
	Addresses int
}

// Throttle slows those who guess credentials: an address that fails too often is refused for a while
// that doubles with each failure, whatever it brings. IPv6 addresses count by /64. It may be used by
// many goroutines at once, and runs none.
type Throttle struct {
	cfg ThrottleConfig

	mu     sync.Mutex
	guilty map[netip.Prefix]*list.Element
	byTime list.List // of *guilt, the newest failure last
}

type guilt struct {
	who      netip.Prefix
	failures int
	last     time.Time
	until    time.Time // refused until then
}

// NewThrottle makes a Throttle.
func NewThrottle(cfg ThrottleConfig) *Throttle {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.Wait, time.Second)
	def(&cfg.MaxWait, 5*time.Minute)
	def(&cfg.Forget, 15*time.Minute)
	if cfg.Free <= 0 {
		cfg.Free = 5
	}
	if cfg.Addresses <= 0 {
		cfg.Addresses = 10_000
	}
	return &Throttle{cfg: cfg, guilty: map[netip.Prefix]*list.Element{}}
}

// Allow tells how long an address, host:port or host, has to wait before a credential of it is looked
// at; 0: it need not. It is asked before each check, which is followed by Fail or Succeed at once.
func (t *Throttle) Allow(remote string) (retry time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.guilty[Network(remote)]
	if e == nil {
		return 0
	}
	return max(time.Until(e.Value.(*guilt).until), 0)
}

// Fail counts a wrong credential. Having none at all is no failure: nobody guesses that way.
func (t *Throttle) Fail(remote string) {
	who, now := Network(remote), time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.byTime.Front(); e != nil && now.Sub(e.Value.(*guilt).last) >= t.cfg.Forget; e = t.byTime.Front() {
		t.forget(e)
	}
	e := t.guilty[who]
	if e == nil {
		if len(t.guilty) >= t.cfg.Addresses {
			t.forget(t.byTime.Front())
		}
		e = t.byTime.PushBack(&guilt{who: who})
		t.guilty[who] = e
	}
	t.byTime.MoveToBack(e)
	g := e.Value.(*guilt)
	g.failures++
	g.last = now
	if over := g.failures - t.cfg.Free; over > 0 {
		g.until = now.Add(t.wait(over))
	}
}

// wait gives the wait after the n-th failure that costs.
func (t *Throttle) wait(n int) time.Duration {
	d := t.cfg.Wait
	for ; n > 1 && d < t.cfg.MaxWait; n-- {
		d *= 2
	}
	return min(d, t.cfg.MaxWait)
}

// Succeed forgets the failures of an address.
func (t *Throttle) Succeed(remote string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.guilty[Network(remote)]; e != nil {
		t.forget(e)
	}
}

func (t *Throttle) forget(e *list.Element) {
	delete(t.guilty, e.Value.(*guilt).who)
	t.byTime.Remove(e)
}
