//go:build unix

package api

import "syscall"

// readRusage asks the system what the process has used.
func readRusage() (rusage, bool) {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return rusage{}, false
	}
	return rusage{
		int64(r.Utime.Sec), int64(r.Stime.Sec), int64(r.Maxrss), int64(r.Ixrss), int64(r.Idrss), int64(r.Isrss),
		int64(r.Minflt), int64(r.Majflt), int64(r.Nswap), int64(r.Inblock), int64(r.Oublock), int64(r.Msgsnd),
		int64(r.Msgrcv), int64(r.Nsignals), int64(r.Nvcsw), int64(r.Nivcsw),
	}, true
}
