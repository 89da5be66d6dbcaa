package hls

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// The playlists of a real SRS, made again. Clips have key frames each second, as its streams had.
func TestSamples(t *testing.T) {
	for _, x := range []struct {
		file, name string
		clip       *streamtest.Clip
		length     time.Duration
		vhost      Vhost
	}{
		{"media-h264-aac.m3u8", "av", streamtest.H264AAC(), 47 * time.Second, plain(2*time.Second, 12*time.Second)},
		{"media-h264-only.m3u8", "vo", streamtest.H264Only(), 47 * time.Second, plain(2*time.Second, 12*time.Second)},
		{"media-aac-only.m3u8", "ao", streamtest.AACOnly(), 44 * time.Second, plain(2*time.Second, 12*time.Second)},
		{"media-mp3-only.m3u8", "mp3", streamtest.MP3Only(), 44 * time.Second, plain(2*time.Second, 12*time.Second)},
	} {
		t.Run(x.file, func(t *testing.T) {
			bubble(t, one(x.vhost), func(t *testing.T, r *rig) {
				pub := r.begin(t, stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: x.name})
				require.NoError(t, streamtest.Publish(context.Background(), pub, encoder{clip: x.clip, gop: time.Second, until: x.length}.source(), 1))
				synctest.Wait()
				want := strings.ReplaceAll(sample(t, x.file), "4.205,", "4.206,") // of 161 frames of 1152 samples, SRS rounds twice
				require.Equal(t, want, r.body(t, "/live/"+x.name+".m3u8"))
				require.NoError(t, pub.Close(nil))
			})
		})
	}
}

// Segments decode alone, and together are the stream.
func TestSegmentsDecode(t *testing.T) {
	program(t, "ffmpeg")
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.H264BFramesAAC(), streamtest.HEVCAAC(), streamtest.H264MP3(),
		streamtest.H264Opus(), streamtest.H264Only(), streamtest.AACOnly(), streamtest.MP3Only(), streamtest.OpusOnly(), streamtest.H264Resize()} {
		t.Run(clip.Name, func(t *testing.T) {
			dir := t.TempDir()
			bubble(t, one(plain(2*time.Second, time.Minute)), func(t *testing.T, r *rig) {
				r.publish(t, live, clip.Loop(3))
				text := r.body(t, "/live/av.m3u8")
				var sum float64
				for _, d := range tag(text, "EXTINF") {
					var s float64
					_, err := fmt.Sscanf(d, "%f", &s)
					require.NoError(t, err)
					sum += s
				}
				require.InDelta(t, (3 * clip.Duration()).Seconds(), sum, 0.2, text)
				for _, uri := range uris(text) {
					w := r.get(t, "/live/"+uri)
					require.Equal(t, http.StatusOK, w.Code)
					require.Equal(t, "video/MP2T", w.Header().Get("Content-Type"))
					require.NoError(t, os.WriteFile(filepath.Join(dir, uri), w.Body.Bytes(), 0o644))
				}
				require.NoError(t, os.WriteFile(filepath.Join(dir, "list.m3u8"), []byte(text+"#EXT-X-ENDLIST\n"), 0o644))
			})
			files, err := filepath.Glob(filepath.Join(dir, "*.ts"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			require.Empty(t, decodeEach(t, files...))
			require.Empty(t, decode(t, "-i", filepath.Join(dir, "list.m3u8")))
		})
	}
}

// The list is the shortest tail that is longer than the window; what has left it can still be fetched for
// as long as a playlist lasts.
func TestWindow(t *testing.T) {
	for _, x := range []struct{ window, entries int }{{10, 6}, {12, 7}} {
		bubble(t, one(plain(2*time.Second, time.Duration(x.window)*time.Second)), func(t *testing.T, r *rig) {
			r.publish(t, live, streamtest.H264Only().Loop(20))
			text := r.body(t, "/live/av.m3u8")
			require.Len(t, uris(text), x.entries)
			require.Equal(t, []string{fmt.Sprint(40 - x.entries)}, tag(text, "EXT-X-MEDIA-SEQUENCE"))
			first := 40 - x.entries
			for i := 1; i <= x.entries; i++ {
				require.Equal(t, http.StatusOK, r.get(t, fmt.Sprintf("/live/av-%d.ts", first-i)).Code)
			}
			require.Equal(t, http.StatusNotFound, r.get(t, "/live/av-0.ts").Code)
			for s := range r.module.Streams() {
				require.LessOrEqual(t, s.Segments, 3*x.entries)
			}
		})
	}
}

// Numbers go on over publications of one stream, and the new one does not continue the old.
func TestRepublish(t *testing.T) {
	bubble(t, one(plain(2*time.Second, 12*time.Second)), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		before := r.body(t, "/live/av.m3u8")
		require.NotContains(t, before, "DISCONTINUITY")
		require.NotContains(t, before, "ENDLIST")
		time.Sleep(5 * time.Second)
		r.publish(t, live, streamtest.H264AAC().Loop(1))
		text := r.body(t, "/live/av.m3u8")
		require.Equal(t, 1, strings.Count(text, "#EXT-X-DISCONTINUITY\n"), text)
		require.Equal(t, []string{"2"}, tag(text, "EXT-X-TARGETDURATION"))
		require.Equal(t, uris(before), uris(text)[:len(uris(before))])
		require.NotContains(t, text, "DISCONTINUITY-SEQUENCE")
		// Once the mark has left the list it is counted.
		r.publish(t, live, streamtest.H264AAC().Loop(8))
		text = r.body(t, "/live/av.m3u8")
		require.Equal(t, []string{"2"}, tag(text, "EXT-X-DISCONTINUITY-SEQUENCE"), text)
	})
}

