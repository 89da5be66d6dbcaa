package mpegts

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// segments cuts a clip at its key frames, or every second where there are none.
func segments(m *Muxer, packets []*stream.Packet) (list [][]byte) {
	video := packets[0].Tracks.Has(stream.KindVideo)
	var cut time.Duration
	for _, p := range packets {
		if len(list) == 0 || p.Key() || !video && p.DTS-cut >= time.Second {
			if n := len(list); n > 0 {
				list[n-1] = m.Flush(list[n-1])
			}
			list, cut = append(list, m.AppendSegmentStart(nil, p.Tracks, p.DTS)), p.DTS
		}
		list[len(list)-1] = m.AppendPacket(list[len(list)-1], p)
	}
	list[len(list)-1] = m.Flush(list[len(list)-1])
	return list
}

// TestSegments: each begins with tables, and can be decoded alone; together they are one
// stream.
func TestSegments(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264BFramesAAC(), streamtest.HEVCAAC(), streamtest.AACOnly(), streamtest.H264MP3()} {
		packets := clip.Packets()
		for !packets[0].Key() && packets[0].Tracks.Has(stream.KindVideo) {
			packets = packets[1:]
		}
		m := &Muxer{}
		list := segments(m, packets)
		require.GreaterOrEqual(t, len(list), 4)
		for i, b := range list {
			c := checked(t, b)
			require.Equal(t, []uint16{pidPAT, pidPMT}, c.first[:2])
			require.Zero(t, c.jumps, "counters go on, and need no indicator")
			if i%2 == 1 {
				decodes(t, b)
			}
		}
		all := bytes.Join(list, nil)
		checked(t, all)
		streamtest.Equal(t, packets, read(t, bytes.NewReader(all)), streamtest.Compare{Tolerance: 5 * time.Millisecond})
	}
}

// TestSegmentWithoutKeyFrame: the first picture of a segment has parameter sets, other ones that are no
// key frames have none.
func TestSegmentWithoutKeyFrame(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.HEVCAAC()} {
		var pictures []*stream.Packet
		for _, p := range clip.Packets() {
			if p.Kind() == stream.KindVideo && !p.Key() {
				pictures = append(pictures, p)
			}
		}
		m := &Muxer{}
		for range 2 {
			b := m.AppendSegmentStart(nil, clip.Tracks(), 0)
			for _, p := range pictures {
				b = m.AppendPacket(b, p)
			}
			sets := m.enc.list[clip.Tracks().First(stream.KindVideo)].sets
			require.NotEmpty(t, sets)
			require.Equal(t, 1, bytes.Count(b, sets))
			require.Len(t, read(t, bytes.NewReader(b)), len(pictures), "readers need them")
		}
	}
}

// TestGather: sound that waits is bounded by time, and not continued over gaps.
func TestGather(t *testing.T) {
	clip := streamtest.AACOnly()
	packets := clip.Packets()[:40]
	m := &Muxer{}
	var units []int // frames of each PES packet
	waiting := 0
	write := func(p *stream.Packet) {
		before := m.enc.list
		b := m.AppendPacket(nil, p)
		if waiting++; len(b) > 0 && before != nil {
			units = append(units, waiting-1)
			waiting = 1
		}
		require.LessOrEqual(t, m.enc.list[0].samples, 4410+1024)
	}
	for _, p := range packets[:20] {
		write(p)
	}
	for _, n := range units {
		require.Equal(t, 4, n, "93 ms of 44.1 kHz")
	}
	units = nil
	late := *packets[20]
	late.PTS += 30 * time.Millisecond
	late.DTS = late.PTS
	write(&late)
	require.Len(t, units, 1, "after a gap another one begins")
	b := m.Flush(nil)
	require.NotEmpty(t, b)
	require.Empty(t, m.Flush(nil))

	// Pictures flush sound that has waited too long.
	av := streamtest.H264AAC().Packets()
	m = &Muxer{}
	audio := false
	for _, p := range av {
		if p.Kind() == stream.KindAudio && audio {
			continue
		}
		audio = audio || p.Kind() == stream.KindAudio
		m.AppendPacket(nil, p)
		if p.DTS > 200*time.Millisecond {
			break
		}
	}
	require.Empty(t, m.Flush(nil))
}

// TestOverhead: sound packed together takes far less than frames in packets of their own.
func TestOverhead(t *testing.T) {
	packets := streamtest.AACOnly().Packets()
	size := 0
	for _, p := range packets {
		size += len(p.Payload)
	}
	one, four := len(encode(packets)), len(mux(t, packets))
	t.Logf("%d bytes of sound: %d as they come, %d packed", size, one, four)
	require.Less(t, four, one*9/10)
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriterFails(t *testing.T) {
	full := errors.New("disk full")
	w := NewWriter(failing{full}, Options{})
	require.NoError(t, w.Flush())
	require.ErrorIs(t, stream.Copy(w, streamtest.H264Only().Source()), full)
}

// TestChecker proves that the checker sees what it is there for.
func TestChecker(t *testing.T) {
	good := encode(streamtest.H264AAC().Packets())
	isTable := func(p []byte) bool { return p[1]&0x5f == 0x40 && p[2] == 0 }
	hasClock := func(p []byte) bool { return p[3]&0x20 != 0 && p[4] > 0 && p[5]&flagPCR != 0 }
	for _, x := range []struct {
		want string
		hurt func(p []byte, n int) (keep bool)
	}{
		{"counter", func(_ []byte, n int) bool { return n != 50 }},
		{"header", func(p []byte, n int) bool { p[0] += byte(n / 300); return true }},
		{"steps by", func(p []byte, n int) bool {
			if n%50 > 10 && hasClock(p) {
				p[5] &^= flagPCR
			}
			return true
		}},
		{"checksum", func(p []byte, n int) bool {
			if n > 10 && isTable(p) {
				p[20] ^= 1
			}
			return true
		}},
		{"in no table", func(p []byte, n int) bool {
			if n > 50 && p[1]&0x1f == 1 && p[2] == 1 {
				p[2] = 9
			}
			return true
		}},
		{"DTS", func(p []byte, n int) bool {
			if i := bytes.Index(p, []byte{0, 0, 1, 0xc0}); n > 50 && i > 0 {
				p[i+9] |= 0x08
			}
			return true
		}},
		{"adaptation", func(p []byte, n int) bool {
			if n > 50 && p[3]&0x20 != 0 {
				p[4] = 183
			}
			return true
		}},
	} {
		var b []byte
		for i := 0; i < len(good); i += packetSize {
			p := bytes.Clone(good[i : i+packetSize])
			if x.hurt(p, i/packetSize) {
				b = append(b, p...)
			}
		}
		_, err := check(b)
		require.ErrorContains(t, err, x.want)
	}
	e := &Encoder{}
	b := e.AppendStart(nil)
	for _, p := range streamtest.AACOnly().Packets() {
		e.tablesAt = stream.Ticks(p.DTS, hz) // as if they had just come
		b = e.AppendPacket(b, p)
	}
	_, err := check(b)
	require.ErrorContains(t, err, "no tables")
}
