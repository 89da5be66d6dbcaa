package dvr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// get asks a module for what is below /record/.
func (r *rig) get(t testing.TB, path string) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/record/"+path, nil)
	h := r.module.match(q)
	require.NotNil(t, h, path)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	return w
}

func save(t testing.TB, ext string, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	file := filepath.Join(t.TempDir(), "got"+ext)
	require.NoError(t, os.WriteFile(file, w.Body.Bytes(), 0o600))
	return file
}

// TestPlay: what several files have of a time is one, from a key frame on.
func TestPlay(t *testing.T) {
	clip := streamtest.H264BFramesAAC()
	for recorded, played := range map[string][]string{".mp4": {".mp4", ".flv", ".ts"}, ".flv": {".flv", ".ts", ".mp4"}, ".ts": {".ts", ".flv", ".mp4"}} {
		for _, ext := range played {
			t.Run(recorded+" as "+ext, func(t *testing.T) {
				t.Parallel()
				r, packets, files := recordSegments(t, recorded, clip)
				whole := save(t, ext, r.get(t, "live/av"+ext))
				decodes(t, whole)
				// How long the last picture of a file was, that file does not say.
				streamtest.Equal(t, packets, readAll(t, whole, clip.Tracks()), streamtest.Compare{AnyConfig: true, Tolerance: 250 * time.Millisecond, FreeSync: true})

				second := files[1]
				from := strconv.FormatInt(second.Start.Add(100*time.Millisecond).UnixMilli(), 10)
				to := url.QueryEscape(second.Start.Add(second.Duration / 2).Format(time.RFC3339Nano))
				part := save(t, ext, r.get(t, "live/av"+ext+"?from="+from+"&to="+to))
				decodes(t, part)
				n, first, last := packetTimes(t, part, "v")
				require.InDelta(t, (second.Duration / 2).Seconds(), last-first, 0.3)
				require.InDelta(t, float64(n), 25*(last-first), 4)

				require.Equal(t, http.StatusNotFound, r.get(t, "live/av"+ext+"?to=1000").Code)
				require.Equal(t, http.StatusNotFound, r.get(t, "live/other"+ext).Code)
				require.Equal(t, http.StatusBadRequest, r.get(t, "live/av"+ext+"?from=x").Code)
			})
		}
	}
}

// TestPlayLong: in the midst of a long file, playing begins at the key frame before, after a change of
// tracks with those of then.
func TestPlayLong(t *testing.T) {
	clip := streamtest.H264AAC()
	for recorded, ext := range map[string]string{".flv": ".flv", ".ts": ".ts", ".mp4": ".flv"} {
		t.Run(recorded, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, Vhost{Enabled: true, Path: "[stream]" + recorded})
			var packets []*stream.Packet
			for p, err := range stream.Packets(clip.Loop(7)) { // less than what a slow reader may be behind
				require.NoError(t, err)
				packets = append(packets, p)
			}
			r.publish(t, live, packets...)
			x := r.wait(t, 1)[0]
			at := x.Start.Add(24500 * time.Millisecond).Format(time.RFC3339Nano)
			got := readAll(t, save(t, ext, r.get(t, "live/av"+ext+"?duration=2&start="+url.QueryEscape(at))), clip.Tracks())
			want := slices.DeleteFunc(packets, func(p *stream.Packet) bool { return p.DTS < 24*time.Second })
			first := slices.IndexFunc(want, (*stream.Packet).Key)
			require.GreaterOrEqual(t, first, 0)
			streamtest.Equal(t, want[first:], got, streamtest.Compare{AnyConfig: true, AnyStart: true, AnyEnd: true, FreeSync: true, Tolerance: 5 * time.Millisecond})
			require.True(t, slices.ContainsFunc(got, func(p *stream.Packet) bool { return p.Key() && p.DTS-got[0].DTS < 100*time.Millisecond }))
			require.InDelta(t, 2.5, (got[len(got)-1].DTS - got[0].DTS).Seconds(), 1.1)
		})
	}
}

// TestPlayList: what there is of a time is listed.
func TestPlayList(t *testing.T) {
	r, _, files := recordSegments(t, ".mp4", streamtest.H264AAC())
	var list struct {
		Recordings []struct {
			Name  string
			Start int64 `json:"start_ms"`
		}
	}
	second := files[1]
	from := strconv.FormatInt(second.Start.Add(100*time.Millisecond).UnixMilli(), 10)
	require.NoError(t, json.Unmarshal(r.get(t, "live/av.json?from="+from+"&duration=1").Body.Bytes(), &list))
	require.Len(t, list.Recordings, 1)
	require.Equal(t, second.Name, list.Recordings[0].Name)
	require.Equal(t, second.Start.UnixMilli(), list.Recordings[0].Start)
	require.JSONEq(t, `{"code":0,"recordings":[]}`, r.get(t, "live/other.json").Body.String())
}

// stopPublishing waits until all files are complete.
func (r *rig) stopPublishing(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		r.module.mu.Lock()
		defer r.module.mu.Unlock()
		return len(r.module.taps) == 0 && len(r.module.writing) == 0
	}, patience, 5*time.Millisecond)
}

