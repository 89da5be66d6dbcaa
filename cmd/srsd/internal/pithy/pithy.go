// Package pithy writes the lines by which SRS tells, at an interval, how its sessions are doing:
//
//	<- CPB time=19987936, okbps=0,0,0, ikbps=640,652,0, mr=0/350, p1stpt=20000, pnt=5000
//	-> PLA time=100832231, msgs=25, okbps=640,652,0, ikbps=0,0,0, mw=350/8
//	-> HTS http: got 24 msgs, age=10170453, min=8, mw=350
//	Hybrid cpu=1.52%,24MB
//
// CPB is a publisher, PLA a player of RTMP and HTS one of HTTP; the id in the line is that of the
// session. Rates are of the whole session, the last 30 s and the last 5 min. As in SRS there is one
// line of each kind an interval, whatever the number of sessions, which take turns.
package pithy

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/stream"
)

// Source tells what the configuration of the moment says.
type Source interface {
	// Interval is pithy_print_ms.
	Interval() time.Duration
	// Vhost gives what is shown of a vhost.
	Vhost(name string) apply.Pithy
}

// Printer writes lines until it is stopped.
type Printer struct {
	hub  *stream.Hub
	log  *slog.Logger
	src  Source
	end  chan struct{}
	work sync.WaitGroup

	seen  map[*stream.Session]*track
	round uint64
	cpu   usage
}

// track is what is known of a session between two lines.
type track struct {
	round   uint64 // of the last look
	printed time.Time
	packets uint64 // at the last line
	short   rate   // of 30 s
	long    rate   // of 5 min
}

// rate is that of the last full window.
type rate struct {
	window time.Duration
	since  time.Time
	bytes  uint64
	kbps   int
}

func (r *rate) update(now time.Time, bytes uint64) {
	if d := now.Sub(r.since); d >= r.window {
		r.kbps = kbps(bytes-r.bytes, d)
		r.since, r.bytes = now, bytes
	}
}

func kbps(bytes uint64, d time.Duration) int {
	if d < time.Millisecond {
		return 0
	}
	return int(float64(bytes) * 8 / 1000 / d.Seconds())
}

// Start begins to write lines about a hub's sessions.
func Start(hub *stream.Hub, log *slog.Logger, src Source) *Printer {
	p := &Printer{hub: hub, log: log, src: src, end: make(chan struct{}), seen: map[*stream.Session]*track{}}
	p.cpu.update(time.Now())
	p.work.Go(p.run)
	return p
}

// Stop ends the lines.
func (p *Printer) Stop() {
	close(p.end)
	p.work.Wait()
}

func (p *Printer) run() {
	for {
		every := p.src.Interval()
		if every <= 0 {
			every = 10 * time.Second
		}
		select {
		case <-p.end:
			return
		case <-time.After(max(every, 10*time.Millisecond)):
			p.print(time.Now())
		}
	}
}

// The kinds of lines.
const (
	stagePublish = iota
	stagePlay
	stageHTTP
	stages
)

func stageOf(s *stream.Session) (stage int, ok bool) {
	switch s.Action {
	case stream.ActionPublish:
		return stagePublish, true
	case stream.ActionPlay:
		if s.Request.Protocol == "rtmp" {
			return stagePlay, true
		}
		return stageHTTP, true
	}
	return 0, false
}

// print writes a line of each kind, about the session that has waited longest for one.
func (p *Printer) print(now time.Time) {
	p.round++
	var next [stages]*stream.Session
	for s := range p.hub.Sessions() {
		stage, ok := stageOf(s)
		if !ok {
			continue
		}
		t := p.look(s, now)
		if n := next[stage]; n == nil || t.printed.Before(p.seen[n].printed) {
			next[stage] = s
		}
	}
	for stage, s := range next {
		if s != nil {
			p.line(stage, s, now)
		}
	}
	for s, t := range p.seen {
		if t.round != p.round {
			delete(p.seen, s)
		}
	}
	p.log.Info("Hybrid " + p.cpu.update(now))
}

func (p *Printer) look(s *stream.Session, now time.Time) *track {
	t := p.seen[s]
	if t == nil {
		t = &track{printed: s.Start, short: rate{window: 30 * time.Second, since: s.Start},
			long: rate{window: 5 * time.Minute, since: s.Start}}
		p.seen[s] = t
	}
	t.round = p.round
	n := s.Stats().Bytes
	t.short.update(now, n)
	t.long.update(now, n)
	return t
}

func (p *Printer) line(stage int, s *stream.Session, now time.Time) {
	t, st, v := p.seen[s], s.Stats(), p.src.Vhost(s.Request.Key.Vhost)
	age := now.Sub(s.Start)
	rates := fmt.Sprintf("%d,%d,%d", kbps(st.Bytes, age), t.short.kbps, t.long.kbps)
	msgs := st.Packets - t.packets
	t.printed, t.packets = now, st.Packets
	var text string
	switch stage {
	case stagePublish:
		mr := 0
		if v.ReadMerge {
			mr = 1
		}
		text = fmt.Sprintf("<- CPB time=%d, okbps=0,0,0, ikbps=%s, mr=%d/%d, p1stpt=%d, pnt=%d", age.Microseconds(), rates,
			mr, v.ReadWindow.Milliseconds(), v.FirstPacket.Milliseconds(), v.NextPacket.Milliseconds())
	case stagePlay:
		text = fmt.Sprintf("-> PLA time=%d, msgs=%d, okbps=%s, ikbps=0,0,0, mw=%d/%d", age.Microseconds(), msgs, rates,
			v.WriteWindow.Milliseconds(), v.WriteMessages)
	case stageHTTP:
		text = fmt.Sprintf("-> HTS http: got %d msgs, age=%d, min=%d, mw=%d", msgs, age.Microseconds(),
			v.WriteMessages, v.WriteWindow.Milliseconds())
	}
	p.log.Info(text, "id", s.ID)
}
