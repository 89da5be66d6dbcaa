package storage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
)

// TestDiskFull: a real disk that is full, and one that is read-only. Where none can be mounted (who is
// not root) TestReason stands for it.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Logf("no disk of our own: %v", err)
		return
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	d, err := storage.NewDisk(dir)
	require.NoError(t, err)
	defer d.Close()
	putText(t, d, "live/a.ts", "old")
	big := bytes.Repeat([]byte("x"), 128<<10)
	err = d.Put(t.Context(), "live/a.ts", bytes.NewReader(big), int64(len(big)))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, filepath.Join(dir, "live", "a.ts"))
	require.Equal(t, "old", read(t, d, "live/a.ts"))
	entries, err := os.ReadDir(filepath.Join(dir, "live"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left of it")

	f, err := d.Create("rec.flv")
	require.NoError(t, err)
	_, err = f.Write(big)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Discard())
	putText(t, d, "live/b.ts", "there is room again")

	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	require.ErrorIs(t, d.Put(t.Context(), "c", strings.NewReader("x"), 1), syscall.EROFS)
	_, err = d.Create("c")
	require.ErrorIs(t, err, syscall.EROFS)
	require.ErrorIs(t, d.Remove(t.Context(), "live/b.ts"), syscall.EROFS)
	require.Equal(t, "old", read(t, d, "live/a.ts"))
}
