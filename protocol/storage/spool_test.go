package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
)

// remote is a Memory that may be down, and that notes in which order things arrive.
type remote struct {
	storage.Memory
	mu    sync.Mutex
	down  bool
	hold  chan struct{}
	log   []string
	delay time.Duration
	bad   map[string]error // by what is noted
}

func (r *remote) note(s string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		return errors.New("no route to host")
	}
	if err := r.bad[s]; err != nil {
		return err
	}
	r.log = append(r.log, s)
	return nil
}

func (r *remote) Put(ctx context.Context, name string, in io.Reader, size int64) error {
	if r.hold != nil {
		<-r.hold
	}
	time.Sleep(r.delay)
	if err := r.note("put " + name); err != nil {
		return err
	}
	return r.Memory.Put(ctx, name, in, size)
}

func (r *remote) Remove(ctx context.Context, name string) error {
	if err := r.note("remove " + name); err != nil {
		return err
	}
	return r.Memory.Remove(ctx, name)
}

// arrived gives what has, in its order.
func (r *remote) arrived() []string { r.mu.Lock(); defer r.mu.Unlock(); return slices.Clone(r.log) }

func (r *remote) set(down bool) { r.mu.Lock(); defer r.mu.Unlock(); r.down = down }

func putText(t *testing.T, s storage.Storage, name, text string) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), name, strings.NewReader(text), int64(len(text))))
}

func spool(t *testing.T, cfg storage.SpoolConfig) *storage.Spool {
	t.Helper()
	s, err := storage.NewSpool(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// position gives where in the log something is for the last time.
func (r *remote) position(t *testing.T, s string) int {
	t.Helper()
	for i, x := range slices.Backward(r.arrived()) {
		if x == s {
			return i
		}
	}
	t.Fatalf("%q did not arrive: %q", s, r.log)
	return 0
}

// TestSpoolOrder: a playlist and a removal arrive after what was put before them, whatever overtakes.
func TestSpoolOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{down: true}
		s := spool(t, storage.SpoolConfig{Dir: disk(t), Remote: r, Workers: 3})
		for i := range 20 {
			putText(t, s, fmt.Sprintf("a-%d.ts", i), "segment")
			putText(t, s, "a.m3u8", fmt.Sprint("list ", i))
			if i >= 5 {
				require.NoError(t, s.Remove(t.Context(), fmt.Sprintf("a-%d.ts", i-5)))
			}
		}
		time.Sleep(3 * time.Second)
		require.True(t, s.Stats().Down)
		require.NotZero(t, s.Stats().Failures)
		r.set(false)
		require.NoError(t, s.Wait(t.Context()))
		last := r.position(t, "put a.m3u8")
		for i := 15; i < 20; i++ {
			require.Less(t, r.position(t, fmt.Sprintf("put a-%d.ts", i)), last)
		}
		require.Equal(t, "list 19", read(t, r, "a.m3u8"))
		var left []string
		for info := range r.List(t.Context(), "") {
			left = append(left, info.Name)
		}
		require.Equal(t, []string{"a-15.ts", "a-16.ts", "a-17.ts", "a-18.ts", "a-19.ts", "a.m3u8"}, left)
		x := s.Stats()
		require.False(t, x.Down)
		require.Zero(t, x.Waiting)
		require.Zero(t, x.WaitingBytes)
	})
}

// TestSpoolRestart: what waits when a process ends is sent by the next.
func TestSpoolRestart(t *testing.T) {
	dir, r := disk(t), &remote{down: true}
	s := spool(t, storage.SpoolConfig{Dir: dir, Remote: r})
	putText(t, s, "live/a b/x.mp4", "one")
	putText(t, s, "live/y", "old")
	putText(t, s, "live/y", "new")
	require.NoError(t, s.Remove(t.Context(), "live/z"))
	require.NoError(t, s.Close())
	require.Error(t, s.Put(t.Context(), "late", strings.NewReader(""), 0))
	require.NoError(t, os.WriteFile(filepath.Join(dir.Dir(), "stray"), nil, 0o644))

	r.set(false)
	s = spool(t, storage.SpoolConfig{Dir: dir, Remote: r})
	putText(t, s, "more", "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, s.Wait(ctx))
	require.Equal(t, "one", read(t, r, "live/a b/x.mp4"))
	require.Equal(t, "new", read(t, r, "live/y"))
	require.Len(t, r.arrived(), 4)
	entries, err := os.ReadDir(dir.Dir())
	require.NoError(t, err)
	require.Len(t, entries, 1, "the stray file alone")
}

// TestSpoolReplace: a newer file of a name that is on its way is sent after it.
func TestSpoolReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{hold: make(chan struct{})}
		s := spool(t, storage.SpoolConfig{Dir: disk(t), Remote: r})
		putText(t, s, "a", "1")
		synctest.Wait() // is on its way
		putText(t, s, "a", "2")
		putText(t, s, "a", "3")
		require.Equal(t, 2, s.Stats().Waiting)
		close(r.hold)
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, "3", read(t, r, "a"))
		require.Equal(t, []string{"put a", "put a"}, r.arrived())
	})
}

