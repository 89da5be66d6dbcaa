package storage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/protocol/storage/storagetest"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

var key = stream.Key{Vhost: "v.test", App: "live/sub", Name: "av"}

func TestExpand(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 67_000_000, time.UTC)
	v := storage.Vars{Key: key, Seq: 24, Duration: 2 * time.Second, Time: at}
	for template, want := range map[string]string{
		"[app]/[stream]-[seq].ts":                   "live/sub/av-24.ts",
		"./[vhost]//[app]/[stream].m3u8":            "v.test/live/sub/av.m3u8",
		"[2006]/[01]/[02]/[15]-[04]-[05]-[999].flv": "2026/01/02/03-04-05-067.flv",
		"[stream]-[timestamp]-[duration].ts":        fmt.Sprintf("av-%d-2000.ts", at.UnixMilli()),
		"[other]/[stream]":                          "[other]/av",
	} {
		got, err := storage.Expand(template, v)
		require.NoError(t, err)
		require.Equal(t, want, got, template)
	}
	got, err := storage.Expand("[stream]-[timestamp].ts", storage.Vars{Key: key, Timestamp: 897666874})
	require.NoError(t, err)
	require.Equal(t, "av-897666874.ts", got)

	for _, bad := range []string{"..", "../x", "a/../../x", "/etc", "a//b", "a/./b", "", "a\x00b", "a\\b", "a\nb", strings.Repeat("x", 300), strings.Repeat("xy/", 600) + "z"} {
		_, err := storage.Expand("[app]", storage.Vars{Key: stream.Key{App: bad}})
		require.ErrorIs(t, err, fs.ErrInvalid, "%.20q", bad)
	}
	got, err = storage.Expand("[app]/[stream]", storage.Vars{Key: stream.Key{App: "[stream]", Name: "[seq]"}})
	require.NoError(t, err)
	require.Equal(t, "[stream]/[seq]", got, "values are not expanded again")
}

