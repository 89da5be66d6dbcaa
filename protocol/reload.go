package protocol

import (
	"context"
	"fmt"
	"reflect"
)

// Reload makes cfg and modules what the server runs. A module is paired by name with
// the one that runs. The very same value stays as it is. Of the same type, and a
// Reloader, the one that runs takes the new configuration and stays. Any other is started, with the sockets that both listen on
// shared, before the one it replaces is told to shut down. Replaced and removed modules
// stop accepting at once; their sessions go on until they end by themselves, or with
// the server.
//
// If a module does not start, the error is given and what ran before runs on; only
// modules that took their new configuration in place keep it. Config.Logger, Hub,
// Listeners and PacketConns stay as they were. ctx bounds the starts alone.
func (s *Server) Reload(ctx context.Context, cfg Config, modules ...Module) error {
	s.op.Lock()
	defer s.op.Unlock()
	if s.state != stateRunning {
		return fmt.Errorf("protocol: reloading: %w", ErrState)
	}
	if err := checkNames(modules); err != nil {
		return err
	}
	p := s.plan(modules)
	s.pool.setLeaving(p.leaving)
	defer s.pool.setLeaving(nil)
	next, err := s.carryOut(ctx, &cfg, p)
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.running
	s.running = next
	s.mu.Unlock()
	s.apply(&cfg)
	for i, r := range next {
		r.host.setOrder(i)
	}
	for _, t := range s.allRoutes() {
		t.rebuild()
	}
	s.retire(ctx, old, next)
	for _, r := range next {
		r.tap()
	}
	return nil
}

// plan is which modules of a reload may stay, and which of the old ones go.
type plan struct {
	modules []Module
	stays   []*running // by module: what runs under its name and is or may take it
	leaving map[string]bool
}

func (s *Server) plan(modules []Module) plan {
	p := plan{modules: modules, stays: make([]*running, len(modules)), leaving: map[string]bool{}}
	byName := map[string]*running{}
	for _, r := range s.running {
		byName[r.name] = r
		p.leaving[r.name] = true
	}
	for i, m := range modules {
		r := byName[m.Info().Name]
		if r == nil || reflect.TypeOf(r.module) != reflect.TypeOf(m) {
			continue
		}
		if _, ok := m.(Reloader); ok || identical(r.module, m) {
			p.stays[i] = r
			delete(p.leaving, r.name)
		}
	}
	return p
}

// identical tells whether two modules are one value: one pointer, in most cases.
func identical(a, b Module) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// carryOut starts and reloads; on an error it has undone what it started.
func (s *Server) carryOut(ctx context.Context, cfg *Config, p plan) (next []*running, err error) {
	f := s.front
	if !f.same(cfg) {
		if f, err = s.newFront(cfg.HTTP, cfg.ServerName); err != nil {
			return nil, err
		}
	}
	next = make([]*running, len(p.modules))
	var started []*running
	begin := func(i int) (err error) {
		if next[i], err = s.start(ctx, p.modules[i], i); err == nil {
			started = append(started, next[i])
		}
		return err
	}
	for i, stays := range p.stays {
		if stays == nil && err == nil {
			err = begin(i)
		}
	}
	for i, stays := range p.stays { // last, what cannot be undone
		if stays == nil || err != nil {
			continue
		}
		if s.inPlace(stays, p.modules[i]) {
			next[i] = stays
		} else {
			err = begin(i)
		}
	}
	if err != nil {
		if f != s.front {
			f.abandon()
		}
		_ = s.stop(givenUp(ctx), started)
		return nil, err
	}
	if f != s.front {
		f.serve()
		s.retireFront()
		s.front = f
	}
	return next, nil
}

// inPlace has a running module take the configuration of m, and tells whether it did.
func (s *Server) inPlace(r *running, m Module) bool {
	if identical(r.module, m) {
		return true
	}
	err := guard(r.host.Logger, &s.panics, "reload of "+r.name, func() error {
		return r.module.(Reloader).Reload(m)
	})
	if err != nil {
		r.host.Logger.Info("restarted, for it does not reload in place", "err", err)
		s.pool.addLeaving(r.name)
	}
	return err == nil
}

// retire shuts down what runs no longer.
func (s *Server) retire(ctx context.Context, old, next []*running) {
	stays := map[*running]bool{}
	for _, r := range next {
		stays[r] = true
	}
	for _, r := range old {
		if stays[r] {
			continue
		}
		r.host.stopAccepting()
		r.host.unroute()
		r.host.endTaps(ctx)
		s.retired.add()
		go func() {
			defer s.retired.done()
			if err := s.stop(s.bye, []*running{r}); err != nil {
				r.host.Logger.Warn("replaced module", "err", err)
			}
		}()
	}
}

// retireFront lets the requests of the old HTTP listeners end by themselves.
func (s *Server) retireFront() {
	f := s.front
	f.host.stopAccepting()
	f.lastAnswers()
	s.retired.add()
	go func() {
		defer s.retired.done()
		f.drain(s.bye)
		if err := f.close(s.bye); err != nil {
			s.logger.Warn("replaced HTTP listeners", "err", err)
		}
	}()
}
