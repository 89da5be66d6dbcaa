package protocol

import (
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Linux options that package syscall does not name on every architecture.
const (
	soReusePort    = 0xf
	tcpUserTimeout = 0x12
	siocOutq       = 0x5411
)

func setsockopt(raw syscall.RawConn, level, opt, value int) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) {
		err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), level, opt, value))
	}); cerr != nil {
		return cerr
	}
	return err
}

// setReusePort lets several sockets share an address (SO_REUSEPORT).
func setReusePort(raw syscall.RawConn) error {
	return setsockopt(raw, syscall.SOL_SOCKET, soReusePort, 1)
}

func setUserTimeout(t *net.TCPConn, d time.Duration) error {
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	return setsockopt(raw, syscall.IPPROTO_TCP, tcpUserTimeout, int(max(d, 0).Milliseconds()))
}

func unsentBytes(t *net.TCPConn) (int, error) {
	raw, err := t.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int32
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, siocOutq, uintptr(unsafe.Pointer(&n)))
	}); err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, os.NewSyscallError("ioctl", errno)
	}
	return int(n), nil
}
