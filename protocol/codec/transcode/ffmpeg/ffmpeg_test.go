package ffmpeg_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/codec/transcode/ffmpeg"
	"github.com/srsgo/srs/protocol/codec/transcode/opus"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

func needFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg: ", err)
	}
}

// made gives what ffmpeg makes with arguments, of a tone and silence in turns of half a second.
func made(t *testing.T, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	all := append([]string{"-hide_banner", "-loglevel", "error", "-f", "lavfi",
		"-i", "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.5)':d=4:s=48000"}, args...)
	out, err := exec.CommandContext(ctx, "ffmpeg", append(all, "pipe:1")...).Output()
	require.NoError(t, err)
	return out
}

// adts gives the packets of an ADTS stream.
func adts(t *testing.T, b []byte, track stream.Track) (out []*stream.Packet) {
	t.Helper()
	tracks := &stream.Tracks{List: []stream.Track{track}}
	for len(b) >= 7 {
		n := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5])>>5
		at := stream.FromTicks(int64(len(out))*1024, track.SampleRate)
		out = append(out, &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: b[7:n]})
		b = b[n:]
	}
	return out
}

// levels gives the loudness of each tenth of a second.
func levels(t *testing.T, out []*stream.Packet) (l [70]float64) {
	t.Helper()
	d, err := opus.Codec().NewDecoder(*out[0].Info())
	require.NoError(t, err)
	var n [len(l)]int
	for _, p := range out {
		x, err := d.Decode(p.Payload, p.PTS)
		require.NoError(t, err)
		for i := 0; i < len(x.Samples); i += x.Channels {
			at := p.PTS + stream.FromTicks(int64(i/x.Channels), x.Rate)
			if k := int(at / (100 * time.Millisecond)); k < len(l) {
				l[k] += math.Abs(float64(x.Samples[i]))
				n[k]++
			}
		}
	}
	for i := range l {
		l[i] /= float64(max(1, n[i]))
	}
	return l
}

// give converts packets, and goes on with the last one of sound until what came out reaches so far: a
// child gives things when it is ready.
func give(t *testing.T, c *transcode.Converter, to stream.Codec, in []*stream.Packet, far time.Duration) []*stream.Packet {
	t.Helper()
	var out streamtest.Recorder
	s := c.New(to, &out)
	defer func() { require.NoError(t, s.(io.Closer).Close()) }()
	var last, before *stream.Packet
	for _, p := range in {
		require.NoError(t, s.WritePacket(p))
		if p.Kind() == stream.KindAudio {
			last, before = p, last
		}
	}
	step := last.PTS - before.PTS
	for end := time.Now().Add(time.Minute); reached(&out) < far; time.Sleep(step) {
		require.True(t, time.Now().Before(end), "%v after a minute", reached(&out))
		p := *last
		p.DTS, p.PTS = p.DTS+step, p.PTS+step
		last = &p
		require.NoError(t, s.WritePacket(last))
	}
	return out.Packets()
}

// reached is the time of the newest sound.
func reached(out *streamtest.Recorder) (at time.Duration) {
	for _, p := range out.Packets() {
		if p.Kind() == stream.KindAudio {
			at = p.PTS
		}
	}
	return at
}

// flac gives FLAC, taken apart by ffprobe.
func flac(t *testing.T) (out []*stream.Packet) {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("no ffprobe: ", err)
	}
	b := made(t, "-ac", "2", "-c:a", "flac", "-frame_size", "4608", "-f", "flac")
	probe := exec.Command("ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", "pipe:0")
	probe.Stdin = bytes.NewReader(b)
	text, err := probe.Output()
	require.NoError(t, err)
	var sizes []int
	total := 0
	for _, line := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(strings.Trim(line, ","))
		require.NoError(t, err)
		sizes, total = append(sizes, n), total+n
	}
	// "fLaC", the head of the first block, and STREAMINFO; the packets are at the end.
	tracks := &stream.Tracks{List: []stream.Track{{Codec: stream.FLAC, Config: b[8:42], SampleRate: 48000, Channels: 2}}}
	b = b[len(b)-total:]
	for i, n := range sizes {
		at := stream.FromTicks(int64(i)*4608, 48000)
		out = append(out, &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: b[:n]})
		b = b[n:]
	}
	return out
}

// TestDecode: sound that no codec in process takes comes out at its time.
func TestDecode(t *testing.T) {
	needFFmpeg(t)
	surround := stream.Track{Codec: stream.AAC, Config: []byte{0x11, 0xB0}, SampleRate: 48000, Channels: 6}
	ac3 := made(t, "-ac", "2", "-c:a", "ac3", "-b:a", "128k", "-f", "ac3")
	var dolby []*stream.Packet
	tracks := &stream.Tracks{List: []stream.Track{{Codec: stream.AC3, SampleRate: 48000, Channels: 2}}}
	for size := 512; len(ac3) >= size; ac3 = ac3[size:] { // 128 kb/s at 48 kHz
		at := stream.FromTicks(int64(len(dolby))*1536, 48000)
		dolby = append(dolby, &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: ac3[:size]})
	}
	// No free program makes HE-AAC: this has the core of it, and says that it is that.
	he := stream.Track{Codec: stream.AAC, Config: []byte{5<<3 | 6>>1, 2<<3 | 3>>1, 3<<7&0x80 | 2<<2}, SampleRate: 24000, Channels: 2}
	for name, in := range map[string][]*stream.Packet{
		"HE-AAC": adts(t, made(t, "-ac", "2", "-ar", "24000", "-c:a", "aac", "-b:a", "64k", "-f", "adts"), he),
		"5.1":    adts(t, made(t, "-ac", "6", "-c:a", "aac", "-b:a", "256k", "-f", "adts"), surround),
		"AC-3":   dolby,
		"FLAC":   flac(t),
	} {
		t.Run(name, func(t *testing.T) {
			c := transcode.New(transcode.Config{Codecs: []transcode.Codec{opus.Codec(), ffmpeg.Codec(ffmpeg.Config{})}})
			require.NoError(t, c.Check(in[0].Tracks.List[0], stream.Opus))
			l := levels(t, give(t, c, stream.Opus, in, 3*time.Second))
			// The encoder's priming makes the tone late by a frame.
			for i := 2; i < 30; i++ {
				switch i % 10 {
				case 1, 2, 3:
					require.Greater(t, l[i], 0.1, "at %d/10 s", i)
				case 6, 7, 8:
					require.Less(t, l[i], 0.02, "at %d/10 s", i)
				}
			}
		})
	}
}

