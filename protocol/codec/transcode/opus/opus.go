// Package opus decodes and encodes Opus for package transcode, in Go (RFC 6716, by gopus), in one or
// two channels. Packets are encoded with 20 ms each, at a variable bit rate.
package opus

import (
	"errors"
	"fmt"
	"time"

	"github.com/thesyncim/gopus"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/stream"
)

const (
	frame     = transcode.Rate / 50
	maxFrame  = transcode.Rate * 120 / 1000 // the longest packet (RFC 6716 3.2)
	maxPacket = 4000                        // bytes, as encoded: libopus' advice
	minRate   = 6000                        // bits a second, below which Opus is not defined
	maxRate   = 510000
	// complexity saves a quarter of what the highest costs, for a difference that is hard to measure.
	complexity = 5
)

// Codec is Opus.
func Codec() transcode.Codec {
	return transcode.Codec{
		Name:       "opus",
		Decodes:    decodes,
		NewDecoder: newDecoder,
		Encodes: func(to stream.Codec) error {
			if to != stream.Opus {
				return stream.ErrUnsupported
			}
			return nil
		},
		NewEncoder: newEncoder,
	}
}

// channels of a track; WebRTC has no OpusHead, and two channels.
func channels(t stream.Track) int {
	if n, err := codec.ParseOpusHead(t.Config); err == nil {
		return n
	}
	if t.Channels > 0 {
		return t.Channels
	}
	return 2
}

func decodes(t stream.Track) error {
	if t.Codec != stream.Opus {
		return stream.ErrUnsupported
	}
	if n := channels(t); n > 2 {
		return fmt.Errorf("%d channels: %w", n, stream.ErrUnsupported)
	}
	return nil
}

type decoder struct {
	dec      *gopus.Decoder
	channels int
	out      []float32
}

func newDecoder(t stream.Track) (transcode.Decoder, error) {
	n := channels(t)
	d, err := gopus.NewDecoder(gopus.DefaultDecoderConfig(transcode.Rate, n))
	if err != nil {
		return nil, err
	}
	return &decoder{dec: d, channels: n, out: make([]float32, maxFrame*n)}, nil
}

func (d *decoder) Decode(b []byte, pts time.Duration) (transcode.PCM, error) {
	if len(b) == 0 {
		return transcode.PCM{}, errors.New("opus: an empty packet")
	}
	n, err := d.dec.Decode(b, d.out)
	if err != nil {
		return transcode.PCM{}, fmt.Errorf("opus: %w", err)
	}
	return transcode.PCM{Samples: d.out[:n*d.channels], Rate: transcode.Rate, Channels: d.channels, PTS: pts}, nil
}

func (d *decoder) Close() {}

type encoder struct {
	enc      *gopus.Encoder
	channels int
	out      [maxPacket]byte
}

func newEncoder(_ stream.Codec, channels, bitRate int) (transcode.Encoder, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{
		SampleRate: transcode.Rate, Channels: channels, Application: gopus.ApplicationAudio})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(e.SetBitrate(min(max(bitRate, minRate), maxRate)), e.SetComplexity(complexity)); err != nil {
		return nil, err
	}
	return &encoder{enc: e, channels: channels}, nil
}

// Config has no pre-skip, for the packets' times are those of what decoders give.
func (e *encoder) Config() []byte { return codec.AppendOpusHead(nil, e.channels, 0) }

func (e *encoder) FrameSize() int { return frame }

func (e *encoder) Delay() int { return e.enc.Lookahead() }

func (e *encoder) Encode(samples []float32, give func([]byte)) error {
	n, err := e.enc.Encode(samples, e.out[:])
	if err != nil {
		return fmt.Errorf("opus: %w", err)
	}
	give(e.out[:n])
	return nil
}

func (e *encoder) Close() {}
