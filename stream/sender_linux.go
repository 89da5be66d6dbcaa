//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package stream

import (
	"syscall"
	"unsafe"
)

const canTry = true

// tryWrite writes bufs to a non-blocking socket in one call, as much as it takes. A full
// socket is no error: n is less than the whole.
func tryWrite(fd uintptr, bufs [][]byte) (n int, err error) {
	const flags = syscall.MSG_DONTWAIT | syscall.MSG_NOSIGNAL
	var iov [8]syscall.Iovec
	k := 0
	for _, b := range bufs {
		if len(b) > 0 && k < len(iov) {
			iov[k].Base = &b[0]
			iov[k].SetLen(len(b))
			k++
		}
	}
	for k > 0 {
		// Raw, since the scheduler need not know of a call that does not block; and for one
		// piece sendto, since it costs the kernel less than write or sendmsg do.
		var r uintptr
		var errno syscall.Errno
		if k == 1 {
			r, _, errno = syscall.RawSyscall6(syscall.SYS_SENDTO, fd,
				uintptr(unsafe.Pointer(iov[0].Base)), uintptr(iov[0].Len), flags, 0, 0)
		} else {
			m := syscall.Msghdr{Iov: &iov[0]}
			m.Iovlen = uint64(k)
			r, _, errno = syscall.RawSyscall(syscall.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&m)), flags)
		}
		switch errno {
		case 0:
			return int(r), nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, errno
		}
	}
	return 0, nil
}
