package mpegts

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func read(t testing.TB, r io.Reader) []*stream.Packet {
	t.Helper()
	var rec streamtest.Recorder
	require.NoError(t, stream.Copy(&rec, NewReader(r)))
	return rec.Packets()
}

// carried gives the packets of tracks that a transport stream can carry.
func carried(packets []*stream.Packet) (out []*stream.Packet) {
	for _, p := range packets {
		if Carries(p.Info().Codec) {
			out = append(out, p)
		}
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		t.Run(clip.Name, func(t *testing.T) {
			want := carried(clip.Packets())
			// How much of the start of Opus to skip is not told by transport streams.
			c := streamtest.Compare{Tolerance: time.Second / hz, AnyConfig: strings.Contains(clip.Name, "Opus")}
			streamtest.Equal(t, want, read(t, bytes.NewReader(encode(clip.Packets()))), c)
			// Sound that shares a PES packet has the time that its samples say.
			c.Tolerance = 5 * time.Millisecond
			streamtest.Equal(t, want, read(t, iotest.OneByteReader(bytes.NewReader(mux(t, clip.Packets())))), c)
		})
	}
}

// intact fails the test if a packet of got is none of want, in the order of want within
// each kind, or if what is missing is not marked. It gives how many are missing.
func intact(t *testing.T, want, got []*stream.Packet) (missing int) {
	t.Helper()
	for _, k := range []stream.Kind{stream.KindAudio, stream.KindVideo} {
		w := slices.DeleteFunc(slices.Clone(want), func(p *stream.Packet) bool { return p.Kind() != k })
		next := -1
		for _, p := range got {
			if p.Kind() != k {
				continue
			}
			i := slices.IndexFunc(w[next+1:], func(x *stream.Packet) bool { return bytes.Equal(x.Payload, p.Payload) })
			require.GreaterOrEqual(t, i, 0, "%v at %v with %d bytes is none that was sent", p.Info().Codec, p.DTS, len(p.Payload))
			if i > 0 && next >= 0 {
				require.NotZero(t, p.Flags&stream.Discontinuity, "%v at %v comes after a gap of %d", p.Info().Codec, p.DTS, i)
			}
			missing += i
			next += i + 1
		}
		missing += len(w) - next - 1
	}
	return missing
}

// TestLoss: of what arrives in part nothing is given, and the next packet says so.
func TestLoss(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264BFramesAAC(), streamtest.HEVCAAC(), streamtest.H264MP3(), streamtest.H264Opus()} {
		for _, b := range [][]byte{encode(clip.Packets()), mux(t, clip.Packets())} {
			var hurt []byte
			lost := 0
			for i := 0; i < len(b); i += packetSize {
				if n := i / packetSize; n > 20 && n%17 == 0 {
					lost++
					continue
				}
				hurt = append(hurt, b[i:i+packetSize]...)
			}
			missing := intact(t, clip.Packets(), read(t, bytes.NewReader(hurt)))
			require.Greater(t, missing, 5)
			require.Less(t, missing, 8*lost)
		}
	}
}

// TestGarbage: what is no transport packet is passed over, wherever it is.
func TestGarbage(t *testing.T) {
	clip := streamtest.H264AAC()
	b := encode(clip.Packets())
	junk := bytes.Repeat([]byte("G\x00 and more junk "), 30)
	mixed := slices.Clone(junk)
	for i := 0; i < len(b); i += 7 * packetSize {
		mixed = append(mixed, b[i:min(i+7*packetSize, len(b))]...)
		if i%2 == 0 {
			mixed = append(mixed, junk[:1+i%len(junk)]...)
		}
	}
	got := read(t, bytes.NewReader(mixed))
	// A false sync byte may take a packet with it.
	require.Less(t, intact(t, clip.Packets(), got), len(clip.Packets())/2)

	r := NewReader(bytes.NewReader(append(make([]byte, 2<<20), b...)))
	_, err := r.ReadPacket()
	require.ErrorContains(t, err, "no transport packets in 1048576 bytes")
	packets := 0
	for {
		_, err := r.ReadPacket()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			packets++
		}
	}
	require.Equal(t, len(clip.Packets()), packets, "the next calls look further")
}

