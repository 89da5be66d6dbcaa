package dvr

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// metadata gives the fields of an FLV's metadata, and how many it says there are.
func metadata(t testing.TB, b []byte) (fields map[string]any, count int) {
	t.Helper()
	require.EqualValues(t, flv.TagScript, b[flvStart])
	all, err := amf.DecodeAll(b[flvStart+flvTagHeader:][:tagSize(b[flvStart:])])
	require.NoError(t, err)
	require.Equal(t, "onMetaData", all[0])
	fields = map[string]any{}
	for _, f := range all[1].(amf.ECMAArray) {
		fields[f.Name] = f.Value
	}
	require.Len(t, fields, len(all[1].(amf.ECMAArray)), "a name comes twice")
	n := b[flvStart+flvTagHeader+14:]
	return fields, int(n[0])<<24 | int(n[1])<<16 | int(n[2])<<8 | int(n[3])
}

// keyframes gives the index that metadata have.
func keyframes(t testing.TB, fields map[string]any) (times, positions []float64) {
	t.Helper()
	for _, f := range fields["keyframes"].(amf.Object) {
		for _, v := range f.Value.(amf.StrictArray) {
			switch f.Name {
			case "times":
				times = append(times, v.(float64))
			case "filepositions":
				positions = append(positions, v.(float64))
			}
		}
	}
	require.Len(t, times, len(positions))
	return times, positions
}

// TestFLVIndex: an FLV says where its key frames are, and programs find nothing wrong with that.
func TestFLVIndex(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.H264BFramesAAC(), streamtest.HEVCAAC(), streamtest.FLV1Speex()} {
		t.Run(clip.Name, func(t *testing.T) {
			t.Parallel()
			published := []*stream.Packet{}
			withIndex := *clip.Tracks() // of a file that is published
			withIndex.Meta = append([]stream.Field{{Name: "keyframes", Value: "old"}, {Name: "duration", Value: 99.0}}, withIndex.Meta...)
			for _, p := range clip.Packets() {
				q := *p
				q.Tracks = &withIndex
				published = append(published, &q)
			}
			r := newRig(t, Vhost{Enabled: true, Path: "[stream].flv"})
			r.publish(t, live, published...)
			x := r.wait(t, 1)[0]
			b, err := os.ReadFile(x.File)
			require.NoError(t, err)
			fields, count := metadata(t, b)
			require.Len(t, fields, count)
			require.EqualValues(t, len(b), fields["filesize"])
			require.InDelta(t, x.Duration.Seconds(), fields["duration"], 0.001)
			times, positions := keyframes(t, fields)
			var want []time.Duration
			first := clip.Packets()[0].DTS
			for _, p := range clip.Packets() {
				if p.Key() {
					want = append(want, p.DTS-first)
				}
			}
			require.Len(t, times, 1+len(want))
			require.Zero(t, times[0])
			require.EqualValues(t, flvStart+flvTagHeader+tagSize(b[flvStart:])+4, positions[0])
			for i, at := range want {
				require.InDelta(t, at.Seconds(), times[1+i], 0.001)
				tag := b[int(positions[1+i]):]
				require.EqualValues(t, flv.TagVideo, tag[0])
				require.True(t, keyTag(tag[flvTagHeader:]))
			}
			if classic(clip.Tracks()) {
				decodes(t, x.File)
				require.Empty(t, output(t, "ffprobe", "-v", "warning", x.File))
				output(t, "ffmpeg", "-v", "warning", "-xerror", "-ss", "2.5", "-i", x.File, "-f", "null", "-")
			}
		})
	}
}

// TestFLVIndexRecovered: a file that a killed process left has the index that it would have had, and none
// points behind its end.
func TestFLVIndexRecovered(t *testing.T) {
	clip := streamtest.H264AAC()
	b, _ := unfinished(t, ".flv", clip.Packets())
	raw := filepath.Join(t.TempDir(), "x.flv")
	require.NoError(t, os.WriteFile(raw, b, 0o600))
	decodes(t, raw) // as it is, too
	for n, keys := range map[int]int{len(b): 4, len(b) * 2 / 3: 2} {
		r := recovered(t, ".flv", b[:n])
		again, err := os.ReadFile(r.File)
		require.NoError(t, err)
		fields, _ := metadata(t, again)
		times, positions := keyframes(t, fields)
		require.Len(t, times, 1+keys)
		require.Less(t, int(positions[len(positions)-1]), len(again))
		decodes(t, r.File)
	}
}

// TestFLVKeys: an index with more entries than there is room for is thinned out evenly.
func TestFLVKeys(t *testing.T) {
	for _, n := range []int{0, 1, maxFLVKeys - 1, maxFLVKeys, maxFLVKeys + 1, 2 * maxFLVKeys, 2*maxFLVKeys + 1, 123456} {
		var k flvKeys
		for i := range n {
			k.add(time.Duration(i)*time.Second, int64(i)*1000)
		}
		require.LessOrEqual(t, len(k.list), maxFLVKeys)
		require.Equal(t, (n+max(k.every, 1)-1)/max(k.every, 1), len(k.list))
		for i, x := range k.list {
			require.Equal(t, flvKey{time.Duration(i*k.every) * time.Second, int64(i*k.every) * 1000}, x)
		}
		require.Len(t, k.field(0, 0, 1<<50), keysRoom)
	}
}
