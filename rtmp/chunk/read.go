package chunk

import (
	"encoding/binary"
	"fmt"
	"io"
)

// messageHeader is the size of the message header by chunk type (§5.3.1.2).
var messageHeader = [4]int{11, 7, 3, 0}

// readChunk reads one chunk and gives its chunk stream. The message on it is
// complete when its payload has its length.
func (r *Reader) readChunk() (*stream, error) {
	format, id, err := r.basicHeader()
	if err != nil {
		return nil, err
	}
	s := r.find(id)
	if s == nil {
		if s, err = r.add(id); err != nil {
			return nil, err
		}
	}
	r.last = s
	switch {
	case s.open && format != 3:
		return nil, fmt.Errorf("chunk: chunk stream %d: type %d chunk inside a message", id, format)
	case !s.used && format > 1:
		// Type 1 lacks only the message stream id. librtmp begins chunk
		// streams with it, and means message stream 0 and time 0.
		return nil, fmt.Errorf("chunk: chunk stream %d: begins with a type %d chunk", id, format)
	case format != 3:
		err = r.messageHeader(s, format)
	case s.extended:
		r.skipRepeated(s.time)
	}
	if err != nil {
		return nil, err
	}
	if !s.open {
		// Type 3 repeats the latest timestamp field as a delta. After type 0
		// that is its absolute time, which looks odd and is what §5.3.1.2.4
		// says; SRS, FFmpeg and librtmp read it so too.
		if format == 0 {
			s.Timestamp = s.time
		} else {
			s.Timestamp += s.time // modulo 2^32, §5.3.1
		}
		if err = r.begin(s); err != nil {
			return nil, err
		}
	}
	return s, r.body(s)
}

// basicHeader reads a chunk's type and chunk stream id (§5.3.1.1).
func (r *Reader) basicHeader() (format uint8, id uint32, err error) {
	if r.pos == r.end {
		if err = r.fill(); err == io.EOF && r.incomplete == 0 {
			return 0, 0, io.EOF
		}
		if err != nil {
			return 0, 0, failed(err)
		}
	}
	b := r.buf[r.pos]
	format, id = b>>6, uint32(b&63)
	size := 1
	if id < 2 {
		size = 2 + int(id)
		if err = r.need(size); err != nil {
			return 0, 0, err
		}
		id = 64 + uint32(r.buf[r.pos+1])
		if size == 3 {
			id += uint32(r.buf[r.pos+2]) << 8
		}
	}
	r.pos += size
	return format, id, nil
}

// messageHeader reads a header of type 0, 1 or 2 and its extended timestamp.
func (r *Reader) messageHeader(s *stream, format uint8) error {
	size := messageHeader[format]
	if err := r.need(size); err != nil {
		return err
	}
	p := r.buf[r.pos : r.pos+size]
	s.time = uint24(p)
	if format < 2 {
		s.length = uint24(p[3:])
		s.Type = p[6]
	}
	if format == 0 {
		s.StreamID = binary.LittleEndian.Uint32(p[7:])
	}
	s.used = true
	r.pos += size
	if s.extended = s.time == noTime24; s.extended {
		if err := r.need(4); err != nil {
			return err
		}
		s.time = binary.BigEndian.Uint32(r.buf[r.pos:])
		r.pos += 4
	}
	return nil
}

// skipRepeated skips the extended timestamp of a type 3 chunk. It is there in
// the dialect of the specification (§5.3.1.3); old FFmpeg, librtmp and Flash
// leave it out and go on with payload. Only the bytes can tell: a repeated
// timestamp has the value of the first one.
//
// They are looked at one by one, because after a difference no more may come
// for a while: a short rest of payload would wait for the next message.
func (r *Reader) skipRepeated(time uint32) {
	for i := range 4 {
		if r.need(i+1) != nil {
			return // the payload will meet the same error
		}
		if r.buf[r.pos+i] != byte(time>>(24-8*i)) {
			return
		}
	}
	r.pos += 4
}

// body reads the chunk's part of the payload.
func (r *Reader) body(s *stream) error {
	n := min(r.chunk, int(s.length)-len(s.payload))
	for n > 0 {
		if len(s.payload) == cap(s.payload) {
			if err := r.grow(s); err != nil {
				return err
			}
		}
		have := len(s.payload)
		part := s.payload[have:min(have+n, cap(s.payload))]
		if err := r.readFull(part); err != nil {
			return err
		}
		s.payload = s.payload[:have+len(part)]
		n -= len(part)
	}
	return nil
}

// readFull fills p, through the buffer only where p is smaller than it.
func (r *Reader) readFull(p []byte) error {
	for {
		n := copy(p, r.buf[r.pos:r.end])
		r.pos += n
		if p = p[n:]; len(p) == 0 {
			return nil
		}
		if len(p) < len(r.buf) {
			if err := r.fill(); err != nil {
				return failed(err)
			}
			continue
		}
		n, err := r.read(p)
		if err != nil {
			return failed(err)
		}
		if p = p[n:]; len(p) == 0 {
			return nil
		}
	}
}

// need makes sure that n bytes are buffered; n is at most a header's size.
func (r *Reader) need(n int) error {
	for r.end-r.pos < n {
		if err := r.fill(); err != nil {
			return failed(err)
		}
	}
	return nil
}

// fill reads once into the free part of the buffer.
func (r *Reader) fill() error {
	if r.pos == r.end {
		r.pos, r.end = 0, 0
	} else if r.pos > 0 {
		// Only headers get here with bytes left, so few are moved.
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	n, err := r.read(r.buf[r.end:])
	r.end += n
	return err
}

// read reads at least one byte or gives an error, never both.
func (r *Reader) read(p []byte) (int, error) {
	for range 100 {
		n, err := r.src.Read(p)
		if n < 0 || n > len(p) {
			return 0, fmt.Errorf("source gave %d bytes for %d", n, len(p))
		}
		r.total += uint64(n)
		if n > 0 {
			return n, nil // the source will give its error again
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

func failed(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("chunk: read: %w", err)
}

func uint24(p []byte) uint32 {
	return uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])
}
