package transcode_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/stream"
)

// raw and bare are two codings of tests, in which samples are as they are.
var raw, bare = stream.FLVAudio(0), stream.FLVAudio(3)

const rawFrame = 1024

// rawCodec codes samples as they are.
func rawCodec() transcode.Codec {
	return transcode.Codec{
		Name: "raw",
		Decodes: func(t stream.Track) error {
			if t.Codec != raw && t.Codec != bare {
				return stream.ErrUnsupported
			}
			return nil
		},
		NewDecoder: func(t stream.Track) (transcode.Decoder, error) { return &rawDecoder{channels: t.Channels}, nil },
		Encodes: func(to stream.Codec) error {
			if to != raw && to != bare {
				return stream.ErrUnsupported
			}
			return nil
		},
		NewEncoder: func(stream.Codec, int, int) (transcode.Encoder, error) { return rawEncoder{}, nil },
	}
}

type rawDecoder struct {
	channels int
	out      []float32
}

func (d *rawDecoder) Decode(b []byte, pts time.Duration) (transcode.PCM, error) {
	if len(b) == 0 || len(b)%(4*d.channels) != 0 {
		return transcode.PCM{}, fmt.Errorf("raw: %d bytes", len(b))
	}
	d.out = d.out[:0]
	for i := 0; i < len(b); i += 4 {
		d.out = append(d.out, math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
	}
	return transcode.PCM{Samples: d.out, Rate: transcode.Rate, Channels: d.channels, PTS: pts}, nil
}

func (*rawDecoder) Close() {}

type rawEncoder struct{}

func (rawEncoder) Config() []byte { return nil }
func (rawEncoder) FrameSize() int { return rawFrame }
func (rawEncoder) Delay() int     { return 0 }
func (rawEncoder) Close()         {}

func (rawEncoder) Encode(samples []float32, give func([]byte)) error {
	var b []byte
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	give(b)
	return nil
}
