package app

import (
	"context"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/cmd/srsd/internal/daemon"
	"github.com/srsgo/srs/cmd/srsd/internal/raw"
	"github.com/srsgo/srs/protocol/api"
)

// reopen opens the log file anew, once a rotation moved it away.
func (p *process) reopen() {
	if err := p.out.Reopen(); err != nil {
		p.log.Error("the log file cannot be opened anew, the old one stays in use", "err", err)
		return
	}
	p.log.Info("log file opened anew")
}

// openRaw makes what all reloads go through, whoever asks for them: a signal, the API, a changed file.
func (p *process) openRaw() {
	p.reloads = make(chan struct{}, 1)
	p.raw = raw.New(raw.Config{
		Current: func() *conf.File { return p.cfg.Load().File() },
		Load: func() (*conf.File, error) {
			o := p.load
			o.Keep = p.cfg.Load().File()
			return loadToRun(o)
		},
		Apply:    p.take,
		Schedule: p.scheduleReload,
		VhostID:  func(name string) string { return p.srv.Identity().VhostID(name) },
		Dir:      p.dir,
		Logger:   p.log,
	})
}

// scheduleReload has the server reload soon. One that is asked for while one waits is the same.
func (p *process) scheduleReload() {
	select {
	case p.reloads <- struct{}{}:
	default:
	}
}

// reload takes the configuration up anew. A broken one, or one that cannot be carried out, changes
// nothing.
func (p *process) reload(ctx context.Context) error {
	p.tell(daemon.Reloading())
	defer p.tell(daemon.IsReady)
	err := p.raw.Reload(ctx)
	if err != nil {
		logErrors(p.log, err)
		p.log.Error("reload failed, the old configuration stays")
	}
	return err
}

// take makes a configuration the one that runs, or gives an error and leaves the one there is.
func (p *process) take(ctx context.Context, f *conf.File) error {
	old := p.cfg.Load()
	cfg, err := apply.New(f, p.log, old)
	if err != nil {
		return err
	}
	// What it takes to start does not end with the request that asked for it.
	if err := p.srv.Reload(context.WithoutCancel(ctx), cfg.Server(), p.modules(cfg)...); err != nil {
		return err
	}
	p.srv.Hub().SetSettings(cfg.Settings)
	cfg.Commit(old)
	p.cfg.Store(cfg)
	p.setLog(f)
	p.warn(f)
	if w := p.watcher.Load(); w != nil {
		w.Follow(f.Files())
	}
	x := apply.NewChanges(old.File(), f)
	p.changes.Store(&x)
	for _, c := range x.Restart {
		p.log.Warn(c + " takes effect at the next start")
	}
	p.log.Info("reloaded", "config", f.Path(), "changed", len(x.Applied))
	if a := running[*api.Module](p); a != nil {
		return a.Emit("reload", map[string]any{"applied": x.Applied, "needs_restart": x.Restart, "ignored": x.Ignored})
	}
	return nil
}
