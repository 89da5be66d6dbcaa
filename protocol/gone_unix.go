//go:build unix

package protocol

import (
	"net"
	"syscall"
)

// awaitGone waits until the peer closes (true), sends, or the read deadline comes.
func awaitGone(t *net.TCPConn) (gone bool) {
	raw, err := t.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		switch err {
		case syscall.EAGAIN, syscall.EINTR:
			return false
		case nil:
			gone = n == 0
		default: // a reset
			gone = true
		}
		return true
	})
	return gone
}