// TestRepeated: a packet may be sent twice.
func TestRepeated(t *testing.T) {
	clip := streamtest.H264AAC()
	b := encode(clip.Packets())
	var twice []byte
	for i := 0; i < len(b); i += packetSize {
		twice = append(twice, b[i:i+packetSize]...)
		if i%3 == 0 {
			twice = append(twice, b[i:i+packetSize]...)
		}
	}
	streamtest.Equal(t, clip.Packets(), read(t, bytes.NewReader(twice)), streamtest.Compare{Tolerance: time.Second / hz})
}

// TestJoin: a stream may begin anywhere. Pictures come once there are parameter sets.
func TestJoin(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264BFramesAAC(), streamtest.HEVCAAC()} {
		b := encode(clip.Packets())
		got := read(t, bytes.NewReader(b[len(b)/3+50:]))
		streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{Tolerance: time.Second / hz, AnyStart: true})
		first := slices.IndexFunc(got, func(p *stream.Packet) bool { return p.Kind() == stream.KindVideo })
		require.True(t, got[first].Key())
	}
}

// TestProgramChange: the program may change its streams in the midst, and one that is
// announced may be silent.
func TestProgramChange(t *testing.T) {
	e := &Encoder{}
	b := e.AppendStart(nil)
	var want []*stream.Packet
	at := time.Duration(0)
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.HEVCAAC(), streamtest.H264MP3(), streamtest.AACOnly()} {
		for _, p := range clip.Packets() {
			q := *p
			q.DTS, q.PTS = p.DTS+at, p.PTS+at
			want = append(want, &q)
			b = e.AppendPacket(b, &q)
		}
		at += clip.Duration()
	}
	got := read(t, bytes.NewReader(b))
	streamtest.Equal(t, want, got, streamtest.Compare{Tolerance: time.Second / hz})
	last := got[len(got)-1].Tracks
	require.Len(t, last.List, 1)
	require.Equal(t, stream.AAC, last.List[0].Codec)

	for _, silent := range []stream.Kind{stream.KindAudio, stream.KindVideo} {
		packets := slices.DeleteFunc(streamtest.H264AAC().Packets(), func(p *stream.Packet) bool { return p.Kind() == silent })
		got := read(t, bytes.NewReader(encode(packets)))
		streamtest.Equal(t, packets, got, streamtest.Compare{Tolerance: time.Second / hz})
		require.False(t, got[len(got)-1].Tracks.Has(silent))
	}
}

// TestRestart: another muxer's stream behind, with counters and time of its own, as in
// files that were put together.
func TestRestart(t *testing.T) {
	a, b := streamtest.H264AAC().Packets(), streamtest.H264BFramesAAC().Packets()
	got := read(t, io.MultiReader(bytes.NewReader(encode(a)), bytes.NewReader(encode(b))))
	require.LessOrEqual(t, intact(t, append(slices.Clone(a), b...), got), 4)
}

// TestTruncated: the end may be anywhere.
func TestTruncated(t *testing.T) {
	clip := streamtest.H264AAC()
	b := encode(clip.Packets())
	for n := len(b) - 1; n > len(b)-3*packetSize; n -= 7 {
		got := read(t, bytes.NewReader(b[:n]))
		streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{Tolerance: time.Second / hz, AnyEnd: true})
		require.Greater(t, len(got), len(clip.Packets())-10)
	}
	_, err := NewReader(iotest.ErrReader(errors.New("broken pipe"))).ReadPacket()
	require.ErrorContains(t, err, "mpegts: reading: broken pipe")
}

