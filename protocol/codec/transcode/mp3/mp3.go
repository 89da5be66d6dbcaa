// Package mp3 decodes MP3 for package transcode, in Go (ISO 11172-3 and 13818-3 layer III, by go-mp3).
// What has no place in it, layers I and II and the rates of MPEG 2.5, is left to package ffmpeg.
package mp3

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	gomp3 "github.com/hajimehoshi/go-mp3"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/stream"
)

// Codec decodes MP3.
func Codec() transcode.Codec {
	return transcode.Codec{
		Name: "mp3",
		Decodes: func(t stream.Track) error {
			if t.Codec != stream.MP3 {
				return stream.ErrUnsupported
			}
			if t.SampleRate != 0 && t.SampleRate < minRate {
				return fmt.Errorf("%d Hz: %w", t.SampleRate, stream.ErrUnsupported)
			}
			return nil
		},
		NewDecoder: func(stream.Track) (transcode.Decoder, error) { return &decoder{}, nil },
	}
}

const (
	minRate   = 16000 // of MPEG 2, Hz
	maxPacket = 16 << 10
)

// frames is what the decoder reads.
type frames struct{ b, left []byte }

func (f *frames) Read(p []byte) (int, error) {
	if len(f.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

type decoder struct {
	in    frames
	dec   *gomp3.Decoder
	rate  int // of dec, in Hz
	have  int // bytes of earlier frames that the next one can refer to
	bytes [4 * 1152]byte
	out   []float32
}

const sideInfo = 4 + 2 + 32 // the most that precedes a frame's main data (ISO 11172-3 2.4.1)

// reservoir gives how many bytes of the frames before a frame refers to (main_data_begin).
func reservoir(b []byte) int {
	i := 4
	if b[1]&1 == 0 { // a CRC
		i += 2
	}
	if len(b) < i+2 {
		return 0
	}
	if b[1]>>3&3 == 3 { // MPEG 1
		return int(b[i])<<1 | int(b[i+1])>>7
	}
	return int(b[i])
}

// Decode takes one or more frames. The decoder gives two channels always.
func (d *decoder) Decode(b []byte, pts time.Duration) (pcm transcode.PCM, err error) {
	defer func() {
		// The library looks damaged values up in its tables, unchecked.
		if r := recover(); r != nil {
			d.dec, pcm, err = nil, transcode.PCM{}, fmt.Errorf("mp3: a damaged frame: %v", r)
		}
	}()
	h, err := codec.ParseMP3(b)
	switch {
	case err != nil:
		return transcode.PCM{}, fmt.Errorf("mp3: %w", err)
	case len(b) > maxPacket:
		return transcode.PCM{}, fmt.Errorf("mp3: a packet of %d bytes", len(b))
	case h.Layer != 3 || h.SampleRate < minRate:
		return transcode.PCM{}, fmt.Errorf("mp3: layer %d, %d Hz: %w", h.Layer, h.SampleRate, stream.ErrUnsupported)
	}
	d.in.b = append(d.in.b[:0], b...)
	d.in.left = d.in.b
	if d.dec == nil || h.SampleRate != d.rate {
		d.dec, err = gomp3.NewDecoder(&d.in)
		if err != nil {
			return transcode.PCM{}, fmt.Errorf("mp3: %w", err)
		}
		d.rate, d.have = h.SampleRate, 0
	}
	d.out = d.out[:0]
	// The decoder must not come to the end of what it reads: it would forget what the next frame
	// builds upon. It gives a frame with each call, and has one before the first.
	for more := true; more; more = len(d.in.left) > 0 {
		n, err := d.dec.Read(d.bytes[:])
		for i := 0; i+2 <= n; i += 2 {
			d.out = append(d.out, float32(int16(binary.LittleEndian.Uint16(d.bytes[i:])))/(1<<15))
		}
		if err != nil {
			d.dec = nil
			return transcode.PCM{}, fmt.Errorf("mp3: a damaged frame: %w", err)
		}
	}
	if reservoir(b) > d.have { // noise, made of what is not there
		clear(d.out)
	}
	d.have = min(d.have+max(0, len(b)-sideInfo), 1<<9)
	return transcode.PCM{Samples: d.out, Rate: h.SampleRate, Channels: 2, PTS: pts}, nil
}

func (d *decoder) Close() {}
