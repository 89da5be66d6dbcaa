package mpegts

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestMediacommonReads: an independent reader gets what was written.
func TestMediacommonReads(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264BFramesAAC(), streamtest.HEVCAAC(), streamtest.H264MP3(), streamtest.H264Opus(), streamtest.AACOnly()} {
		for _, b := range [][]byte{encode(clip.Packets()), mux(t, clip.Packets())} {
			r := &mpegts.Reader{R: bytes.NewReader(b)}
			require.NoError(t, r.Initialize())
			r.OnDecodeError(func(err error) { require.NoError(t, err) })
			tracks := clip.Tracks()
			var got []*stream.Packet
			add := func(k stream.Kind, pts, dts int64, payloads ...[]byte) error {
				i := tracks.First(k)
				n := int64(0)
				for _, b := range payloads {
					p := &stream.Packet{Tracks: tracks, Track: i, PTS: stream.FromTicks(pts+n, hz), DTS: stream.FromTicks(dts+n, hz), Payload: b}
					if k == stream.KindVideo {
						u, err := codec.NormalizeNAL(tracks.List[i].Codec, tracks.List[i].Config, 0, b)
						require.NoError(t, err)
						require.Nil(t, u.Config)
						p.Payload, p.Flags = u.Payload, u.Flags
					} else if s, rate := samples(tracks.List[i].Codec, tracks.List[i].SampleRate, b); rate > 0 {
						n += ticks(s, rate)
					}
					got = append(got, p)
				}
				return nil
			}
			annexB := func(pts, dts int64, au [][]byte) error {
				return add(stream.KindVideo, pts, dts, appendSets(nil, au))
			}
			for _, x := range r.Tracks() {
				switch x.Codec.(type) {
				case *codecs.H264:
					r.OnDataH264(x, annexB)
				case *codecs.H265:
					r.OnDataH265(x, annexB)
				case *codecs.MPEG4Audio:
					r.OnDataMPEG4Audio(x, func(pts int64, aus [][]byte) error { return add(stream.KindAudio, pts, pts, aus...) })
				case *codecs.MPEG1Audio:
					r.OnDataMPEG1Audio(x, func(pts int64, aus [][]byte) error { return add(stream.KindAudio, pts, pts, aus...) })
				case *codecs.Opus:
					r.OnDataOpus(x, func(pts int64, aus [][]byte) error { return add(stream.KindAudio, pts, pts, aus...) })
				default:
					t.Fatalf("%T", x.Codec)
				}
			}
			var err error
			for err == nil {
				err = r.Read()
			}
			require.ErrorContains(t, err, "EOF")
			streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{Tolerance: 5 * time.Millisecond})
		}
	}
}

// TestMediacommonWrites: what an independent writer writes is read.
func TestMediacommonWrites(t *testing.T) {
	clip := streamtest.H264BFramesAAC()
	tracks := clip.Tracks()
	var asc mpeg4audio.AudioSpecificConfig
	require.NoError(t, asc.Unmarshal(tracks.List[tracks.First(stream.KindAudio)].Config))
	avc, err := codec.ParseAVC(tracks.List[tracks.First(stream.KindVideo)].Config)
	require.NoError(t, err)
	video, audio := &mpegts.Track{Codec: &codecs.H264{}}, &mpegts.Track{Codec: &codecs.MPEG4Audio{Config: asc}}
	var b bytes.Buffer
	w := &mpegts.Writer{W: &b, Tracks: []*mpegts.Track{video, audio}}
	require.NoError(t, w.Initialize())
	for _, p := range clip.Packets() {
		pts, dts := stream.Ticks(p.PTS, hz), stream.Ticks(p.DTS, hz)
		if p.Kind() == stream.KindAudio {
			require.NoError(t, w.WriteMPEG4Audio(audio, pts, [][]byte{p.Payload}))
			continue
		}
		var au [][]byte
		if p.Key() {
			au = append(append(au, avc.SPS...), avc.PPS...)
		}
		for b := p.Payload; len(b) > 0; {
			n := 4 + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
			au = append(au, b[4:n])
			b = b[n:]
		}
		require.NoError(t, w.WriteH264(video, pts, dts, au))
	}
	streamtest.Equal(t, clip.Packets(), read(t, &b), streamtest.Compare{Tolerance: time.Second / hz})
}

