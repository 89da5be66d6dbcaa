package dvr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
)

// tap is a publication, recorded or not.
type tap struct {
	m    *Module
	s    *stream.Stream
	pub  *stream.Session
	wake chan struct{} // something has changed; holds one

	mu   sync.Mutex
	want *bool // what an operator has said; nil: what the settings say
	rec  *recorder
	stop context.CancelCauseFunc // of rec
	done chan struct{}           // closed when rec has ended
}

// source is a reader of a publication, and what ends it.
type source struct {
	*stream.Player
	ctx  context.Context
	stop context.CancelCauseFunc
}

func (m *Module) open(s *stream.Stream, at stream.Start) *source {
	ctx, stop := context.WithCancelCause(m.ctx)
	return &source{s.Open(ctx, at), ctx, stop}
}

// watch opens what is to be recorded before its first packet: Tap may come when the first pictures have
// gone, or the publication with them. Then the recording begins at its end.
func (m *Module) watch(e stream.Event) {
	switch s := e.Session.Stream(); {
	case e.Type == stream.EventPublish:
		if cfg := m.cfg.Load().vhost(s.Key().Vhost); cfg.applies(s.Key()) {
			src := m.open(s, stream.Begin)
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.opened[e.Session] = src; m.closing {
				m.closeOpened()
			}
		}
	case e.Type == stream.EventUnpublish:
		if src := m.take(e.Session); src != nil {
			m.host.Go(func(context.Context) error {
				defer m.work.Done()
				return (&tap{m: m, s: s, pub: e.Session, wake: make(chan struct{}, 1)}).record(e.Session.Context(), src)
			})
		}
	}
}

// closeOpened closes what no tap will come for. The caller holds mu.
func (m *Module) closeOpened() {
	for _, src := range m.opened {
		src.stop(stream.ErrShutdown)
		_ = src.Close()
	}
	clear(m.opened)
}

// take gives what watch has opened of a publication, once, and counts who takes it as work; nil if there
// is nothing.
func (m *Module) take(pub *stream.Session) *source {
	m.mu.Lock()
	defer m.mu.Unlock()
	src := m.opened[pub]
	delete(m.opened, pub)
	if src != nil {
		m.work.Add(1)
	}
	return src
}

// Tap records a publication, as far as settings and operators want it.
func (m *Module) Tap(ctx context.Context, s *stream.Stream) error {
	pub := s.Publisher()
	if pub == nil {
		return nil
	}
	t := &tap{m: m, s: s, pub: pub, wake: make(chan struct{}, 1)}
	m.mu.Lock()
	if other := m.taps[s.Key()]; m.closing || other != nil && other.pub == pub {
		m.mu.Unlock()
		return nil
	}
	m.work.Add(1)
	m.taps[s.Key()] = t
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		if m.taps[s.Key()] == t {
			delete(m.taps, s.Key())
		}
		m.mu.Unlock()
		m.work.Done()
	}()
	src := m.take(pub)
	if src != nil {
		m.work.Done() // this tap is
	} else {
		src = m.open(s, stream.Begin)
	}
	for {
		if err := t.record(ctx, src); err != nil {
			return err
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return nil
		case <-m.ctx.Done():
			return nil
		}
		if pub.Err() != nil {
			return nil
		}
		src = m.open(s, stream.FromKey)
	}
}

// record records once, if that is wanted, and closes src. An error that ends the recording is logged here:
// the publication may be recorded again.
func (t *tap) record(ctx context.Context, src *source) error {
	defer src.stop(nil)
	defer src.Close()
	cfg, on := t.wanted()
	if !on {
		return nil
	}
	rec, err := newRecorder(t.m, t.s.Key(), t.pub, cfg)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { // at the publication's end what came last is still to be read
		if t.pub.Err() == nil {
			src.stop(context.Cause(ctx))
			return
		}
		timer := time.AfterFunc(drain, func() { src.stop(context.Cause(ctx)) })
		context.AfterFunc(src.ctx, func() { timer.Stop() })
	})()
	done := make(chan struct{})
	t.mu.Lock()
	t.rec, t.stop, t.done = rec, src.stop, done
	t.mu.Unlock()
	t.look() // what has changed since wanted
	err = rec.run(src)
	t.mu.Lock()
	t.rec = nil
	t.mu.Unlock()
	close(done)
	if err == nil || src.ctx.Err() != nil {
		return nil
	}
	var coded interface{ Code() int }
	code := 0
	if errors.As(err, &coded) {
		code = coded.Code()
	}
	rec.log.Error("recording ends; the stream goes on", "code", code, "err", err)
	return nil
}

// wanted tells whether the publication is to be recorded, and how.
func (t *tap) wanted() (Vhost, bool) {
	cfg := t.m.cfg.Load().vhost(t.s.Key().Vhost)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.want != nil {
		return cfg, *t.want
	}
	return cfg, cfg.applies(t.s.Key())
}

// look has the publication's settings looked at: a recording that is to be another one ends, one that
// is to be begins.
func (t *tap) look() {
	cfg, on := t.wanted()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rec != nil {
		switch {
		case !on:
			t.stop(errStopped)
		case !t.rec.cfg.same(&cfg):
			t.stop(errSettings)
		default:
			return
		}
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Recordings lists the files that are being written, by their paths.
func (m *Module) Recordings() []Recording {
	m.mu.Lock()
	files := make([]*recording, 0, len(m.writing))
	for _, f := range m.writing {
		files = append(files, f)
	}
	m.mu.Unlock()
	list := make([]Recording, len(files))
	for i, f := range files {
		list[i] = f.snapshot()
	}
	slices.SortFunc(list, func(a, b Recording) int { return strings.Compare(a.File, b.File) })
	return list
}

// publication gives a live stream's.
func (m *Module) publication(k stream.Key) (*tap, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.taps[k]
	if t == nil || t.pub.Err() != nil {
		return nil, fmt.Errorf("dvr: %v is not published: %w", k, stream.ErrNotFound)
	}
	return t, nil
}

// Record begins to record a live stream, from its newest key frame on, whether the settings want that or
// not. Until its publication ends they no longer matter. The error wraps stream.ErrNotFound if there is no
// such stream, and stream.ErrBusy if it is recorded.
func (m *Module) Record(_ context.Context, k stream.Key) error {
	t, err := m.publication(k)
	if err != nil {
		return err
	}
	t.mu.Lock()
	if t.rec != nil {
		t.mu.Unlock()
		return fmt.Errorf("dvr: %v is recorded: %w", k, stream.ErrBusy)
	}
	on := true
	t.want = &on
	t.mu.Unlock()
	t.look()
	return nil
}

// Stop ends the recording of a stream, and waits until its file is complete or ctx ends. It is not
// recorded again before Record or its next publication. The error wraps stream.ErrNotFound if it is not
// recorded.
func (m *Module) Stop(ctx context.Context, k stream.Key) error {
	t, err := m.publication(k)
	if err != nil {
		return err
	}
	t.mu.Lock()
	if t.rec == nil {
		t.mu.Unlock()
		return fmt.Errorf("dvr: %v is not recorded: %w", k, stream.ErrNotFound)
	}
	off, done := false, t.done
	t.want = &off
	t.stop(errStopped)
	t.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cut goes on in a new file, with the next packet at which a segment may begin. Errors are as those of
// Stop.
func (m *Module) Cut(_ context.Context, k stream.Key) error {
	t, err := m.publication(k)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rec == nil {
		return fmt.Errorf("dvr: %v is not recorded: %w", k, stream.ErrNotFound)
	}
	t.rec.cut.Store(true)
	return nil
}
