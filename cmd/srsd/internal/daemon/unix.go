//go:build unix

package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// lock takes the lock that SRS takes, so that the two also see each other.
func lock(f *os.File) error {
	l := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &l)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EAGAIN) {
		return ErrRunning
	}
	return err
}

// Signals gives what the process is told from now on. The end of a reader of its output does not end
// it.
func Signals() (c <-chan os.Signal, stop func()) {
	ch := make(chan os.Signal, 8)
	signal.Ignore(syscall.SIGPIPE)
	signal.Notify(ch, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	return ch, func() { signal.Stop(ch) }
}

// KindOf gives what a signal means.
func KindOf(s os.Signal) Kind {
	switch s {
	case syscall.SIGHUP:
		return Reload
	case syscall.SIGUSR1:
		return Reopen
	case syscall.SIGUSR2:
		return Upgrade
	case syscall.SIGQUIT:
		return Graceful
	case syscall.SIGTERM:
		return Terminate
	}
	return Fast
}

// childEnv marks the process in the background. Its value is the file descriptor on which the parent
// waits for the child to have started.
const childEnv = "SRSD_READY_FD"

const readyFD = 3

// Detach runs the program again in the background, in a session of its own and without terminal, and
// waits until that one has called a method of its Ready or has ended. Where it failed, said is what it
// had to say and code its exit status; code is 0 where it runs.
func Detach() (said string, code int, err error) {
	program, err := ThisProgram()
	if err != nil {
		return "", 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", 0, fmt.Errorf("daemon: %w", err)
	}
	defer r.Close()
	cmd := program.Command()
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", childEnv, readyFD))
	cmd.ExtraFiles = []*os.File{w} // it is the child's readyFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return "", 0, fmt.Errorf("daemon: %w", err)
	}
	b, _ := io.ReadAll(r) // until the child has closed it
	if string(b) == isReady {
		_ = cmd.Process.Release()
		return "", 0, nil
	}
	_ = cmd.Wait()
	return string(b), max(cmd.ProcessState.ExitCode(), 1), nil
}

// openReady gives the pipe to the parent, nil in the foreground. The variable is not for this
// process's own children.
func openReady() *os.File {
	if os.Getenv(childEnv) == "" {
		return nil
	}
	_ = os.Unsetenv(childEnv)
	syscall.CloseOnExec(readyFD)
	return os.NewFile(readyFD, "ready")
}
