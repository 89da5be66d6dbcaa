package streamtest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/srsgo/srs/stream"
)

// Recorder is a Sink that keeps the packets. The zero value is ready; it is safe for
// concurrent use.
type Recorder struct {
	mu      sync.Mutex
	packets []*stream.Packet
	// waiters are closed by the next write. Each waiting goroutine brings its own and
	// takes it away, so that a Recorder may live outside of a synctest bubble in which
	// it is waited for.
	waiters map[chan struct{}]bool
}

// WritePacket keeps p. It never fails.
func (r *Recorder) WritePacket(p *stream.Packet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets = append(r.packets, p)
	for w := range r.waiters {
		close(w)
	}
	clear(r.waiters)
	return nil
}

// Packets gives the packets so far, in the order they were written.
func (r *Recorder) Packets() []*stream.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.packets)
}

// Len gives the count of packets so far.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.packets)
}

// Reset forgets the packets.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets = nil
}

// Wait waits until there are n packets. If ctx ends first, the error wraps its cause
// and says how many came.
func (r *Recorder) Wait(ctx context.Context, n int) error {
	for {
		grown, have := r.wait(n)
		if grown == nil {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			r.mu.Lock()
			delete(r.waiters, grown)
			r.mu.Unlock()
			return fmt.Errorf("streamtest: waiting for %d packets, got %d: %w", n, have, context.Cause(ctx))
		}
	}
}

// wait gives a channel that the next write closes, or nil if there are n packets.
func (r *Recorder) wait(n int) (grown chan struct{}, have int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.packets) >= n {
		return nil, len(r.packets)
	}
	if r.waiters == nil {
		r.waiters = map[chan struct{}]bool{}
	}
	grown = make(chan struct{})
	r.waiters[grown] = true
	return grown, len(r.packets)
}
