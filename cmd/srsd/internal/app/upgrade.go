package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/daemon"
)

const (
	// upgradeWait bounds the start of a new process.
	upgradeWait = 30 * time.Second
	// pidWait bounds how long a new process waits for the pid file. The old one gives it up as
	// soon as it has read that the new one serves.
	pidWait = 10 * time.Second
	pidLook = 10 * time.Millisecond
)

// upgrade starts the program anew, with the sockets that listen. If that one serves, this one ends
// once its clients have left; true means that it has. If not, it goes on.
func (p *process) upgrade(signals <-chan os.Signal) (ended bool) {
	switch {
	case p.demo:
		p.log.Warn("no upgrade: the demo is not replaced, start it anew")
		return false
	case p.parent != 0:
		p.log.Warn("no upgrade: with asprocess, the new process would not be the parent's child")
		return false
	}
	p.log.Info("upgrade: a new process starts", "program", p.program.Path())
	ctx, cancel := context.WithTimeoutCause(context.Background(), upgradeWait, fmt.Errorf("it took longer than %v", upgradeWait))
	defer cancel()
	cmd := p.program.Command()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	done := make(chan error, 1)
	go func() { done <- p.srv.HandOver(ctx, cmd) }()
	var after []os.Signal // what this process does if it stays
	for {
		select {
		case err := <-done:
			if err != nil {
				p.log.Error("upgrade failed, this process goes on", "err", err)
				p.tell(daemon.Status("upgrade failed: " + err.Error()))
				for _, s := range after {
					if p.handle(daemon.KindOf(s), signals) {
						return true
					}
				}
				return false
			}
			p.giveUp(cmd.Process.Pid)
			if slices.ContainsFunc(after, p.ends) {
				p.stop()
			} else {
				p.finish(signals)
			}
			return true
		case s := <-signals:
			switch daemon.KindOf(s) {
			case daemon.Reopen:
				p.reopen()
			case daemon.Upgrade:
			case daemon.Reload:
				after = append(after, s)
			default:
				cancel() // to end comes first
				after = append(after, s)
			}
		}
	}
}

// giveUp leaves all that is the service's, and not this process's, to the new one.
func (p *process) giveUp(pid int) {
	p.log.Info("upgrade: the new process serves, this one waits for its clients to leave", "new", pid)
	p.tell(daemon.MainPID(pid), daemon.Status("serving"))
	_ = p.supervisor.Close()
	if p.pid != nil {
		_ = p.pid.Close()
		p.pid = nil
	}
}

// lockPID takes the pid file. One that was handed over to waits for that until it serves: the old
// process needs the file as long as it might stay.
func (p *process) lockPID(path string) int {
	pid, err := daemon.LockPID(path)
	switch {
	case err == nil:
		p.pid = pid
	case errors.Is(err, daemon.ErrRunning) && p.inherited.HandedOver():
		p.pidLater = path
	case errors.Is(err, daemon.ErrRunning):
		return p.fail(codeRunning, err)
	default:
		return p.fail(codeOther, err)
	}
	return 0
}

// takePID takes the pid file over.
func (p *process) takePID() {
	if p.pidLater == "" {
		return
	}
	for begin := time.Now(); ; time.Sleep(pidLook) {
		pid, err := daemon.LockPID(p.pidLater)
		if err == nil {
			p.pid = pid
			return
		}
		if !errors.Is(err, daemon.ErrRunning) || time.Since(begin) > pidWait {
			p.log.Error("the pid file is not this process's", "err", err)
			return
		}
	}
}

// openSupervisor finds who wants to know how the process does.
func (p *process) openSupervisor() {
	var err error
	if p.supervisor, err = daemon.OpenSupervisor(); err != nil {
		p.log.Warn(err.Error())
	}
}

// tell tells the supervisor.
func (p *process) tell(states ...string) {
	if err := p.supervisor.Tell(states...); err != nil {
		p.log.Warn(err.Error())
	}
}

// serving says that the process is up: to the one that started it, the one whose place it takes, and
// the supervisor.
func (p *process) serving() {
	p.ready.Done()
	p.inherited.Ready()
	p.takePID()
	p.tell(daemon.IsReady, daemon.Status("serving"))
}

// failed says why the process is not up.
func (p *process) failed(text string) {
	p.ready.Fail(text)
	p.inherited.Fail(text)
}
