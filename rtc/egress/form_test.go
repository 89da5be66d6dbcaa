package egress

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// makeFrames runs packets through a sink.
func makeFrames(t testing.TB, cfg Config, packets []*stream.Packet) (frames []*Frame, keys int) {
	t.Helper()
	s := newSink(cfg, slog.New(slog.DiscardHandler), func(f *Frame, key bool) {
		frames = append(frames, f)
		if key {
			keys++
		}
	})
	for _, p := range packets {
		require.NoError(t, s.WritePacket(p))
	}
	return frames, keys
}

// depacketize puts a frame together as a receiver does, by another implementation, and brings it
// into the form of package stream.
func depacketize(c stream.Codec, config []byte, payloads [][]byte) ([]byte, error) {
	var all []byte
	var d interface {
		Unmarshal([]byte) ([]byte, error)
	}
	switch c {
	case stream.H264:
		d = &codecs.H264Packet{}
	case stream.HEVC:
		d = &codecs.H265Depacketizer{}
	case stream.AV1:
		d = &codecs.AV1Depacketizer{}
	case stream.VP8:
		d = &codecs.VP8Packet{}
	case stream.VP9:
		d = &codecs.VP9Packet{}
	case stream.Opus:
		d = &codecs.OpusPacket{}
	default:
		return bytes.Join(payloads, nil), nil
	}
	for _, b := range payloads {
		x, err := d.Unmarshal(b)
		if err != nil {
			return nil, err
		}
		all = append(all, x...)
	}
	switch c {
	case stream.H264, stream.HEVC:
		u, err := codec.NormalizeNAL(c, config, 0, all)
		return u.Payload, err
	case stream.AV1:
		u, err := codec.NormalizeAV1(config, all)
		return u.Payload, err
	}
	return all, nil
}

// TestForm: what is packetized is what a receiver puts together, for each codec, in packets that fit
// and that are equal in size where a frame has many.
func TestForm(t *testing.T) {
	for _, x := range []struct {
		name         string
		packets      []*stream.Packet
		video, audio stream.Codec
	}{
		{name: "H264Opus", packets: streamtest.H264Opus().Packets(), video: stream.H264, audio: stream.Opus},
		{name: "H264Resize", packets: streamtest.H264Resize().Packets(), video: stream.H264},
		{name: "HEVC", packets: streamtest.HEVCAAC().Packets(), video: stream.HEVC},
		{name: "AV1", packets: streamtest.AV1AAC().Packets(), video: stream.AV1},
		{name: "VP9Opus", packets: streamtest.VP9Opus().Packets(), video: stream.VP9, audio: stream.Opus},
		{name: "VP8", packets: vp8Packets(40), video: stream.VP8},
		{name: "Opus", packets: streamtest.OpusOnly().Packets(), audio: stream.Opus},
	} {
		for _, cfg := range []Config{{}, {MTU: 200}, {MTU: 1400, MergeNALUs: true}} {
			cfg.Video, cfg.Audio = x.video, x.audio
			t.Run(x.name, func(t *testing.T) { testForm(t, cfg, x.packets) })
		}
	}
}

func testForm(t *testing.T, cfg Config, packets []*stream.Packet) {
	frames, keys := makeFrames(t, cfg, packets)
	next := map[stream.Kind]uint64{}
	i, wantKeys := 0, 0
	for _, p := range packets {
		c := p.Info().Codec
		if c != cfg.Video && c != cfg.Audio {
			continue
		}
		require.Less(t, i, len(frames))
		f := frames[i]
		i++
		require.Equal(t, c, f.Codec)
		require.Equal(t, p.Kind(), f.Kind)
		require.Equal(t, next[f.Kind], f.Seq)
		next[f.Kind] += uint64(len(f.Payloads))
		got, err := depacketize(c, p.Info().Config, unpad(f))
		require.NoError(t, err)
		require.Equal(t, p.Payload, got, "packet at %v", p.DTS)
		if p.Kind() == stream.KindVideo {
			require.Equal(t, p.Key(), f.Key)
			require.Equal(t, uint32(stream.Ticks(p.PTS, videoClock)), f.Timestamp)
			checkSizes(t, cfg, f)
		}
		if p.Key() || cfg.Video == 0 {
			wantKeys++
		}
	}
	require.Equal(t, len(frames), i)
	require.GreaterOrEqual(t, keys, wantKeys)
}