func TestSplit(t *testing.T) {
	for p, want := range map[string][2]string{
		"./objs/nginx/html/[app]/[stream].[timestamp].flv": {"./objs/nginx/html", "[app]/[stream].[timestamp].flv"},
		"/data/rec-[app]/x.flv":                            {"/data", "rec-[app]/x.flv"},
		"[app]/x":                                          {".", "[app]/x"},
		"/[app]/x":                                         {"/", "[app]/x"},
		"a/b.flv":                                          {"a", "b.flv"},
		"../up/[app]":                                      {"../up", "[app]"},
	} {
		dir, template := storage.Split(p)
		require.Equal(t, want, [2]string{dir, template}, p)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("[app]/[stream].ts", "live", "av")
	f.Add("./a/[vhost]", "../..", "\x00")
	f.Fuzz(func(t *testing.T, template, app, name string) {
		got, err := storage.Expand(template, storage.Vars{Key: stream.Key{Vhost: app, App: app, Name: name}, Time: time.Unix(1, 2)})
		if err != nil {
			require.ErrorIs(t, err, fs.ErrInvalid)
			return
		}
		require.True(t, filepath.IsLocal(filepath.FromSlash(got)) && !strings.Contains(got, "..\\") && len(got) <= 1024, got)
	})
}

func disk(t *testing.T) *storage.Disk {
	t.Helper()
	d, err := storage.NewDisk(filepath.Join(t.TempDir(), "deep", "root"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestDisk(t *testing.T) { require.NoError(t, storagetest.Check(t.Context(), disk(t))) }
func TestMemory(t *testing.T) {
	require.NoError(t, storagetest.Check(t.Context(), storage.NewMemory()))
}

func read(t *testing.T, s storage.Storage, name string) string {
	t.Helper()
	text, err := storagetest.Read(t.Context(), s, name)
	require.NoError(t, err)
	return text
}

// TestOutside: symbolic links lead nowhere.
func TestOutside(t *testing.T) {
	d := disk(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("x"), 0o600))
	require.NoError(t, os.Symlink(filepath.Dir(secret), filepath.Join(d.Dir(), "link")))
	_, err := d.Open(t.Context(), "link/secret")
	require.Error(t, err)
	require.Error(t, d.Put(t.Context(), "link/new", strings.NewReader("x"), 1))
	require.Error(t, d.Remove(t.Context(), "link/secret"))
	require.FileExists(t, secret)
}

// TestLinksStay: a directory that somebody linked is used, and the link does not go with the last file.
func TestLinksStay(t *testing.T) {
	d := disk(t)
	require.NoError(t, os.Mkdir(filepath.Join(d.Dir(), "real"), 0o755))
	require.NoError(t, os.Symlink("real", filepath.Join(d.Dir(), "live")))
	require.NoError(t, d.Put(t.Context(), "live/a", strings.NewReader("x"), 1))
	require.Equal(t, "x", read(t, d, "real/a"))
	require.NoError(t, d.Remove(t.Context(), "live/a"))
	require.NoError(t, d.Remove(t.Context(), "real"), "a directory is no file")
	_, err := os.Stat(filepath.Join(d.Dir(), "live"))
	require.NoError(t, err)
}

// TestLeftovers: what Put had begun when a process was killed is neither shown nor in the way, and goes.
func TestLeftovers(t *testing.T) {
	d := disk(t)
	reader, writer := io.Pipe()
	done := make(chan error)
	go func() { done <- d.Put(t.Context(), "live/a", reader, -1) }()
	_, err := writer.Write([]byte("x"))
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(d.Dir(), "live", "*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	left := filepath.Join(d.Dir(), "live", "left"+filepath.Ext(strings.TrimSuffix(found[0], ".tmp"))+".tmp")
	require.NoError(t, os.WriteFile(left, nil, 0o644))
	require.NoError(t, os.Chtimes(left, time.Time{}, time.Now().Add(-2*time.Hour)))
	for range d.List(t.Context(), "") {
		t.Error("what is being put is shown")
	}
	drafts, err := d.Drafts(t.Context())
	require.NoError(t, err)
	require.Empty(t, drafts)
	require.NoFileExists(t, left)
	require.NoError(t, writer.Close())
	require.NoError(t, <-done)
	require.Equal(t, "x", read(t, d, "live/a"))
}

// TestLongNames: the longest element that CheckName lets pass can be put, and be a draft.
func TestLongNames(t *testing.T) {
	d := disk(t)
	name := strings.Repeat("n", 251)
	require.NoError(t, d.Put(t.Context(), name, strings.NewReader("x"), 1))
	f, err := d.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Commit(true))
	require.ErrorIs(t, storage.CheckName(name+"n"), fs.ErrInvalid)
	require.ErrorIs(t, storage.CheckName("a.tmp/b"), fs.ErrInvalid)
}

// TestReason: what the system says is known through all that is said of it, with the file's name.
func TestReason(t *testing.T) {
	d := disk(t)
	full := iotest.ErrReader(&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	err := d.Put(t.Context(), "live/a.ts", full, -1)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, filepath.Join(d.Dir(), "live", "a.ts"))
	require.NoDirExists(t, filepath.Join(d.Dir(), "live"))
	s := spool(t, storage.SpoolConfig{Dir: d, Remote: storage.NewMemory()})
	require.ErrorIs(t, s.Put(t.Context(), "live/a.ts", full, -1), syscall.ENOSPC)
	require.Zero(t, s.Stats().WaitingBytes)
}

// TestEmptyDirectories: a directory goes with its last file, the root stays.
func TestEmptyDirectories(t *testing.T) {
	d := disk(t)
	require.NoError(t, d.Put(t.Context(), "a/b/c", strings.NewReader("x"), 1))
	require.NoError(t, d.Put(t.Context(), "a/d", strings.NewReader("x"), 1))
	require.NoError(t, d.Remove(t.Context(), "a/b/c"))
	require.NoDirExists(t, filepath.Join(d.Dir(), "a/b"))
	require.NoError(t, d.Remove(t.Context(), "a/d"))
	require.NoDirExists(t, filepath.Join(d.Dir(), "a"))
	require.DirExists(t, d.Dir())
	var wg sync.WaitGroup
	for i := range 8 { // files come and go in one directory
		wg.Go(func() {
			name := fmt.Sprintf("x/%d", i)
			for range 100 {
				if err := errors.Join(d.Put(t.Context(), name, strings.NewReader("x"), 1), d.Remove(t.Context(), name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// TestFailedPut: nothing is left, and what was there stays.
func TestFailedPut(t *testing.T) {
	d := disk(t)
	require.NoError(t, d.Put(t.Context(), "a", strings.NewReader("old"), 3))
	broken := io.MultiReader(strings.NewReader("new"), iotest.ErrReader(errors.New("broken")))
	require.ErrorContains(t, d.Put(t.Context(), "a", broken, -1), "broken")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, d.Put(ctx, "a", strings.NewReader("new"), 3), context.Canceled)
	require.Equal(t, "old", read(t, d, "a"))
	entries, err := os.ReadDir(d.Dir())
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestDraft(t *testing.T) {
	d := disk(t)
	f, err := d.Create("live/a.flv")
	require.NoError(t, err)
	_, err = f.WriteString("hello")
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("J"), 0)
	require.NoError(t, err)
	require.Equal(t, "live/a.flv", f.Name())
	_, err = d.Create("live/a.flv")
	require.ErrorIs(t, err, fs.ErrExist)
	for range d.List(t.Context(), "") {
		t.Fatal("a draft is no file yet")
	}
	all, err := d.Drafts(t.Context())
	require.NoError(t, err)
	require.Equal(t, "live/a.flv", all[0].Name)
	require.EqualValues(t, 5, all[0].Size)
	require.NoError(t, f.Commit(false))
	require.Equal(t, "Jello", read(t, d, "live/a.flv"))

	f, err = d.Create("live/a.flv")
	require.NoError(t, err)
	require.ErrorIs(t, f.Commit(false), fs.ErrExist)
	require.Equal(t, "Jello", read(t, d, "live/a.flv"))
	require.ErrorIs(t, f.CommitAs("live/a.flv"), fs.ErrExist)
	require.ErrorIs(t, f.CommitAs("../a.flv"), fs.ErrInvalid)
	require.NoError(t, f.CommitAs("live/b.flv"))
	require.Empty(t, read(t, d, "live/b.flv"))

	_, err = d.Create("live/a.flv")
	require.NoError(t, err)
	f, err = d.OpenDraft("live/a.flv")
	require.NoError(t, err)
	_, err = f.WriteString("new")
	require.NoError(t, err)
	require.NoError(t, f.Commit(true))
	require.Equal(t, "new", read(t, d, "live/a.flv"))

	f, err = d.Create("other/b")
	require.NoError(t, err)
	require.NoError(t, f.Discard())
	require.NoDirExists(t, filepath.Join(d.Dir(), "other"))
}

func TestMemoryLimit(t *testing.T) {
	m := &storage.Memory{Limit: 10}
	require.NoError(t, m.Put(t.Context(), "a", strings.NewReader("12345678"), 8))
	require.ErrorIs(t, m.Put(t.Context(), "b", strings.NewReader("123"), -1), storage.ErrFull)
	require.ErrorIs(t, m.Put(t.Context(), "b", strings.NewReader("123"), 1<<40), storage.ErrFull)
	require.NoError(t, m.Put(t.Context(), "a", strings.NewReader("1234567890"), 10), "in place of itself")
	require.NoError(t, m.Remove(t.Context(), "a"))
	require.Zero(t, m.Used())
}
