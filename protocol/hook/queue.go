package hook

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	// maxFacts is how many facts wait in all, of maxFactBytes together, and maxClientFacts those of
	// one client: on_hls of a stream for some minutes.
	maxFacts       = 10_000
	maxFactBytes   = 32 << 20
	maxClientFacts = 100
	// maxWorkers is how many facts are told at the same time.
	maxWorkers = 32
	// lastWords is how long facts are told after the time for a shutdown is over: among them are
	// the ends of the clients that were left.
	lastWords = time.Second
)

// fact is something to be told.
type fact struct {
	client string     // those of one client are told in order
	ends   stream.Key // the stream whose on_unpublish this is
	size   int        // what it holds in bytes, for the most part
	tell   func(context.Context)

	done     chan struct{} // closed once it was told or dropped
	all, own *list.Element
}

// lane is the facts of one client.
type lane struct {
	facts list.List // of *fact
	busy  bool      // one is being told
	ready *list.Element
}

// queue tells facts in the background, those of one client one after the other.
type queue struct {
	ctx       context.Context // of telling
	stop      context.CancelFunc
	lastWords time.Duration

	mu      sync.Mutex
	lanes   map[string]*lane
	all     list.List // of *fact: what waits, the oldest first
	ready   list.List // of *lane: with facts, and not busy
	ending  map[stream.Key]map[*fact]bool
	bytes   int // of all
	workers int
	dropped uint64
	closing bool
	idle    chan struct{} // closed when closing and the last worker left
}

func newQueue() *queue {
	q := &queue{lastWords: lastWords, lanes: map[string]*lane{}, ending: map[stream.Key]map[*fact]bool{}, idle: make(chan struct{})}
	q.ctx, q.stop = context.WithCancel(context.Background())
	return q
}

// push adds a fact. Where there is no room the oldest one goes; whole tells that none had to.
func (q *queue) push(f *fact) (whole bool) {
	f.done = make(chan struct{})
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		q.discard(f)
		return false
	}
	before := q.dropped
	if l := q.lanes[f.client]; l != nil && l.facts.Len() >= maxClientFacts {
		q.remove(l.facts.Front().Value.(*fact))
	}
	for q.all.Len() > 0 && (q.all.Len() >= maxFacts || q.bytes+f.size > maxFactBytes) {
		q.remove(q.all.Front().Value.(*fact))
	}
	l := q.lanes[f.client]
	if l == nil {
		l = &lane{}
		q.lanes[f.client] = l
	}
	f.all, f.own = q.all.PushBack(f), l.facts.PushBack(f)
	q.bytes += f.size
	if f.ends != (stream.Key{}) {
		if q.ending[f.ends] == nil {
			q.ending[f.ends] = map[*fact]bool{}
		}
		q.ending[f.ends][f] = true
	}
	if !l.busy && l.ready == nil {
		l.ready = q.ready.PushBack(l)
		if q.workers < maxWorkers {
			q.workers++
			go q.work()
		}
	}
	return q.dropped == before
}

// remove drops a fact that waits.
func (q *queue) remove(f *fact) {
	q.take(f)
	if l := q.lanes[f.client]; l.facts.Len() == 0 && !l.busy {
		q.ready.Remove(l.ready)
		delete(q.lanes, f.client)
	}
	q.discard(f)
}

// take has a fact wait no longer.
func (q *queue) take(f *fact) {
	q.all.Remove(f.all)
	q.bytes -= f.size
	q.lanes[f.client].facts.Remove(f.own)
}

func (q *queue) discard(f *fact) {
	q.dropped++
	q.settle(f)
}

// settle lets those go on who wait for a fact.
func (q *queue) settle(f *fact) {
	close(f.done)
	if m := q.ending[f.ends]; m != nil {
		if delete(m, f); len(m) == 0 {
			delete(q.ending, f.ends)
		}
	}
}

// work tells facts until there are none.
func (q *queue) work() {
	for f := q.next(nil); f != nil; f = q.next(f) {
		f.tell(q.ctx)
	}
}

// next gives the fact to tell after told, and ends the worker with nil if there is none.
func (q *queue) next(told *fact) *fact {
	q.mu.Lock()
	defer q.mu.Unlock()
	if told != nil {
		q.settle(told)
		l := q.lanes[told.client]
		if l.busy = false; l.facts.Len() > 0 {
			l.ready = q.ready.PushBack(l)
		} else {
			delete(q.lanes, told.client)
		}
	}
	for q.ctx.Err() != nil && q.all.Len() > 0 {
		q.remove(q.all.Front().Value.(*fact))
	}
	e := q.ready.Front()
	if e == nil {
		if q.workers--; q.workers == 0 && q.closing {
			close(q.idle)
		}
		return nil
	}
	l := q.ready.Remove(e).(*lane)
	l.ready, l.busy = nil, true
	f := l.facts.Front().Value.(*fact)
	q.take(f)
	return f
}

// ended waits until on_unpublish of a stream is told that is not yet, or ctx ends.
func (q *queue) ended(ctx context.Context, k stream.Key) {
	q.mu.Lock()
	var wait []*fact
	for f := range q.ending[k] {
		wait = append(wait, f)
	}
	q.mu.Unlock()
	for _, f := range wait {
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		}
	}
}

// figures gives how many facts wait, and how many were dropped.
func (q *queue) figures() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.all.Len(), q.dropped
}

// close takes no more facts, and waits until those there are have been told, or until lastWords have
// passed after ctx's end: then it drops them.
func (q *queue) close(ctx context.Context) {
	q.mu.Lock()
	if q.closing = true; q.workers == 0 {
		close(q.idle)
	}
	q.mu.Unlock()
	select {
	case <-q.idle:
	case <-ctx.Done():
		select {
		case <-q.idle:
		case <-time.After(q.lastWords):
		}
	}
	q.stop()
	<-q.idle
}
