package ingest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

const (
	videoPT, audioPT, rtxPT = 96, 111, 97
	videoSSRC, audioSSRC    = 1000, 2000
	rtxSSRC                 = 1001
)

func section(c stream.Codec) desc.Media {
	m := desc.Media{MID: "0", Kind: stream.KindVideo, SSRC: videoSSRC, RTXSSRC: rtxSSRC, Ext: desc.Extensions{MID: 4, RID: 10, TransportCC: 3}}
	dc := desc.Codec{Codec: c, PT: videoPT, ClockRate: 90000, RTX: rtxPT, NACK: true, PLI: true, TransportCC: true}
	if c.Kind() == stream.KindAudio {
		m.MID, m.Kind, m.SSRC, m.RTXSSRC = "1", stream.KindAudio, audioSSRC, 0
		dc = desc.Codec{Codec: c, PT: audioPT, ClockRate: 48000, Channels: 2}
	}
	m.Codecs = []desc.Codec{dc}
	return m
}

// sent is a packet of a publisher's.
type sent struct {
	at time.Duration
	b  []byte
}

// annexB gives an access unit with start codes, behind its parameter sets.
func annexB(t testing.TB, p *stream.Packet) (b []byte) {
	add := func(units ...[]byte) {
		for _, u := range units {
			b = append(append(b, 0, 0, 0, 1), u...)
		}
	}
	if p.Key() && p.Info().Codec == stream.H264 {
		c, err := codec.ParseAVC(p.Info().Config)
		require.NoError(t, err)
		add(append(c.SPS, c.PPS...)...)
	} else if p.Key() {
		c, err := codec.ParseHEVC(p.Info().Config)
		require.NoError(t, err)
		add(append(append(c.VPS, c.SPS...), c.PPS...)...)
	}
	for u := p.Payload; len(u) > 4; {
		n := binary.BigEndian.Uint32(u)
		add(u[4 : 4+n])
		u = u[4+n:]
	}
	return b
}

// packetize makes a clip what a publisher sends, by another's packetizers.
func packetize(t testing.TB, packets []*stream.Packet) (list []sent) {
	payloaders := map[stream.Codec]rtp.Payloader{
		stream.H264: &codecs.H264Payloader{}, stream.HEVC: &codecs.H265Payloader{}, stream.AV1: &codecs.AV1Payloader{},
		stream.VP9: &codecs.VP9Payloader{InitialPictureIDFn: func() uint16 { return 0x7ff0 }}, stream.Opus: &codecs.OpusPayloader{},
	}
	seqs := map[stream.Kind]uint16{stream.KindVideo: 65500, stream.KindAudio: 65530}
	for _, p := range packets {
		c := p.Info().Codec
		pay, ok := payloaders[c]
		if !ok {
			continue
		}
		b := p.Payload
		if c == stream.H264 || c == stream.HEVC {
			b = annexB(t, p)
		}
		pt, ssrc, hz, origin := uint8(videoPT), uint32(videoSSRC), 90000, uint32(1<<32-90000)
		if p.Kind() == stream.KindAudio {
			pt, ssrc, hz, origin = audioPT, audioSSRC, 48000, 77
		}
		parts := pay.Payload(1100, b)
		for i, part := range parts {
			h := rtp.Packet{Header: rtp.Header{Version: 2, Marker: i == len(parts)-1, PayloadType: pt, SSRC: ssrc,
				SequenceNumber: seqs[p.Kind()], Timestamp: origin + uint32(stream.Ticks(p.PTS, hz))}, Payload: part}
			seqs[p.Kind()]++
			b, err := h.Marshal()
			require.NoError(t, err)
			list = append(list, sent{p.DTS + time.Duration(i)*50*time.Microsecond, b})
		}
	}
	return list
}

var start = time.Unix(1_700_000_000, 0)

// bench is a Receiver and what it gives.
type bench struct {
	*Receiver
	got  streamtest.Recorder
	rtcp []rtcp.Packet
	tick time.Duration
}

func newBench(t testing.TB, cfg Config, media ...desc.Media) *bench {
	b := &bench{}
	cfg.Media, cfg.Sink = media, &b.got
	cfg.WriteRTCP = func(p []byte) error {
		list, err := rtcp.Unmarshal(append([]byte(nil), p...))
		require.NoError(t, err)
		b.rtcp = append(b.rtcp, list...)
		return nil
	}
	b.Receiver = New(cfg)
	return b
}

