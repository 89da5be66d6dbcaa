package cmaf

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// encode gives what a player gets that reads a clip from its beginning.
func encode(c *streamtest.Clip) []byte {
	var e, joins Encoder
	packets := c.Packets()
	b := joins.AppendTracks(joins.AppendStart(nil), packets[0].Tracks, packets[0].DTS)
	tracks := packets[0].Tracks
	e.AppendTracks(nil, tracks, 0)
	for _, p := range packets {
		if p.Tracks != tracks {
			b, tracks = e.AppendTracks(b, p.Tracks, p.DTS), p.Tracks
		}
		b = e.AppendPacket(b, p)
	}
	return b
}

// TestEncoder: frames and times come out as they went in, read by an independent parser, and ffmpeg
// has nothing to say.
func TestEncoder(t *testing.T) {
	ffmpeg, lookErr := exec.LookPath("ffmpeg")
	for _, c := range streamtest.Clips() {
		t.Run(c.Name, func(t *testing.T) {
			b := encode(c)
			tracks := c.Packets()[0].Tracks
			want := map[int][][]byte{} // by id
			id := 0
			ids := make([]int, len(tracks.List))
			for i := range tracks.List {
				if _, err := Describe(tracks.List[i], nil); err == nil {
					id++
					ids[i] = id
				}
			}
			if id == 0 {
				require.Empty(t, b)
				return
			}
			for _, p := range c.Packets() {
				if p.Tracks.Diff(tracks)&stream.ChangeLayout == 0 && p.Track != stream.Data && ids[p.Track] > 0 {
					want[ids[p.Track]] = append(want[ids[p.Track]], p.Payload)
				}
			}
			var init fmp4.Init
			require.NoError(t, init.Unmarshal(bytes.NewReader(b[:bytes.Index(b, []byte("moof"))-4])))
			require.Len(t, init.Tracks, id)
			var parts fmp4.Parts
			for _, piece := range bytes.Split(b, []byte("ftypiso6"))[1:] { // another with each change of tracks
				var more fmp4.Parts
				piece = piece[bytes.Index(piece, []byte("moof"))-4:]
				if n := len(piece) - 4; binary.BigEndian.Uint32(piece[n:]) < 64 {
					piece = piece[:n] // the size of the next ftyp
				}
				require.NoError(t, more.Unmarshal(piece))
				parts = append(parts, more...)
			}
			got := map[int][][]byte{}
			next := map[int]uint64{}
			for _, p := range parts {
				for _, x := range p.Tracks {
					for _, s := range x.Samples {
						got[x.ID] = append(got[x.ID], s.Payload)
					}
					require.GreaterOrEqual(t, x.BaseTime, next[x.ID])
					next[x.ID] = x.BaseTime + 1
				}
			}
			require.Equal(t, want, got)
			if lookErr != nil {
				t.Skip("no ffmpeg: ", lookErr)
			}
			if tracks != c.Packets()[len(c.Packets())-1].Tracks {
				return // ffmpeg reads the first description alone
			}
			file := filepath.Join(t.TempDir(), "a.mp4")
			require.NoError(t, os.WriteFile(file, b, 0o600))
			out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "warning", "-xerror", "-i", file, "-f", "null", "-").CombinedOutput()
			require.NoError(t, err, string(out))
			require.Empty(t, string(out))
		})
	}
}

func TestEncoderAllocates(t *testing.T) {
	packets := streamtest.H264AAC().Packets()
	var e Encoder
	e.AppendTracks(nil, packets[0].Tracks, 0)
	dst := make([]byte, 0, 1<<20)
	i := 0
	require.Zero(t, testing.AllocsPerRun(len(packets)-1, func() {
		e.AppendPacket(dst, packets[i%len(packets)])
		i++
	}))
}

func BenchmarkEncoder(b *testing.B) {
	packets := streamtest.H264AAC().Packets()
	var e Encoder
	e.AppendTracks(nil, packets[0].Tracks, 0)
	dst := make([]byte, 0, 1<<20)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e.AppendPacket(dst, packets[i%len(packets)])
		i++
	}
}
