package daemon

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The variables of systemd's notification protocol, sd_notify(3) and sd_watchdog_enabled(3).
const (
	envNotify       = "NOTIFY_SOCKET"
	envWatchdog     = "WATCHDOG_USEC"
	envWatchdogPID  = "WATCHDOG_PID"
	notifyTimeout   = time.Second
	watchdogMinimum = time.Millisecond
)

// What a Supervisor can be told besides Status, Reloading and MainPID.
const (
	IsReady    = "READY=1"
	IsStopping = "STOPPING=1"
	isAlive    = "WATCHDOG=1"
)

// Status is a line on what the process does.
func Status(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// MainPID tells which process is the service from now on.
func MainPID(pid int) string { return "MAINPID=" + strconv.Itoa(pid) }

// Supervisor is who started the process as a service and wants to know how it does: systemd, or what
// speaks its protocol. All methods do nothing on a nil one.
type Supervisor struct {
	conn     *net.UnixConn
	closed   atomic.Bool
	watchdog time.Duration // 0: none
}

// Supervised tells whether the environment names a supervisor: the process it watches is this one, which
// therefore does not go to the background.
func Supervised() bool { return os.Getenv(envNotify) != "" }

// OpenSupervisor gives the supervisor that the environment names, nil for none. The variables stay: a
// process that takes this one's place needs them.
func OpenSupervisor() (*Supervisor, error) {
	name := os.Getenv(envNotify)
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("daemon: %s=%.100q is neither a path nor an abstract name", envNotify, name)
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("daemon: %s: %w", envNotify, err)
	}
	return &Supervisor{conn: c, watchdog: watchdogTime(os.Getenv, os.Getpid())}, nil
}

// watchdogTime gives within which time a process has to say that it lives; 0: it need not.
func watchdogTime(getenv func(string) string, pid int) time.Duration {
	if p := getenv(envWatchdogPID); p != "" && p != strconv.Itoa(pid) {
		return 0
	}
	n, err := strconv.ParseInt(getenv(envWatchdog), 10, 64)
	d := time.Duration(n) * time.Microsecond
	if err != nil || d < watchdogMinimum || d/time.Microsecond != time.Duration(n) {
		return 0
	}
	return d
}

// Tell sends states in one message.
func (s *Supervisor) Tell(states ...string) error {
	if s == nil || s.closed.Load() {
		return nil
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(notifyTimeout)) // fails only if the write will
	if _, err := s.conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("daemon: telling the supervisor: %w", err)
	}
	return nil
}

// Watch says twice per watchdog time that the process lives, once alive has returned. stop ends that;
// it does not wait for an alive that hangs.
func (s *Supervisor) Watch(alive func()) (stop func()) {
	if s == nil || s.watchdog == 0 {
		return func() {}
	}
	end := make(chan struct{})
	go func() {
		tick := time.NewTicker(s.watchdog / 2)
		defer tick.Stop()
		for {
			alive()
			_ = s.Tell(isAlive) // the next one may get through; the supervisor acts if none does
			select {
			case <-tick.C:
			case <-end:
				return
			}
		}
	}()
	return func() { close(end) }
}

// Close ends the connection: nothing is told any more.
func (s *Supervisor) Close() error {
	if s == nil || s.closed.Swap(true) {
		return nil
	}
	return s.conn.Close()
}
