package dvr

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// unfinished gives what a process that was killed right after the last write has left of a recording, and
// where each write ended.
func unfinished(t testing.TB, ext string, packets []*stream.Packet) (b []byte, writes []int64) {
	t.Helper()
	disk, err := storage.NewDisk(t.TempDir())
	require.NoError(t, err)
	defer disk.Close()
	draft, err := disk.Create("x" + ext)
	require.NoError(t, err)
	f := &recording{out: &out{draft: draft}, tracks: packets[0].Tracks}
	f.w = newWriter(ext, f.out)
	for _, p := range packets {
		require.NoError(t, f.write(p))
		if n := f.out.size.Load(); len(writes) == 0 || writes[len(writes)-1] != n {
			writes = append(writes, n)
		}
	}
	require.NoError(t, f.out.flush())
	require.NoError(t, draft.Close())
	b, err = os.ReadFile(filepath.Join(disk.Dir(), "x"+ext+".tmp"))
	require.NoError(t, err)
	return b, writes
}

// recovered gives the file that is made of an unfinished one; nil if that was deleted.
func recovered(t testing.TB, ext string, b []byte) *Recording {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x"+ext+".tmp"), b, 0o600))
	disk, err := storage.NewDisk(dir)
	require.NoError(t, err)
	defer disk.Close()
	var got *Recording
	m := New(Config{OnFile: func(r Recording) { got = &r }})
	m.host = &protocol.Host{Logger: slog.New(slog.DiscardHandler)}
	m.disks[dir] = disk
	r := Recording{Key: live, Dir: disk, Name: "x" + ext, File: filepath.Join(dir, "x"+ext), Bytes: int64(len(b)), Recovered: true}
	require.NoError(t, m.recoverFile(&r, time.Time{}, time.Now(), false))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, indexName)))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	if got == nil {
		require.Empty(t, left)
		return nil
	}
	require.Len(t, left, 1)
	require.Equal(t, "x"+ext, left[0].Name())
	require.True(t, got.Recovered)
	require.False(t, got.Fragmented)
	info, err := left[0].Info()
	require.NoError(t, err)
	require.Equal(t, info.Size(), got.Bytes)
	return got
}

// TestRecoverAnywhere: wherever a file ends, what is whole of it is kept.
func TestRecoverAnywhere(t *testing.T) {
	clip := streamtest.H264BFramesAAC()
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		t.Run(ext, func(t *testing.T) {
			b, writes := unfinished(t, ext, clip.Packets())
			require.Greater(t, len(writes), 3)
			sizes := []int64{0, 1, 4, 7, 8, 9, 12, 13, 14, 24, 25, 187, 188, 189, int64(len(b))}
			for _, w := range writes {
				sizes = append(sizes, w-1, w, w+1, w+5, w+8, w+11)
			}
			for n := int64(20); n < int64(len(b)); n += int64(len(b)) / 40 {
				sizes = append(sizes, n)
			}
			c := streamtest.Compare{AnyEnd: true, AnyConfig: ext == ".ts", Tolerance: 2 * time.Millisecond, FreeSync: ext == ".mp4"}
			most := 0
			for _, n := range sizes {
				if n < 0 || n > int64(len(b)) {
					continue
				}
				r := recovered(t, ext, b[:n])
				if r == nil {
					require.Less(t, n, writes[1], "a whole write was there")
					continue
				}
				if n < writes[1] { // a track may be missing yet
					continue
				}
				got := readAll(t, r.File, clip.Tracks())
				require.NoError(t, streamtest.Diff(clip.Packets(), got, c), "%d bytes", n)
				most = max(most, len(got))
			}
			require.Greater(t, most, len(clip.Packets())*2/3)
		})
	}
}

// TestRecoverZeros: after a failure of the machine a file may end with zeros.
func TestRecoverZeros(t *testing.T) {
	clip := streamtest.H264AAC()
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		b, writes := unfinished(t, ext, clip.Packets())
		clear(b[writes[len(writes)-2]:])
		r := recovered(t, ext, b)
		require.NotNil(t, r, ext)
		require.Greater(t, r.Duration, time.Second)
		decodes(t, r.File)
	}
}

// TestRecoverOnStart: a server completes what it finds of its own, and leaves alone what is another's.
func TestRecoverOnStart(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	put := func(name string, b []byte, at time.Time) {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, b, 0o600))
		require.NoError(t, os.Chtimes(name, at, at))
	}
	b, _ := unfinished(t, ".mp4", streamtest.H264AAC().Packets())
	put("live/a.b.1700000000000.mp4.tmp", b, old)
	put("live/a.1700000000000.flv.tmp", b, old) // another format's
	put("live/notes.tmp", []byte("mine"), old)
	put("live/young.1700000000000.mp4.tmp", b, time.Now())
	r := newRigIn(t, dir, Vhost{Enabled: true, Path: "[app]/[stream].[timestamp].mp4"})
	x := r.wait(t, 1)[0]
	require.Equal(t, stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "a.b"}, x.Key)
	require.Equal(t, time.UnixMilli(1700000000000), x.Start)
	require.True(t, x.Recovered)
	require.Nil(t, x.Session)
	require.Equal(t, []string{"live/a.1700000000000.flv.tmp", "live/a.b.1700000000000.mp4", "live/notes.tmp", "live/young.1700000000000.mp4.tmp"}, r.names(t))
	decodes(t, x.File)
}

func FuzzRecoverFLV(f *testing.F) {
	for _, clip := range []*streamtest.Clip{streamtest.AACOnly(), streamtest.H264AAC()} {
		b, _ := unfinished(f, ".flv", clip.Packets()[:6])
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzRepair(t, b, repairFLV) })
}

func FuzzRecoverTS(f *testing.F) {
	b, _ := unfinished(f, ".ts", streamtest.AACOnly().Packets()[:6])
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { fuzzRepair(t, b, repairTS) })
}

// fuzzRepair: what was repaired once is whole.
func fuzzRepair(t *testing.T, b []byte, repair func(file, int64) (time.Duration, int64, error)) {
	m := &memory{b}
	d, n, err := repair(m, int64(len(b)))
	if err != nil {
		return
	}
	require.Len(t, m.b, int(n))
	again, same, err := repair(m, n)
	require.NoError(t, err)
	require.Equal(t, n, same)
	require.Equal(t, d, again)
}

func FuzzMovie(f *testing.F) {
	b, _ := unfinished(f, ".mp4", streamtest.AACOnly().Packets()[:60])
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMovie(&memory{b}, int64(len(b)))
		if err != nil {
			return
		}
		require.LessOrEqual(t, m.size, int64(len(b)))
		r, n, _, err := m.plain(time.Now())
		if err != nil {
			return
		}
		var out bytes.Buffer
		_, err = out.ReadFrom(r)
		require.NoError(t, err)
		require.Len(t, out.Bytes(), int(n))
	})
}

// memory is a file in memory.
type memory struct{ b []byte }

func (m *memory) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(m.b).ReadAt(b, at) }
func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	return copy(m.b[at:], b), nil
}
func (m *memory) Truncate(n int64) error { m.b = m.b[:n]; return nil }
