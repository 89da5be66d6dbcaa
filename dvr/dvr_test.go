package dvr

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// readAll gives the packets of a file; of an MP4 only payloads and times count.
func readAll(t testing.TB, file string, like *stream.Tracks) (out []*stream.Packet) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var src stream.Source
	switch format(file) {
	case ".flv":
		src = flv.NewReader(f)
	case ".ts":
		src = mpegts.NewReader(f)
	default:
		return readMP4(t, f, like)
	}
	for {
		p, err := src.ReadPacket()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, p)
	}
}

// readMP4 has mediacommon read a plain MP4.
func readMP4(t testing.TB, f io.ReadSeeker, like *stream.Tracks) (out []*stream.Packet) {
	t.Helper()
	var p pmp4.Presentation
	require.NoError(t, p.Unmarshal(f))
	require.Len(t, p.Tracks, len(like.List))
	for i, track := range p.Tracks {
		dts := int64(track.TimeOffset)
		for _, s := range track.Samples {
			b, err := s.GetPayload()
			require.NoError(t, err)
			q := &stream.Packet{Tracks: like, Track: i, Payload: b, DTS: stream.FromTicks(dts, int(track.TimeScale)),
				PTS: stream.FromTicks(dts+int64(s.PTSOffset), int(track.TimeScale))}
			if !s.IsNonSyncSample && q.Kind() == stream.KindVideo {
				q.Flags = stream.KeyFrame
			}
			out = append(out, q)
			dts += int64(s.Duration)
		}
	}
	return out
}

// classic tells whether FLV without enhancements carries the tracks: ffmpeg 5 reads nothing else.
func classic(t *stream.Tracks) bool {
	for _, x := range t.List {
		if x.Codec != stream.H264 && x.Codec != stream.AAC && x.Codec != stream.MP3 {
			return false
		}
	}
	return true
}

// TestFormats: a recording of each format has the source's frames.
func TestFormats(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		for _, ext := range []string{".flv", ".mp4", ".ts"} {
			if ext != ".flv" && clip.Name == "FLV1Speex" || ext == ".ts" && (clip.Name == "AV1AAC" || clip.Name == "VP9Opus") ||
				ext == ".mp4" && clip.Name == "H264Resize" { // several files
				continue
			}
			t.Run(clip.Name+ext, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, Vhost{Enabled: true, Path: "[app]/[stream]" + ext})
				r.publish(t, live, clip.Packets()...)
				x := r.wait(t, 1)[0]
				require.Equal(t, r.dir+"/live/av"+ext, x.File)
				require.Equal(t, []string{"live/av" + ext}, r.names(t))
				require.Equal(t, live, x.Key)
				require.Zero(t, x.Gaps)
				info, err := os.Stat(x.File)
				require.NoError(t, err)
				require.Equal(t, info.Size(), x.Bytes)
				require.InDelta(t, clip.Duration(), x.Duration, float64(150*time.Millisecond))
				c := streamtest.Compare{AnyConfig: ext == ".ts" || clip.Name == "FLV1Speex", Tolerance: time.Millisecond}
				if ext == ".mp4" {
					c.Tolerance = 2 * time.Millisecond // frames of sound lie end to end
					c.FreeSync = true                  // what reads them back does not know edit lists
				}
				streamtest.Equal(t, clip.Packets(), readAll(t, x.File, clip.Tracks()), c)
				if ext != ".flv" || classic(clip.Tracks()) {
					decodes(t, x.File)
				}
			})
		}
	}
}
