package dvr

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// recordSegments has a rig record a clip twice, in segments of 2 s that follow one another in time.
func recordSegments(t testing.TB, ext string, clip *streamtest.Clip) (*rig, []*stream.Packet, []Recording) {
	t.Helper()
	r := newRig(t, Vhost{Enabled: true, Plan: Segment, Duration: 2 * time.Second, Path: "[app]/[stream].[seq]" + ext, Exists: Number})
	packets := packetsOf(t, clip.Loop(2))
	r.publish(t, live, packets...)
	r.stopPublishing(t)
	files := r.wait(t, 4)
	for i := range files[1:] { // they were published faster than they play
		r.move(t, &files[i+1], files[i].Start.Add(files[i].Duration))
	}
	return r, packets, files
}

// move has a recording begin at another time.
func (r *rig) move(t testing.TB, x *Recording, at time.Time) {
	t.Helper()
	index, err := r.module.indexOf(r.dir)
	require.NoError(t, err)
	x.Start = at
	require.NoError(t, index.put(entryOf(x)))
}

// serve has an HTTP server answer as the rig's module does.
func (r *rig) serve(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if h := r.module.match(q); h != nil {
			h.ServeHTTP(w, q)
			return
		}
		http.NotFound(w, q)
	}))
	t.Cleanup(s.Close)
	return s
}

// packetTimes gives what ffprobe finds of a kind of packets: how many, and the first and last time.
func packetTimes(t testing.TB, url, kind string) (n int, first, last float64) {
	t.Helper()
	text := output(t, "ffprobe", "-v", "error", "-select_streams", kind, "-show_entries", "packet=pts_time", "-of", "csv=p=0", url)
	for _, field := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == '\n' }) {
		at, err := strconv.ParseFloat(field, 64)
		require.NoError(t, err, text)
		if n++; n == 1 {
			first = at
		}
		first, last = min(first, at), max(last, at)
	}
	return n, first, last
}

// TestVOD: a playlist of recordings plays as one stream, without a seam where they follow one another.
func TestVOD(t *testing.T) {
	for _, x := range []struct {
		ext  string
		clip *streamtest.Clip
	}{
		{".mp4", streamtest.H264BFramesAAC()}, {".mp4", streamtest.HEVCAAC()}, {".mp4", streamtest.AACOnly()},
		{".flv", streamtest.H264BFramesAAC()}, {".flv", streamtest.AACOnly()}, {".ts", streamtest.H264BFramesAAC()},
	} {
		clip := x.clip
		t.Run(clip.Name+x.ext, func(t *testing.T) {
			t.Parallel()
			r, packets, files := recordSegments(t, x.ext, clip)
			s := r.serve(t)
			text := r.get(t, "live/av.m3u8?token=a%26b").Body.String()
			require.Contains(t, text, "#EXT-X-PLAYLIST-TYPE:VOD")
			require.Contains(t, text, "#EXT-X-ENDLIST")
			require.NotContains(t, text, "#EXT-X-DISCONTINUITY")
			require.Equal(t, 1, strings.Count(text, "#EXT-X-MAP"), text)
			require.Equal(t, len(files), strings.Count(text, "#EXT-X-PROGRAM-DATE-TIME"))
			require.Equal(t, strings.Count(text, "#EXTINF")+1, strings.Count(text, "token=a%26b"))
			frames := map[stream.Kind]int{}
			for _, p := range packets {
				frames[p.Kind()]++
			}
			for kind, x := range map[string]stream.Kind{"v": stream.KindVideo, "a": stream.KindAudio} {
				if frames[x] == 0 {
					continue
				}
				got, first, last := packetTimes(t, s.URL+"/record/live/av.m3u8", kind)
				require.Equal(t, frames[x], got, kind)
				require.InDelta(t, (packets[len(packets)-1].DTS - packets[0].DTS).Seconds(), last-first, 0.3, kind)
			}
			require.Empty(t, output(t, "ffmpeg", "-v", "warning", "-xerror", "-i", s.URL+"/record/live/av.m3u8", "-f", "null", "-"))
		})
	}
}

