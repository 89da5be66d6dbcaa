package srslog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logs", "a.log")
	o, err := OpenFile(path, Rotation{})
	require.NoError(t, err)
	require.True(t, o.IsFile())
	fmt.Fprintln(o, "one")
	require.NoError(t, os.Rename(path, path+".1"))
	fmt.Fprintln(o, "two")
	require.NoError(t, o.Reopen())
	fmt.Fprintln(o, "three")
	require.NoError(t, o.Close())
	require.NoError(t, o.Close())
	fmt.Fprintln(o, "lost")
	require.Equal(t, "one\ntwo\n", readFile(t, path+".1"))
	require.Equal(t, "three\n", readFile(t, path))
	_, err = OpenFile(t.TempDir(), Rotation{})
	require.Error(t, err)

	var b bytes.Buffer
	s := NewOutput(&b)
	require.False(t, s.Terminal())
	require.False(t, s.IsFile())
	require.NoError(t, s.Reopen())
	fmt.Fprintln(s, "a")
	require.NoError(t, s.Close())
	require.Equal(t, "a\n", b.String())
}

// TestRotation writes from many goroutines across many files: no line is lost or torn, and no file is
// larger than it may be.
func TestRotation(t *testing.T) {
	const writers, each, size = 8, 500, 8 << 10
	path := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("before\n", 2000)), 0o644)) // larger than it may be already
	o, err := OpenFile(path, Rotation{MaxSize: size, MaxFiles: 1000})
	require.NoError(t, err)
	var work sync.WaitGroup
	for w := range writers {
		work.Go(func() {
			for i := range each {
				fmt.Fprintf(o, "%d %d %s\n", w, i, strings.Repeat("x", i%100))
				if w == 0 && i%100 == 50 {
					_ = o.Reopen() // as a signal has it
				}
			}
		})
	}
	work.Wait()
	long := strings.Repeat("y", 2*size) + "\n"
	_, _ = o.Write([]byte(long))
	require.NoError(t, o.Close())

	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Greater(t, len(files), 10)
	lines := map[string]int{}
	for i := range files {
		name := path
		if i > 0 {
			name = fmt.Sprintf("%s.%d", path, i)
		}
		text := readFile(t, name)
		require.True(t, len(text) <= size || text == long || strings.HasPrefix(text, "before"), "%s: %d", name, len(text))
		for _, line := range strings.SplitAfter(text, "\n") {
			lines[line]++
		}
	}
	for w := range writers {
		for i := range each {
			require.Equal(t, 1, lines[fmt.Sprintf("%d %d %s\n", w, i, strings.Repeat("x", i%100))], "%d %d", w, i)
		}
	}
	require.Equal(t, 1, lines[long])
	require.Equal(t, 2000, lines["before\n"])
}

func TestRotationKeeps(t *testing.T) {
	for _, keep := range []int{0, 1, 3} {
		path := filepath.Join(t.TempDir(), "a.log")
		o, err := OpenFile(path, Rotation{})
		require.NoError(t, err)
		o.SetRotation(Rotation{MaxSize: 8, MaxFiles: keep})
		for i := range 10 {
			fmt.Fprintf(o, "line %d\n", i)
		}
		require.NoError(t, o.Close())
		require.Equal(t, "line 9\n", readFile(t, path))
		for i := 1; i <= keep; i++ {
			require.Equal(t, fmt.Sprintf("line %d\n", 9-i), readFile(t, fmt.Sprintf("%s.%d", path, i)))
		}
		require.NoFileExists(t, fmt.Sprintf("%s.%d", path, keep+1))
	}
}

// TestRotationFails: a log that cannot be moved away goes on where it is, and that is told.
func TestRotationFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.Mkdir(path+".1", 0o755)) // no file can have that name
	o, err := OpenFile(path, Rotation{MaxSize: 8, MaxFiles: 1})
	require.NoError(t, err)
	told := make(chan error, 10)
	o.OnLoss(func(_ int64, err error) { told <- err })
	fmt.Fprintln(o, "line 1")
	fmt.Fprintln(o, "line 2")
	require.ErrorContains(t, <-told, "rotating the log")
	require.NoError(t, o.Close())
	require.Equal(t, "line 1\nline 2\n", readFile(t, path))
}

// disk is a file that can be full, and be stuck.
type disk struct {
	mu     sync.Mutex
	b      bytes.Buffer
	room   int           // bytes it takes before it is full
	stuck  chan struct{} // a write waits for it
	wrote  chan struct{} // gets a value at each try to write
	closed bool
}

