package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clock reads CLOCK_MONOTONIC through the runtime's cheap clock. That clock is the same in all processes
// of a machine, so that time marks of another srsbench's publishers can be read too.
type clock struct {
	base   time.Time
	offset int64
}

func newClock() clock {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails only for clocks that do not exist
	return clock{base: time.Now(), offset: ts.Nano()}
}

func (c clock) now() int64 { return c.offset + int64(time.Since(c.base)) }

// resolve gives the address of host:port as the kernel takes it.
func resolve(addr string) (netip.AddrPort, error) {
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

func sockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}

// dial starts a connection and returns its socket without waiting. from may be the zero Addr.
func dial(to netip.AddrPort, from netip.Addr, rcvbuf int) (fd int, err error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
			fd = -1
		}
	}()
	if rcvbuf > 0 {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, rcvbuf); err != nil {
			return fd, fmt.Errorf("receive buffer of %d bytes: %w", rcvbuf, err)
		}
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as encoders do; without it only latency differs
	if from.IsValid() {
		// The port is then chosen at connect and may be shared by connections to other peers.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			return fd, fmt.Errorf("bind to %v: %w", from, err)
		}
	}
	if err = unix.Connect(fd, sockaddr(to)); err == unix.EINPROGRESS {
		err = nil
	}
	return fd, err
}

// recv reads without blocking. With MSG_TRUNC in flags the kernel drops a TCP socket's bytes and buf is
// not written; other sockets ignore the flag. It enters the kernel without telling the scheduler,
// because it never blocks and is called a hundred thousand times a second.
func recv(fd int, buf []byte, flags int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))),
		uintptr(len(buf)), uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// send writes without blocking, as recv reads.
func send(fd int, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))),
		uintptr(len(buf)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// again tells the errors after which a socket operation is simply tried later.
func again(err error) bool { return err == syscall.EAGAIN || err == syscall.EINTR }

// raiseFileLimit lets the process open as many sockets as the system allows, and refuses a run that
// needs more.
func raiseFileLimit(need int) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	if l.Cur < l.Max {
		l.Cur = l.Max
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: l.Cur, Max: l.Max}); err != nil {
			return fmt.Errorf("file limit: %w", err)
		}
	}
	if uint64(need+64) > l.Cur {
		return fmt.Errorf("%d connections need more than the %d files allowed (ulimit -n)", need, l.Cur)
	}
	return nil
}

// pinSelf binds every thread of the process to one core, or to none if cpu is below 0; later threads
// and processes inherit it.
func pinSelf(cpu int) error {
	var set unix.CPUSet
	if cpu >= 0 {
		set.Set(cpu)
	} else {
		set.Fill() // the kernel leaves out those that do not exist
	}
	err := eachThread(func(tid int) error { return unix.SchedSetaffinity(tid, &set) })
	if err != nil {
		return fmt.Errorf("pin to core %d: %w", cpu, err)
	}
	return nil
}

// setNice gives every thread of the process a priority; later threads and processes inherit it.
func setNice(nice int) error {
	err := eachThread(func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, nice) })
	if err != nil {
		return fmt.Errorf("-nice %d: %w", nice, err)
	}
	return nil
}

// eachThread calls f for every thread there is, as Linux knows these settings by thread alone.
func eachThread(f func(tid int) error) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		if err := f(tid); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}
