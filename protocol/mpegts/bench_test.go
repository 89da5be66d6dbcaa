package mpegts

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// heavy gives the packets of a clip with pictures of some 600 kb/s.
func heavy() (packets []*stream.Packet, size int64) {
	for _, p := range streamtest.H264AAC().Packets() {
		q := *p
		if p.Kind() == stream.KindVideo {
			q.Payload = append([]byte{0, 0, 11, 184}, bytes.Repeat(p.Payload[4:5], 3000)...)
		}
		packets = append(packets, &q)
		size += int64(len(q.Payload))
	}
	return packets, size
}

func BenchmarkEncoder(b *testing.B) {
	packets, size := heavy()
	b.SetBytes(size)
	b.ReportAllocs()
	e := &Encoder{}
	var buf []byte
	for b.Loop() {
		buf = buf[:0]
		for _, p := range packets {
			buf = e.AppendPacket(buf, p)
		}
	}
}

func BenchmarkMuxer(b *testing.B) {
	packets, size := heavy()
	b.SetBytes(size)
	b.ReportAllocs()
	m := &Muxer{}
	var buf []byte
	for b.Loop() {
		buf = buf[:0]
		for _, p := range packets {
			buf = m.AppendPacket(buf, p)
		}
	}
}

// BenchmarkMediacommonWriter is what the Encoder is compared with.
func BenchmarkMediacommonWriter(b *testing.B) {
	packets, size := heavy()
	avc, err := codec.ParseAVC(packets[1].Tracks.List[packets[1].Tracks.First(stream.KindVideo)].Config)
	require.NoError(b, err)
	video, audio := &mpegts.Track{Codec: &codecs.H264{}}, &mpegts.Track{Codec: &codecs.MPEG1Audio{}}
	w := &mpegts.Writer{W: io.Discard, Tracks: []*mpegts.Track{video, audio}}
	require.NoError(b, w.Initialize())
	mp3 := streamtest.MP3Only().Packets()[0].Payload
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range packets {
			at := stream.Ticks(p.DTS, hz)
			if p.Kind() == stream.KindAudio {
				_ = w.WriteMPEG1Audio(audio, at, [][]byte{mp3})
				continue
			}
			au := [][]byte{p.Payload[4:]}
			if p.Key() {
				au = [][]byte{avc.SPS[0], avc.PPS[0], p.Payload[4:]}
			}
			_ = w.WriteH264(video, at, at, au)
		}
	}
}

func BenchmarkReader(b *testing.B) {
	packets, size := heavy()
	ts := encode(packets)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(ts))
		n := 0
		for {
			_, err := r.ReadPacket()
			if errors.Is(err, io.EOF) {
				break
			}
			n++
		}
		if n != len(packets) {
			b.Fatalf("%d packets of %d", n, len(packets))
		}
	}
}