// TestBroken: wrong sections and headers do no harm.
func TestBroken(t *testing.T) {
	clip := streamtest.H264AAC()
	b := encode(clip.Packets())
	for _, x := range []struct {
		name string
		hurt func(p []byte, n int)
	}{
		{"checksum of a map", func(p []byte, n int) {
			if p[1]&0x1f == 0x10 && n > 100 {
				p[20] ^= 1
			}
		}},
		{"pointer", func(p []byte, n int) {
			if p[1] == 0x40 && p[2] == 0 && n > 100 {
				p[4] = 200
			}
		}},
		{"damaged", func(p []byte, n int) {
			if n > 100 && n%23 == 0 {
				p[1] |= 0x80
			}
		}},
		{"scrambled", func(p []byte, n int) {
			if n > 100 && n%23 == 0 {
				p[3] |= 0x80
			}
		}},
		{"adaptation field", func(p []byte, n int) {
			if n > 100 && n%23 == 0 {
				p[3] |= 0x20
				p[4] = 255
			}
		}},
		{"PES header", func(p []byte, n int) {
			if i := bytes.Index(p, []byte{0, 0, 1, 0xc0}); n > 100 && n%7 == 0 && i > 0 {
				p[i+8] = 255
			}
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := slices.Clone(b)
			for i := 0; i < len(c); i += packetSize {
				x.hurt(c[i:i+packetSize], i/packetSize)
			}
			require.Less(t, intact(t, clip.Packets(), read(t, bytes.NewReader(c))), len(clip.Packets())/2)
		})
	}
}

// TestStraddling: frames of sound need not end with their PES packet.
func TestStraddling(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.AACOnly(), streamtest.MP3Only()} {
		e := &Encoder{}
		e.single = true
		e.follow(clip.Tracks())
		es := &e.list[0]
		var all []byte
		var starts []int
		for _, p := range clip.Packets() {
			starts = append(starts, len(all))
			all = append(es.appendFrame(all, p.Payload), p.Payload...)
		}
		var b []byte
		for i := 0; i < len(all); i += 700 {
			// The time is that of the first frame that begins in the packet.
			n := slices.IndexFunc(starts, func(at int) bool { return at >= i })
			if n < 0 {
				n = len(starts) - 1
			}
			at := stream.Ticks(clip.Packets()[n].PTS, hz)
			part := all[i:min(i+700, len(all))]
			s := e.begin(b, unit{es: es, size: len(part), pts: at, dts: at})
			s.put(part)
			b = s.dst
		}
		streamtest.Equal(t, clip.Packets(), read(t, bytes.NewReader(b)), streamtest.Compare{Tolerance: 2 * time.Millisecond})
	}
}

// TestBounded: PES packets that never end take no memory beyond the bounds.
func TestBounded(t *testing.T) {
	clip := streamtest.H264AAC()
	e := &Encoder{}
	b := e.AppendPacket(e.AppendStart(nil), clip.Packets()[0])
	e.tablesAt = 1 << 60
	d := demuxer{tracks: &stream.Tracks{}}
	for i := 0; i < len(b); i += packetSize {
		d.packet(b[i : i+packetSize])
	}
	for _, pid := range []uint16{0x100, 0x101} {
		start := true
		for cc := byte(0); d.held < maxHeld-packetSize; cc++ {
			p := append([]byte{syncByte, byte(pid >> 8), byte(pid), 0x10 | cc&15, 0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0}, make([]byte, packetSize)...)[:packetSize]
			if start {
				p[1] |= 0x40
			}
			before := d.held
			d.packet(p)
			if !start && d.held < before {
				break // given up
			}
			start = false
			require.LessOrEqual(t, d.held, maxHeld)
		}
	}
	total := 0
	for _, f := range d.flows {
		total += len(f.buf)
	}
	require.Equal(t, d.held, total, "counted right")
	require.Zero(t, len(d.find(0x101).buf), "sound has a bound of its own")
}
