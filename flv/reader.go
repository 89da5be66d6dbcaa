package flv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/srsgo/srs/stream"
)

const (
	// maxHeader bounds the file header, which has 9 bytes and room for more.
	maxHeader = 64 << 10
	// slowBody is what is allocated on a tag's word alone; more comes as bytes arrive.
	slowBody = 64 << 10
)

// Reader reads an FLV file or stream. It is a [stream.Source] for one goroutine.
//
// It is tolerant: what the header says of the presence of audio and video, the sizes
// between tags and tags of unknown types or codecs do not matter. Timestamps are taken
// as they are, wraps of their 32 bits undone.
type Reader struct {
	r       *bufio.Reader
	started bool
	dec     Decoder
	queue   []*stream.Packet
	next    int

	clocked bool
	clock   int64 // ms, of the last packet
}

// NewReader gives a Reader of the FLV that r has, header included.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 32<<10)}
}

// Tracks gives the tracks and metadata known so far, never nil.
func (r *Reader) Tracks() *stream.Tracks { return r.dec.Tracks() }

// ReadPacket gives the next packet. It gives io.EOF at the end between two tags, and
// io.ErrUnexpectedEOF, wrapped, inside of one. A malformed body is an error that the
// next call goes on after; unsupported codecs are skipped.
func (r *Reader) ReadPacket() (*stream.Packet, error) {
	for {
		if r.next < len(r.queue) {
			p := r.queue[r.next]
			r.queue[r.next] = nil
			r.next++
			return p, nil
		}
		if !r.started {
			if err := r.header(); err != nil {
				return nil, err
			}
			r.started = true
		}
		if err := r.tag(); err != nil {
			return nil, err
		}
	}
}

// header reads the file header (E.2).
func (r *Reader) header() error {
	var b [9]byte
	if _, err := io.ReadFull(r.r, b[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF // nothing at all
		}
		return fmt.Errorf("flv: reading the header: %w", err)
	}
	if string(b[:3]) != "FLV" {
		return errors.New("flv: reading the header: not FLV")
	}
	size := binary.BigEndian.Uint32(b[5:])
	if size > maxHeader {
		return fmt.Errorf("flv: reading the header: size %d", size)
	}
	if size > 9 {
		if _, err := r.r.Discard(int(size) - 9); err != nil {
			return fmt.Errorf("flv: reading the header: %w", unexpected(err))
		}
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// tag reads the size field between tags and a tag (E.3, E.4.1), and queues its packets.
func (r *Reader) tag() error {
	var b [4 + tagHeader]byte
	if n, err := io.ReadFull(r.r, b[:]); err != nil {
		// Files end with a size field, or without.
		if n <= 4 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			return io.EOF
		}
		return fmt.Errorf("flv: reading a tag: %w", unexpected(err))
	}
	h := b[4:]
	typ, size := h[0]&0x1f, ui24(h[1:])
	ts := uint32(ui24(h[4:])) | uint32(h[7])<<24
	// A set filter bit means an encrypted body.
	if h[0]&0x20 != 0 || typ != TagAudio && typ != TagVideo && typ != TagScript {
		if _, err := r.r.Discard(size); err != nil {
			return fmt.Errorf("flv: reading a tag: %w", unexpected(err))
		}
		return nil
	}
	body, err := r.body(size)
	if err != nil {
		return fmt.Errorf("flv: reading a tag: %w", unexpected(err))
	}
	ms := r.unwrap(ts)
	r.queue, r.next = r.queue[:0], 0
	r.queue, err = r.dec.Decode(r.queue, typ, stream.FromTicks(ms, 1000), body)
	// Headers are often at zero however late the stream is: only packets move the clock.
	if len(r.queue) > 0 {
		r.clock, r.clocked = ms, true
	}
	if errors.Is(err, stream.ErrUnsupported) {
		return nil
	}
	return err
}

// body reads a tag's body into memory of its own.
func (r *Reader) body(size int) ([]byte, error) {
	b := make([]byte, min(size, slowBody))
	n, err := io.ReadFull(r.r, b)
	for err == nil && n < size {
		grown := make([]byte, min(size, 2*len(b)))
		copy(grown, b)
		b = grown
		var m int
		m, err = io.ReadFull(r.r, b[n:])
		n += m
	}
	return b, err
}

// unwrap continues the clock with a 32-bit timestamp, which is taken as the nearest to
// that of the packet before.
func (r *Reader) unwrap(ts uint32) int64 {
	if !r.clocked {
		return int64(ts)
	}
	return r.clock + int64(int32(ts-uint32(r.clock)))
}
