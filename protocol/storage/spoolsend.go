package storage

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"
)

// outage is a time in which nothing arrives.
type outage struct {
	since  time.Time // zero: there is none
	probes int       // that failed
	next   time.Time // of the next probe
	missed uint64    // attempts that failed
}

func (o *outage) is() bool { return !o.since.IsZero() }

// The time between attempts.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// backoff gives how long to wait after so many failures: half of it is chance, so that spools of many
// servers do not come all at once.
func backoff(failures int) time.Duration {
	d := min(firstRetry<<min(failures-1, 10), lastRetry)
	return d/2 + rand.N(d/2+1)
}

// notify wakes all who wait. The caller holds mu.
func (s *Spool) notify() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// add queues a job, whose room is taken already, and gives the one whose place it takes. The caller
// holds mu and removes that one's file.
func (s *Spool) add(j *job) (old *job) {
	waiting := slices.DeleteFunc(slices.Clone(s.names[j.name]), func(x *job) bool { return x.busy })
	if n := len(waiting); n > 1 || n == 1 && !waiting[0].list() {
		old = waiting[n-1]
		s.drop(old)
	}
	s.names[j.name] = append(s.names[j.name], j)
	s.queue = append(s.queue, j)
	s.notify()
	return old
}

// drop takes a job out. The caller holds mu and removes its file.
func (s *Spool) drop(j *job) {
	i := slices.Index(s.queue, j)
	s.queue = slices.Delete(s.queue, i, i+1)
	same := slices.DeleteFunc(s.names[j.name], func(x *job) bool { return x == j })
	if s.names[j.name] = same; len(same) == 0 {
		delete(s.names, j.name)
	}
	s.bytes -= j.cost()
	s.notify()
}

func (s *Spool) worker() {
	for {
		j, wake, in := s.take()
		if j != nil {
			s.finish(j, s.send(j))
			continue
		}
		timer := time.NewTimer(in)
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// lookAhead is how many jobs behind the first one are looked at for one that may go.
const lookAhead = 256

// take gives the next job whose time has come; without one, what tells that there may be one, and
// after how long to look again.
func (s *Spool) take() (*job, <-chan struct{}, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := time.Hour
	if s.ctx.Err() != nil || s.outage.is() && s.sending > 0 {
		return nil, s.wake, in
	}
	now := time.Now()
	if d := s.outage.next.Sub(now); s.outage.is() && d > 0 {
		return nil, s.wake, d
	}
	var best *job
	for i, j := range s.queue[:min(len(s.queue), lookAhead)] {
		if j.busy || s.names[j.name][0] != j || j.barrier() && i > 0 {
			continue
		}
		if s.outage.is() { // of one that fails for reasons of its own the others' fate does not hang
			if best == nil || j.tries < best.tries {
				best = j
			}
		} else if d := j.next.Sub(now); d > 0 {
			in = min(in, d)
		} else {
			best = j
			break
		}
	}
	if best != nil {
		best.busy = true
		s.sending++
	}
	return best, s.wake, in
}

// The least speed, in bytes a second, that a file is sent with, and the time that each may take beside.
const (
	slowest = 32 << 10
	longest = time.Minute
)

// send carries a job out.
func (s *Spool) send(j *job) error {
	from, name := s.cfg.Dir, j.path()
	switch j.kind {
	case removeJob:
		ctx, cancel := context.WithTimeout(s.ctx, longest)
		defer cancel()
		return s.cfg.Remote.Remove(ctx, j.name)
	case fileJob:
		from, name = s.cfg.Files, j.name
	}
	if from == nil {
		return errGone
	}
	f, err := from.Open(s.ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	} else if err != nil {
		return err
	}
	defer f.Close()
	size := f.Info().Size
	ctx, cancel := context.WithTimeout(s.ctx, longest+time.Duration(size/slowest)*time.Second)
	defer cancel()
	return s.cfg.Remote.Put(ctx, j.name, f, size)
}

// errGone is for a file that is not there any more: it will never be sent.
var errGone = errors.New("the file is gone")

// finish books the outcome of a job.
func (s *Spool) finish(j *job, err error) {
	lost := errors.Is(err, errGone) || errors.Is(err, fs.ErrInvalid)
	if err == nil || lost {
		_ = s.cfg.Dir.remove(j.path()) // if it stays, it is done once more
	}
	s.mu.Lock()
	s.sending--
	j.busy = false
	switch {
	case lost:
		s.drop(j)
		s.stats.Lost++
		s.cfg.Logger.Error("a file is not sent", "name", j.name, "err", err)
	case err == nil:
		s.drop(j)
		s.stats.Sent++
		s.up()
	case s.ctx.Err() == nil: // else it was Close
		s.failed(j, err)
		s.notify()
	}
	s.mu.Unlock()
	if err == nil && s.cfg.Sent != nil && j.kind != removeJob {
		s.cfg.Sent(j.name)
	}
}

// up ends an outage. The caller holds mu.
func (s *Spool) up() {
	if o := s.outage; o.is() {
		s.cfg.Logger.Info("files are sent again", "after", time.Since(o.since).Round(time.Second), "attempts", o.missed, "waiting", len(s.queue), "bytes", s.bytes)
		s.outage = outage{}
	}
}

// failed puts a job off. The caller holds mu.
func (s *Spool) failed(j *job, err error) {
	now := time.Now()
	j.tries++
	j.next = now.Add(backoff(j.tries))
	s.stats.Failures++
	o := &s.outage
	if !o.is() {
		o.since = now
		s.cfg.Logger.Warn("a file cannot be sent, it is tried again", "name", j.name, "err", err, "waiting", len(s.queue), "bytes", s.bytes)
	}
	if o.missed++; !now.Before(o.next) { // not those that were on their way when it began
		o.probes++
		o.next = now.Add(backoff(o.probes))
	}
}
