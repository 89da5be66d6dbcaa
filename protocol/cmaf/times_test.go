package cmaf_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// moment is a sample's place in time, in ticks.
type moment struct{ dts, pts, duration int64 }

// moments reads the times of a file's samples, by track id.
func moments(t *testing.T, file []byte) map[int][]moment {
	t.Helper()
	var parts fmp4.Parts
	require.NoError(t, parts.Unmarshal(file[bytes.Index(file, []byte("moof"))-4:]))
	all := map[int][]moment{}
	for _, p := range parts {
		for _, x := range p.Tracks {
			at := int64(x.BaseTime)
			for _, s := range x.Samples {
				all[x.ID] = append(all[x.ID], moment{at, at + int64(s.PTSOffset), int64(s.Duration)})
				at += int64(s.Duration)
			}
		}
	}
	return all
}

// muxed gives a recording.
func muxed(t *testing.T, packets []*stream.Packet) (file []byte, parts []*cmaf.Part) {
	t.Helper()
	parts = pack(t, cmaf.Config{Muxed: true, SegmentDuration: time.Second, PartDuration: 300 * time.Millisecond}, packets)
	file = bytes.Clone(parts[0].Init.Data)
	for _, p := range parts {
		file = append(file, p.Data...)
	}
	return file, parts
}

// TestComposition: frames that are decoded out of order are presented when the source says.
func TestComposition(t *testing.T) {
	packets := streamtest.H264BFramesAAC().Packets()
	id := packets[0].Tracks.First(stream.KindVideo) + 1
	file, _ := muxed(t, packets)
	for _, b := range [][]byte{file, progressive(packets)} {
		got, moved := moments(t, b)[id], 0
		for _, p := range packets {
			if p.Track+1 != id {
				continue
			}
			require.NotEmpty(t, got)
			require.Equal(t, stream.Ticks(p.DTS, 90000), got[0].dts)
			require.Equal(t, stream.Ticks(p.PTS, 90000), got[0].pts)
			if p.PTS != p.DTS {
				moved++
			}
			got = got[1:]
		}
		require.Empty(t, got)
		require.NotZero(t, moved)
	}
}

// pictures gives video of the lengths given, with a key frame wherever key says; each payload is its own.
func pictures(lengths []time.Duration, key func(i int) bool) (packets []*stream.Packet) {
	tracks := &stream.Tracks{List: streamtest.H264Only().Tracks().List}
	var at time.Duration
	for i, d := range lengths {
		p := &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: []byte{0, 0, 0, 2, byte(i >> 8), byte(i)}}
		if key(i) {
			p.Flags = stream.KeyFrame
		}
		packets, at = append(packets, p), at+d
	}
	return packets
}

// TestVariableRate: each frame lasts until the next, in the live form too as far as can be known.
func TestVariableRate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	lengths := make([]time.Duration, 500)
	for i := range lengths {
		lengths[i] = time.Duration(1+r.IntN(400)) * time.Millisecond
	}
	packets := pictures(lengths, func(i int) bool { return i%10 == 0 })
	file, parts := muxed(t, packets)
	for i, got := range moments(t, file)[1][:len(lengths)-1] {
		require.Equal(t, moment{stream.Ticks(packets[i].DTS, 90000), stream.Ticks(packets[i].DTS, 90000), stream.Ticks(lengths[i], 90000)}, got)
	}
	for i, got := range moments(t, progressive(packets))[1] {
		require.Equal(t, stream.Ticks(packets[i].DTS, 90000), got.dts)
	}
	for i, p := range parts[1:] {
		require.Equal(t, parts[i].Start+parts[i].Duration, p.Start)
	}
}

// TestLate: a track that begins late leaves the others as they are, and keeps its time.
func TestLate(t *testing.T) {
	for _, late := range []stream.Kind{stream.KindAudio, stream.KindVideo} {
		var packets []*stream.Packet
		first := time.Duration(-1)
		counts := map[int]int{}
		for _, p := range streamtest.H264AAC().Packets() {
			if p.Kind() == late && p.DTS < 1900*time.Millisecond || p.Kind() == late && first < 0 && late == stream.KindVideo && !p.Key() {
				continue
			}
			if p.Kind() == late && first < 0 {
				first = p.DTS
			}
			counts[p.Track+1]++
			packets = append(packets, p)
		}
		file, parts := muxed(t, packets)
		for _, p := range parts {
			require.Same(t, parts[0].Init, p.Init)
			require.False(t, p.Discontinuity)
		}
		for id, got := range moments(t, file) {
			require.Len(t, got, counts[id])
		}
		cfg := cmaf.Config{SegmentDuration: time.Second, MaxSegment: 2 * time.Second, PartDuration: 300 * time.Millisecond}
		parts = pack(t, cfg, packets)
		check(t, cfg, parts)
		began := map[int]*cmaf.Part{} // where each segment begins, by its other track
		seen := false
		for _, p := range parts {
			require.False(t, p.Discontinuity)
			if p.Init.Tracks[0].Kind() != late {
				if began[p.Segment] == nil {
					began[p.Segment] = p
				}
				continue
			}
			if !seen {
				require.InDelta(t, first, p.Start, float64(time.Millisecond))
			}
			seen = true
		}
		require.True(t, seen)
		for n, p := range began {
			if next := began[n+1]; next != nil {
				require.LessOrEqual(t, p.Start, next.Start)
			}
		}
	}
}