// TestEncode: AAC is made where no other codec does.
func TestEncode(t *testing.T) {
	needFFmpeg(t)
	c := transcode.New(transcode.Config{Codecs: []transcode.Codec{opus.Codec(), ffmpeg.Codec(ffmpeg.Config{})}})
	out := give(t, c, stream.AAC, streamtest.H264Opus().Packets(), 3*time.Second)
	var n int
	var last time.Duration
	for _, p := range out {
		if p.Kind() == stream.KindAudio {
			require.Equal(t, stream.AAC, p.Info().Codec)
			if n > 0 {
				require.InDelta(t, (last + stream.FromTicks(1024, 48000)).Seconds(), p.PTS.Seconds(), 0.002)
			}
			n, last = n+1, p.PTS
		}
	}
	require.Greater(t, n, 100)
	// What came out is what a decoder takes: its own.
	check := exec.Command("ffmpeg", "-hide_banner", "-loglevel", "error", "-xerror", "-f", "aac", "-i", "pipe:0", "-f", "f32le", "pipe:1")
	var stdin bytes.Buffer
	for _, p := range out {
		if p.Kind() == stream.KindAudio {
			size := len(p.Payload) + 7
			channels := p.Info().Channels
			stdin.Write([]byte{0xFF, 0xF1, 1<<6 | 3<<2, byte(channels<<6) | byte(size>>11), byte(size >> 3), byte(size<<5) | 0x1F, 0xFC})
			stdin.Write(p.Payload)
		}
	}
	check.Stdin = &stdin
	pcm, err := check.Output()
	require.NoError(t, err)
	var sum float64
	for i := 0; i+4 <= len(pcm); i += 4 {
		sum += math.Abs(float64(math.Float32frombits(binary.LittleEndian.Uint32(pcm[i:]))))
	}
	require.Greater(t, sum/float64(len(pcm)/4), 0.01)
}

// TestMissing: without the program, what cannot be converted is said, and the stream is as it was.
func TestMissing(t *testing.T) {
	var log bytes.Buffer
	c := transcode.New(transcode.Config{
		Codecs: []transcode.Codec{opus.Codec(), ffmpeg.Codec(ffmpeg.Config{Path: filepath.Join(t.TempDir(), "ffmpeg")})},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	track := streamtest.AACOnly().Tracks().List[0]
	err := c.Check(track, stream.Opus)
	require.ErrorIs(t, err, stream.ErrUnsupported)
	require.ErrorContains(t, err, "no such file")
	_, ok := c.To(track, []stream.Codec{stream.Opus})
	require.False(t, ok)
	require.Contains(t, log.String(), "no such file")
	var out streamtest.Recorder
	require.NoError(t, stream.Copy(c.New(stream.Opus, &out), streamtest.AACOnly().Source()))
	streamtest.Equal(t, streamtest.AACOnly().Packets(), out.Packets(), streamtest.Compare{})
}

// TestChild: one that ends, that takes nothing, or that is one too many is an error, and nothing waits.
func TestChild(t *testing.T) {
	sh := func(script string) string {
		path := filepath.Join(t.TempDir(), "ffmpeg")
		require.NoError(t, writeScript(path, script))
		return path
	}
	track := stream.Track{Codec: stream.AC3, SampleRate: 48000, Channels: 2}
	t.Run("ends", func(t *testing.T) {
		x := ffmpeg.Codec(ffmpeg.Config{Path: sh("echo no good >&2; exit 3"), Limit: 1})
		d, err := x.NewDecoder(track)
		require.NoError(t, err)
		defer d.Close()
		require.Eventually(t, func() bool {
			_, err = d.Decode(make([]byte, 100), 0)
			return err != nil
		}, time.Minute, time.Millisecond)
		if !errors.Is(err, io.EOF) {
			require.ErrorContains(t, err, "ffmpeg: ")
		}
		_, err = d.Decode(make([]byte, 100), time.Millisecond)
		require.ErrorContains(t, err, "not running")
		require.Eventually(t, func() bool { // and another one after a while, which ends too
			_, err = d.Decode(make([]byte, 100), 2*time.Second)
			return err != nil
		}, time.Minute, time.Millisecond)
	})
	t.Run("limit", func(t *testing.T) {
		x := ffmpeg.Codec(ffmpeg.Config{Path: sh("exec sleep 600"), Limit: 1})
		d, err := x.NewDecoder(track)
		require.NoError(t, err)
		_, err = x.NewDecoder(track)
		require.ErrorContains(t, err, "limit")
		d.Close()
		d, err = x.NewDecoder(track)
		require.NoError(t, err)
		d.Close()
	})
}

func writeScript(path, script string) error {
	return os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755)
}
