package cmaf_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// pack gives the parts of packets.
func pack(t testing.TB, cfg cmaf.Config, packets []*stream.Packet) (parts []*cmaf.Part) {
	t.Helper()
	k := cmaf.New(cfg, func(p *cmaf.Part) { parts = append(parts, p) })
	for _, p := range packets {
		if err := k.WritePacket(p); err != nil {
			require.NoError(t, err)
		}
	}
	require.NoError(t, k.Close())
	return parts
}

// check holds what all parts promise, by an independent reader, and gives the samples of each track
// of the media as it came out.
func check(t testing.TB, cfg cmaf.Config, parts []*cmaf.Part) map[int][]*fmp4.Sample {
	t.Helper()
	type place struct {
		part    *cmaf.Part
		segment time.Duration
	}
	last, end, samples := map[int]place{}, map[int]uint64{}, map[int][]*fmp4.Sample{}
	for _, p := range parts {
		was := last[p.Track]
		if was.part == nil || was.part.Segment != p.Segment {
			require.Zero(t, p.Index)
			require.True(t, was.part == nil || was.part.Last && was.part.Segment < p.Segment)
			was.segment = 0
		} else {
			require.Equal(t, was.part.Index+1, p.Index)
			require.False(t, was.part.Last)
		}
		was.segment += p.Duration
		require.LessOrEqual(t, was.segment, cfg.MaxSegment+time.Nanosecond)
		last[p.Track] = place{p, was.segment}

		if was.part == nil || was.part.Init != p.Init {
			var init fmp4.Init
			require.NoError(t, init.Unmarshal(bytes.NewReader(p.Init.Data)))
		}
		var read fmp4.Parts
		require.NoError(t, read.Unmarshal(p.Data))
		require.Len(t, read, 1)
		for _, x := range read[0].Tracks {
			id := p.Track + 1
			if p.Track == cmaf.Muxed {
				id = x.ID
			}
			require.GreaterOrEqual(t, x.BaseTime, end[id])
			pts := int64(math.MaxInt64)
			for _, s := range x.Samples {
				if s.Duration == 0 { // an assertion each would take most of the time
					require.FailNow(t, "a sample without duration")
				}
				pts = min(pts, int64(x.BaseTime)+int64(s.PTSOffset))
				x.BaseTime += uint64(s.Duration)
			}
			if p.Track != cmaf.Muxed {
				require.Equal(t, pts, stream.Ticks(p.PTS, cmaf.Timescale(&p.Init.Tracks[0])))
			}
			end[id] = x.BaseTime
			samples[id] = append(samples[id], x.Samples...)
		}
	}
	for _, x := range last {
		require.True(t, x.part.Last)
	}
	return samples
}

// decode has ffmpeg decode a file, which must not complain.
func decode(t *testing.T, parts []*cmaf.Part) {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg")
	}
	data := bytes.Clone(parts[0].Init.Data)
	for _, p := range parts {
		if p.Init == parts[0].Init { // one file has one
			data = append(data, p.Data...)
		}
	}
	name := filepath.Join(t.TempDir(), "a.mp4")
	require.NoError(t, os.WriteFile(name, data, 0o600))
	out, err := exec.Command(program, "-v", "warning", "-i", name, "-f", "null", "-").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

// TestClips packages each clip in both forms: the samples are the source's, and ffmpeg decodes them.
func TestClips(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		for _, muxed := range []bool{false, true} {
			name := clip.Name
			if muxed {
				name += "Muxed"
			}
			t.Run(name, func(t *testing.T) {
				cfg := cmaf.Config{SegmentDuration: time.Second, MaxSegment: 3 * time.Second, PartDuration: 200 * time.Millisecond, Muxed: muxed}
				packets := clip.Packets()
				if _, err := cmaf.Describe(clip.Tracks().List[0], packets[0].Payload); clip.Name == "FLV1Speex" {
					require.ErrorIs(t, err, stream.ErrUnsupported)
					return
				}
				parts := pack(t, cfg, packets)
				samples := check(t, cfg, parts)
				want := map[int][][]byte{}
				for _, p := range packets {
					want[p.Track+1] = append(want[p.Track+1], p.Payload)
				}
				require.Len(t, samples, len(want))
				for id := range want {
					var got [][]byte
					for _, s := range samples[id] {
						got = append(got, s.Payload)
					}
					require.Equal(t, want[id], got)
				}
				byTrack := map[int][]*cmaf.Part{}
				for _, p := range parts {
					byTrack[p.Track] = append(byTrack[p.Track], p)
				}
				for _, p := range byTrack {
					decode(t, p)
				}
			})
		}
	}
}

