package hls

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/hls/hlstest"
	"github.com/srsgo/srs/stream/streamtest"
)

// discontinuities gives how many there were up to the end of a playlist.
func discontinuities(t *testing.T, text string) int {
	t.Helper()
	n := strings.Count(text, "#EXT-X-DISCONTINUITY\n")
	for _, v := range tag(text, "EXT-X-DISCONTINUITY-SEQUENCE") {
		before, err := strconv.Atoi(v)
		require.NoError(t, err)
		n += before
	}
	return n
}

// truthful holds the reports that playlists make of one another against what these say themselves.
func truthful(t *testing.T, paths []string, lives []hlstest.Checker) {
	t.Helper()
	for i := range lives {
		for _, x := range lives[i].Reports() {
			j := slices.Index(paths, path.Join(path.Dir(paths[i]), x.URI))
			require.GreaterOrEqual(t, j, 0, x.URI)
			msn, part := lives[j].Newest()
			require.Equal(t, hlstest.Report{URI: x.URI, MSN: msn, Part: part}, x)
		}
	}
}

// Ten minutes of each form, with a publisher that comes back.
func TestLife(t *testing.T) {
	v := low()
	f := plain(2*time.Second, 12*time.Second)
	f.Format = FMP4
	for _, x := range []struct {
		name  string
		vhost Vhost
		lists []string
	}{
		{"TS", plain(2*time.Second, 12*time.Second), []string{"/live/av.m3u8"}},
		{"fMP4", f, []string{"/live/av.v1.m3u8", "/live/av.a1.m3u8"}},
		{"low latency", v, []string{"/live/av.v1.m3u8", "/live/av.a1.m3u8"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var texts []string
			bubble(t, one(x.vhost), func(t *testing.T, r *rig) {
				lives := make([]hlstest.Checker, len(x.lists))
				updates := 0 // that leave out what the player has
				for range 4 {
					stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 10 * time.Minute})
					for n := range 750 {
						time.Sleep(200 * time.Millisecond)
						synctest.Wait()
						for i, file := range x.lists {
							if n%2 == 1 && x.vhost.PartDuration > 0 {
								file += "?_HLS_skip=YES"
							}
							if w := r.get(t, file); w.Code == 200 {
								texts = append(texts, w.Body.String())
								updates += strings.Count(w.Body.String(), "#EXT-X-SKIP:")
								require.NoError(t, lives[i].Check(w.Body.String(), time.Now()))
							}
						}
						truthful(t, x.lists, lives)
					}
					stop()
					time.Sleep(3 * time.Second)
					for i, file := range x.lists {
						require.NoError(t, lives[i].Check(r.body(t, file), time.Time{}))
					}
				}
				require.Equal(t, x.vhost.PartDuration > 0, updates > 1000, updates)
				for i := range lives {
					require.Equal(t, x.vhost.PartDuration > 0, len(lives[i].Reports()) > 0)
					require.Greater(t, lives[i].Segments(), 250)
					require.Equal(t, 3, discontinuities(t, r.body(t, x.lists[i])))
				}
			})
			t.Run("video.js", func(t *testing.T) { readByVideoJS(t, texts) })
		})
	}
}
