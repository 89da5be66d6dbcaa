package transcode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"math/cmplx"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// samples gives what packets are decoded and resampled to, from the first packet's time on.
func samples(t *testing.T, in []*stream.Packet) (pcm []float32) {
	t.Helper()
	out := convert(t, all(), raw, sound(in))
	require.Equal(t, sound(in)[0].PTS, out[0].PTS)
	for _, p := range out {
		for i := 0; i < len(p.Payload); i += 4 * p.Info().Channels {
			pcm = append(pcm, math.Float32frombits(binary.LittleEndian.Uint32(p.Payload[i:])))
		}
	}
	return pcm
}

// ogg gives Opus packets as a file (RFC 3533, RFC 7845), a page each.
func ogg(in []*stream.Packet) (b []byte) {
	var granule uint64
	page := func(n int, flags byte, payload []byte) {
		start := len(b)
		b = append(b, 'O', 'g', 'g', 'S', 0, flags)
		b = binary.LittleEndian.AppendUint64(b, granule)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
		b = append(b, 0, 0, 0, 0, byte(len(payload)/255+1))
		b = append(b, bytes.Repeat([]byte{255}, len(payload)/255)...)
		b = append(append(b, byte(len(payload)%255)), payload...)
		var crc uint32
		for _, x := range b[start:] {
			crc ^= uint32(x) << 24
			for range 8 {
				crc = crc<<1 ^ 0x04C11DB7*(crc>>31)
			}
		}
		binary.LittleEndian.PutUint32(b[start+22:], crc)
	}
	page(0, 2, codec.AppendOpusHead(nil, in[0].Info().Channels, 0))
	page(1, 0, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))
	for i, p := range in {
		granule += 960
		page(i+2, 0, p.Payload)
	}
	return b
}

// reference gives what ffmpeg decodes and resamples packets to, one channel at 48 kHz.
func reference(t *testing.T, in []*stream.Packet) (pcm []float32) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg: ", err)
	}
	in = sound(in)
	var b []byte
	format := "mp3"
	switch track := in[0].Info(); track.Codec {
	case stream.Opus:
		format, b = "ogg", ogg(in)
	case stream.AAC:
		c, err := codec.ParseAAC(track.Config)
		require.NoError(t, err)
		h, ok := codec.NewADTS(c)
		require.True(t, ok)
		format = "aac"
		for _, p := range in {
			b = append(h.Append(b, len(p.Payload)), p.Payload...)
		}
	default:
		for _, p := range in {
			b = append(b, p.Payload...)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-loglevel", "error", "-f", format, "-i", "pipe:0",
		"-af", "aresample=48000:filter_size=128:cutoff=0.97", "-f", "f32le", "-ac", strconv.Itoa(in[0].Info().Channels), "pipe:1")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	require.NoError(t, err)
	for i := 0; i+4 <= len(out); i += 4 * in[0].Info().Channels {
		pcm = append(pcm, math.Float32frombits(binary.LittleEndian.Uint32(out[i:])))
	}
	return pcm
}

// TestDecoders: what is decoded is what ffmpeg decodes.
func TestDecoders(t *testing.T) {
	for _, x := range []struct {
		in  []*stream.Packet
		min float64 // dB
	}{
		{encode(t, stream.AAC, 2, 0, 2*time.Second, music()), 75},
		{encode(t, stream.Opus, 1, 20*time.Millisecond, 2*time.Second, music()), 70},
		{until(2*time.Second, streamtest.H264AAC().Packets()), 70},
		{until(2*time.Second, streamtest.H264MP3().Packets()), 60},
	} {
		want, got := reference(t, x.in), samples(t, x.in)
		db := snr(want[:len(want)-200], got) // a filter sees an end that is no silence
		t.Logf("%v, %d Hz, %d channels: %.1f dB", sound(x.in)[0].Info().Codec, sound(x.in)[0].Info().SampleRate, sound(x.in)[0].Info().Channels, db)
		require.Greater(t, db, x.min)
		require.InDelta(t, len(want), len(got), 2000)
	}
}

// spectrum is the fast Fourier transform of 2^n values.
func spectrum(x []complex128) []complex128 {
	if len(x) == 1 {
		return x
	}
	var even, odd []complex128
	for i := 0; i < len(x); i += 2 {
		even, odd = append(even, x[i]), append(odd, x[i+1])
	}
	even, odd = spectrum(even), spectrum(odd)
	y := make([]complex128, len(x))
	for k := range even {
		w := cmplx.Rect(1, -2*math.Pi*float64(k)/float64(len(x))) * odd[k]
		y[k], y[k+len(even)] = even[k]+w, even[k]-w
	}
	return y
}

// bands gives the levels, in dB and not below -70, of third octaves from 100 Hz to 12.7 kHz.
func bands(pcm []float32) (db []float64) {
	x := make([]complex128, 4096)
	for i := range x {
		x[i] = complex(float64(pcm[i])*(1-math.Cos(2*math.Pi*float64(i)/4096))/4096, 0)
	}
	y := spectrum(x)
	for f := 100.0; f < 12000; f *= math.Cbrt(2) {
		var power float64
		for k := int(f * 4096 / 48000); k < int(f*math.Cbrt(2)*4096/48000)+1; k++ {
			power += real(y[k])*real(y[k]) + imag(y[k])*imag(y[k])
		}
		db = append(db, max(-70, 10*math.Log10(power+1e-12)))
	}
	return db
}

// distance gives the mean difference of levels in third octaves, over all of both.
func distance(a, b []float32) float64 {
	var sum float64
	n := 0
	for i := 0; i+4096 <= min(len(a), len(b)); i += 4096 {
		x, y := bands(a[i:]), bands(b[i:])
		for k := range x {
			sum += math.Abs(x[k] - y[k])
			n++
		}
	}
	return sum / float64(n)
}

// TestThereAndBack: AAC to Opus to AAC lasts as long, and sounds much as what ffmpeg decodes of the
// AAC that it began with; so do the ways of one step.
func TestThereAndBack(t *testing.T) {
	in := encode(t, stream.AAC, 2, time.Second, 3*time.Second, music())
	want := reference(t, in)
	c := all()
	there := convert(t, c, stream.Opus, in)
	back := convert(t, c, stream.AAC, there)
	for _, x := range []struct {
		out       []*stream.Packet
		snr, dist float64
	}{{there, 18, 1.5}, {back, 16, 1.5}} {
		got := reference(t, x.out)
		lead := stream.Ticks(in[0].PTS-x.out[0].PTS, 48000)
		require.GreaterOrEqual(t, lead, int64(0))
		require.Less(t, lead, int64(2048))
		require.GreaterOrEqual(t, len(got), len(want)+int(lead))
		require.Less(t, len(got), len(want)+int(lead)+2048)
		got = got[lead:]
		db, dist := snr(want, got), distance(want, got)
		t.Logf("%v: %.1f dB, %.2f dB in third octaves", x.out[0].Info().Codec, db, dist)
		require.Greater(t, db, x.snr)
		require.Less(t, dist, x.dist)
	}
}
