package rtmp_test

import (
	"testing"
	"time"

	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestEncoderAllocates: an encoder allocates nothing but what the destination lacks.
func TestEncoderAllocates(t *testing.T) {
	e := &rtmp.Encoder{ChunkSize: 60000, Multitrack: true}
	dst := make([]byte, 0, 1<<20)
	for _, packets := range [][]*stream.Packet{
		streamtest.H264BFramesAAC().Packets(), streamtest.HEVCAAC().Packets(), streamtest.FLV1Speex().Packets(), twoTracks(),
	} {
		i := 0
		if n := testing.AllocsPerRun(len(packets), func() {
			e.AppendPacket(dst, packets[i%len(packets)])
			i++
		}); n > 0 {
			t.Errorf("%v: %v allocations a packet", packets[0].Info().Codec, n)
		}
	}
}

// TestEncoderFormat: players share a wire only where their bytes are equal.
func TestEncoderFormat(t *testing.T) {
	t.Parallel()
	base := rtmp.Encoder{ChunkSize: 4096}
	same := base
	if base.Format().Key != same.Format().Key {
		t.Error("equal encoders have different keys")
	}
	for _, e := range []rtmp.Encoder{
		{ChunkSize: 4097}, {ChunkSize: 4096, Multitrack: true}, {ChunkSize: 4096, Publish: true}, {ChunkSize: 4096, StreamID: 2},
		{ChunkSize: 4096, Meta: []stream.Field{{Name: "a", Value: "b"}}},
	} {
		if e.Format().Key == base.Format().Key {
			t.Errorf("%+v has the key of %+v", e, base)
		}
	}
}

func BenchmarkEncoderAppendPacket(b *testing.B) {
	e := &rtmp.Encoder{ChunkSize: 60000}
	packets := streamtest.H264AAC().Packets()
	dst := make([]byte, 0, 1<<20)
	b.ReportAllocs()
	for i := range b.N {
		dst = e.AppendPacket(dst[:0], packets[i%len(packets)])
	}
}

// BenchmarkPublish is the cost of a message from a publisher's connection to a stream
// without players.
func BenchmarkPublish(b *testing.B) {
	l := newPipeListener()
	runServer(b, serverConfig{listener: l, settings: stream.Settings{Idle: -1, FirstPacket: -1}})
	nc, err := l.dial()
	if err != nil {
		b.Fatal(err)
	}
	c := newRaw(b, nc)
	c.publish("s")
	clip := streamtest.H264AAC()
	c.media(clip.Packets()...)
	c.quiet()
	// The clip again and again; that time jumps back at its start costs little.
	var messages [][]byte
	for _, p := range clip.Packets() {
		messages = append(messages, (&rtmp.Encoder{ChunkSize: c.out}).AppendPacket(nil, p))
	}
	b.ReportAllocs()
	b.ResetTimer()
	_ = nc.SetWriteDeadline(time.Time{})
	for i := range b.N {
		if _, err := nc.Write(messages[i%len(messages)]); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	c.quiet()
}