func (d *disk) Write(p []byte) (int, error) {
	select {
	case d.wrote <- struct{}{}:
	default:
	}
	if d.stuck != nil {
		<-d.stuck
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(d.room, len(p))
	d.room -= n
	d.b.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (d *disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

// loss is what OnLoss tells.
type loss struct {
	n   int64
	err error
}

// onDisk gives an Output to a disk, with a small queue.
func onDisk(d *disk) (*Output, chan loss) {
	o := newOutput(&dest{w: d, file: d})
	o.limit, o.retry, o.urgent = 64, time.Millisecond, time.Minute
	told := make(chan loss, 100)
	o.OnLoss(func(n int64, err error) { told <- loss{n, err} })
	return o.start(), told
}

// TestFullDisk: nobody waits, what is lost is counted, and no line is torn.
func TestFullDisk(t *testing.T) {
	d := &disk{room: 10, wrote: make(chan struct{}, 1000)}
	o, told := onDisk(d)
	fmt.Fprintln(o, "line one")
	const n = 100
	fmt.Fprintln(o, "line 0 of many") // one byte of it fits
	for range 3 {
		<-d.wrote // the third try comes after one that failed
	}
	for i := 1; i < n; i++ {
		fmt.Fprintf(o, "line %d of many\n", i)
	}
	require.Empty(t, told, "it says so before it can")
	d.mu.Lock()
	d.room = 1 << 20
	d.mu.Unlock()
	var lost int64
	var err error
	for lost == 0 || err == nil {
		l := <-told
		lost += l.n
		err = errors.Join(err, l.err)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, o.Close())
	require.True(t, d.closed)
	lines := strings.Split(strings.TrimSuffix(d.b.String(), "\n"), "\n")
	require.Equal(t, "line one", lines[0])
	for i, line := range lines[1:] {
		require.Equal(t, fmt.Sprintf("line %d of many", i), line)
	}
	require.EqualValues(t, 1+n, int64(len(lines))+lost)
}

// TestStuckDisk: lines do not wait for a disk that hangs; an error does, once and shortly.
func TestStuckDisk(t *testing.T) {
	d := &disk{room: 1 << 20, stuck: make(chan struct{}), wrote: make(chan struct{}, 1000)}
	o, told := onDisk(d)
	o.urgent = time.Millisecond
	fmt.Fprintln(o, "first")
	<-d.wrote
	_, _ = o.WriteUrgent([]byte("urgent\n"))
	o.mu.Lock()
	require.True(t, o.late)
	o.urgent = time.Hour
	o.mu.Unlock()
	for range 100 {
		_, _ = o.WriteUrgent([]byte("the disk hangs\n"))
		fmt.Fprintln(o, "another line")
	}
	close(d.stuck)
	require.Positive(t, (<-told).n)
	_, _ = o.WriteUrgent([]byte("written\n"))
	d.mu.Lock()
	require.True(t, strings.HasSuffix(d.b.String(), "written\n"), "an error is written when WriteUrgent returns")
	d.mu.Unlock()
	require.NoError(t, o.Close())
}

// TestUrgentFindsRoom: an error is not dropped because the queue is full for a moment.
func TestUrgentFindsRoom(t *testing.T) {
	d := &disk{room: 1 << 20, stuck: make(chan struct{}), wrote: make(chan struct{}, 1000)}
	o, _ := onDisk(d)
	fmt.Fprintln(o, "first")
	<-d.wrote
	for range 10 {
		fmt.Fprintln(o, "fills the queue")
	}
	go close(d.stuck)
	_, _ = o.WriteUrgent([]byte("an error\n"))
	require.NoError(t, o.Close())
	require.Contains(t, d.b.String(), "an error\n")
}

// TestCloseGivesUp: a disk that stays full does not keep the process.
func TestCloseGivesUp(t *testing.T) {
	d := &disk{wrote: make(chan struct{}, 1)}
	o, _ := onDisk(d)
	o.retry = time.Hour
	fmt.Fprintln(o, "never written")
	<-d.wrote
	require.NoError(t, o.Close())
	require.Zero(t, d.b.Len())
}

// TestReopenOnFullDisk: the line that did not fit is whole in the new file.
func TestReopenOnFullDisk(t *testing.T) {
	full, empty := &disk{room: 7, wrote: make(chan struct{}, 1000)}, &disk{room: 1 << 20}
	o, told := onDisk(full)
	o.dest.open = func(string) (logFile, int64, error) { return empty, 0, nil }
	o.path = "a.log"
	fmt.Fprintln(o, "one")
	fmt.Fprintln(o, "two and more")
	for range 3 {
		<-full.wrote
	}
	require.NoError(t, o.dest.reopen())
	require.ErrorIs(t, (<-told).err, syscall.ENOSPC)
	require.NoError(t, o.Close())
	require.True(t, full.closed)
	require.Equal(t, "two and more\n", empty.b.String())
}
