package stream

import (
	"context"
	"io"
	"math/bits"
	"sync/atomic"
)

// Start says where in a Ring a cursor begins.
type Start uint8

// The places where a cursor may begin.
const (
	// FromKey: the newest entry marked key; where there is none, the next one that
	// comes.
	FromKey Start = iota
	// NextKey: the next entry marked key that comes.
	NextKey
	// Live: what comes next.
	Live
	// Oldest: all that is retained.
	Oldest
	// Begin, for [Stream.Open]: all that is retained of the present publication, or of the last one.
	Begin
)

// Ring is a bounded log of pointers with one writer and any number of readers, each
// with a [Cursor] of its own. Readers take no lock and allocate nothing; the writer
// does not wait for them: an entry leaves when the writer trims it, or when the ring
// is full, and a reader that wanted it gets [ErrLapped].
//
// Push, Flush, Trim, Forget and Close are the writer's: one goroutine at a time.
type Ring[T any] struct {
	slots   atomic.Pointer[[]slot[T]] // length is a power of two
	tail    atomic.Uint64             // oldest retained position
	flushed atomic.Uint64             // readers see [tail, flushed)
	key     atomic.Uint64             // newest flushed key position + 1; 0 for none
	waiting atomic.Pointer[Cursor[T]] // stack of the cursors that sleep
	gone    atomic.Int32              // of those, cursors that were interrupted
	asleep  atomic.Int32
	end     atomic.Pointer[error]

	head    uint64 // next position to write
	newKey  uint64 // newest pushed key position + 1
	maxSize int
}

type slot[T any] struct {
	v   atomic.Pointer[T]
	key atomic.Bool
}

// NewRing makes a ring that retains at most limit entries, rounded up to a power of
// two. It starts small and grows as needed.
func NewRing[T any](limit int) *Ring[T] {
	r := &Ring[T]{maxSize: 1 << bits.Len(uint(max(limit, 16)-1))}
	s := make([]slot[T], 16)
	r.slots.Store(&s)
	return r
}

// Push appends v, which readers see after the next Flush. A key entry is one at which
// a reader may begin. A full ring drops its oldest entry.
func (r *Ring[T]) Push(v *T, key bool) {
	if key {
		r.pushMark(v, markKey)
	} else {
		r.pushMark(v, markNone)
	}
}

// mark says who may begin at an entry.
type mark uint8

const (
	markNone mark = iota
	markWait      // whoever waits for the next key; it is none for those who come later
	markKey       // everybody
)

// pushMark appends v with a mark.
func (r *Ring[T]) pushMark(v *T, m mark) {
	r.push(v, m != markNone)
	if m == markKey {
		r.newKey = r.head
	}
}

// push appends v; stop makes it end the search of a cursor that looks for a key, without
// being one at which others begin.
func (r *Ring[T]) push(v *T, stop bool) {
	s := *r.slots.Load()
	if r.head-r.tail.Load() == uint64(len(s)) {
		if len(s) < r.maxSize {
			s = r.grow(s)
		} else {
			// The tail moves before its slot is used again: a reader that still
			// finds its position in range after loading the slot has read the right one.
			r.tail.Add(1)
		}
	}
	e := &s[r.head&uint64(len(s)-1)]
	e.key.Store(stop)
	e.v.Store(v)
	r.head++
}

func (r *Ring[T]) grow(old []slot[T]) []slot[T] {
	s := make([]slot[T], 2*len(old))
	for pos := r.tail.Load(); pos < r.head; pos++ {
		to, from := &s[pos&uint64(len(s)-1)], &old[pos&uint64(len(old)-1)]
		to.key.Store(from.key.Load())
		to.v.Store(from.v.Load())
	}
	r.slots.Store(&s)
	return s
}

// Flush shows all pushed entries to the readers and wakes those that wait.
func (r *Ring[T]) Flush() {
	if r.flushed.Load() == r.head {
		return
	}
	r.flushed.Store(r.head)
	r.key.Store(r.newKey)
	r.wakeAll()
}

func (r *Ring[T]) wakeAll() {
	c := r.waiting.Swap(nil)
	r.gone.Store(0)
	for c != nil {
		// Once queued is false the reader may queue itself again and change next.
		next := c.next
		c.next = nil
		c.queued.Store(false)
		c.wake()
		c = next
	}
}

// Trim drops the entries before pos. A key that goes with them is forgotten.
func (r *Ring[T]) Trim(pos uint64) {
	tail := r.tail.Load()
	pos = min(pos, r.head)
	if pos <= tail {
		return
	}
	s := *r.slots.Load()
	r.tail.Store(pos)
	for ; tail < pos; tail++ {
		s[tail&uint64(len(s)-1)].v.Store(nil) // for the garbage collector
	}
}

// Forget makes FromKey wait for the next key entry, as if none had been pushed.
func (r *Ring[T]) Forget() {
	r.newKey = 0
	r.key.Store(0)
}

// Close ends the ring: readers get err once they have read what was pushed before.
func (r *Ring[T]) Close(err error) {
	r.end.CompareAndSwap(nil, &err)
	r.flushed.Store(r.head)
	r.wakeAll()
}

