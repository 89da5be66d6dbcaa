// Package aac decodes and encodes AAC-LC for package transcode, in Go, by go-aac
// (github.com/tphakala/go-aac), a work derived from FFmpeg.
//
// # Licence
//
// go-aac is under the LGPL, version 2.1 or later: a program that links this package must meet its
// terms, as one that is published with its source does. Nothing else in the library needs this
// package. Without it, AAC is converted by package ffmpeg below transcode, or not at all.
package aac

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	goaac "github.com/tphakala/go-aac"
	"github.com/tphakala/go-aac/pcm"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/stream"
)

// Codec is AAC-LC, in one or two channels.
func Codec() transcode.Codec {
	return transcode.Codec{
		Name:       "aac",
		Decodes:    decodes,
		NewDecoder: newDecoder,
		Encodes: func(to stream.Codec) error {
			if to != stream.AAC {
				return stream.ErrUnsupported
			}
			return nil
		},
		NewEncoder: newEncoder,
	}
}

func decodes(t stream.Track) error {
	if t.Codec != stream.AAC {
		return stream.ErrUnsupported
	}
	c, err := codec.ParseAAC(t.Config)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", stream.ErrUnsupported, err)
	case c.SBR || c.PS:
		return fmt.Errorf("HE-AAC: %w", stream.ErrUnsupported)
	case c.ObjectType != 2:
		return fmt.Errorf("object type %d: %w", c.ObjectType, stream.ErrUnsupported)
	case c.Channels != 1 && c.Channels != 2:
		return fmt.Errorf("%d channels: %w", c.Channels, stream.ErrUnsupported)
	}
	return nil
}

// unit is one access unit behind its length, as the decoder reads it.
type unit struct{ b, left []byte }

func (u *unit) Read(p []byte) (int, error) {
	if len(u.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, u.left)
	u.left = u.left[n:]
	return n, nil
}

func (u *unit) set(b []byte) {
	u.b = append(binary.BigEndian.AppendUint16(u.b[:0], uint16(len(b))), b...)
	u.left = u.b
}

type decoder struct {
	in     unit
	dec    *pcm.Decoder
	config pcm.Option
	bytes  [2 * 2 * goaac.FrameSize]byte
	out    [2 * goaac.FrameSize]float32
}

func newDecoder(t stream.Track) (transcode.Decoder, error) {
	d := &decoder{config: pcm.WithRawStream(t.Config)}
	dec, err := pcm.NewDecoder(&d.in, d.config)
	if err != nil {
		return nil, err
	}
	d.dec = dec
	return d, nil
}

func (d *decoder) Decode(b []byte, pts time.Duration) (transcode.PCM, error) {
	if len(b) == 0 || len(b) > codec.MaxADTS {
		return transcode.PCM{}, fmt.Errorf("aac: an access unit of %d bytes", len(b))
	}
	d.in.set(b)
	n, err := d.dec.Read(d.bytes[:])
	if err != nil {
		// The decoder stays with its first error, so that it begins anew.
		return transcode.PCM{}, fmt.Errorf("aac: %w", errors.Join(err, d.dec.Reset(&d.in, d.config)))
	}
	for i := range n / 2 {
		d.out[i] = float32(int16(binary.LittleEndian.Uint16(d.bytes[2*i:]))) / (1 << 15)
	}
	c := d.dec.Info()
	return transcode.PCM{Samples: d.out[:n/2], Rate: c.SampleRate, Channels: c.Channels, PTS: pts}, nil
}

func (d *decoder) Close() {}

type encoder struct {
	enc    *goaac.Encoder
	planes [][]float32
	out    []byte
}

func newEncoder(_ stream.Codec, channels, bitRate int) (transcode.Encoder, error) {
	enc, err := goaac.NewEncoder(goaac.EncoderConfig{SampleRate: transcode.Rate, Channels: channels, Bitrate: bitRate,
		// The other searches take two to four times as long, and more over tones.
		Coder: goaac.CoderFast})
	if err != nil {
		return nil, err
	}
	e := &encoder{enc: enc}
	for range channels {
		e.planes = append(e.planes, make([]float32, goaac.FrameSize))
	}
	return e, nil
}

func (e *encoder) Config() []byte { return e.enc.AudioSpecificConfig() }

func (e *encoder) FrameSize() int { return goaac.FrameSize }

func (e *encoder) Delay() int { return e.enc.Delay() }

func (e *encoder) Encode(samples []float32, give func([]byte)) error {
	for c, plane := range e.planes {
		for i := range plane {
			plane[i] = samples[i*len(e.planes)+c]
		}
	}
	out, err := e.enc.EncodeFrame(e.out[:0], e.planes)
	if err != nil {
		return fmt.Errorf("aac: %w", err)
	}
	if e.out = out; len(out) > 0 {
		give(out)
	}
	return nil
}

func (e *encoder) Close() {}