// unpad gives a frame's payloads without padding.
func unpad(f *Frame) [][]byte {
	all := slices.Clone(f.Payloads)
	if f.padded >= 0 {
		b := all[f.padded]
		all[f.padded] = b[:len(b)-int(b[len(b)-1])]
	}
	return all
}

// checkSizes: a frame's packets fit, and there are as few sizes as can be.
func checkSizes(t *testing.T, cfg Config, f *Frame) {
	t.Helper()
	changes := 0
	for i, b := range f.Payloads {
		require.LessOrEqual(t, len(b), cfg.room())
		if i > 0 && len(b) != len(f.Payloads[i-1]) {
			changes++
		}
	}
	most := 2 // between parameter sets, supplemental information, and the picture
	if f.Codec == stream.AV1 {
		most = 4
	}
	if f.Key {
		most++
	}
	require.LessOrEqual(t, changes, most, "sizes of a frame with %d packets", len(f.Payloads))
}

// vp8Packets gives packets that look like VP8.
func vp8Packets(n int) (all []*stream.Packet) {
	ts := &stream.Tracks{List: []stream.Track{{ID: 1, Codec: stream.VP8}}}
	for i := range n {
		at := time.Duration(i) * 40 * time.Millisecond
		b := bytes.Repeat([]byte{1, 2, 3, byte(i)}, 1+i*50)
		p := &stream.Packet{Tracks: ts, DTS: at, PTS: at, Payload: b}
		if i%10 == 0 {
			p.Flags, b[0] = stream.KeyFrame, 0
		}
		all = append(all, p)
	}
	return all
}

// TestFormBFrames: frames that WebRTC would show in the wrong order are left out, unless they are wanted.
func TestFormBFrames(t *testing.T) {
	packets := streamtest.H264BFramesAAC().Packets()
	frames, _ := makeFrames(t, Config{Video: stream.H264}, packets)
	all, _ := makeFrames(t, Config{Video: stream.H264, KeepBFrame: true}, packets)
	require.NotEmpty(t, frames)
	require.Less(t, len(frames), len(all))
	last := uint32(0)
	next := uint64(0)
	for i, f := range frames {
		require.True(t, i == 0 || int32(f.Timestamp-last) > 0, "frame %d", i)
		last = f.Timestamp
		require.Equal(t, next, f.Seq, "no gap where a frame is left out")
		next += uint64(len(f.Payloads))
	}
}

// TestFormSEI: supplemental information goes where it is not wanted.
func TestFormSEI(t *testing.T) {
	ts := streamtest.H264Only().Tracks()
	au := []byte{0, 0, 0, 3, 6, 5, 1, 0, 0, 0, 2, 0x65, 0x80}
	p := []*stream.Packet{{Tracks: ts, Payload: au}}
	frames, _ := makeFrames(t, Config{Video: stream.H264}, p)
	require.Equal(t, [][]byte{{6, 5, 1}, {0x65, 0x80}}, frames[0].Payloads)
	frames, _ = makeFrames(t, Config{Video: stream.H264, DropSEI: true}, p)
	require.Equal(t, [][]byte{{0x65, 0x80}}, frames[0].Payloads)
	frames, _ = makeFrames(t, Config{Video: stream.H264, MergeNALUs: true}, p)
	require.Equal(t, [][]byte{{0x60 | 24, 0, 3, 6, 5, 1, 0, 2, 0x65, 0x80}}, frames[0].Payloads)
}

