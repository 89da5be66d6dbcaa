package main

import (
	"fmt"
	"io"
	"time"
)

// Phases of a run.
const (
	phaseSource = iota // publishers join
	phaseFill          // the server's caches fill
	phaseJoin          // players join
	phaseSettle
	phaseMeasure
)

var phaseNames = [...]string{"publish", "fill", "join", "settle", "measure"}

// fillTime lets a server see a whole key frame interval before players come.
const fillTime = 1500 * time.Millisecond

// plan takes a run through its phases and keeps its books.
type plan struct {
	phase    int
	t0       int64 // beginning of the run, and
	began    int64 // of the phase
	launched int
	lastOpen int64
	tick     int64
	base     usage // before the measured connections
	from     usage // beginning of the measurement
	last     usage // of the last second
	lastRx   uint64
	lastTx   uint64
	complete bool
	count    [2]counters // at the beginning of the measurement
	series   []second
	sampler  sampler
	log      io.Writer // a line per second; nil for none
}

// run carries out one load and reports it. halt, if not nil, ends it early.
func run(o *options, log io.Writer, halt <-chan struct{}) (*report, error) {
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	defer e.close()
	finished := make(chan struct{})
	defer close(finished)
	go func() {
		select {
		case <-halt:
			e.stop.Store(true)
		case <-finished:
		}
	}()
	e.plan = plan{t0: e.now, began: e.now, tick: e.now + int64(time.Second), log: log,
		sampler: sampler{pids: o.pids, cpus: o.cpus}}
	p := &e.plan
	p.base = p.sampler.take(true)
	p.last, p.from = p.base, p.base
	if len(o.pids) > 0 && len(p.base.cpu) == 0 {
		return nil, fmt.Errorf("-pid %v: no such process", o.pids)
	}
	if err := e.loop(); err != nil {
		return nil, err
	}
	e.now = e.clock.now()
	return e.report(), nil
}

// step does what the current phase asks for. It returns when it wants to be called again.
func (p *plan) step(e *engine) (next int64, done bool) {
	if e.now >= p.tick {
		p.everySecond(e)
	}
	next = p.tick
	defer func(phase int) {
		if p.phase != phase {
			next = e.now // the next phase has its own idea of when
		}
	}(p.phase)
	switch p.phase {
	case phaseSource, phaseJoin:
		r, n := publisher, e.o.publishers
		if p.phase == phaseJoin {
			r, n = player, e.o.players
		}
		next = min(next, p.launch(e, r, n))
		s := &e.stats[r]
		if p.launched == n && (s.started+s.failed >= n || e.now-p.lastOpen > int64(e.o.timeout)+int64(2*time.Second)) {
			p.advance(e)
		}
	case phaseFill:
		if e.o.players == 0 || e.o.publishers == 0 || e.now-p.began > int64(fillTime) {
			if e.o.players > 0 {
				p.base = p.sampler.take(true)
			}
			p.advance(e)
		}
	case phaseSettle:
		if e.now-p.began > int64(e.o.settle) {
			p.advance(e)
			p.startMeasure(e)
		}
	case phaseMeasure:
		end := p.began + int64(e.o.duration)
		if e.now >= end {
			p.complete = true
			return 0, true
		}
		next = min(next, end)
	}
	nobody := e.stats[player].alive+e.stats[publisher].alive == 0
	return next, nobody && (p.phase > phaseJoin || p.phase == phaseFill && e.o.publishers > 0)
}

func (p *plan) advance(e *engine) {
	p.phase++
	p.began, p.launched = e.now, 0
}

// launch opens the connections that are due at the ramp's rate.
func (p *plan) launch(e *engine, r role, n int) (next int64) {
	for range launchBatch {
		if p.launched == n {
			return farFuture
		}
		due := p.began + int64(float64(p.launched)/e.o.rate*float64(time.Second))
		if due > e.now {
			return due
		}
		e.open(r, p.launched)
		p.launched++
		p.lastOpen = e.now
	}
	return e.now
}

func (p *plan) startMeasure(e *engine) {
	e.measure = true
	e.lag = histogram{}
	p.from = p.sampler.take(false)
	p.last = p.from
	p.count = e.stats
	for _, c := range e.conns {
		c.base = c.rx
		if c.pub != nil {
			c.base = c.pub.tx
		}
	}
}

