package app

import (
	"context"
	"fmt"
	"os"
	"time"

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