// TestVODParts: a time that is asked for has the segments that it touches, which are equal bytes in each
// playlist; where recordings have a gap or another description a discontinuity is told.
func TestVODParts(t *testing.T) {
	r, _, files := recordSegments(t, ".mp4", streamtest.H264AAC())
	for i := range files[2:] {
		r.move(t, &files[i+2], files[i+2].Start.Add(time.Minute))
	}
	pub := r.begin(t, live)
	for _, p := range streamtest.H264MP3().Packets()[:100] {
		require.NoError(t, pub.WritePacket(p))
	}
	require.NoError(t, pub.Close(nil))
	last := r.wait(t, 5)[4]
	r.move(t, &last, files[3].Start.Add(files[3].Duration))
	uris := func(query string) (list []string) {
		for line := range strings.Lines(r.get(t, "live/av.m3u8?"+query).Body.String()) {
			if !strings.HasPrefix(line, "#") {
				u, _, _ := strings.Cut(strings.TrimSpace(line), "&hls_ctx=")
				list = append(list, u)
			}
		}
		return list
	}
	all := r.get(t, "live/av.m3u8").Body.String()
	require.Equal(t, 2, strings.Count(all, "#EXT-X-DISCONTINUITY\n"), all)
	require.Equal(t, 2, strings.Count(all, "#EXT-X-MAP"), all)
	whole := uris("")
	require.Len(t, whole, 5)
	at := func(i int, plus time.Duration) string {
		return strconv.FormatInt(files[i].Start.Add(plus).UnixMilli(), 10)
	}
	require.Len(t, uris("start="+at(0, 100*time.Millisecond)+"&end="+at(1, -100*time.Millisecond)), 1)
	part := uris("start=" + at(2, 100*time.Millisecond) + "&duration=2.5")
	require.Equal(t, whole[2:4], part)

	// What one URL gives.
	w := r.get(t, "live/"+whole[3])
	require.Equal(t, http.StatusOK, w.Code)
	var parts fmp4.Parts
	require.NoError(t, parts.Unmarshal(w.Body.Bytes()))
	require.Len(t, parts, 1)
	require.Len(t, parts[0].Tracks, 2)
	init, _, _ := strings.Cut(all[strings.Index(all, `#EXT-X-MAP:URI="`)+16:], `"`)
	var header fmp4.Init
	require.NoError(t, header.Unmarshal(strings.NewReader(r.get(t, "live/"+init).Body.String())))
	require.Len(t, header.Tracks, 2)
}

// TestVODUntrusted: what a URL says names nothing but the stream's own recordings, and is bounded.
func TestVODUntrusted(t *testing.T) {
	r, _, files := recordSegments(t, ".mp4", streamtest.H264AAC())
	other := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "other"}
	r.publish(t, other, streamtest.H264AAC().Packets()[:100]...)
	foreign := r.wait(t, 5)[4]
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "live", "film.mp4"), []byte("x"), 0o600))
	one := "file=" + url.QueryEscape(files[0].Name)
	for query, code := range map[string]int{
		one:                            http.StatusOK,
		"file=" + foreign.Name:         http.StatusNotFound,
		"file=live/film.mp4":           http.StatusNotFound,
		"file=../../etc/passwd":        http.StatusNotFound,
		"file=" + indexName:            http.StatusNotFound,
		"":                             http.StatusNotFound,
		one + "&begin=0":               http.StatusBadRequest,
		one + "&begin=0&end=x&shift=0": http.StatusBadRequest,
		one + "&begin=1&end=1&shift=0": http.StatusBadRequest,
		one + "&begin=0&end=9223372036854775807&shift=0":             http.StatusBadRequest,
		one + "&begin=900000000000&end=900000000001&shift=0":         http.StatusNotFound,
		one + "&begin=-1000000000&end=1000000000&shift=-1000000000":  http.StatusBadRequest,
		one + "&begin=-1000000000&end=900000000000&shift=1000000000": http.StatusOK,
	} {
		require.Equal(t, code, r.get(t, "live/av.m4s?"+query).Code, query)
	}
	require.NoError(t, os.Remove(files[0].File))
	require.Equal(t, http.StatusNotFound, r.get(t, "live/av.m4s?"+one).Code)
}

// TestVODViewer: a viewer of HLS is one session, whom the gates are asked about once.
func TestVODViewer(t *testing.T) {
	r, _, _ := recordSegments(t, ".mp4", streamtest.H264AAC())
	asked := 0
	remove := r.Hub().AddGate(stream.GateFunc(func(context.Context, *stream.Session) error { asked++; return nil }))
	for line := range strings.Lines(r.get(t, "live/av.m3u8").Body.String()) {
		if !strings.HasPrefix(line, "#") {
			require.Equal(t, http.StatusOK, r.get(t, "live/"+strings.TrimSpace(line)).Code)
		}
	}
	require.Equal(t, 1, asked)
	sessions := 0
	for s := range r.Hub().Sessions() {
		sessions++
		require.NotZero(t, s.Stats().Bytes)
		s.Kick(nil)
		require.Equal(t, http.StatusForbidden, r.get(t, "live/av.m3u8?hls_ctx="+s.ID).Code)
	}
	require.Equal(t, 1, sessions)
	remove()
}

