//go:build unix

package conf

import "syscall"

// maxFiles returns the soft limit of open files, which Go has raised to the hard one by now.
func maxFiles() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return uint64(l.Cur)
}
