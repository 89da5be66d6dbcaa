package transcode_test

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/codec/transcode/aac"
	"github.com/srsgo/srs/protocol/codec/transcode/mp3"
	"github.com/srsgo/srs/protocol/codec/transcode/opus"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

func all() *transcode.Converter {
	return transcode.New(transcode.Config{Logger: slog.New(slog.DiscardHandler), Codecs: []transcode.Codec{opus.Codec(), aac.Codec(), mp3.Codec(), rawCodec()}})
}

// ender is what every sink of a converter is.
type ender interface {
	stream.Sink
	EndPublication() error
	Close() error
}

// convert gives what becomes of packets.
func convert(t testing.TB, c *transcode.Converter, to stream.Codec, in []*stream.Packet) []*stream.Packet {
	t.Helper()
	var out streamtest.Recorder
	s := c.New(to, &out).(ender)
	for _, p := range in {
		require.NoError(t, s.WritePacket(p))
	}
	require.NoError(t, s.EndPublication())
	require.NoError(t, s.Close())
	return out.Packets()
}

// until gives the packets before a time.
func until(end time.Duration, in []*stream.Packet) (out []*stream.Packet) {
	for _, p := range in {
		if p.DTS < end {
			out = append(out, p)
		}
	}
	return out
}

// sound gives the packets of the first audio track.
func sound(in []*stream.Packet) (out []*stream.Packet) {
	for _, p := range in {
		if p.Track == p.Tracks.First(stream.KindAudio) {
			out = append(out, p)
		}
	}
	return out
}

// codecs that tests encode and decode with.
var codecs = map[stream.Codec]func() transcode.Codec{
	stream.AAC: aac.Codec, stream.Opus: opus.Codec, stream.MP3: mp3.Codec, raw: rawCodec, bare: rawCodec,
}

// encode makes packets of what wave gives at each time, from start on.
func encode(t testing.TB, to stream.Codec, channels int, start, length time.Duration, wave func(time.Duration) float64) []*stream.Packet {
	t.Helper()
	e, err := codecs[to]().NewEncoder(to, channels, 64000*channels)
	require.NoError(t, err)
	defer e.Close()
	tracks := &stream.Tracks{List: []stream.Track{{ID: 1, Codec: to, Config: e.Config(), SampleRate: transcode.Rate, Channels: channels}}}
	var out []*stream.Packet
	pcm := make([]float32, e.FrameSize()*channels)
	given := 0
	for n := 0; start+stream.FromTicks(int64(n), transcode.Rate) < start+length; {
		for i := range e.FrameSize() {
			for c := range channels {
				pcm[i*channels+c] = float32(wave(start + stream.FromTicks(int64(n), transcode.Rate)))
			}
			n++
		}
		require.NoError(t, e.Encode(pcm, func(b []byte) {
			pts := start + stream.FromTicks(int64(given*e.FrameSize()-e.Delay()), transcode.Rate)
			given++
			if pts >= 0 {
				out = append(out, &stream.Packet{Tracks: tracks, DTS: pts, PTS: pts, Payload: append([]byte(nil), b...)})
			}
		}))
	}
	return out
}

// decode gives the samples of one channel at 48 kHz, the first of them at the first packet's time, and
// holds that each packet continues the one before, to within slack.
func decode(t testing.TB, in []*stream.Packet, slack time.Duration) (pcm []float32, rate int) {
	t.Helper()
	in = sound(in)
	require.NotEmpty(t, in)
	d, err := codecs[in[0].Info().Codec]().NewDecoder(*in[0].Info())
	require.NoError(t, err)
	defer d.Close()
	for _, p := range in {
		x, err := d.Decode(p.Payload, p.PTS)
		require.NoError(t, err)
		rate = x.Rate
		want := in[0].PTS + stream.FromTicks(int64(len(pcm)), rate)
		require.InDelta(t, want.Seconds(), p.PTS.Seconds(), slack.Seconds())
		for i := 0; i < len(x.Samples); i += x.Channels {
			pcm = append(pcm, x.Samples[i])
		}
	}
	return pcm, rate
}

// snr is of got against want, in dB.
func snr(want, got []float32) float64 {
	var s, n float64
	for i := range min(len(want), len(got)) {
		s += float64(want[i]) * float64(want[i])
		n += float64(want[i]-got[i]) * float64(want[i]-got[i])
	}
	return 10 * math.Log10(s/(n+1e-20))
}

// peak gives where the loudest sample is.
func peak(pcm []float32) (at int) {
	for i, v := range pcm {
		if math.Abs(float64(v)) > math.Abs(float64(pcm[at])) {
			at = i
		}
	}
	return at
}
