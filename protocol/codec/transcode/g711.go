package transcode

import (
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"

	"github.com/srsgo/srs/stream"
)

// g711Codec decodes G.711.
func g711Codec() Codec {
	return Codec{
		Name: "g711",
		Decodes: func(t stream.Track) error {
			if t.Codec != stream.G711A && t.Codec != stream.G711U {
				return stream.ErrUnsupported
			}
			return nil
		},
		NewDecoder: func(t stream.Track) (Decoder, error) { return newG711(t), nil },
	}
}

// g711Decoder looks samples up.
type g711Decoder struct {
	table          [256]float32
	out            []float32
	rate, channels int
}

func newG711(t stream.Track) *g711Decoder {
	d := &g711Decoder{rate: 8000, channels: 1}
	if t.SampleRate > 0 {
		d.rate = t.SampleRate
	}
	if t.Channels == 2 {
		d.channels = 2
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var linear []byte // 16 bits, big-endian
	if t.Codec == stream.G711A {
		var a g711.Alaw
		a.Unmarshal(all)
		linear = a
	} else {
		var u g711.Mulaw
		u.Unmarshal(all)
		linear = u
	}
	for i := range d.table {
		d.table[i] = float32(int16(linear[2*i])<<8|int16(linear[2*i+1])) / (1 << 15)
	}
	return d
}

func (d *g711Decoder) Decode(b []byte, pts time.Duration) (PCM, error) {
	if len(b) > 2*d.rate {
		return PCM{}, fmt.Errorf("g711: a packet of %d bytes", len(b))
	}
	d.out = d.out[:0]
	for _, x := range b[:len(b)-len(b)%d.channels] {
		d.out = append(d.out, d.table[x])
	}
	return PCM{Samples: d.out, Rate: d.rate, Channels: d.channels, PTS: pts}, nil
}

func (d *g711Decoder) Close() {}