// Len gives the number of retained entries.
func (r *Ring[T]) Len() int { return int(r.flushed.Load() - min(r.tail.Load(), r.flushed.Load())) }

// at gives the entry at pos, or nil if it is gone. The caller knows pos < flushed.
func (r *Ring[T]) at(pos uint64) *T {
	v, _ := r.entry(pos)
	return v
}

func (r *Ring[T]) entry(pos uint64) (v *T, key bool) {
	s := *r.slots.Load()
	e := &s[pos&uint64(len(s)-1)]
	v, key = e.v.Load(), e.key.Load()
	if r.tail.Load() > pos {
		return nil, false
	}
	return v, key
}

// keyPos gives the position of the newest key that is retained.
func (r *Ring[T]) keyPos() (uint64, bool) {
	k := r.key.Load()
	if k == 0 || k-1 < r.tail.Load() {
		return 0, false
	}
	return k - 1, true
}

// Cursor makes a reader. It belongs to one goroutine, but for Interrupt.
func (r *Ring[T]) Cursor(at Start) *Cursor[T] {
	c := &Cursor[T]{ring: r, signal: make(chan struct{}, 1)}
	c.seek(at)
	return c
}

// Cursor reads a Ring at its own pace.
type Cursor[T any] struct {
	ring    *Ring[T]
	pos     atomic.Uint64 // next position to read; the writer looks at it to know what is needed
	findKey bool          // begin at the next key that comes
	signal  chan struct{}
	next    *Cursor[T] // in Ring.waiting
	queued  atomic.Bool
	eof     *T     // the entry that stands for io.EOF; nil for none
	release func() // tells Close; nil for nobody
}

func (c *Cursor[T]) seek(at Start) {
	c.findKey = false
	switch at {
	case Oldest, Begin:
		c.pos.Store(c.ring.tail.Load())
	case Live, NextKey:
		c.pos.Store(c.ring.flushed.Load())
		c.findKey = at == NextKey
	case FromKey:
		if k, ok := c.ring.keyPos(); ok {
			c.pos.Store(k)
			return
		}
		c.pos.Store(c.ring.flushed.Load())
		c.findKey = true
	}
}

// SkipToKey moves to the newest key entry if that lies ahead, else to the next one
// that comes.
func (c *Cursor[T]) SkipToKey() {
	if k, ok := c.ring.keyPos(); ok && k >= c.pos.Load() {
		c.pos.Store(k)
		c.findKey = false
		return
	}
	c.seek(NextKey)
}

// Try gives the next entry, or nil if none is ready. After ErrLapped the position is
// unchanged: SkipToKey goes on. The error of Ring.Close comes after the last entry.
func (c *Cursor[T]) Try() (*T, error) {
	for {
		pos := c.pos.Load()
		if !c.ready() {
			if e := c.ring.end.Load(); e != nil && pos >= c.ring.flushed.Load() {
				return nil, *e
			}
			return nil, nil
		}
		v, key := c.ring.entry(pos)
		if v == nil && c.findKey {
			c.pos.Store(c.ring.tail.Load())
			continue
		}
		if v == nil {
			return nil, ErrLapped
		}
		c.pos.Store(pos + 1)
		if c.findKey && !key {
			continue
		}
		c.findKey = false
		if v == c.eof {
			return nil, io.EOF
		}
		return v, nil
	}
}

// Next gives the next entry and waits for it, until ctx ends. Errors as Try.
func (c *Cursor[T]) Next(ctx context.Context) (*T, error) {
	for {
		if v, err := c.Try(); v != nil || err != nil {
			return v, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.wait(ctx.Done())
	}
}

func (c *Cursor[T]) ready() bool { return c.pos.Load() < c.ring.flushed.Load() }

// Wait sleeps until something may be ready, the ring ends, Interrupt is called or done is closed. It
// is for who reads with Try, and may return early.
func (c *Cursor[T]) Wait(done <-chan struct{}) { c.wait(done) }

// wait sleeps until something is flushed, the ring ends, Interrupt is called or done
// is closed. It may return early: callers look again.
func (c *Cursor[T]) wait(done <-chan struct{}) {
	r := c.ring
	if c.queued.CompareAndSwap(false, true) {
		for {
			c.next = r.waiting.Load()
			if r.waiting.CompareAndSwap(c.next, c) {
				break
			}
		}
	}
	// The writer publishes first and empties the stack second, this goroutine the
	// other way round: one of the two sees the other.
	if c.ready() || r.end.Load() != nil {
		return
	}
	r.asleep.Add(1)
	if done == nil {
		<-c.signal
	} else {
		select {
		case <-c.signal:
		case <-done:
		}
	}
	r.asleep.Add(-1)
}

func (c *Cursor[T]) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// Interrupt makes a wait return, from any goroutine.
func (c *Cursor[T]) Interrupt() { c.wake() }

// Close lets go of the ring. A cursor that is left in the stack of sleepers would stay
// there until the next flush; where nothing is ever flushed, many such would pile up,
// so that every so often all are woken to look again.
func (c *Cursor[T]) Close() {
	if c.release != nil {
		c.release()
	}
	if c.queued.Load() && c.ring.gone.Add(1) > c.ring.asleep.Load()+64 {
		c.ring.wakeAll()
	}
}
