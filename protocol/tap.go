package protocol

import (
	"context"
	"errors"
	"sync"

	"github.com/srsgo/srs/stream"
)

// tap brings a Tapper to every publication: those under way, and those to come.
func (h *Host) tap(t Tapper) {
	var seen publications
	remove := h.Hub.OnLive(func(ctx context.Context, s *stream.Stream) {
		if h.beginTap() {
			defer h.taps.done()
			h.tapOne(ctx, t, s, &seen)
		}
	})
	context.AfterFunc(h.tapCtx, remove)
	for s := range h.Hub.Streams() {
		if ses := s.Publisher(); ses != nil && h.beginTap() {
			go func() {
				defer h.taps.done()
				h.tapOne(ses.Context(), t, s, &seen)
			}()
		}
	}
}

// beginTap counts a tap, unless the module is on its way out.
func (h *Host) beginTap() bool {
	h.taps.add()
	if h.tapCtx.Err() != nil {
		h.taps.done()
		return false
	}
	return true
}

func (h *Host) tapOne(pub context.Context, t Tapper, s *stream.Stream, seen *publications) {
	if !seen.claim(pub) {
		return
	}
	ctx, cancel := context.WithCancelCause(pub)
	defer cancel(nil)
	defer context.AfterFunc(h.tapCtx, func() { cancel(context.Cause(h.tapCtx)) })()
	err := guard(h.Logger, &h.server.panics, "tap of "+h.name, func() error { return t.Tap(ctx, s) })
	if err != nil && !(ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))) {
		h.Logger.Warn("tap failed", "stream", s.Key(), "err", err)
	}
}

// publications remembers what was tapped: a publication that begins while a module
// starts is found in both ways, by its context.
type publications struct {
	mu  sync.Mutex
	set map[context.Context]struct{}
}

func (p *publications) claim(pub context.Context) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.set[pub]; ok || pub.Err() != nil {
		return false
	}
	if p.set == nil {
		p.set = map[context.Context]struct{}{}
	}
	p.set[pub] = struct{}{}
	context.AfterFunc(pub, func() {
		p.mu.Lock()
		delete(p.set, pub)
		p.mu.Unlock()
	})
	return true
}

// endTaps ends the taps and waits for them, so that a successor finds files closed.
func (h *Host) endTaps(ctx context.Context) {
	h.untap()
	late, cancel := context.WithTimeout(ctx, stuckAfter)
	defer cancel()
	if !h.taps.wait(late) {
		h.Logger.Warn("taps did not end", "count", h.taps.count())
	}
}
