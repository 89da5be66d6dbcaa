// Package audience keeps the viewers of protocols in which each request stands alone, HLS and DASH, as
// sessions of the hub: admitted by its gates, told to its observers, counted, kicked, and ended when
// they have asked for nothing for a while.
package audience

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
)

// ErrFull: there are as many viewers as Table.Max allows.
var ErrFull = errors.New("audience: too many viewers")

// MaxViewers is the default of Table.Max.
const MaxViewers = 200_000

// sweepEvery is how often viewers that went away are looked for.
const sweepEvery = time.Second

// Table is a set of viewers. It runs one goroutine while it has any.
type Table struct {
	// Max bounds the viewers; 0 means [MaxViewers]. It is set before use.
	Max int

	hub *stream.Hub

	mu      sync.Mutex
	viewers map[viewerKey]*viewer
	closed  bool
	running bool
	stop    chan struct{}
	work    sync.WaitGroup
}

type viewerKey struct {
	id  string
	key stream.Key
}

type viewer struct {
	ready   chan struct{} // closed when admitted or refused
	session *stream.Session
	err     error
	idle    time.Duration
	seen    time.Time
	ended   bool
}

// New makes an empty table.
func New(hub *stream.Hub) *Table {
	return &Table{hub: hub, viewers: map[viewerKey]*viewer{}, stop: make(chan struct{})}
}

// Begin gives the session of the viewer with an id, and admits it if there is none: gates are asked
// once, however many requests come at the same time. It ends after idle without Begin or Touch. A
// session that was kicked is still given, with its Err, until idle has passed: the viewer is refused
// for so long. Errors are those of [stream.Hub.View], ErrFull, and stream.ErrShutdown.
func (t *Table) Begin(ctx context.Context, id string, r stream.Request, idle time.Duration) (*stream.Session, error) {
	k := viewerKey{id, r.Key}
	for {
		t.mu.Lock()
		v := t.viewers[k]
		if v == nil {
			var err error
			if v, err = t.addLocked(k, idle); err != nil {
				t.mu.Unlock()
				return nil, err
			}
			t.mu.Unlock()
			return t.admit(ctx, k, v, r)
		}
		t.touchLocked(v)
		t.mu.Unlock()
		select {
		case <-v.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		// Who waited with one that gave up asks for itself.
		if v.err == nil || !errors.Is(v.err, context.Canceled) {
			return v.session, v.err
		}
	}
}

func (t *Table) addLocked(k viewerKey, idle time.Duration) (*viewer, error) {
	limit := t.Max
	if limit <= 0 {
		limit = MaxViewers
	}
	switch {
	case t.closed:
		return nil, stream.ErrShutdown
	case len(t.viewers) >= limit:
		return nil, fmt.Errorf("%w: %d", ErrFull, len(t.viewers))
	}
	v := &viewer{ready: make(chan struct{}), idle: idle, seen: time.Now()}
	t.viewers[k] = v
	if !t.running {
		t.running = true
		t.work.Go(t.run)
	}
	return v, nil
}

// admit asks the hub for a viewer that has just been entered.
func (t *Table) admit(ctx context.Context, k viewerKey, v *viewer, r stream.Request) (*stream.Session, error) {
	defer close(v.ready)
	v.err = context.Canceled // for those who wait, should a gate panic
	defer func() {
		if v.err != nil {
			t.mu.Lock()
			delete(t.viewers, k)
			t.mu.Unlock()
		}
	}()
	s, err := t.hub.View(ctx, r)
	if err == nil {
		t.mu.Lock()
		v.session, v.seen = s, time.Now()
		closed := t.closed
		t.mu.Unlock()
		if closed { // in the meantime
			t.hub.EndView(s, stream.ErrShutdown)
			err = stream.ErrShutdown
		}
	}
	v.err = err
	return s, err
}

// Touch gives the session of a viewer that there is, and counts as a request of it.
func (t *Table) Touch(id string, key stream.Key) (*stream.Session, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.viewers[viewerKey{id, key}]
	if v == nil || v.session == nil {
		return nil, false
	}
	t.touchLocked(v)
	return v.session, true
}

// touchLocked notes a request, unless of one who was kicked.
func (t *Table) touchLocked(v *viewer) {
	if v.session == nil || v.session.Err() == nil {
		v.seen = time.Now()
	}
}

// Len gives how many viewers there are, those that were kicked a short while ago included.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.viewers)
}

// Close ends all viewers with stream.ErrShutdown, and refuses others.
func (t *Table) Close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.stop)
	}
	t.mu.Unlock()
	t.work.Wait()
	t.sweep(func(*viewer) bool { return true }, stream.ErrShutdown)
}

func (t *Table) run() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case now := <-tick.C:
			if t.sweep(func(v *viewer) bool { return now.Sub(v.seen) >= v.idle }, nil) {
				return
			}
		}
	}
}

// sweep ends the sessions of viewers that were kicked, and forgets those that are over. It tells
// whether nobody is left, and then no longer counts as running.
func (t *Table) sweep(over func(*viewer) bool, cause error) (empty bool) {
	var end []*stream.Session
	t.mu.Lock()
	for k, v := range t.viewers {
		if v.session == nil {
			continue // is being admitted
		}
		gone := over(v)
		if gone {
			delete(t.viewers, k)
		}
		if (gone || v.session.Err() != nil) && !v.ended {
			v.ended = true
			end = append(end, v.session)
		}
	}
	empty = len(t.viewers) == 0
	t.running = t.running && !empty
	t.mu.Unlock()
	for _, s := range end {
		t.hub.EndView(s, cause)
	}
	return empty
}
