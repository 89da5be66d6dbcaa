package protocol

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// tracker counts what runs, so that a shutdown can wait for it with a limit. Unlike a
// WaitGroup it may be added to while it is waited for.
type tracker struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n reaches 0; nil while nobody waits
}

func (t *tracker) add() {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
}

func (t *tracker) done() {
	t.mu.Lock()
	t.n--
	if t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
	t.mu.Unlock()
}

func (t *tracker) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// wait waits until nothing runs, or ctx ends; it tells whether nothing runs.
func (t *tracker) wait(ctx context.Context) bool {
	for {
		t.mu.Lock()
		if t.n == 0 {
			t.mu.Unlock()
			return true
		}
		if t.idle == nil {
			t.idle = make(chan struct{})
		}
		idle := t.idle
		t.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return t.count() == 0
		}
	}
}

// guard runs f; a panic is counted, logged with its stack and becomes an error.
func guard(logger *slog.Logger, panics *atomic.Int64, what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			panics.Add(1)
			logger.Error("panic", "in", what, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("protocol: %s: panic: %v", what, r)
		}
	}()
	return f()
}
