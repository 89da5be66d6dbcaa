package daemon

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// That a second process is refused is tested with the program: a process never excludes itself.
func TestLockPID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "objs", "srs.pid")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte("1234567890123"), 0o644))
	p, err := LockPID(path)
	require.NoError(t, err)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid()), string(b))
	require.NoError(t, p.Close())
	_, err = LockPID(filepath.Dir(path))
	require.ErrorContains(t, err, "daemon: pid file: ")
}

func TestServerID(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "srs.pid")
	id, err := ServerID("mine", pid)
	require.NoError(t, err)
	require.Equal(t, "mine", id)
	require.NoFileExists(t, filepath.Join(filepath.Dir(pid), "srs.id"))

	id, err = ServerID("", pid)
	require.NoError(t, err)
	require.Regexp(t, "^vid-[a-z0-9]{7}$", id)
	again, err := ServerID("", pid)
	require.NoError(t, err)
	require.Equal(t, id, again)

	id, err = ServerID("", filepath.Join(filepath.Dir(pid), "none", "srs.pid"))
	require.Error(t, err)
	require.NotEmpty(t, id, "the server starts all the same")
}
