package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// HandOver starts cmd, a new version of the program most often, as the server's successor,
// and returns once that says that it serves. It gets all listening sockets, the same ones
// and not others at the same addresses, so that no connection is refused at any time:
// until the caller's Shutdown, which should follow at once, both accept.
//
// The successor calls Inherit, starts a Server with Config.Inherited, and then calls
// Inherited.Ready. If it ends without, says that it fails, or ctx ends before, it is
// killed, the error has what it said, and the server runs on as before.
//
// cmd must not have files of its own (ExtraFiles); its Env is added to, or else that of
// this process. HandOver does not wait for the end of a successor that serves: cmd.Process
// is that, for who wants to. Sockets at port 0 are handed over and find nobody who asks
// for them.
//
// Datagram sockets too are read by both until Shutdown, each datagram by one of the two;
// from then on by the successor alone, which knows nothing of the sessions that the old
// process goes on writing to: those whose peers must be heard end there.
//
// It works on Unix systems. Elsewhere the error wraps errors.ErrUnsupported.
func (s *Server) HandOver(ctx context.Context, cmd *exec.Cmd) error {
	s.op.Lock()
	defer s.op.Unlock()
	if s.state != stateRunning {
		return fmt.Errorf("protocol: handing over: %w", ErrState)
	}
	if len(cmd.ExtraFiles) > 0 {
		return errors.New("protocol: handing over: the command has files of its own")
	}
	names, files, err := s.pool.files()
	defer closeAll(files)
	if err != nil {
		return fmt.Errorf("protocol: handing over: %w", err)
	}
	answer, ready, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("protocol: handing over: %w", err)
	}
	defer answer.Close()
	cmd.ExtraFiles = append(files, ready)
	cmd.Env = inheritance{names: names, ready: firstFD + len(files)}.environment(cmd.Environ(), os.Getpid())
	err = cmd.Start()
	_ = ready.Close()
	if err != nil {
		return fmt.Errorf("protocol: handing over: %w", err)
	}
	if err := awaitSuccessor(ctx, cmd, answer); err != nil {
		return fmt.Errorf("protocol: handing over: %w", err)
	}
	s.pool.handedOver()
	return nil
}

// maxAnswer bounds what a successor says.
const maxAnswer = 8 << 10

// awaitSuccessor reads what a successor says. On an error the process has ended.
func awaitSuccessor(ctx context.Context, cmd *exec.Cmd, answer *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = answer.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	b, err := io.ReadAll(io.LimitReader(answer, maxAnswer))
	if err == nil && string(b) == readyWord {
		return nil
	}
	said := strings.TrimSpace(string(b))
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("the new process is not ready: %w", context.Cause(ctx))
		_ = cmd.Process.Kill()
	case said != "":
		err = fmt.Errorf("the new process says: %s", said)
	default:
		err = errors.New("the new process ended without a word")
	}
	// It has closed its end and is about to exit, or it never will.
	defer time.AfterFunc(stuckAfter, func() { _ = cmd.Process.Kill() }).Stop()
	if werr := cmd.Wait(); werr != nil {
		err = fmt.Errorf("%w (%w)", err, werr)
	}
	return err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// files duplicates the sockets that listen, with the names under which they were
// injected. The caller closes them, on an error too.
func (p *pool) files() (names []string, files []*os.File, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add := func(name string, socket any, what Addr) {
		var f *os.File
		ferr := errors.ErrUnsupported
		if s, ok := socket.(syscall.Conn); ok {
			f, ferr = dupSocket(s)
		}
		if ferr != nil {
			err = errors.Join(err, fmt.Errorf("the socket of %s: %w", what, ferr))
			return
		}
		// The colon separates names.
		names, files = append(names, strings.ReplaceAll(name, ":", "_")), append(files, f)
	}
	for key, sh := range p.shared {
		for _, l := range sh.sockets {
			add(sh.name, l, key.Addr)
		}
	}
	for key, sp := range p.packets {
		add(sp.name, sp.PacketConn, key.Addr)
	}
	if len(files) > maxInherited {
		err = fmt.Errorf("%d sockets are too many", len(files))
	}
	return names, files, err
}

// handedOver leaves what is to come to a successor: a Unix socket's file, and datagrams.
func (p *pool) handedOver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.succeeded = true
	for _, sh := range p.shared {
		for _, l := range sh.sockets {
			if u, ok := l.(*net.UnixListener); ok {
				u.SetUnlinkOnClose(false)
			}
		}
	}
}

// stopReading leaves datagrams to a successor, if there is one.
func (p *pool) stopReading() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.succeeded {
		for _, sp := range p.packets {
			sp.stopReading()
		}
	}
}
