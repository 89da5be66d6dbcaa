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
		_ = p.reload(context.Background())
		return false
	case daemon.Reopen:
		p.reopen()
		return false
	case daemon.Upgrade:
		return p.upgrade(signals)
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
	p.tell(daemon.IsStopping)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.srv.Shutdown(ctx); err != nil {
		p.log.Error("shutdown", "err", err)
	}
}

// drain ends the server once all clients have left.
func (p *process) drain(signals <-chan os.Signal) {
	root := p.cfg.Load().File().Root()
	begin, end := root.Duration("grace_start_wait"), root.Duration("grace_final_wait")
	p.log.Info("graceful quit", "grace_start_wait", begin, "grace_final_wait", end, "drain_timeout", root.Duration("drain_timeout"))
	p.tell(daemon.IsStopping)
	if !p.pause(begin, signals) {
		p.stop()
		return
	}
	if p.finish(signals) {
		p.pause(end, signals)
	}
}

// finish stops accepting and waits until all clients have left, for drain_timeout at most; those that
// are left then, or at a fast quit, are ended. It tells whether they left.
func (p *process) finish(signals <-chan os.Signal) (left bool) {
	ctx, cancel := context.WithCancel(context.Background())
	if d := p.cfg.Load().File().Root().Duration("drain_timeout"); d > 0 {
		ctx, cancel = context.WithTimeout(context.Background(), d)
	}
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.srv.Shutdown(ctx) }()
	start, next := time.Now(), time.Second
	timer := time.NewTimer(next)
	defer timer.Stop()
	over := ctx.Done()
	for {
		select {
		case err := <-done:
			if err != nil {
				p.log.Error("shutdown", "err", err)
			}
			return ctx.Err() == nil
		case <-over:
			over = nil
			conns, _ := p.srv.Conns()
			p.log.Info("the wait is over, those that are left are ended", "connections", conns)
		case <-timer.C:
			conns, _ := p.srv.Conns()
			text := fmt.Sprintf("graceful quit waits for %d connections since %v", conns, next)
			p.log.Info(text)
			p.tell(daemon.Status(text))
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

// followParent gives a channel that tells when the parent is another one, which SRS asks each second.
func (p *process) followParent() (gone <-chan struct{}, stop func()) {
	if p.parent == 0 {
		return nil, func() {}
	}
	ch, end := make(chan struct{}), make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				if os.Getppid() != p.parent {
					close(ch)
					return
				}
			}
		}
	}()
	return ch, func() { close(end) }
}