// feed gives packets at their times, with ticks between.
func (b *bench) feed(list []sent) {
	for _, s := range list {
		b.until(s.at)
		b.RTP(s.b, start.Add(s.at))
	}
}

func (b *bench) until(at time.Duration) {
	for ; b.tick <= at; b.tick += 20 * time.Millisecond {
		b.Tick(start.Add(b.tick))
	}
}

// carried are the packets of a clip that RTP carries.
func carried(c *streamtest.Clip) (list []*stream.Packet) {
	for _, p := range c.Packets() {
		if p.Info().Codec != stream.AAC {
			list = append(list, p)
		}
	}
	return list
}

func mediaOf(packets []*stream.Packet) (list []desc.Media) {
	seen := map[stream.Codec]bool{}
	for _, p := range packets {
		if c := p.Info().Codec; !seen[c] {
			seen[c] = true
			list = append(list, section(c))
		}
	}
	return list
}

var same = streamtest.Compare{Tolerance: 5 * time.Millisecond, PTSOnly: true, AnyConfig: true}

func TestClips(t *testing.T) {
	for _, c := range []*streamtest.Clip{streamtest.H264Opus(), streamtest.H264Only(), streamtest.H264Resize(), streamtest.HEVCAAC(),
		streamtest.AV1AAC(), streamtest.VP9Opus(), streamtest.OpusOnly(), streamtest.H264BFramesAAC()} {
		t.Run(c.Name, func(t *testing.T) {
			want := carried(c)
			b := newBench(t, Config{NACK: true, TWCC: true}, mediaOf(want)...)
			b.feed(packetize(t, want))
			b.until(c.Duration() + 2*time.Second)
			b.Close()
			got := b.got.Packets()
			streamtest.Equal(t, want, got, same)
			last := map[int]time.Duration{}
			for _, p := range got {
				require.LessOrEqual(t, p.DTS, p.PTS)
				require.GreaterOrEqual(t, p.DTS, last[p.Track])
				last[p.Track] = p.DTS
			}
			v := got[0].Tracks.First(stream.KindVideo)
			if v >= 0 {
				require.NotZero(t, got[0].Tracks.List[v].Width)
			}
			require.Zero(t, b.Stats().Malformed)
		})
	}
}

// rtx makes of a packet its retransmission.
func rtx(b []byte, seq uint16) []byte {
	r := append([]byte(nil), b[:12]...)
	r[1] = r[1]&0x80 | rtxPT
	binary.BigEndian.PutUint16(r[2:], seq)
	binary.BigEndian.PutUint32(r[8:], rtxSSRC)
	return append(append(r, b[2:4]...), b[12:]...)
}

func TestRetransmission(t *testing.T) {
	for _, name := range []string{"rtx", "again"} {
		t.Run(name, func(t *testing.T) {
			want := carried(streamtest.H264Opus())
			b := newBench(t, Config{NACK: true}, mediaOf(want)...)
			lost := map[uint16][]byte{}
			asked, n := 0, uint16(0)
			for i, s := range packetize(t, want) {
				b.until(s.at)
				for ; asked < len(b.rtcp); asked++ {
					nack, ok := b.rtcp[asked].(*rtcp.TransportLayerNack)
					if !ok {
						continue
					}
					for _, pair := range nack.Nacks {
						for _, seq := range pair.PacketList() {
							p := lost[seq]
							require.NotNil(t, p, "asked for what was not lost")
							if name == "rtx" {
								p = rtx(p, n)
							}
							n++
							b.RTP(p, start.Add(s.at))
						}
					}
				}
				if i > 20 && i%10 < 2 && binary.BigEndian.Uint32(s.b[8:]) == videoSSRC {
					lost[binary.BigEndian.Uint16(s.b[2:])] = s.b
					continue
				}
				b.RTP(s.b, start.Add(s.at))
			}
			streamtest.Equal(t, want, b.got.Packets(), streamtest.Compare{Tolerance: 5 * time.Millisecond, PTSOnly: true, AnyConfig: true, AnyEnd: true})
			require.Zero(t, b.Stats().Dropped)
			require.NotZero(t, b.Stats().Recovered)
		})
	}
}