// TestFormG711: packets of any length become packets of 20 ms.
func TestFormG711(t *testing.T) {
	ts := &stream.Tracks{List: []stream.Track{{ID: 1, Codec: stream.G711A, SampleRate: 8000, Channels: 1}}}
	var packets []*stream.Packet
	for i := range 5 {
		at := time.Duration(i) * 50 * time.Millisecond
		packets = append(packets, &stream.Packet{Tracks: ts, DTS: at, PTS: at, Payload: bytes.Repeat([]byte{byte(i)}, 400)})
	}
	frames, keys := makeFrames(t, Config{Audio: stream.G711A}, packets)
	require.Len(t, frames, 15)
	require.Equal(t, 15, keys)
	at := uint32(0)
	for _, f := range frames {
		require.LessOrEqual(t, len(f.Payloads[0]), g711Piece)
		require.Equal(t, at, f.Timestamp)
		at += uint32(len(f.Payloads[0]))
	}
	ts.List[0].SampleRate = 16000
	frames, _ = makeFrames(t, Config{Audio: stream.G711A}, packets)
	require.Empty(t, frames, "RTP has G.711 of 8 kHz alone")
}

// TestFormOpusTimes: timestamps follow one another where times are rounded to milliseconds, and
// jump where there is a gap.
func TestFormOpusTimes(t *testing.T) {
	ts := &stream.Tracks{List: []stream.Track{{ID: 1, Codec: stream.Opus, Channels: 2}}}
	var packets []*stream.Packet
	for i := range 200 {
		at := time.Duration(float64(i)*2.5) * time.Millisecond
		if i >= 100 {
			at += 100 * time.Millisecond
		}
		packets = append(packets, &stream.Packet{Tracks: ts, DTS: at, PTS: at, Payload: []byte{16 << 3, 1}})
	}
	packets[100].Payload[0] = 17 << 3 // 5 ms
	frames, _ := makeFrames(t, Config{Audio: stream.Opus}, packets)
	for i := 1; i < 100; i++ {
		require.EqualValues(t, 120, frames[i].Timestamp-frames[i-1].Timestamp)
	}
	require.EqualValues(t, 120+4800, frames[100].Timestamp-frames[99].Timestamp)
	require.EqualValues(t, 240, frames[101].Timestamp-frames[100].Timestamp)
}

// TestOpusSamples: durations as RFC 6716 3.1 has them.
func TestOpusSamples(t *testing.T) {
	for _, x := range []struct {
		b    []byte
		want int
	}{
		{[]byte{0}, 480}, {[]byte{3 << 3}, 2880}, {[]byte{9 << 3}, 960}, {[]byte{12 << 3}, 480}, {[]byte{15 << 3}, 960},
		{[]byte{16 << 3}, 120}, {[]byte{31 << 3}, 960}, {[]byte{31<<3 | 1}, 1920}, {[]byte{31<<3 | 2}, 1920},
		{[]byte{31<<3 | 3, 6}, 5760}, {[]byte{31<<3 | 3}, 960},
	} {
		require.Equal(t, x.want, opusSamples(x.b), "%x", x.b)
	}
}

// TestFormSimulcast: layers have packets of their own, and of two tracks with one layer the default is taken.
func TestFormSimulcast(t *testing.T) {
	clip := streamtest.H264Only()
	x := clip.Tracks().List[0]
	y, z := x, x
	y.ID, y.Layer, z.ID, z.Layer = 2, 1, 3, 1
	z.Default = true
	ts := &stream.Tracks{List: []stream.Track{x, y, z}}
	var packets []*stream.Packet
	for _, p := range clip.Packets() {
		for i := range 3 {
			q := *p
			q.Tracks, q.Track = ts, i
			packets = append(packets, &q)
		}
	}
	frames, _ := makeFrames(t, Config{Video: stream.H264}, packets)
	require.Len(t, frames, 2*len(clip.Packets()))
	require.Equal(t, frames[len(frames)-1].Seq, frames[len(frames)-2].Seq)
	require.Len(t, *frames[0].track.origin.layers.Load(), 2)
	require.Positive(t, frames[0].track.rate.bits.Load())
}