// TestRanges: any part of an MP4 that is played can be asked for, on condition that it is the same still.
func TestRanges(t *testing.T) {
	r, _, files := recordSegments(t, ".mp4", streamtest.H264AAC())
	s := r.serve(t)
	get := func(header ...string) *http.Response {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/record/live/av.mp4", nil)
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(q)
		require.NoError(t, err)
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	body := func(a *http.Response) []byte {
		b, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		return b
	}
	first := get()
	whole, tag := body(first), first.Header.Get("ETag")
	require.EqualValues(t, len(whole), first.ContentLength)
	require.Equal(t, "bytes", first.Header.Get("Accept-Ranges"))
	require.Equal(t, http.StatusNotModified, get("If-None-Match", tag).StatusCode)
	for from := 0; from < len(whole); from += len(whole)/7 + 1 {
		to := min(from+len(whole)/5, len(whole)-1)
		a := get("Range", "bytes="+strconv.Itoa(from)+"-"+strconv.Itoa(to), "If-Range", tag)
		require.Equal(t, http.StatusPartialContent, a.StatusCode)
		require.Equal(t, whole[from:to+1], body(a))
	}
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, get("Range", "bytes=99999999-").StatusCode)
	// Another recording has gone: these are no longer the same bytes.
	require.NoError(t, os.Remove(files[3].File))
	a := get("Range", "bytes=0-9", "If-Range", tag)
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.NotEqual(t, tag, a.Header.Get("ETag"))
	http.DefaultClient.CloseIdleConnections()
}

// TestPlayFragments: an MP4 that could not be made a plain one plays as well.
func TestPlayFragments(t *testing.T) {
	dir, clip := t.TempDir(), streamtest.H264BFramesAAC()
	b, _ := unfinished(t, ".mp4", clip.Packets())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "av.1700000000000.mp4"), b, 0o600))
	r := newRigIn(t, dir, Vhost{Enabled: true, Path: "[stream].[timestamp].mp4"})
	key := stream.Key{Vhost: stream.DefaultVhost, Name: "av"} // its name does not tell the app
	require.Eventually(t, func() bool {
		list, err := r.module.Files(t.Context(), key, time.Time{}, time.Time{})
		return err == nil && len(list) == 1
	}, patience, time.Millisecond)
	x, err := r.module.indexOf(dir)
	require.NoError(t, err)
	e := *x.get("av.1700000000000.mp4")
	e.App = "live"
	require.NoError(t, x.put(&e))
	whole := save(t, ".mp4", r.get(t, "live/av.mp4"))
	decodes(t, whole)
	streamtest.Equal(t, clip.Packets(), readAll(t, whole, clip.Tracks()), streamtest.Compare{AnyEnd: true, FreeSync: true, Tolerance: 2 * time.Millisecond})
	require.Empty(t, output(t, "ffmpeg", "-v", "warning", "-xerror", "-i", r.serve(t).URL+"/record/live/av.m3u8", "-f", "null", "-"))
}

// BenchmarkVOD is what a viewer's requests cost for a recording of an hour: the playlist, a segment in its
// midst, and all of it as one file up to the first byte of the media.
func BenchmarkVOD(b *testing.B) {
	clip := streamtest.H264AAC()
	r := newRig(b, Vhost{Enabled: true, Path: "[stream].mp4"})
	disk, err := storage.NewDisk(b.TempDir())
	require.NoError(b, err)
	defer disk.Close()
	draft, err := disk.Create("hour.mp4")
	require.NoError(b, err)
	f := newMP4(&out{draft: draft})
	for p, err := range stream.Packets(clip.Loop(int(time.Hour / clip.Duration()))) {
		require.NoError(b, err)
		require.NoError(b, f.WritePacket(p))
	}
	require.NoError(b, f.finish())
	info := Recording{Key: live, Name: "av.mp4", Start: time.Now(), Bytes: f.out.size.Load()}
	info.Dir, err = r.module.disk(r.dir)
	require.NoError(b, err)
	require.NoError(b, r.module.place(&info, draft, false))
	r.move(b, &info, info.Start)
	list := strings.Split(r.get(b, "live/av.m3u8").Body.String(), "\n")
	i := len(list) / 2
	for strings.HasPrefix(list[i], "#") {
		i++
	}
	for name, path := range map[string]string{"playlist": "av.m3u8?hls_ctx=abcdefgh", "segment": list[i], "head": "av.mp4"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q := httptest.NewRequest(http.MethodGet, "/record/live/"+path, nil)
				if name == "head" {
					q.Method = http.MethodHead
				}
				w := httptest.NewRecorder()
				r.module.match(q).ServeHTTP(w, q)
				require.Equal(b, http.StatusOK, w.Code)
			}
		})
	}
}
