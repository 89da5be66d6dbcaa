package dvr

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// descriptions gives the tracks of all clips that an MP4 carries, each with its sample description.
func descriptions(t testing.TB) (tracks []stream.Track, stsd [][]byte) {
	t.Helper()
	for _, clip := range streamtest.Clips() {
		seen := map[int]bool{}
		for _, p := range clip.Packets() {
			if p.Kind() == stream.KindData || seen[p.Track] {
				continue
			}
			track, err := cmaf.Describe(p.Tracks.List[p.Track], p.Payload)
			if err != nil {
				require.ErrorIs(t, err, stream.ErrUnsupported)
				continue
			}
			seen[p.Track] = true
			init, err := cmaf.Init([]stream.Track{track})
			require.NoError(t, err)
			tracks, stsd = append(tracks, track), append(stsd, description(child(init, "moov"), 0))
		}
	}
	require.Greater(t, len(tracks), 15)
	return tracks, stsd
}

// TestParseEntry: a track is read from an MP4 as it was written.
func TestParseEntry(t *testing.T) {
	tracks, stsd := descriptions(t)
	for i, want := range tracks {
		got, err := parseEntry(stsd[i], 1, want.Kind() == stream.KindVideo)
		require.NoError(t, err, want.Codec)
		require.Equal(t, want.Codec, got.Codec)
		require.Equal(t, want.Config, got.Config, want.Codec)
		require.Equal(t, want.Width, got.Width, want.Codec)
		require.Equal(t, want.SampleRate, got.SampleRate, want.Codec)
		require.Equal(t, want.Channels, got.Channels, want.Codec)
		for n := range stsd[i] {
			_, err := parseEntry(stsd[i][:n], 1, want.Kind() == stream.KindVideo)
			require.Error(t, err, "%v: %d bytes", want.Codec, n)
		}
	}
}

// FuzzParseEntry: a sample description may have anything in it.
func FuzzParseEntry(f *testing.F) {
	tracks, stsd := descriptions(f)
	for i, t := range tracks {
		f.Add(stsd[i], t.Kind() == stream.KindVideo)
	}
	f.Fuzz(func(t *testing.T, stsd []byte, video bool) {
		if got, err := parseEntry(stsd, 1, video); err == nil {
			require.Equal(t, video, got.Kind() == stream.KindVideo)
			require.LessOrEqual(t, len(got.Config), len(stsd)+8)
		}
	})
}

// TestPlayUnsupported: where a form carries no codec of a recording, the answer says which.
func TestPlayUnsupported(t *testing.T) {
	r := newRig(t, Vhost{Enabled: true, Path: "[stream].flv"})
	r.publish(t, live, streamtest.FLV1Speex().Packets()...)
	r.wait(t, 1)
	for _, ext := range []string{".mp4", ".m3u8", ".ts"} {
		w := r.get(t, "live/av"+ext)
		require.Equal(t, http.StatusNotAcceptable, w.Code, ext)
		require.Contains(t, w.Body.String(), "carries", ext)
	}
	require.Equal(t, http.StatusOK, r.get(t, "live/av.flv").Code)
}
