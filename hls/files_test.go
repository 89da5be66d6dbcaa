package hls

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// files gives the names below a directory.
func files(t testing.TB, dir string) (out []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, filepath.ToSlash(rel))
		}
		return err
	}))
	return out
}

// The names and URIs of a real SRS with every variable and an entry prefix.
func TestVariables(t *testing.T) {
	dir := t.TempDir()
	v := plain(2*time.Second, 10*time.Second)
	v.Dir = dir
	v.Playlist = "[vhost]/[app]/[stream].m3u8"
	v.File = "[vhost]/[app]/[2006]/[01]/[02]/[stream]-[15]-[04]-[05]-[999]-[timestamp]-[seq]-[duration].ts"
	v.EntryPrefix = "http://cdn.test/p"
	var told []Segment
	var mu sync.Mutex
	cfg := one(v)
	cfg.OnSegment = func(s Segment) {
		mu.Lock()
		defer mu.Unlock()
		require.FileExists(t, s.File)
		told = append(told, s)
	}
	bubble(t, cfg, func(t *testing.T, r *rig) {
		k := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}
		pub := r.begin(t, k)
		require.NoError(t, streamtest.Publish(context.Background(), pub, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 47 * time.Second}.source(), 1))
		synctest.Wait()
		b, err := os.ReadFile(filepath.Join(dir, "__defaultVhost__/live/av.m3u8"))
		require.NoError(t, err)
		numbers := regexp.MustCompile(`\d{4}/\d\d/\d\d/av-\d\d-\d\d-\d\d-\d\d\d-\d{12,13}-`)
		want := numbers.ReplaceAllString(strings.ReplaceAll(sample(t, "media-all-variables-entry-prefix.m3u8"), "vars.test", "__defaultVhost__"), "TIME-")
		require.Equal(t, want, numbers.ReplaceAllString(string(b), "TIME-"))
		require.Equal(t, string(b), r.body(t, "/__defaultVhost__/live/av.m3u8"))
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, told, 23)
		last := told[22]
		require.Equal(t, pub.Session, last.Session)
		require.Equal(t, 2*time.Second, last.Duration)
		require.Equal(t, dir+"/__defaultVhost__/live/av.m3u8", last.Playlist)
		require.Equal(t, "__defaultVhost__/live/av.m3u8", last.PlaylistURL)
		require.Equal(t, uint64(22), last.Seq)
		require.Equal(t, last.URI, uris(string(b))[5])
		require.True(t, strings.HasPrefix(last.File, dir+"/__defaultVhost__/live/2000/01/01/av-00-00-44-000-946684844"), last.File)
		require.NoError(t, pub.Close(nil))
	})
}

// Numbered time, as a real SRS has it.
func TestFloor(t *testing.T) {
	v := plain(2*time.Second, 10*time.Second)
	v.TSFloor, v.File = true, "[app]/[stream]-[timestamp]-[seq].ts"
	bubble(t, one(v), func(t *testing.T, r *rig) {
		pub := r.begin(t, live)
		require.NoError(t, streamtest.Publish(context.Background(), pub, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 47 * time.Second}.source(), 1))
		synctest.Wait()
		// The first piece's time is one less than the clock's.
		base := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()/2 - 1
		want := sample(t, "media-ts-floor.m3u8")
		for i := range 6 {
			want = strings.Replace(want, fmt.Sprintf("av-%d-", 897666874+i), fmt.Sprintf("av-%d-", base+17+int64(i)), 1)
		}
		require.Equal(t, want, r.body(t, "/live/av.m3u8"))
		require.NoError(t, pub.Close(nil))
	})
}