// The first segment has all tracks that are announced, unless one stays silent for long.
func TestAnnouncedSound(t *testing.T) {
	for _, x := range []struct {
		from, until time.Duration // sound, and all
		sum         float64
	}{
		{0, 8 * time.Second, 8},
		{1500 * time.Millisecond, 8 * time.Second, 8},
		{5 * time.Second, 12 * time.Second, 8}, // the segment that has the first of it begins at 4 s
		{time.Minute, 20 * time.Second, 12},
		{time.Minute, 7 * time.Second, 1}, // what there is at the end
	} {
		t.Run(x.from.String()+" of "+x.until.String(), func(t *testing.T) {
			bubble(t, one(plain(2*time.Second, time.Minute)), func(t *testing.T, r *rig) {
				r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: x.until, drop: func(p *stream.Packet) bool {
					return p.Kind() == stream.KindAudio && p.DTS < x.from
				}}.source())
				text := r.body(t, "/live/av.m3u8")
				_, sum := lengths(t, text)
				require.InDelta(t, x.sum, sum, 0.1, text)
				require.Equal(t, []string{"0"}, tag(text, "EXT-X-MEDIA-SEQUENCE"))
				require.Equal(t, "av-0.ts", uris(text)[0])
				require.NotContains(t, text, "DISCONTINUITY")
			})
		})
	}
}

// A stream that nobody publishes any more is forgotten.
func TestDispose(t *testing.T) {
	dir := t.TempDir()
	v := plain(2*time.Second, 12*time.Second)
	v.Dir, v.Dispose = dir, 30*time.Second
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		require.FileExists(t, filepath.Join(dir, "live/av.m3u8"))
		require.FileExists(t, filepath.Join(dir, "live/av-0.ts"))
		time.Sleep(29 * time.Second)
		synctest.Wait()
		r.body(t, "/live/av.m3u8")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, http.StatusNotFound, r.get(t, "/live/av.m3u8").Code)
		require.Equal(t, http.StatusNotFound, r.get(t, "/live/av-0.ts").Code)
		require.Zero(t, r.module.reg.len())
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries)
	})
}