func TestLossWaitsForKeyFrame(t *testing.T) {
	want := carried(streamtest.H264Opus())
	b := newBench(t, Config{NACK: true}, mediaOf(want)...)
	list := packetize(t, want)
	for i, s := range list {
		if binary.BigEndian.Uint32(s.b[8:]) == videoSSRC && s.at > 1500*time.Millisecond {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	b.feed(list)
	b.until(6 * time.Second)
	var marked *stream.Packet
	for _, p := range b.got.Packets() {
		if p.Flags&stream.Discontinuity != 0 {
			require.Nil(t, marked)
			marked = p
		}
	}
	require.NotNil(t, marked)
	require.True(t, marked.Key())
	s := b.Stats()
	require.NotZero(t, s.PLIs)
	require.NotZero(t, s.Dropped)
	require.EqualValues(t, 1, s.Lost)
}

func TestReorderAndDuplicates(t *testing.T) {
	want := carried(streamtest.H264Opus())
	b := newBench(t, Config{}, mediaOf(want)...)
	list := packetize(t, want)
	for i := 8; i+4 < len(list); i += 7 {
		list[i].b, list[i+3].b = list[i+3].b, list[i].b
	}
	for _, s := range list {
		b.until(s.at)
		b.RTP(s.b, start.Add(s.at))
		b.RTP(s.b, start.Add(s.at))
	}
	b.until(6 * time.Second)
	var got int
	for range b.got.Packets() {
		got++
	}
	require.Equal(t, len(want), got)
	require.NotZero(t, b.Stats().Late+b.Stats().Duplicates)
}

// TestSync has a publisher whose sound comes late: sender reports bring it back.
func TestSync(t *testing.T) {
	want := carried(streamtest.H264Opus())
	b := newBench(t, Config{}, mediaOf(want)...)
	report := func(ssrc, ts uint32, wall time.Duration) {
		at := start.Add(wall)
		sr := rtcp.SenderReport{SSRC: ssrc, RTPTime: ts, NTPTime: uint64(at.Unix()+2208988800)<<32 | uint64(at.Nanosecond())<<32/1e9}
		p, err := sr.Marshal()
		require.NoError(t, err)
		b.RTCP(p, at)
	}
	const delay = 30 * time.Millisecond
	list := packetize(t, want)
	for i := range list {
		if binary.BigEndian.Uint32(list[i].b[8:]) == audioSSRC {
			list[i].at += delay
		}
	}
	slices.SortStableFunc(list, func(a, b sent) int { return cmp.Compare(a.at, b.at) })
	reported := false
	for _, s := range list {
		b.until(s.at)
		b.RTP(s.b, start.Add(s.at))
		if !reported && s.at > 1500*time.Millisecond {
			reported = true
			origin := uint32(1<<32 - 90000)
			report(videoSSRC, origin+90000, time.Second)
			report(audioSSRC, 77+48000, time.Second)
		}
	}
	first, last := shifts(t, want, b.got.Packets())
	require.InDelta(t, float64(delay), float64(first[1]-first[0]), float64(5*time.Millisecond))
	require.InDelta(t, 0, float64(last[1]-last[0]), float64(2*time.Millisecond))
}

// shifts tells how far the first and the last packets of picture and sound are from where they were published.
func shifts(t *testing.T, want, got []*stream.Packet) (first, last [2]time.Duration) {
	t.Helper()
	index := [2]int{}
	byKind := [2][]*stream.Packet{}
	for _, p := range want {
		k := 0
		if p.Kind() == stream.KindAudio {
			k = 1
		}
		byKind[k] = append(byKind[k], p)
	}
	prev := [2]time.Duration{-1, -1}
	for _, p := range got {
		k := 0
		if p.Kind() == stream.KindAudio {
			k = 1
		}
		d := p.PTS - byKind[k][index[k]].PTS
		if index[k] == 0 {
			first[k] = d
		}
		last[k] = d
		index[k]++
		require.Greater(t, p.PTS, prev[k])
		prev[k] = p.PTS
	}
	return first, last
}

// TestSyncBacklog has a publisher that begins with what waited for the connection, sound before picture, and
// that never sends a report: what comes later brings them together.
func TestSyncBacklog(t *testing.T) {
	want := carried(streamtest.H264Opus())
	b := newBench(t, Config{}, mediaOf(want)...)
	const backlog = 120 * time.Millisecond
	list := packetize(t, want)
	for i := range list {
		list[i].at = max(list[i].at, backlog)
	}
	slices.SortStableFunc(list, func(a, b sent) int {
		return cmp.Or(cmp.Compare(a.at, b.at), -bytes.Compare(a.b[8:12], b.b[8:12])) // the sound's SSRC is the higher one
	})
	for _, s := range list {
		b.until(s.at)
		b.RTP(s.b, start.Add(s.at))
	}
	first, last := shifts(t, want, b.got.Packets())
	require.InDelta(t, float64(backlog), float64(first[0]-first[1]), float64(30*time.Millisecond))
	require.InDelta(t, 0, float64(last[1]-last[0]), float64(5*time.Millisecond))
}

func TestSimulcast(t *testing.T) {
	m := section(stream.H264)
	m.SSRC, m.RTXSSRC, m.Layers = 0, 0, []string{"h", "l"}
	b := newBench(t, Config{}, m)
	clip := streamtest.H264Only().Packets()
	for _, s := range packetize(t, clip) {
		for i, rid := range m.Layers {
			var p rtp.Packet
			require.NoError(t, p.Unmarshal(s.b))
			p.SSRC = uint32(5 + i)
			require.NoError(t, p.SetExtension(m.Ext.MID, []byte(m.MID)))
			require.NoError(t, p.SetExtension(m.Ext.RID, []byte(rid)))
			raw, err := p.Marshal()
			require.NoError(t, err)
			b.until(s.at)
			b.RTP(raw, start.Add(s.at))
		}
	}
	got := b.got.Packets()
	require.Len(t, got, 2*len(clip))
	require.Len(t, got[0].Tracks.List, 2)
	require.Equal(t, 1, got[0].Tracks.List[1].Layer)
	require.True(t, got[0].Tracks.List[0].Default)
	require.False(t, got[0].Tracks.List[1].Default)
}

func TestFeedback(t *testing.T) {
	want := carried(streamtest.H264Opus())
	b := newBench(t, Config{TWCC: true, PLI: 2 * time.Second}, mediaOf(want)...)
	for i, s := range packetize(t, want) {
		var p rtp.Packet
		require.NoError(t, p.Unmarshal(s.b))
		require.NoError(t, p.SetExtension(3, []byte{byte(i >> 8), byte(i)}))
		raw, err := p.Marshal()
		require.NoError(t, err)
		b.until(s.at)
		b.RTP(raw, start.Add(s.at))
	}
	kinds := map[string]int{}
	for _, p := range b.rtcp {
		switch x := p.(type) {
		case *rtcp.TransportLayerCC:
			kinds["twcc"]++
		case *rtcp.ReceiverReport:
			kinds["rr"]++
			for _, r := range x.Reports {
				require.Zero(t, r.TotalLost)
			}
		case *rtcp.PictureLossIndication:
			kinds["pli"]++
		}
	}
	require.Greater(t, kinds["twcc"], 20)
	require.GreaterOrEqual(t, kinds["rr"], 3)
	require.GreaterOrEqual(t, kinds["pli"], 2)
	require.LessOrEqual(t, kinds["pli"], 4)
}

func FuzzRTP(f *testing.F) {
	for _, s := range packetize(f, carried(streamtest.VP9Opus()))[:8] {
		f.Add(s.b, uint8(0))
	}
	for i, c := range []*streamtest.Clip{streamtest.H264Only(), streamtest.HEVCAAC(), streamtest.AV1AAC()} {
		for _, s := range packetize(f, carried(c))[:8] {
			f.Add(s.b, uint8(i+1))
		}
	}
	all := []stream.Codec{stream.VP9, stream.H264, stream.HEVC, stream.AV1, stream.VP8}
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		r := newBench(t, Config{NACK: true, TWCC: true}, section(all[int(which)%len(all)]), section(stream.Opus))
		// The input is cut into packets, each of which also comes under numbers in order.
		at := start
		for i := 0; len(b) > 0 && i < 64; i++ {
			n := min(len(b), 1+int(b[0])*4)
			r.RTP(b[:n], at)
			h := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: videoPT, SSRC: videoSSRC, SequenceNumber: uint16(i), Marker: b[0]&1 != 0}, Payload: b[:n]}
			raw, err := h.Marshal()
			require.NoError(t, err)
			r.RTP(raw, at)
			r.RTCP(b[:n], at)
			at = at.Add(30 * time.Millisecond)
			r.Tick(at)
			b = b[n:]
		}
		r.Close()
	})
}

func BenchmarkReceiver(b *testing.B) {
	want := carried(streamtest.H264Opus())
	list := packetize(b, want)
	b.ReportAllocs()
	for b.Loop() {
		r := New(Config{Media: mediaOf(want), Sink: discard{}, WriteRTCP: func([]byte) error { return nil }, NACK: true, TWCC: true})
		for _, s := range list {
			r.RTP(s.b, start.Add(s.at))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/packet")
	b.ReportMetric(float64(len(list)), "packets")
}

type discard struct{}

func (discard) WritePacket(*stream.Packet) error { return nil }
