//go:build unix

package files

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSpecial: what is neither a file nor a directory is not waited for, and not there.
func TestSpecial(t *testing.T) {
	root, err := os.MkdirTemp("", "s") // short, for the socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "fifo"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(root, "dir"), 0o755))
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "dir", "index.html"), 0o644))
	l, err := net.Listen("unix", filepath.Join(root, "socket"))
	require.NoError(t, err)
	defer l.Close()
	r := newRig(t, Config{Dir: root, Mounts: []Mount{{Path: "/dev", Dir: "/dev"}}})
	for _, path := range []string{"/fifo", "/fifo/", "/dir", "/dir/", "/socket", "/dev/zero", "/dev/tty"} {
		status, body := r.get(t, path)
		require.Equal(t, http.StatusNotFound, status, path)
		require.Equal(t, "Not Found", body)
	}
}
