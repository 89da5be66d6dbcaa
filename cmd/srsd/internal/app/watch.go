package app

import "github.com/srsgo/srs/cmd/srsd/internal/watch"

// watch reloads when the files of the configuration change, where that is asked for. stop ends it.
func (p *process) watch() (stop func()) {
	f := p.cfg.Load().File()
	if !f.AutoReload() || p.demo {
		return func() {}
	}
	w := watch.New(watch.Config{Changed: p.scheduleReload, Dir: p.dir, Logger: p.log}, f.Files())
	p.watcher.Store(w)
	p.log.Info("the configuration is reloaded when its files change", "files", f.Files())
	return func() {
		p.watcher.Store(nil)
		w.Close()
	}
}