// TestPlayRefused: gates see who plays recordings.
func TestPlayRefused(t *testing.T) {
	r := newRig(t, Vhost{Enabled: true, Path: "[app]/[stream].[timestamp].mp4"})
	var asked []stream.Request
	r.Hub().AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		asked = append(asked, s.Request)
		return &stream.DeniedError{}
	}))
	require.Equal(t, http.StatusForbidden, r.get(t, "live/av.mp4?token=1").Code)
	require.Len(t, asked, 1)
	require.Equal(t, live, asked[0].Key)
	require.Equal(t, "?token=1", asked[0].Param)
}

// TestIndexLost: what the index had is found again in the files.
func TestIndexLost(t *testing.T) {
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		dir := t.TempDir()
		v := Vhost{Enabled: true, Path: "[app]/[stream].[timestamp]" + ext}
		r := newRigIn(t, dir, v)
		r.publish(t, live, streamtest.H264AAC().Packets()...)
		r.stopPublishing(t)
		before, err := r.module.Files(context.Background(), live, time.Time{}, time.Time{})
		require.NoError(t, err)
		require.Len(t, before, 1)
		for _, content := range []string{"", "{\"name\":", strings.Repeat("x", 2*maxLine)} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, indexName), []byte(content), 0o600))
			again := newRigIn(t, dir, v)
			var after []Recording
			require.Eventually(t, func() bool {
				after, err = again.module.Files(context.Background(), live, time.Time{}, time.Time{})
				return err == nil && len(after) == 1
			}, patience, 10*time.Millisecond)
			require.Equal(t, before[0].Name, after[0].Name)
			require.Equal(t, before[0].Bytes, after[0].Bytes)
			require.InDelta(t, before[0].Duration, after[0].Duration, float64(100*time.Millisecond))
			require.WithinDuration(t, before[0].Start, after[0].Start, time.Second)
		}
	}
}

// TestRetention: the oldest files go, those of others stay.
func TestRetention(t *testing.T) {
	dir := t.TempDir()
	v := Vhost{Enabled: true, Path: "[app]/[stream].[timestamp].flv", Exists: Number} // published within a millisecond
	r := newRigIn(t, dir, v)
	clip := streamtest.H264AAC()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "live"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "live", "film.flv"), bytes.Repeat([]byte("x"), 1<<20), 0o600))
	r.publish(t, live, clip.Packets()...)
	first := r.wait(t, 1)[0]
	v.Retention.MaxBytes = first.Bytes * 3 / 2
	require.NoError(t, r.module.Reload(New(r.config(v))))
	r.publish(t, live, clip.Packets()...)
	second := r.wait(t, 2)[1]
	require.Eventually(t, func() bool { return len(r.names(t)) == 2 }, patience, 10*time.Millisecond)
	require.ElementsMatch(t, []string{"live/film.flv", second.Name}, r.names(t))
	x, err := r.module.indexOf(dir)
	require.NoError(t, err)
	second.Start = second.Start.Add(-time.Hour)
	require.NoError(t, x.put(entryOf(&second)))
	v.Retention = Retention{MaxAge: time.Minute}
	require.NoError(t, r.module.Reload(New(r.config(v))))
	require.Eventually(t, func() bool { return len(r.names(t)) == 1 }, patience, 10*time.Millisecond)
	require.Equal(t, []string{"live/film.flv"}, r.names(t))
}

// refusing is an Uploader that takes nothing at first.
type refusing struct {
	*storage.Memory
	mu  sync.Mutex
	bad int
}

func (u *refusing) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	u.mu.Lock()
	u.bad--
	bad := u.bad
	u.mu.Unlock()
	if bad >= 0 {
		return errors.New("not now")
	}
	return u.Memory.Put(ctx, name, r, size)
}

// TestUpload: files go where they are to go, once, and are deleted then.
func TestUpload(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		dir, up := t.TempDir(), &refusing{Memory: storage.NewMemory(), bad: 1}
		v := Vhost{Enabled: true, Path: "[app]/[stream].[timestamp].mp4", Upload: up, DeleteAfterUpload: deleted, Exists: Number}
		r := newRigIn(t, dir, v)
		r.publish(t, live, streamtest.H264AAC().Packets()...)
		first := r.wait(t, 1)[0]
		require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "not now") }, patience, 5*time.Millisecond)
		r.publish(t, live, streamtest.H264AAC().Packets()...)
		second := r.wait(t, 2)[1]
		require.Eventually(t, func() bool { return up.Used() == first.Bytes+second.Bytes }, patience, 10*time.Millisecond)
		if deleted {
			require.Eventually(t, func() bool { return len(r.names(t)) == 0 }, patience, 10*time.Millisecond)
			continue
		}
		require.Len(t, r.names(t), 2)
		r.stop(t)
		none := &refusing{Memory: storage.NewMemory()}
		v.Upload = none
		again := newRigIn(t, dir, v)
		again.publish(t, live, streamtest.H264AAC().Packets()...)
		third := again.wait(t, 1)[0]
		require.Eventually(t, func() bool { return none.Used() == third.Bytes }, patience, 10*time.Millisecond)
	}
}