// everySecond looks for connections that do not get on, and writes the books.
func (p *plan) everySecond(e *engine) {
	stalled := 0
	for _, c := range e.conns {
		if c.fd < 0 {
			continue
		}
		if c.start == 0 {
			e.impatient(c)
		} else if c.role == player && e.now-c.last > int64(stallAfter) {
			stalled++
		}
	}
	u := p.sampler.take(false)
	secs := u.at.Sub(p.last.at).Seconds()
	rx, tx := e.stats[player].bytes, e.stats[publisher].bytes
	s := second{
		At: round(float64(e.now-p.t0) / 1e9), Phase: phaseNames[p.phase],
		Players: e.stats[player].alive, Publisher: e.stats[publisher].alive, Stalled: stalled,
		BitRate: round(float64(rx-p.lastRx) * 8 / secs), SendRate: round(float64(tx-p.lastTx) * 8 / secs),
		Expected: float64(e.stats[player].alive) * float64(e.o.bitrate),
		P50:      millis(e.lat.quantile(0.5)), P99: millis(e.lat.quantile(0.99)),
		CPU: u.cpuPercent(p.last), RSS: u.rss, Cores: u.coreReports(p.last, e.o.cpus), Tool: u.toolPercent(p.last),
	}
	p.series = append(p.series, s)
	if p.log != nil {
		fmt.Fprintln(p.log, s.line())
	}
	p.last, p.lastRx, p.lastTx = u, rx, tx
	p.tick += int64(time.Second)
	if p.tick < e.now {
		p.tick = e.now + int64(time.Second)
	}
}

// impatient gives up on a connection that does not start, except that a player which has had sound
// alone for some time counts as started: the stream has no video.
func (e *engine) impatient(c *conn) {
	if c.role == player && c.first > 0 && !c.sawVideo && e.now-c.first > int64(3*time.Second) {
		e.started(c, c.first)
		return
	}
	if e.now-c.t0 > int64(e.o.timeout) {
		what := "no key frame"
		if c.role == publisher {
			what = "no leave to publish"
		}
		e.fail(c, fmt.Errorf("%s within %v", what, e.o.timeout))
	}
}

// report sums up the run.
func (e *engine) report() *report {
	p := &e.plan
	u := p.sampler.take(true)
	secs := u.at.Sub(p.from.at).Seconds()
	r := &report{Mode: e.o.mode, URL: e.o.url, PublishURL: e.o.publishURL, Seconds: round(secs), Complete: p.complete,
		Latency: e.lat.summary(), Startup: e.startup.summary(), Join: e.join.summary(),
		LostFrames: e.gaps, NotKey: e.notKey, Cores: u.coreReports(p.from, e.o.cpus),
		Tool: toolReport{CPU: u.toolPercent(p.from), Lag: e.lag.summary()}, Reasons: e.reasons, Series: p.series}
	if e.o.players > 0 {
		r.Players = e.roleReport(player, e.o.players, float64(e.o.bitrate), secs)
	}
	if e.o.publishers > 0 {
		r.Publishers = e.roleReport(publisher, e.o.publishers, e.clip.bitrate(), secs)
	}
	if len(e.o.pids) > 0 {
		s := &serverReport{CPU: u.cpuPercent(p.from), RSSBefore: p.base.rss, RSS: u.rss, Private: u.private, Processes: len(u.cpu)}
		n := e.stats[player].alive
		if e.o.players == 0 {
			n = e.stats[publisher].alive
		}
		if n > 0 {
			s.PerConn = (u.rss - p.base.rss) / int64(n)
			s.CPUPerConn = round(s.CPU * 1e4 / float64(n))
		}
		r.Server = s
	}
	return r
}

func (e *engine) roleReport(role role, asked int, expected, secs float64) *roleReport {
	s := e.stats[role]
	r := &roleReport{Asked: asked, Connected: s.connected, Started: s.started, Alive: s.alive, Failed: s.failed, Lost: s.lost}
	r.BitRate = round(float64(s.bytes-e.plan.count[role].bytes) * 8 / secs)
	r.Expected = round(expected * float64(s.alive))
	if r.Expected > 0 {
		r.Ratio = round(r.BitRate / r.Expected)
	}
	first := true
	for _, c := range e.conns {
		if c.role != role || c.fd < 0 || c.start == 0 {
			continue
		}
		bytes := c.rx
		if c.pub != nil {
			bytes = c.pub.tx
		}
		e.endStall(c)
		ratio := 1.0
		if expected > 0 {
			ratio = float64(bytes-c.base) * 8 / secs / expected
		}
		if first || ratio < r.Worst {
			r.Worst, first = round(ratio), false
		}
		if ratio < 0.9 {
			r.Short++
		}
	}
	s = e.stats[role] // with the stalls that the end cut off
	r.Stalls, r.StallTime = s.stalls, round(s.stalled.Seconds())
	return r
}