// TestSegments holds over streams of all kinds where segments of video end: at the first key frame that
// comes when SegmentDuration is over, or half a frame before, and never after MaxSegment, rounded to
// seconds or not.
func TestSegments(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 30 {
		odd := round%3 > 0 // frames of different lengths
		step := time.Duration(5+r.IntN(100)) * time.Millisecond
		lengths := make([]time.Duration, 800)
		for i := range lengths {
			if lengths[i] = step; odd && r.IntN(5) == 0 {
				lengths[i] = time.Duration(1+r.IntN(200)) * time.Millisecond
			}
		}
		next, keys := 0, map[int]bool{}
		for i := range lengths {
			if i == next {
				keys[i] = true
				next += 1 + r.IntN(100)
			}
		}
		packets := pictures(lengths, func(i int) bool { return keys[i] })
		target := time.Duration(1+r.IntN(4)) * time.Second
		cfg := cmaf.Config{SegmentDuration: target, MaxSegment: target + time.Duration(r.IntN(4))*time.Second}
		if r.IntN(2) == 0 {
			cfg.PartDuration = 200 * time.Millisecond
		}
		parts := pack(t, cfg, packets)
		check(t, cfg, parts)
		var want []time.Duration // where segments begin
		var from time.Duration
		for i, p := range packets {
			switch so := p.DTS - from; {
			case i == 0:
			case keys[i] && so+lengths[i-1]/2 >= target, so+lengths[i] > cfg.MaxSegment:
				from = p.DTS
			case so+lengths[i-1] > cfg.MaxSegment: // if this one is as long as the one before
				from = p.DTS
			default:
				continue
			}
			want = append(want, from)
		}
		var got []time.Duration
		length := map[int]time.Duration{}
		for _, p := range parts {
			if p.Index == 0 {
				got = append(got, p.Start)
			}
			length[p.Segment] += p.Duration
		}
		for _, d := range length {
			require.LessOrEqual(t, d.Round(time.Second), cfg.MaxSegment)
		}
		if !odd || cfg.PartDuration == 0 { // else see Config.MaxSegment
			require.Equal(t, want, got)
		}
	}
}

// TestNoKeyFrame: video without a key frame for 30 s, with sound: segments go on, all of it comes out,
// and the next key frame begins a segment when one is due.
func TestNoKeyFrame(t *testing.T) {
	var packets []*stream.Packet
	src := streamtest.H264AAC().Loop(12)
	for {
		p, err := src.ReadPacket()
		if err != nil {
			break
		}
		if p.Key() && p.DTS > 6*time.Second && p.DTS < 36*time.Second {
			q := *p
			q.Flags &^= stream.KeyFrame
			p = &q
		}
		packets = append(packets, p)
	}
	cfg := cmaf.Config{SegmentDuration: 2 * time.Second, MaxSegment: 4 * time.Second, PartDuration: 500 * time.Millisecond}
	parts := pack(t, cfg, packets)
	samples := check(t, cfg, parts)
	require.Len(t, packets, len(samples[1])+len(samples[2]))
	lost, regained := 0, 0
	for _, p := range parts {
		require.False(t, p.Discontinuity)
		if p.Index > 0 || p.Init.Tracks[0].Kind() != stream.KindVideo {
			continue
		}
		switch {
		case p.Start > 8*time.Second && p.Start < 36*time.Second:
			require.False(t, p.Independent)
			lost++
		case p.Start > 41*time.Second:
			require.True(t, p.Independent)
			regained++
		}
	}
	require.NotZero(t, lost)
	require.NotZero(t, regained)
}

// TestProducerTime holds the bytes of prft (ISO 14496-12 8.16.5): version 1, of capture, the track, when
// in NTP's form, and the media's time.
func TestProducerTime(t *testing.T) {
	packets := pictures([]time.Duration{time.Second, time.Second}, func(int) bool { return true })
	for _, p := range packets {
		p.DTS += 2 * time.Second
		p.PTS = p.DTS
		p.NTP = time.Date(2024, 1, 2, 3, 4, 5, 500e6, time.UTC)
	}
	parts := pack(t, cmaf.Config{ProducerTime: true}, packets)
	want := "\x00\x00\x00\x20prft\x01\x00\x00\x18\x00\x00\x00\x01" + "\xe9\x3d\xfb\xa5\x80\x00\x00\x00" + "\x00\x00\x00\x00\x00\x02\xbf\x20"
	require.Contains(t, string(parts[0].Data), want)
	require.Equal(t, packets[0].NTP, parts[0].NTP)
}
