package daemon

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// Reloading tells that the configuration is being read anew. IsReady ends that.
func Reloading() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return "RELOADING=1"
	}
	return "RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(t.Nano()/1000, 10)
}
