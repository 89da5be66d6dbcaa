//go:build !unix

package daemon

import (
	"errors"
	"os"
	"os/signal"
)

func lock(*os.File) error { return nil }

// Signals gives what the process is told from now on: to end, here, and nothing else.
func Signals() (c <-chan os.Signal, stop func()) {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, os.Interrupt)
	return ch, func() { signal.Stop(ch) }
}

// KindOf gives what a signal means.
func KindOf(os.Signal) Kind { return Fast }

// Detach is not possible on this system.
func Detach() (said string, code int, err error) {
	return "", 0, errors.New("daemon: this system has no background processes of the kind: set daemon off")
}

func openReady() *os.File { return nil }
