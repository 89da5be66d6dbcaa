//go:build unix

package raw

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and group of another, as far as the process may: where it may not,
// the file is its own, as it is with SRS.
func keepOwner(f *os.File, of fs.FileInfo) {
	if want, ok := of.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(want.Uid), int(want.Gid))
	}
}
