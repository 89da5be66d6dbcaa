package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/cmd/srsd/internal/daemon"
)

// handle does what a signal asks for; true means that the server has ended.
func (p *process) handle(k daemon.Kind, signals <-chan os.Signal) (ended bool) {
	root := p.cfg.Load().File().Root()
	switch k {
	case daemon.Reload:
		p.reload()
		return false
	case daemon.Reopen:
		p.reopen()
		return false
	case daemon.Graceful:
		p.drain(signals)
		return true
	case daemon.Terminate:
		if root.Bool("force_grace_quit") {
			p.drain(signals)
			return true
		}
	}
	p.log.Info("fast quit")
	p.stop()
	return true
}

func (p *process) reopen() {
	if err := p.out.Reopen(); err != nil {
		p.log.Error("the log file cannot be opened anew, the old one stays in use", "err", err)
		return
	}
	p.log.Info("log file opened anew")
}

// reload takes the configuration up anew. A broken one, or one that cannot be carried out, changes
// nothing.
func (p *process) reload() {
	const stays = "reload failed, the old configuration stays"
	f, err := conf.Load(p.load)
	if err == nil {
		if start := f.StartErrors(); len(start) > 0 {
			err = start
		}
	}
	if err != nil {
		logErrors(p.log, err)
		p.log.Error(stays)
		return
	}
	old := p.cfg.Load()
	cfg, err := apply.New(f, p.log, old)
	if err == nil {
		err = p.srv.Reload(context.Background(), cfg.Server(), p.modules(cfg)...)
	}
	if err != nil {
		p.log.Error(stays, "err", err)
		return
	}
	p.srv.Hub().SetSettings(cfg.Settings)
	cfg.Commit()
	p.cfg.Store(cfg)
	p.setLevel(f)
	p.warn(f)
	for _, name := range changed(old.File(), f) {
		p.log.Warn(name + " takes effect at the next start")
	}
	p.log.Info("reloaded", "config", f.Path())
}

// fixed are the directives that only count at the start.
var fixed = []string{"pid", "server_id", "daemon", "work_dir", "asprocess", "srs_log_tank", "srs_log_file", "log_format", "utc_time"}

// changed lists which of them a reload has changed.
func changed(old, now *conf.File) (names []string) {
	for _, name := range fixed {
		if old.Root().String(name) != now.Root().String(name) {
			names = append(names, name)
		}
	}
	return names
}

// stop ends the server and all its sessions.
func (p *process) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.srv.Shutdown(ctx); err != nil {
		p.log.Error("shutdown", "err", err)
	}
}

// drain ends the server once all clients have left, which may take for ever; any fast quit ends it.
func (p *process) drain(signals <-chan os.Signal) {
	root := p.cfg.Load().File().Root()
	begin, end := root.Duration("grace_start_wait"), root.Duration("grace_final_wait")
	p.log.Info("graceful quit", "grace_start_wait", begin, "grace_final_wait", end)
	if !p.pause(begin, signals) {
		p.stop()
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.srv.Shutdown(ctx) }()
	start, next := time.Now(), time.Second
	timer := time.NewTimer(next)
	defer timer.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				p.log.Error("shutdown", "err", err)
			}
			if ctx.Err() == nil {
				p.pause(end, signals)
			}
			return
		case <-timer.C:
			conns, _ := p.srv.Conns()
			p.log.Info(fmt.Sprintf("graceful quit waits for %d connections since %v", conns, next))
			next *= 2
			timer.Reset(time.Until(start.Add(next)))
		case s := <-signals:
			if p.ends(s) {
				cancel()
			}
		}
	}
}

// pause waits; false means that a signal wants the end now.
func (p *process) pause(d time.Duration, signals <-chan os.Signal) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case s := <-signals:
			if p.ends(s) {
				return false
			}
		}
	}
}

// ends tells whether a signal cuts a graceful quit short.
func (p *process) ends(s os.Signal) bool {
	switch daemon.KindOf(s) {
	case daemon.Fast:
	case daemon.Terminate:
		if p.cfg.Load().File().Root().Bool("force_grace_quit") {
			return false
		}
	case daemon.Reopen:
		p.reopen()
		return false
	default:
		return false
	}
	p.log.Info("fast quit")
	return true
}
