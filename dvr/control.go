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

	src   *source // opened before the first packet; nil if that was not wanted
	taken bool    // runs; under Module.mu

	mu   sync.Mutex
	want *bool // what an operator has said; nil: what the settings say
	rec  *recorder
	of   *source       // what rec reads
	done chan struct{} // closed when rec has ended
}

// source is a reader of a publication, and what ends it.
type source struct {
	*stream.Player
	ctx  context.Context
	stop context.CancelCauseFunc
}

func (m *Module) open(s *stream.Stream, at stream.Start) *source {
	ctx, stop := context.WithCancelCause(m.ctx)
	if with, err := s.Sound(stream.AAC); err == nil { // where sound is converted, into what all players know
		s = with
	}
	return &source{s.Open(ctx, at), ctx, stop}
}

func (x *source) close() {
	x.stop(nil)
	_ = x.Player.Close()
}

// watch notes publications before their first packet, and opens those that are to be recorded: Tap may
// come when the first pictures have gone, or the publication with them. That is recorded at its end.
func (m *Module) watch(e stream.Event) {
	switch e.Type {
	case stream.EventPublish:
		m.note(e.Session.Stream(), e.Session)
	case stream.EventUnpublish:
		if t := m.take(e.Session); t != nil {
			m.host.Go(func(context.Context) error { return t.run() })
		}
	}
}

// note notes a publication, once.
func (m *Module) note(s *stream.Stream, pub *stream.Session) {
	t := &tap{m: m, s: s, pub: pub, wake: make(chan struct{}, 1)}
	if cfg := m.cfg.Load().vhost(s.Key().Vhost); cfg.applies(s.Key()) {
		t.src = m.open(s, stream.Begin)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closing && m.taps[pub] == nil {
		m.taps[pub] = t
	} else if t.src != nil {
		t.src.close()
	}
}

// take gives a publication that was noted to who runs it, once; else nil.
func (m *Module) take(pub *stream.Session) *tap {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.taps[pub]
	if t == nil || t.taken || m.closing {
		return nil
	}
	t.taken = true
	m.work.Add(1)
	return t
}

// Tap records a publication, as far as settings and operators want it.
func (m *Module) Tap(_ context.Context, s *stream.Stream) error {
	pub := s.Publisher()
	if pub == nil {
		return nil
	}
	m.note(s, pub) // one from before Start
	if t := m.take(pub); t != nil {
		return t.run()
	}
	return nil
}

// run records until the publication has ended.
func (t *tap) run() error {
	defer func() {
		t.m.mu.Lock()
		delete(t.m.taps, t.pub)
		t.m.mu.Unlock()
		t.m.work.Done()
	}()
	for at := stream.Begin; ; at = stream.FromKey {
		if err := t.record(at); err != nil {
			return err
		}
		select {
		case <-t.wake:
		case <-t.pub.Context().Done():
		case <-t.m.ctx.Done():
		}
		if t.pub.Err() != nil || t.m.ctx.Err() != nil {
			return nil
		}
	}
}

// record records once, if that is wanted. An error that ends the recording is logged here: the publication
// may be recorded again.
func (t *tap) record(at stream.Start) error {
	src := t.src
	t.src = nil
	defer func() {
		if src != nil {
			src.close()
		}
	}()
	cfg, on := t.wanted()
	if !on {
		return nil
	}
	if src == nil {
		src = t.m.open(t.s, at)
	}
	rec, err := newRecorder(t.m, t.s.Key(), t.pub, cfg)
	if err != nil {
		return err
	}
	defer context.AfterFunc(t.pub.Context(), func() { // what came last is still to be read
		timer := time.AfterFunc(drain, func() { src.stop(t.pub.Err()) })
		context.AfterFunc(src.ctx, func() { timer.Stop() })
	})()
	done := make(chan struct{})
	t.mu.Lock()
	t.rec, t.of, t.done = rec, src, done
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
		case t.of.ctx.Err() != nil: // ends already
		case !on:
			t.of.stop(errStopped)
		case !t.rec.cfg.same(&cfg):
			t.of.stop(errSettings)
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
	if s := m.host.Hub.Stream(k); s != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if t := m.taps[s.Publisher()]; t != nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("dvr: %v is not published: %w", k, stream.ErrNotFound)
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
	t.of.stop(errStopped)
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
