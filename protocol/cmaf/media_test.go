package cmaf_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// ffmpeg runs it and gives what it wrote to its standard output. It must not complain.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"-nostdin", "-v", "warning"}, args...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &log)
	require.Empty(t, log.String())
	return out
}

// write makes a file of the test's.
func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, data, 0o600))
	return name
}

// hashes decodes a file, and gives the hash of each picture and of each frame of sound.
func hashes(t testing.TB, name string) (video, audio []string) {
	t.Helper()
	out := ffmpeg(t, "-i", name, "-map", "0:v?", "-map", "0:a?", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	pictures := strings.Contains(string(out), "#media_type 0: video")
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(line, ","); len(f) == 6 && line[0] != '#' {
			if hash := strings.TrimSpace(f[5]); pictures && f[0] == "0" {
				video = append(video, hash)
			} else {
				audio = append(audio, hash)
			}
		}
	}
	return video, audio
}

// source gives packets in a container of another maker's, which ffmpeg reads.
func source(t testing.TB, packets []*stream.Packet) string {
	t.Helper()
	var b bytes.Buffer
	name, sink, finish := "a.flv", stream.Sink(flv.NewWriter(&b, nil)), func() error { return nil }
	for _, x := range packets[0].Tracks.List {
		switch x.Codec {
		case stream.HEVC, stream.Opus, stream.AC3, stream.EAC3:
			w := mpegts.NewWriter(&b, mpegts.Options{})
			name, sink, finish = "a.ts", w, w.Flush
		case stream.AV1, stream.VP9:
			return write(t, "a.ivf", ivf(packets))
		}
	}
	for _, p := range packets {
		require.NoError(t, sink.WritePacket(p))
	}
	require.NoError(t, finish())
	return write(t, name, b.Bytes())
}

// ivf writes the video alone.
func ivf(packets []*stream.Packet) []byte {
	i := packets[0].Tracks.First(stream.KindVideo)
	info, code, prefix := &packets[0].Tracks.List[i], "VP90", ""
	if info.Codec == stream.AV1 {
		code, prefix = "AV01", "\x12\x00" // a temporal delimiter
	}
	le := binary.LittleEndian
	b := append([]byte("DKIF\x00\x00\x20\x00"), code...)
	b = le.AppendUint16(le.AppendUint16(b, uint16(info.Width)), uint16(info.Height))
	b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 1000), 1), 0)
	for _, p := range packets {
		if p.Track == i {
			b = le.AppendUint32(b, uint32(len(prefix)+len(p.Payload)))
			b = append(append(le.AppendUint64(b, uint64(p.PTS/time.Millisecond)), prefix...), p.Payload...)
		}
	}
	return b
}

// progressive gives what Encoder makes of packets of one set of tracks.
func progressive(packets []*stream.Packet) []byte {
	var e cmaf.Encoder
	b := e.AppendTracks(e.AppendStart(nil), packets[0].Tracks, packets[0].DTS)
	for _, p := range packets {
		b = e.AppendPacket(b, p)
	}
	return b
}

// runs cuts packets where their tracks change.
func runs(packets []*stream.Packet) (all [][]*stream.Packet) {
	from := 0
	for i, p := range packets {
		if p.Tracks != packets[from].Tracks {
			all, from = append(all, packets[from:i]), i
		}
	}
	return append(all, packets[from:])
}

// TestFrames has ffmpeg decode each clip from its source's container, from parts and from the live
// form: pictures and sound are the same. The clip that changes its size has two initialization
// segments, each of which decodes all of its half.
func TestFrames(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		t.Run(clip.Name, func(t *testing.T) {
			if clip.Name == "FLV1Speex" {
				return // MP4 has no place for it
			}
			for _, packets := range runs(clip.Packets()) {
				video, audio := hashes(t, source(t, packets))
				parts := pack(t, cmaf.Config{Muxed: true, SegmentDuration: time.Second, PartDuration: 300 * time.Millisecond}, packets)
				file := bytes.Clone(parts[0].Init.Data)
				for _, p := range parts {
					require.Same(t, parts[0].Init, p.Init)
					file = append(file, p.Data...)
				}
				for _, b := range [][]byte{file, progressive(packets)} {
					v, a := hashes(t, write(t, "a.mp4", b))
					require.NotEmpty(t, append(v, a...))
					require.True(t, slices.Equal(video, v), "pictures")
					if clip.Name == "VP9Opus" || clip.Name == "AV1AAC" {
						continue // IVF has no sound
					}
					if strings.Contains(clip.Name, "Opus") {
						audio[0] = a[0] // MPEG-TS tells no pre-skip
					}
					require.True(t, slices.Equal(audio, a), "sound")
				}
			}
		})
	}
}

// TestCutOff reads a recording of which the end is missing: all parts that are there play, however much
// of the next one there is. It is read as a stream: of a file that one can seek in, ffmpeg wants all
// movie fragments whole before it begins.
func TestCutOff(t *testing.T) {
	clip := streamtest.H264AAC()
	parts := pack(t, cmaf.Config{Muxed: true, SegmentDuration: time.Second, PartDuration: 500 * time.Millisecond}, clip.Packets())
	file := bytes.Clone(parts[0].Init.Data)
	var ends, pictures []int
	for i, p := range parts {
		file = append(file, p.Data...)
		ends, pictures = append(ends, len(file)), append(pictures, p.Samples)
		if i > 0 {
			pictures[i] += pictures[i-1]
		}
	}
	last := len(parts) - 1
	from, header := ends[last-1], bytes.Index(file[ends[last-1]:], []byte("mdat"))
	for _, at := range []int{from, from + 4, from + header/2, from + header - 4, from + header + 4, from + header + 100, ends[last] - 1, ends[last]} {
		program, err := exec.LookPath("ffmpeg")
		if err != nil {
			t.Skip("no ffmpeg")
		}
		cmd := exec.CommandContext(t.Context(), program, "-v", "quiet", "-i", "pipe:0", "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")
		cmd.Stdin = bytes.NewReader(file[:at])
		out, err := cmd.Output()
		require.NoError(t, err)
		n := strings.Count(string(out), "\n0,")
		want := pictures[last-1]
		if at == ends[last] {
			want = pictures[last]
		}
		require.GreaterOrEqual(t, n, want, "cut at %d of %d", at-from, len(file)-from)
		require.LessOrEqual(t, n, pictures[last])
	}
	for _, n := range []int{1, last / 2, last} { // whole parts are a whole file
		video, _ := hashes(t, write(t, "a.mp4", file[:ends[n-1]]))
		require.Len(t, video, pictures[n-1])
	}
}