// TestSpoolFull: what there is no room for is refused, and takes none.
func TestSpoolFull(t *testing.T) {
	dir, r := disk(t), &remote{down: true}
	s := spool(t, storage.SpoolConfig{Dir: dir, Remote: r, MaxBytes: 10 + 2*4096})
	putText(t, s, "a", "12345678")
	require.ErrorIs(t, s.Put(t.Context(), "b", strings.NewReader("123"), 3), storage.ErrFull)
	require.ErrorIs(t, s.Put(t.Context(), "b", strings.NewReader("123"), -1), storage.ErrFull)
	putText(t, s, "b", "12")
	require.ErrorIs(t, s.Remove(t.Context(), "c"), storage.ErrFull, "it takes room too")
	x := s.Stats()
	require.EqualValues(t, 3, x.Refused)
	require.EqualValues(t, 10+2*4096, x.WaitingBytes)
	entries, err := os.ReadDir(dir.Dir())
	require.NoError(t, err)
	require.Len(t, entries, 2)
}

// TestSpoolFiles: files of another directory are sent from there.
func TestSpoolFiles(t *testing.T) {
	files, r := disk(t), &remote{}
	sent := make(chan string, 1)
	s := spool(t, storage.SpoolConfig{Dir: disk(t), Files: files, Remote: r, Sent: func(name string) { sent <- name }})
	putText(t, files, "rec/a.mp4", "movie")
	require.NoError(t, s.PutFile(t.Context(), "rec/gone.mp4"))
	require.NoError(t, s.PutFile(t.Context(), "rec/a.mp4"))
	require.Equal(t, "rec/a.mp4", <-sent)
	require.NoError(t, s.Wait(t.Context()))
	require.EqualValues(t, 1, s.Stats().Lost)
	require.EqualValues(t, 1, s.Stats().Sent)
	require.Equal(t, "movie", read(t, s, "rec/a.mp4"))
}

// BenchmarkPut: what a segment of 2 s at 600 kb/s costs until it is kept; of the spool, until it is sent.
func BenchmarkPut(b *testing.B) {
	segment := make([]byte, 150_000)
	d, err := storage.NewDisk(b.TempDir())
	require.NoError(b, err)
	dir, err := storage.NewDisk(b.TempDir())
	require.NoError(b, err)
	s, err := storage.NewSpool(storage.SpoolConfig{Dir: dir, Remote: storage.NewMemory()})
	require.NoError(b, err)
	for name, to := range map[string]storage.Storage{"disk": d, "spool": s} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(segment)))
			for i := 0; b.Loop(); i++ {
				require.NoError(b, to.Put(b.Context(), fmt.Sprintf("live/%d.ts", i%16), bytes.NewReader(segment), int64(len(segment))))
			}
			require.NoError(b, s.Wait(b.Context()))
		})
	}
	require.NoError(b, errors.Join(s.Close(), d.Close(), dir.Close()))
}

// TestSpoolOutage: a remote that is down is asked seldom, and by one worker, and the log has two lines.
func TestSpoolOutage(t *testing.T) {
	dir := disk(t)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := &remote{down: true}
		s := spool(t, storage.SpoolConfig{Dir: dir, Remote: r, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for i := range 500 {
			putText(t, s, fmt.Sprintf("%d.ts", i), "x")
		}
		time.Sleep(time.Hour)
		x := s.Stats()
		require.Less(t, x.Failures, uint64(150))
		require.Greater(t, x.Failures, uint64(50))
		require.GreaterOrEqual(t, s.Stats().Oldest, time.Hour)
		r.set(false)
		begin := time.Now()
		require.NoError(t, s.Wait(t.Context()))
		require.LessOrEqual(t, time.Since(begin), 2*time.Minute)
		require.Len(t, r.arrived(), 500)
		require.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())
	})
}

// TestSpoolBusy: a playlist that is put faster than its segments are sent is sent all the same.
func TestSpoolBusy(t *testing.T) {
	dir := disk(t)
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: 3 * time.Second}
		s := spool(t, storage.SpoolConfig{Dir: dir, Remote: r})
		for i := range 100 {
			putText(t, s, fmt.Sprintf("%d.ts", i), "x")
			putText(t, s, "a.m3u8", fmt.Sprint(i))
			time.Sleep(time.Second)
		}
		lists := 0
		for _, x := range r.arrived() {
			if x == "put a.m3u8" {
				lists++
			}
		}
		require.Greater(t, lists, 10)
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, "99", read(t, r, "a.m3u8"))
	})
}

// TestSpoolNever: a file that the remote will never take holds nothing up, nor does one that it does not
// take for now.
func TestSpoolNever(t *testing.T) {
	dir := disk(t)
	synctest.Test(t, func(t *testing.T) {
		r := &remote{bad: map[string]error{"put bad": fs.ErrInvalid, "put later": fs.ErrPermission}}
		s := spool(t, storage.SpoolConfig{Dir: dir, Remote: r})
		for _, name := range []string{"bad", "later", "a", "b", "c"} {
			putText(t, s, name, name)
		}
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, []string{"put a", "put b", "put c"}, r.arrived())
		x := s.Stats()
		require.EqualValues(t, 1, x.Lost)
		require.Equal(t, 1, x.Waiting)
		r.mu.Lock()
		r.bad = nil
		r.mu.Unlock()
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, "later", read(t, r, "later"))
	})
}
