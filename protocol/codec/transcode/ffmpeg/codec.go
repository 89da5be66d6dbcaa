package ffmpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/stream"
)

const (
	maxPacket = 1 << 16
	maxTake   = transcode.Rate * 8 // bytes of samples at once: 1 s
	// maxHole in what is decoded is filled by ffmpeg; after a longer one it begins anew.
	maxHole = time.Second
	retry   = time.Second // of the stream's time, after which a child that ended is replaced
)

// decoder feeds a child with Matroska, for its time stamps: what it gives has neither holes nor more
// than was sent, so that counting its samples tells the time.
type decoder struct {
	r *runner
	t stream.Track
	c *child // nil after it ended

	fed        bool
	base, last time.Duration // times of the first and newest packet it was fed, or it ended at
	samples    int64
	buf, raw   []byte
	out        []float32
}

func (r *runner) newDecoder(t stream.Track) (transcode.Decoder, error) {
	d := &decoder{r: r, t: t}
	return d, d.start()
}

func (d *decoder) start() (err error) {
	d.fed = false
	d.c, err = d.r.start("-fflags", "+nobuffer", "-flags", "low_delay", "-probesize", "32", "-analyzeduration", "0",
		"-f", "matroska", "-i", "pipe:0", "-map", "0:a:0", "-ac", "2", "-ar", strconv.Itoa(transcode.Rate),
		"-af", "aresample=async=1:min_hard_comp=0.03:first_pts=0", "-f", "f32le", "-flush_packets", "1", "pipe:1")
	return err
}

// Decode gives what has come out of the child so far, of earlier packets.
func (d *decoder) Decode(b []byte, pts time.Duration) (transcode.PCM, error) {
	if len(b) == 0 || len(b) > maxPacket {
		return transcode.PCM{}, fmt.Errorf("ffmpeg: a packet of %d bytes", len(b))
	}
	if d.c != nil && d.fed && (pts < d.last || pts > d.last+maxHole) {
		d.Close()
		d.last = pts - retry
	}
	if d.c == nil {
		if pts >= d.last && pts < d.last+retry {
			return transcode.PCM{}, errors.New("ffmpeg: not running")
		}
		d.last = pts
		if err := d.start(); err != nil {
			return transcode.PCM{}, err
		}
	}
	pcm, err := d.feed(b, pts)
	if err != nil {
		d.Close()
	}
	return pcm, err
}

func (d *decoder) feed(b []byte, pts time.Duration) (transcode.PCM, error) {
	d.buf = d.buf[:0]
	if !d.fed {
		d.buf = appendHead(d.buf, d.t)
		d.fed, d.base, d.samples = true, pts, 0
	}
	d.last = pts
	d.buf = appendPacket(d.buf, pts-d.base, b)
	if err := d.c.write(d.buf); err != nil {
		return transcode.PCM{}, err
	}
	raw, err := d.c.take(d.raw[:0], maxTake, 2*4)
	if err != nil {
		return transcode.PCM{}, err
	}
	d.raw, d.out = raw, d.out[:0]
	for i := 0; i < len(raw); i += 4 {
		d.out = append(d.out, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
	}
	at := d.base + stream.FromTicks(d.samples, transcode.Rate)
	d.samples += int64(len(d.out) / 2)
	return transcode.PCM{Samples: d.out, Rate: transcode.Rate, Channels: 2, PTS: at}, nil
}

// Close ends the child.
func (d *decoder) Close() {
	if d.c != nil {
		d.c.close()
		d.c = nil
	}
}

const (
	aacFrame = 1024
	aacDelay = 1024 // of ffmpeg's own encoder (initial_padding)
	maxUnits = 1 << 20
)

// encoder has a child encode AAC-LC, and takes the ADTS frames apart.
type encoder struct {
	c         *child
	channels  int
	buf, adts []byte
}

func (r *runner) newEncoder(_ stream.Codec, channels, bitRate int) (transcode.Encoder, error) {
	n := strconv.Itoa(channels)
	c, err := r.start("-fflags", "+nobuffer", "-probesize", "32", "-analyzeduration", "0",
		"-f", "f32le", "-ar", strconv.Itoa(transcode.Rate), "-ac", n, "-i", "pipe:0",
		"-c:a", "aac", "-b:a", strconv.Itoa(bitRate), "-f", "adts", "-flush_packets", "1", "pipe:1")
	if err != nil {
		return nil, err
	}
	return &encoder{c: c, channels: channels}, nil
}

// Config is that of AAC-LC at 48 kHz (ISO 14496-3 1.6.2.1).
func (e *encoder) Config() []byte { return []byte{2<<3 | 3>>1, 3<<7&0x80 | byte(e.channels)<<3} }

func (e *encoder) FrameSize() int { return aacFrame }

func (e *encoder) Delay() int { return aacDelay }

// Encode gives the frames that have come out of the child so far.
func (e *encoder) Encode(samples []float32, give func([]byte)) error {
	e.buf = e.buf[:0]
	for _, v := range samples {
		e.buf = binary.LittleEndian.AppendUint32(e.buf, math.Float32bits(v))
	}
	if err := e.c.write(e.buf); err != nil {
		return err
	}
	var err error
	if e.adts, err = e.c.take(e.adts, maxUnits, 1); err != nil {
		return err
	}
	left := e.adts
	for len(left) >= len(codec.ADTS{}) {
		if left[0] != 0xFF || left[1]&0xF6 != 0xF0 {
			return errors.New("ffmpeg: no ADTS came out")
		}
		head := len(codec.ADTS{})
		if left[1]&1 == 0 { // a CRC
			head += 2
		}
		n := int(left[3]&3)<<11 | int(left[4])<<3 | int(left[5])>>5
		if n < head {
			return fmt.Errorf("ffmpeg: an ADTS frame of %d bytes came out", n)
		}
		if len(left) < n {
			break
		}
		give(left[head:n])
		left = left[n:]
	}
	e.adts = e.adts[:copy(e.adts, left)]
	return nil
}

// Close ends the child.
func (e *encoder) Close() { e.c.close() }