// Keys as a real SRS has them, but that a list begins with the key of its first segment. Segments are
// decrypted by what is served.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	v := plain(2*time.Second, 12*time.Second)
	v.Dir = dir
	v.Keys = Keys{Enabled: true, FragmentsPerKey: 3, URL: "http://key.test/k/"}
	bubble(t, one(v), func(t *testing.T, r *rig) {
		pub := r.begin(t, live)
		require.NoError(t, streamtest.Publish(context.Background(), pub, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 47 * time.Second}.source(), 1))
		synctest.Wait()
		text := r.body(t, "/live/av.m3u8")
		iv := regexp.MustCompile(`IV=0x[0-9A-F]{32}`)
		want := iv.ReplaceAllString(sample(t, "media-aes128.m3u8"), "IV")
		first := "#EXT-X-KEY:METHOD=AES-128,URI=\"http://key.test/k/live/av-15.key\",IV\n"
		require.Equal(t, want, strings.Replace(iv.ReplaceAllString(text, "IV"), first, "", 1))
		require.Contains(t, iv.ReplaceAllString(text, "IV"), first)

		keys := regexp.MustCompile(`URI="http://key.test/k(/live/av-\d+.key)",IV=0x([0-9A-F]{32})`).FindAllStringSubmatch(text, -1)
		require.Len(t, keys, 3)
		require.Len(t, iv.FindAllString(text, -1), 3)
		onDisk, err := os.ReadFile(filepath.Join(dir, keys[1][1]))
		require.NoError(t, err)
		require.Len(t, onDisk, 16)
		require.Equal(t, string(onDisk), r.body(t, keys[1][1]))
		vector, err := hex.DecodeString(keys[1][2])
		require.NoError(t, err)
		for _, name := range []string{"/live/av-18.ts", "/live/av-19.ts", "/live/av-20.ts"} {
			b := []byte(r.body(t, name))
			clear := 0
			for i := 0; i < len(b); i += 188 {
				if b[i] == 0x47 {
					clear++
				}
			}
			require.Less(t, clear, len(b)/188/4)
			block, err := aes.NewCipher(onDisk)
			require.NoError(t, err)
			require.Zero(t, len(b)%16)
			cipher.NewCBCDecrypter(block, vector).CryptBlocks(b, b)
			b = b[:len(b)-int(b[len(b)-1])]
			require.Zero(t, len(b)%188)
			for i := 0; i < len(b); i += 188 {
				require.Equal(t, byte(0x47), b[i])
			}
		}
		require.NoError(t, pub.Close(nil))
	})
}

// What ffmpeg makes of encrypted segments.
func TestKeysPlay(t *testing.T) {
	program(t, "ffmpeg")
	dir := t.TempDir()
	v := plain(time.Second, time.Minute)
	v.Dir, v.EndList, v.Dispose, v.Keys = dir, true, -1, Keys{Enabled: true, FragmentsPerKey: 2}
	bubble(t, one(v), func(t *testing.T, r *rig) { r.publish(t, live, streamtest.H264AAC().Loop(2)) })
	require.Empty(t, decode(t, "-allowed_extensions", "ALL", "-i", filepath.Join(dir, "live/av.m3u8")))
}

// Files leave when a player cannot want them any more; without cleanup they stay, and at the end too
// if nothing is disposed of.
func TestCleanup(t *testing.T) {
	for _, keep := range []bool{false, true} {
		dir := t.TempDir()
		v := plain(2*time.Second, 10*time.Second)
		v.Dir, v.NoCleanup = dir, keep
		if keep {
			v.Dispose = -1
		}
		bubble(t, one(v), func(t *testing.T, r *rig) {
			r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 61 * time.Second}.source())
			n := len(files(t, dir))
			if keep {
				require.Equal(t, 32, n)
			} else {
				require.LessOrEqual(t, n, 1+6+2*8)
				require.GreaterOrEqual(t, n, 1+6+6)
				for s := range r.module.Streams() { // what has left the list is on disk alone
					require.Equal(t, 6, strings.Count(r.body(t, "/live/av.m3u8"), "#EXTINF"))
					require.Less(t, s.Memory, s.Segments*100_000)
				}
			}
			require.Equal(t, http.StatusOK, r.get(t, "/live/av-20.ts").Code) // from disk
			require.Equal(t, "video/MP2T", r.get(t, "/live/av-20.ts").Header().Get("Content-Type"))
		})
		if keep {
			require.Len(t, files(t, dir), 32)
		} else {
			require.Empty(t, files(t, dir))
		}
	}
}