// TestFFmpegWrites: what ffmpeg makes of an FLV file is read as that file is.
func TestFFmpegWrites(t *testing.T) {
	ffmpeg := program(t, "ffmpeg")
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.H264BFramesAAC(), streamtest.H264MP3(), streamtest.AACOnly(), streamtest.MP3Only()} {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "x.flv"), filepath.Join(dir, "x.ts")
		f, err := os.Create(in)
		require.NoError(t, err)
		require.NoError(t, stream.Copy(flv.NewWriter(f, nil), clip.Source()))
		require.NoError(t, f.Close())
		text, err := exec.Command(ffmpeg, "-v", "error", "-i", in, "-c", "copy", out).CombinedOutput()
		require.NoError(t, err, string(text))
		b, err := os.ReadFile(out)
		require.NoError(t, err)
		// ffmpeg takes the time of frames of sound from their samples.
		streamtest.Equal(t, clip.Packets(), read(t, bytes.NewReader(b)), streamtest.Compare{Tolerance: 12 * time.Millisecond})
	}
}

// TestFFmpegCodecs: what ffmpeg encodes is read, written again, and decoded by ffmpeg
// without a word; and it has the frames that ffmpeg counts.
func TestFFmpegCodecs(t *testing.T) {
	ffmpeg, ffprobe := program(t, "ffmpeg"), program(t, "ffprobe")
	for name, args := range map[string]string{
		"AC3":       "-f lavfi -i sine=d=2 -c:a ac3",
		"AC3 5.1":   "-f lavfi -i sine=d=2 -ac 6 -ar 44100 -c:a ac3",
		"EAC3":      "-f lavfi -i sine=d=2 -ac 2 -c:a eac3",
		"Opus 5.1":  "-f lavfi -i sine=d=2:r=48000 -ac 6 -c:a libopus",
		"MP3 low":   "-f lavfi -i sine=d=2:r=22050 -c:a libmp3lame",
		"AAC mono":  "-f lavfi -i sine=d=2:r=8000 -ac 1 -c:a aac",
		"AAC 5.1":   "-f lavfi -i sine=d=2 -ac 6 -c:a aac",
		"intra":     "-f lavfi -i testsrc=d=2:s=320x180:r=25 -f lavfi -i sine=d=2 -c:a ac3 -c:v libx264 -g 1",
		"refresh":   "-f lavfi -i testsrc=d=2:s=320x180:r=25 -c:v libx264 -x264-params intra-refresh=1:keyint=20",
		"slow":      "-f lavfi -i testsrc=d=8:s=320x180:r=2 -f lavfi -i sine=d=8 -c:a aac -c:v libx264",
		"open GOP":  "-f lavfi -i testsrc=d=2:s=320x180:r=25 -c:v libx265 -x265-params log-level=error:open-gop=1:keyint=10:bframes=3",
		"two sound": "-f lavfi -i sine=d=2 -f lavfi -i sine=d=2 -map 0 -map 1 -c:a aac -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.ts")
			out, err := exec.Command(ffmpeg, strings.Fields("-v error "+args+" -threads 1 "+file)...).CombinedOutput()
			require.NoError(t, err, string(out))
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			packets := read(t, bytes.NewReader(b))
			out, err = exec.Command(ffprobe, "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", file).Output()
			require.NoError(t, err)
			listed, _, _ := strings.Cut(string(out), "\n\n") // by program, and again
			require.Equal(t, strings.TrimSpace(listed), counts(packets))
			// ffmpeg packs sound of up to 0.5 s together, which comes before pictures of its time.
			slices.SortStableFunc(packets, func(a, b *stream.Packet) int { return cmp.Compare(a.DTS, b.DTS) })
			for _, again := range [][]byte{encode(packets), mux(t, packets)} {
				checked(t, again)
				decodes(t, again)
				streamtest.Equal(t, packets, read(t, bytes.NewReader(again)), streamtest.Compare{Tolerance: time.Millisecond})
			}
		})
	}
}

// counts gives the number of packets of each track, a line for each.
func counts(packets []*stream.Packet) string {
	tracks := packets[len(packets)-1].Tracks.List
	n := make([]int, len(tracks))
	for _, p := range packets {
		for i := range tracks {
			if tracks[i].ID == p.Info().ID {
				n[i]++
			}
		}
	}
	var lines []string
	for pid := range 0x200 { // as in the program map
		for i := range tracks {
			if tracks[i].ID == pid {
				lines = append(lines, strconv.Itoa(n[i]))
			}
		}
	}
	return strings.Join(lines, "\n")
}
