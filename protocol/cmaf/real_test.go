package cmaf_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// content gives what the first box of a name has in it; nil if there is none.
func content(file []byte, name string) []byte {
	i := bytes.Index(file, []byte(name))
	if i < 4 {
		return nil
	}
	return file[i+4 : i-4+int(binary.BigEndian.Uint32(file[i-4:]))]
}

// made has ffmpeg make an MP4 file of one track with a fragment for each frame.
func made(t *testing.T, args ...string) (file []byte, frames [][]byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "made.mp4")
	ffmpeg(t, append(append([]string{"-f", "lavfi"}, args...), "-strict", "-2",
		"-movflags", "frag_every_frame+delay_moov+default_base_moof+skip_trailer", name)...)
	file, err := os.ReadFile(name)
	require.NoError(t, err)
	var parts fmp4.Parts
	require.NoError(t, parts.Unmarshal(file[bytes.Index(file, []byte("moof"))-4:]))
	for _, p := range parts {
		for _, s := range p.Tracks[0].Samples {
			frames = append(frames, s.Payload)
		}
	}
	require.NotEmpty(t, frames)
	return file, frames
}

// TestReal packages what ffmpeg made of codecs that no clip has. The boxes that describe them are as
// ffmpeg writes them, and so is what is decoded.
func TestReal(t *testing.T) {
	const sine = "sine=frequency=440:sample_rate=44100:duration=2"
	for _, x := range []struct {
		name, box string
		codec     stream.Codec
		hz        int
		samples   int64  // of a frame
		mask      []byte // bits of the box that are compared; nil for all
		args      []string
	}{
		{"FLAC", "dfLa", stream.FLAC, 44100, 4608, nil, []string{"-i", sine, "-c:a", "flac"}},
		{"AC3", "dac3", stream.AC3, 48000, 1536, nil, []string{"-i", "sine=sample_rate=48000:duration=2", "-ac", "2", "-b:a", "192k", "-c:a", "ac3"}},
		{"AC3of5.1", "dac3", stream.AC3, 48000, 1536, nil,
			[]string{"-i", "aevalsrc=exprs=0.1*sin(t*3000)|0.1*sin(t*4000)|0.1*sin(t*5000)|0|0.1|0.1*sin(t*900):c=5.1(side):s=48000:d=2", "-b:a", "384k", "-c:a", "ac3"}},
		// ffmpeg announces the mean bit rate where ours is of a frame's size.
		{"EAC3", "dec3", stream.EAC3, 44100, 1536, []byte{0, 7, 0xff, 0xff, 0xff}, []string{"-i", sine, "-ac", "2", "-b:a", "192k", "-c:a", "eac3"}},
		{"VP9", "vpcC", stream.VP9, 90000, 3600, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0, 0xfe, 0, 0, 0, 0xff, 0xff},
			[]string{"-i", "testsrc=size=320x180:rate=25:duration=2", "-pix_fmt", "yuv420p", "-auto-alt-ref", "0", "-g", "25", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-b:v", "200k"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			file, frames := made(t, x.args...)
			track := stream.Track{Codec: x.codec}
			if x.codec == stream.FLAC {
				track.Config = content(file, "dfLa")[8:]
			}
			tracks := &stream.Tracks{List: []stream.Track{track}}
			var packets []*stream.Packet
			for i, f := range frames {
				at := stream.FromTicks(int64(i)*x.samples, x.hz).Round(time.Millisecond) // as RTMP carries it
				p := &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: f}
				if x.codec == stream.VP9 && i%25 == 0 {
					p.Flags = stream.KeyFrame
				}
				packets = append(packets, p)
			}
			parts := pack(t, cmaf.Config{SegmentDuration: time.Second}, packets)
			out := bytes.Clone(parts[0].Init.Data)
			for _, p := range parts {
				out = append(out, p.Data...)
			}
			ours, theirs := slices.Clone(content(out, x.box)), slices.Clone(content(file, x.box))
			require.NotEmpty(t, ours)
			for i := range min(len(x.mask), len(ours), len(theirs)) {
				ours[i], theirs[i] = ours[i]&x.mask[i], theirs[i]&x.mask[i]
			}
			require.Equal(t, theirs, ours)
			samples := check(t, cmaf.Config{MaxSegment: 3 * time.Second}, parts)[1]
			require.Len(t, samples, len(frames))
			for i, s := range samples[:len(samples)-1] {
				require.InDelta(t, x.samples, s.Duration, 0, "frame %d", i)
			}

			v, a := hashes(t, write(t, "a.mp4", file))
			v2, a2 := hashes(t, write(t, "b.mp4", out))
			require.Equal(t, len(v)+len(a), len(v2)+len(a2))
			require.True(t, slices.Equal(append(v, a...), append(v2, a2...)))

			// The live form describes them without a frame, by what the publisher tells.
			info := parts[0].Init.Tracks[0]
			if track.Config == nil {
				info.Config = nil
			}
			live := &stream.Tracks{List: []stream.Track{info}}
			for _, p := range packets {
				p.Tracks = live
			}
			v3, a3 := hashes(t, write(t, "c.mp4", progressive(packets)))
			require.True(t, slices.Equal(append(v2, a2...), append(v3, a3...)))
		})
	}
}