// A new process goes on where the old one ended.
func TestRecover(t *testing.T) {
	dir := t.TempDir()
	v := plain(2*time.Second, 12*time.Second)
	v.Dir, v.Dispose, v.Recover = dir, -1, true
	var before string
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 30 * time.Second}.source())
		before = r.body(t, "/live/av.m3u8")
	})
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 5 * time.Second}.source())
		text := r.body(t, "/live/av.m3u8")
		n := len(uris(text))
		require.Equal(t, uris(before)[3:], uris(text)[:n-3], "%s\n%s", before, text)
		require.Equal(t, []string{"av-15.ts", "av-16.ts", "av-17.ts"}, uris(text)[n-3:])
		require.Equal(t, 1, strings.Count(text, "#EXT-X-DISCONTINUITY\n"))
		require.Contains(t, text, "#EXT-X-DISCONTINUITY\n#EXTINF:2.000, no desc\nav-15.ts")
		for _, uri := range uris(text) {
			require.Equal(t, http.StatusOK, r.get(t, "/live/"+uri).Code)
		}
	})
}

// broken is a storage that can be made to fail.
type broken struct {
	storage.Storage
	mu    sync.Mutex
	err   error
	names []string
}

func (b *broken) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names = append(b.names, name)
	return b.err
}

func (b *broken) Remove(context.Context, string) error { return nil }

// A stream goes on without its files; what else happens is the vhost's choice.
func TestOnError(t *testing.T) {
	for on, x := range map[OnError]struct{ served, kicked bool }{Continue: {true, false}, Ignore: {false, false}, Disconnect: {false, true}} {
		bad := &broken{err: errors.New("disk full")}
		v := plain(2*time.Second, 12*time.Second)
		v.Upload, v.OnError = bad, on
		bubble(t, one(v), func(t *testing.T, r *rig) {
			pub := r.begin(t, live)
			err := streamtest.Publish(context.Background(), pub, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 20 * time.Second}.source(), 1)
			require.Equal(t, x.kicked, err != nil, "%v: %v", on, err)
			synctest.Wait()
			if x.served {
				require.Len(t, uris(r.body(t, "/live/av.m3u8")), 7)
			} else {
				require.Len(t, uris(r.body(t, "/live/av.m3u8")), 1)
			}
			_ = pub.Close(nil)
		})
	}
}

// The upload gets each segment before a playlist that lists it.
func TestUpload(t *testing.T) {
	up := &broken{}
	v := plain(2*time.Second, 12*time.Second)
	v.Upload = up
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 7 * time.Second}.source())
		up.mu.Lock()
		defer up.mu.Unlock()
		require.Equal(t, []string{"live/av-0.ts", "live/av.m3u8", "live/av-1.ts", "live/av.m3u8", "live/av-2.ts", "live/av.m3u8", "live/av-3.ts", "live/av.m3u8"}, up.names)
	})
}

func FuzzPast(f *testing.F) {
	entries, err := filepath.Glob("testdata/*.m3u8")
	require.NoError(f, err)
	for _, name := range entries {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b, "live/av.m3u8", "")
		f.Add(b, "live/av.m3u8", "http://cdn.test/p")
	}
	f.Fuzz(func(t *testing.T, b []byte, name, prefix string) {
		p, err := parsePast(b, name, prefix)
		if err != nil {
			return
		}
		for i, s := range p.segments {
			if s.duration < 0 || s.seq != p.next-len(p.segments)+i {
				t.Fatalf("segment %d: %+v", i, s)
			}
			if strings.Contains(s.name, "..") && !strings.Contains(s.name, "...") && filepath.IsLocal(s.name) == false {
				t.Fatalf("a name outside: %q", s.name)
			}
		}
	})
}
