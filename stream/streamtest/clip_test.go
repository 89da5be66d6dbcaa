package streamtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

func TestClips(t *testing.T) {
	total := 0
	for _, c := range Clips() {
		t.Run(c.Name, func(t *testing.T) {
			packets := c.Packets()
			total += checkClip(t, packets)
			require.InDelta(t, 4*time.Second, c.Duration(), float64(100*time.Millisecond))
			require.Same(t, packets[0].Tracks, c.Tracks())
			t.Logf("%v\n%s", c.Duration(), Summary(packets))
		})
	}
	require.Less(t, total, 700_000)
}

// checkClip checks what the package promises of every clip; it gives the clip's size.
func checkClip(t *testing.T, packets []*stream.Packet) (size int) {
	var last time.Duration
	seen := map[int]bool{}
	require.Zero(t, packets[0].DTS)
	for i, p := range packets {
		size += len(p.Payload)
		info := p.Info()
		require.NotNil(t, info)
		require.GreaterOrEqual(t, p.DTS, last, "packet %d", i)
		require.GreaterOrEqual(t, p.PTS, p.DTS)
		require.Zero(t, p.DTS%time.Millisecond)
		require.Zero(t, p.PTS%time.Millisecond)
		last = p.DTS
		if p.Kind() == stream.KindVideo {
			if !seen[p.Track] {
				require.True(t, p.Key(), "first picture")
			}
			require.Equal(t, info.Width*9, info.Height*16)
		} else {
			require.False(t, p.Key())
			require.NotZero(t, info.SampleRate)
			require.NotZero(t, info.Channels)
		}
		seen[p.Track] = true
		checkPayload(t, p)
	}
	require.Len(t, seen, len(packets[0].Tracks.List))
	return size
}

func checkPayload(t *testing.T, p *stream.Packet) {
	config := p.Info().Config
	switch p.Info().Codec {
	case stream.H264:
		require.EqualValues(t, 3, config[4]&3, "length size")
		for _, nal := range nals(p.Payload) {
			require.NotContains(t, []byte{7, 8, 9}, nal[0]&31)
			require.False(t, nal[0]&31 == 5 && !p.Key())
		}
	case stream.HEVC:
		require.EqualValues(t, 3, config[21]&3, "length size")
		for _, nal := range nals(p.Payload) {
			require.NotContains(t, []byte{32, 33, 34, 35}, nal[0]>>1&63)
		}
	case stream.AV1:
		require.EqualValues(t, 0x81, config[0])
		types, err := obus(p.Payload)
		require.NoError(t, err)
		require.NotContains(t, types, byte(2), "temporal delimiter")
		require.Equal(t, 1, bytes.Count(types, []byte{6}), "frames")
		require.Equal(t, p.Key(), bytes.Contains(types, []byte{1}), "sequence header")
	case stream.VP9:
		require.Len(t, config, 12)
		require.EqualValues(t, 2, p.Payload[0]>>6, "frame marker")
		require.Equal(t, p.Key(), p.Payload[0]&4 == 0)
		require.NotEqual(t, byte(0xc0), p.Payload[len(p.Payload)-1]&0xe0, "superframe")
	case stream.AAC:
		require.Equal(t, []byte{0x12, 0x10}, config, "AAC-LC 44.1 kHz stereo")
	case stream.Opus:
		require.Equal(t, "OpusHead", string(config[:8]))
	default:
		require.Empty(t, config)
	}
}

func TestClipFeatures(t *testing.T) {
	b := ofTrack(H264BFramesAAC().Packets(), 0)
	late, disposable := 0, 0
	for _, p := range b {
		if p.PTS > p.DTS {
			late++
		}
		if p.Flags&stream.Disposable != 0 {
			disposable++
		}
	}
	require.Greater(t, late, 30)
	require.Greater(t, disposable, 20)

	r := H264Resize().Packets()
	from, to := r[0].Tracks, r[len(r)-1].Tracks
	require.Equal(t, stream.ChangeMeta|stream.ChangeConfig, to.Diff(from))
	require.Equal(t, 640, to.List[0].Width)
	changes := 0
	for i := 1; i < len(r); i++ {
		if r[i].Tracks != r[i-1].Tracks {
			changes++
			require.True(t, r[i].Key())
			require.InDelta(t, 2*time.Second, r[i].DTS, float64(30*time.Millisecond))
		}
	}
	require.Equal(t, 1, changes)
	video := ofTrack(r, 0)
	for i := 1; i < len(video); i++ {
		require.Equal(t, 40*time.Millisecond, video[i].DTS-video[i-1].DTS)
	}

	relay := FLV1Speex().Tracks()
	require.Equal(t, stream.FLVVideo(2), relay.List[0].Codec)
	require.Equal(t, stream.FLVAudio(11), relay.List[1].Codec)
	require.Contains(t, H264AAC().Tracks().Meta, stream.Field{Name: "videocodecid", Value: 7.0})
	require.Contains(t, HEVCAAC().Tracks().Meta, stream.Field{Name: "videocodecid", Value: float64(stream.HEVC)})
}

// TestClipsDecode has ffmpeg decode every track of every clip.
func TestClipsDecode(t *testing.T) {
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed")
	}
	for _, c := range Clips() {
		for i := range c.Tracks().List {
			packets := ofTrack(c.Packets(), i)
			t.Run(fmt.Sprintf("%s/%v", c, packets[0].Info().Codec), func(t *testing.T) {
				b, ext := elementary(packets)
				file := filepath.Join(t.TempDir(), "clip."+ext)
				require.NoError(t, os.WriteFile(file, b, 0o600))
				out, err := exec.Command(probe, "-v", "error", "-count_frames", "-of", "csv=p=0",
					"-show_entries", "stream=nb_read_frames", file).CombinedOutput()
				require.NoError(t, err, "%s", out)
				// Any complaint of the decoder is in the output, and fails this too.
				require.Equal(t, fmt.Sprint(len(packets)), strings.TrimSpace(string(out)))
			})
		}
	}
}

func TestLoop(t *testing.T) {
	c := H264BFramesAAC()
	n := len(c.Packets())
	var rec Recorder
	require.NoError(t, stream.Copy(&rec, c.Loop(3)))
	got := rec.Packets()
	require.Len(t, got, 3*n)
	last := map[int]time.Duration{}
	for i, p := range got {
		want := c.Packets()[i%n]
		require.Equal(t, want.DTS+time.Duration(i/n)*c.Duration(), p.DTS)
		require.Equal(t, p.PTS-p.DTS, want.PTS-want.DTS)
		require.GreaterOrEqual(t, p.DTS, last[p.Track])
		last[p.Track] = p.DTS + 1
	}
	require.Zero(t, c.Packets()[0].DTS, "the clip is as before")

	endless := c.Loop(0)
	for range 10 * n {
		_, err := endless.ReadPacket()
		require.NoError(t, err)
	}
}

func TestSource(t *testing.T) {
	c := AACOnly()
	var a, b Recorder
	require.NoError(t, stream.Copy(&a, c.Source()))
	require.NoError(t, stream.Copy(&b, Source(c.Packets()...)))
	require.Equal(t, c.Packets(), a.Packets())
	require.Equal(t, c.Packets(), b.Packets())
}