// TestHistory: what was sent of late is found by number, and no more is held than may be asked for.
func TestHistory(t *testing.T) {
	clip := streamtest.H264Only()
	var packets []*stream.Packet
	src := clip.Loop(5)
	for p, err := range stream.Packets(src) {
		require.NoError(t, err)
		packets = append(packets, p)
	}
	frames, _ := makeFrames(t, Config{Video: stream.H264}, packets)
	h := &frames[0].track.recent
	require.Nil(t, h.find(0))
	last := frames[len(frames)-1]
	for i := range last.Payloads {
		require.Same(t, last, h.find(last.Seq+uint64(i)))
	}
	require.Nil(t, h.find(last.Seq+uint64(len(last.Payloads))))
	old := frames[len(frames)-20]
	require.Same(t, old, h.find(old.Seq))
	require.LessOrEqual(t, len(h.frames), 52, "2 s of 25 frames a second")
}

// FuzzForm: no payload and no configuration does harm, and what comes out fits.
func FuzzForm(f *testing.F) {
	for i, c := range []*streamtest.Clip{streamtest.H264Opus(), streamtest.HEVCAAC(), streamtest.AV1AAC(), streamtest.VP9Opus()} {
		for _, p := range c.Packets()[:8] {
			f.Add(uint8(i), p.Info().Config, p.Payload, uint8(p.Flags))
		}
	}
	all := []stream.Codec{stream.H264, stream.HEVC, stream.AV1, stream.VP9, stream.VP8, stream.Opus, stream.G711A}
	f.Fuzz(func(t *testing.T, c uint8, config, payload []byte, flags uint8) {
		x := all[int(c)%len(all)]
		ts := &stream.Tracks{List: []stream.Track{{ID: 1, Codec: x, Config: config}}}
		p := &stream.Packet{Tracks: ts, Payload: payload, Flags: stream.Flags(flags)}
		q := *p
		q.DTS, q.PTS, q.Flags = time.Second, -time.Second, 0
		cfg := Config{Video: x, Audio: x, MTU: 150}
		frames, _ := makeFrames(t, cfg, []*stream.Packet{p, &q})
		for _, f := range frames {
			require.NotEmpty(t, f.Payloads)
			for _, b := range f.Payloads {
				require.NotEmpty(t, b)
				if x.Kind() == stream.KindVideo {
					require.LessOrEqual(t, len(b), cfg.room())
				}
			}
		}
	})
}

// TestPause: the stream's time goes on without the pause between two publications, timestamps with it, and so
// does the time that reports tell.
func TestPause(t *testing.T) {
	var got []*Frame
	s := newSink(Config{Video: stream.VP8}, slog.New(slog.DiscardHandler), func(f *Frame, _ bool) { got = append(got, f) })
	require.NoError(t, s.EndPublication(), "of nothing")
	now := time.Unix(1_000_000, 0)
	s.now = func() time.Time { return now }
	ts := &stream.Tracks{List: []stream.Track{{Codec: stream.VP8}}}
	write := func(dts time.Duration) {
		require.NoError(t, s.WritePacket(&stream.Packet{Tracks: ts, Flags: stream.KeyFrame, DTS: dts, PTS: dts, Payload: make([]byte, 10)}))
	}
	write(time.Second)
	epoch := s.origin.epoch.Load()
	for _, pause := range []time.Duration{3 * time.Second, 500 * time.Millisecond} {
		require.NoError(t, s.EndPublication())
		now = now.Add(pause)
		at := got[len(got)-1].DTS + 20*time.Millisecond
		write(at)
		now = now.Add(40 * time.Millisecond)
		write(at + 40*time.Millisecond)
		n := len(got)
		require.EqualValues(t, stream.Ticks(pause, videoClock), got[n-2].Timestamp-got[n-3].Timestamp)
		require.EqualValues(t, 3600, got[n-1].Timestamp-got[n-2].Timestamp)
		require.Equal(t, epoch, s.origin.epoch.Load())
	}
}