// TestNoDrift holds that an hour of 44.1 kHz sound, its times cut to milliseconds, ends where it
// should, in frames of 1024 samples.
func TestNoDrift(t *testing.T) {
	tracks := &stream.Tracks{List: []stream.Track{{Codec: stream.AAC, Config: []byte{0x12, 0x10}}}}
	const n = 3600 * 44100 / 1024
	const from = int64(1) << 33 // ticks: beyond 32 bits
	var packets []*stream.Packet
	for i := range int64(n) {
		at := stream.FromTicks(from+i*1024, 44100).Truncate(time.Millisecond)
		packets = append(packets, &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: []byte{1}})
	}
	cfg := cmaf.Config{SegmentDuration: 2 * time.Second, MaxSegment: 2 * time.Second}
	parts := pack(t, cfg, packets)
	for _, s := range check(t, cfg, parts)[1] {
		if s.Duration != 1024 {
			require.EqualValues(t, 1024, s.Duration)
		}
	}
	end := parts[len(parts)-1]
	require.InDelta(t, stream.FromTicks(from+n*1024, 44100), end.Start+end.Duration, float64(2*time.Millisecond))
}

// TestCuts holds where segments begin: without key frames at MaxSegment, after a discontinuity and
// with other tracks at once.
func TestCuts(t *testing.T) {
	clip := streamtest.H264AAC().Packets()
	cfg := cmaf.Config{SegmentDuration: time.Second, MaxSegment: 2 * time.Second, Muxed: true}
	var packets []*stream.Packet
	for i := range 30 * 25 {
		p := *clip[1]
		p.DTS = time.Duration(i) * 40 * time.Millisecond
		p.PTS = p.DTS
		if p.Flags = 0; i == 0 {
			p.Flags = stream.KeyFrame
		}
		packets = append(packets, &p)
	}
	parts := pack(t, cfg, packets)
	check(t, cfg, parts)
	require.Len(t, parts, 15)
	for i, p := range parts {
		require.Equal(t, 2*time.Second, p.Duration)
		require.Equal(t, i == 0, p.Independent)
		require.False(t, p.Discontinuity)
	}
	broken := *packets[10]
	broken.Flags = stream.Discontinuity
	packets[10] = &broken
	parts = pack(t, cfg, packets)
	require.True(t, parts[1].Discontinuity)
	require.Equal(t, 400*time.Millisecond, parts[1].Start)

	cfg.MaxSegment = 3 * time.Second
	parts = pack(t, cfg, streamtest.H264Resize().Packets())
	check(t, cfg, parts)
	inits := 1
	for i, p := range parts[1:] {
		if p.Init != parts[i].Init {
			inits++
			require.True(t, p.Discontinuity)
		}
	}
	require.Equal(t, 2, inits)
}

// FuzzPackager writes odd sequences of packets: what comes out keeps the promises.
func FuzzPackager(f *testing.F) {
	f.Add([]byte("\x00\x01\x20\x40\x01\x00\x00\x10"), false)
	f.Add([]byte("\xff\x7f\x80\x00\x03\x05\x07\x11\x13"), true)
	clip := streamtest.H264AAC()
	other := streamtest.H264Resize()
	f.Fuzz(func(t *testing.T, in []byte, muxed bool) {
		cfg := cmaf.Config{SegmentDuration: time.Second, MaxSegment: 3 * time.Second, PartDuration: 300 * time.Millisecond, Muxed: muxed}
		var packets []*stream.Packet
		var at time.Duration
		for ; len(in) >= 3 && len(packets) < 2000; in = in[3:] {
			at += time.Duration(int8(in[1])) * time.Duration(in[2]) * time.Millisecond
			p := &stream.Packet{Tracks: clip.Tracks(), Track: int(in[0] & 1), Flags: stream.Flags(in[0] >> 1 & 7),
				DTS: at, PTS: at + time.Duration(in[2]-in[1]), Payload: in[:3]}
			if in[0]&0x80 != 0 {
				p.Tracks = other.Tracks()
			}
			packets = append(packets, p)
		}
		check(t, cfg, pack(t, cfg, packets))
		var e cmaf.Encoder
		var tracks *stream.Tracks
		for _, p := range packets {
			if p.Tracks != tracks {
				tracks = p.Tracks
				e.AppendTracks(nil, tracks, p.DTS)
			}
			var parts fmp4.Parts
			require.NoError(t, parts.Unmarshal(e.AppendPacket(nil, p)))
			require.Len(t, parts, 1)
			require.Equal(t, p.Payload, parts[0].Tracks[0].Samples[0].Payload)
		}
	})
}

func BenchmarkPackager(b *testing.B) {
	src := streamtest.H264AAC().Loop(0)
	parts := 0
	k := cmaf.New(cmaf.Config{SegmentDuration: time.Second, PartDuration: 200 * time.Millisecond}, func(*cmaf.Part) { parts++ })
	b.ReportAllocs()
	for b.Loop() {
		p, _ := src.ReadPacket()
		if err := k.WritePacket(p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(parts)/b.Elapsed().Seconds(), "parts/s")
}
