package stream

import (
	"syscall"
	"unsafe"
)

const canTry = true

// tryWrite writes bufs to a non-blocking socket in one call, as much as it takes. A full
// socket is no error: n is less than the whole.
func tryWrite(fd uintptr, bufs [][]byte) (n int, err error) {
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
		// Raw: the call does not block, so the scheduler need not know of it.
		var r uintptr
		var errno syscall.Errno
		if k == 1 { // which costs less
			r, _, errno = syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(iov[0].Base)), uintptr(iov[0].Len))
		} else {
			r, _, errno = syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(k))
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
