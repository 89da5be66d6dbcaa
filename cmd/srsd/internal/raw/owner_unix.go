//go:build unix

package raw

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and group of another, if they differ.
func keepOwner(f *os.File, of fs.FileInfo) error {
	want, ok := of.Sys().(*syscall.Stat_t)
	info, err := f.Stat()
	if !ok || err != nil {
		return err
	}
	if have, ok := info.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}
