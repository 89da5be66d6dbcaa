package app

import (
	"context"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// reopen opens the log file anew, once a rotation moved it away.
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
	f, err := loadToRun(p.load)
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
