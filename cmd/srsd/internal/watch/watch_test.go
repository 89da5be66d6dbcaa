package watch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// blind is a system that cannot tell of changes.
func blind() (*fsnotify.Watcher, error) { return nil, errors.New("too many instances") }

type watcher struct {
	*Watcher
	t       *testing.T
	dir     string
	changes chan struct{}
}

// watchDir follows srs.conf in a directory of its own.
func watchDir(t *testing.T, open func() (*fsnotify.Watcher, error)) *watcher {
	w := &watcher{t: t, dir: t.TempDir(), changes: make(chan struct{}, 100)}
	w.write("srs.conf", "1")
	w.Watcher = New(Config{
		Changed: func() { w.changes <- struct{}{} }, Delay: 20 * time.Millisecond, Dir: w.dir, open: open,
	}, []string{"srs.conf"})
	t.Cleanup(w.Close)
	return w
}

func (w *watcher) path(name string) string { return filepath.Join(w.dir, name) }

func (w *watcher) write(name, text string) {
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(text), 0o644))
}

// changed waits for a change to be told.
func (w *watcher) changed(why string) {
	w.t.Helper()
	select {
	case <-w.changes:
	case <-time.After(30 * time.Second):
		w.t.Fatal("not told: " + why)
	}
	w.settle()
}

// settle waits until nothing has been told for some time: one write may be several events.
func (w *watcher) settle() {
	for {
		select {
		case <-w.changes:
		case <-time.After(150 * time.Millisecond):
			return
		}
	}
}

// quiet holds that nothing was told.
func (w *watcher) quiet(why string) {
	w.t.Helper()
	select {
	case <-w.changes:
		w.t.Fatal("told: " + why)
	case <-time.After(150 * time.Millisecond):
	}
}

func TestChanges(t *testing.T) {
	for name, open := range map[string]func() (*fsnotify.Watcher, error){"told": nil, "looked at": blind} {
		t.Run(name, func(t *testing.T) {
			w := watchDir(t, open)
			w.settle()
			w.write("srs.conf", "22")
			w.changed("written")
			w.write("other", "1")
			w.quiet("another file")
			w.write("new", "333")
			require.NoError(t, os.Rename(w.path("new"), w.path("srs.conf")))
			w.changed("replaced")
			require.NoError(t, os.Remove(w.path("srs.conf")))
			w.quiet("removed")
			w.write("srs.conf", "4444")
			w.changed("made again")
			_, err := os.ReadFile(w.path("srs.conf"))
			require.NoError(t, err)
			w.quiet("read")
		})
	}
}

// Many changes at once are told once.
func TestDelay(t *testing.T) {
	told := make(chan struct{}, 100)
	dir := t.TempDir()
	file := filepath.Join(dir, "srs.conf")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	w := New(Config{Changed: func() { told <- struct{}{} }, Delay: 2 * time.Second}, []string{file})
	defer w.Close()
	for range 50 {
		require.NoError(t, os.WriteFile(file, []byte("x"), 0o644))
	}
	<-told
	require.Empty(t, told)
}

func TestIncludedFiles(t *testing.T) {
	w := watchDir(t, nil)
	require.NoError(t, os.Mkdir(w.path("sub"), 0o755))
	w.write("sub/a.conf", "1")
	w.quiet("not followed")
	w.Follow([]string{"srs.conf", "sub/a.conf"})
	w.write("sub/a.conf", "2")
	w.changed("included file")
	w.Follow([]string{"srs.conf"})
	w.write("sub/a.conf", "3")
	w.quiet("no longer included")
	w.write("srs.conf", "2")
	w.changed("still followed")
}

// Kubernetes: srs.conf leads through ..data into a directory, and ..data is replaced.
func TestKubernetes(t *testing.T) {
	w := watchDir(t, nil)
	require.NoError(t, os.Remove(w.path("srs.conf")))
	for _, name := range []string{"..1", "..2", "..3"} {
		require.NoError(t, os.Mkdir(w.path(name), 0o755))
		w.write(name+"/srs.conf", name)
	}
	require.NoError(t, os.Symlink("..1", w.path("..data")))
	require.NoError(t, os.Symlink("..data/srs.conf", w.path("srs.conf")))
	w.changed("set up")
	for i, name := range []string{"..2", "..3"} {
		require.NoError(t, os.Symlink(name, w.path("..tmp")))
		require.NoError(t, os.Rename(w.path("..tmp"), w.path("..data")))
		require.NoError(t, os.RemoveAll(w.path([]string{"..1", "..2"}[i])))
		w.changed(name)
	}
}

func TestLink(t *testing.T) {
	w := watchDir(t, nil)
	elsewhere := filepath.Join(t.TempDir(), "real.conf")
	require.NoError(t, os.WriteFile(elsewhere, []byte("1"), 0o644))
	require.NoError(t, os.Remove(w.path("srs.conf")))
	require.NoError(t, os.Symlink(elsewhere, w.path("srs.conf")))
	w.changed("linked")
	require.NoError(t, os.WriteFile(elsewhere, []byte("2"), 0o644))
	w.changed("what it links to")
}

// However a directory is reached, what is in it is found.
func TestLinkedDirectory(t *testing.T) {
	w := watchDir(t, nil)
	w.write("real.conf", "1")
	require.NoError(t, os.Symlink(w.dir, w.path("link")))
	require.NoError(t, os.Symlink("real.conf", w.path("b.conf")))
	w.settle()
	w.Follow([]string{"link/b.conf", "link/srs.conf"})
	w.write("real.conf", "22")
	w.changed("through two links")
	w.write("srs.conf", "22")
	w.changed("through one")
}

// A directory that goes and comes back is found again.
func TestDirectoryReplaced(t *testing.T) {
	w := watchDir(t, nil)
	w.settle()
	require.NoError(t, os.Rename(w.dir, w.dir+".old"))
	w.changed("gone")
	require.NoError(t, os.Mkdir(w.dir, 0o755))
	w.write("srs.conf", "22")
	w.changed("back")
	w.Follow([]string{"srs.conf"})
	w.write("srs.conf", "333")
	w.changed("written again")
}

func TestClose(t *testing.T) {
	streamtest.CheckLeaks(t)
	w := New(Config{Changed: func() {}}, []string{filepath.Join(t.TempDir(), "none", "srs.conf")})
	w.Close()
	w.Close()
	w.Follow(nil)
}
