package daemon

import (
	"io"
	"os"
)

// Kind is what a signal asks for.
type Kind uint8

// What signals ask for.
const (
	Reload    Kind = iota // SIGHUP
	Reopen                // SIGUSR1: the log file was moved away
	Upgrade               // SIGUSR2: the program's file is a new one
	Graceful              // SIGQUIT
	Terminate             // SIGTERM: fast, or graceful if the configuration says so
	Fast                  // SIGINT
)

// isReady is what the parent reads if all is well.
const isReady = "ok\n"

// Ready is how a process in the background tells the one that started it how it went. Its zero value,
// of a process in the foreground, does nothing.
type Ready struct{ f *os.File }

// OpenReady gives what Detach has left for this process. It is called once.
func OpenReady() *Ready { return &Ready{openReady()} }

// Child tells whether this is the process in the background.
func (r *Ready) Child() bool { return r.f != nil }

// Done says that all is well.
func (r *Ready) Done() { r.finish(isReady) }

// Fail says what is not.
func (r *Ready) Fail(text string) { r.finish(text) }

func (r *Ready) finish(text string) {
	if r.f != nil {
		_, _ = io.WriteString(r.f, text)
		_ = r.f.Close()
		r.f = nil
	}
}
