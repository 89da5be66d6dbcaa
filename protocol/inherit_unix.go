//go:build unix

package protocol

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// Inherit gives the sockets that the process was started with: those of systemd's socket
// activation (sd_listen_fds(3)), or those that a Server's HandOver left to it. Without any
// it gives nil. It is called once, early: it takes the sockets and what the environment
// says of them away from the processes that this one starts.
//
// A descriptor that is no listening socket is not an error; the Server says so when it
// closes it.
func Inherit() (*Inherited, error) {
	said, err := parseInheritance(os.Getenv, os.Getpid(), os.Getppid())
	for _, key := range []string{envPID, envFDs, envNames, envParent, envReady} {
		_ = os.Unsetenv(key)
	}
	if err != nil || said.ready == 0 && len(said.names) == 0 {
		return nil, err
	}
	in := &Inherited{}
	if said.ready > 0 {
		syscall.CloseOnExec(said.ready)
		in.ready = os.NewFile(uintptr(said.ready), "ready")
	}
	for i, name := range said.names {
		fd := firstFD + i
		syscall.CloseOnExec(fd)
		s, err := inheritSocket(fd, name)
		if err != nil {
			in.Close()
			return nil, fmt.Errorf("protocol: inherited socket %d (%s): %w", fd, name, err)
		}
		in.sockets = append(in.sockets, s)
	}
	return in, nil
}

// dupSocket gives a file of a socket. That of the socket's own method File would become a
// blocking one when it is passed on, and with it the socket here.
func dupSocket(c syscall.Conn) (f *os.File, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	cerr := raw.Control(func(fd uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		var n int
		if n, err = syscall.Dup(int(fd)); err == nil {
			syscall.CloseOnExec(n)
			f = os.NewFile(uintptr(n), "socket")
		}
	})
	if cerr != nil {
		return nil, cerr
	}
	return f, os.NewSyscallError("dup", err)
}

// inheritSocket makes a descriptor what package net works with. fd itself is closed.
func inheritSocket(fd int, name string) (*inheritedSocket, error) {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	s := &inheritedSocket{name: name, addr: Addr{"descriptor", fmt.Sprint(fd)}}
	typ, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err == syscall.ENOTSOCK {
		return s, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	accepts, _ := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	only6, err6 := syscall.GetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY)
	s.only6 = err6 == nil && only6 != 0
	switch {
	case typ == syscall.SOCK_STREAM && accepts != 0:
		s.listener, err = net.FileListener(f)
		if err == nil {
			s.addr = addrOf(s.listener.Addr(), s.only6)
		}
	case typ == syscall.SOCK_DGRAM:
		s.packets, err = net.FilePacketConn(f)
		if err == nil {
			s.addr = addrOf(s.packets.LocalAddr(), s.only6)
		}
	}
	s.only6 = s.only6 && s.addr.Address != "" && s.addr.Address[0] == ':'
	return s, err
}
