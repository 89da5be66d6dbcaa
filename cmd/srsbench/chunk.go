package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RTMP message types that the tool sends or looks into (RTMP 1.0 §5.4, §7.1).
const (
	typeSetChunkSize = 1
	typeAbort        = 2
	typeAck          = 3
	typeUserControl  = 4
	typeWindowAck    = 5
	typeAudio        = 8
	typeVideo        = 9
	typeDataAMF0     = 18
	typeCommandAMF0  = 20
)

const (
	mediaHead      = 512      // how much of a media message is kept: headers and the time mark
	maxControl     = 64 << 10 // longest command or control message taken
	maxChunkStream = 64       // chunk streams one server may use; real ones use about six
	maxChunkSize   = 16 << 20 // larger chunks than the largest message make no difference
	noTimestamp    = 0xFFFFFF // the 24-bit field's value that announces an extended timestamp
)

// message is one RTMP message or FLV tag as the tool sees it: its size, and only the beginning of
// its body when it carries media. head is valid until the next byte is fed.
type message struct {
	kind byte
	sid  uint32
	ts   uint32
	size int
	head []byte
}

// chunkReader is the receiving half of an RTMP chunk stream (RTMP 1.0 §5.3) as a state machine: it is
// fed whatever a non-blocking read returned and calls on for each complete message. The package
// rtmp/chunk reads from an io.Reader, which an event loop without a goroutine per connection
// cannot offer; and a load tool should not share its reader's mistakes with the server it tests.
type chunkReader struct {
	on      func(message) error
	size    int // the peer's chunk size
	streams map[uint32]*chunkStream
	hdr     [18]byte
	hn      int          // bytes of hdr gathered
	cur     *chunkStream // stream of the chunk whose body is being read
	left    int          // bytes of that body still to come
}

// chunkStream is what one chunk stream id remembers between its chunks.
type chunkStream struct {
	ts, delta uint32
	length    int
	kind      byte
	sid       uint32
	extended  bool
	head      []byte
	got       int
}

func newChunkReader(on func(message) error) *chunkReader {
	return &chunkReader{on: on, size: 128, streams: make(map[uint32]*chunkStream)}
}

// feed consumes all of b. After an error the reader must not be used again.
func (r *chunkReader) feed(b []byte) error {
	for len(b) > 0 {
		if r.cur != nil {
			n := min(len(b), r.left)
			if err := r.body(b[:n]); err != nil {
				return err
			}
			b = b[n:]
			continue
		}
		need := r.need()
		n := min(len(b), need-r.hn)
		copy(r.hdr[r.hn:need], b[:n])
		r.hn += n
		b = b[n:]
		if r.hn == need && r.need() == need {
			if err := r.header(); err != nil {
				return err
			}
		}
	}
	return nil
}

// split gives the parts of the header gathered so far: its format, chunk stream id and the length of
// the basic header. The id is valid once hn reaches that length.
func (r *chunkReader) split() (format byte, csid uint32, basic int) {
	format = r.hdr[0] >> 6
	switch id := uint32(r.hdr[0] & 63); id {
	case 0:
		return format, uint32(r.hdr[1]) + 64, 2
	case 1:
		return format, uint32(r.hdr[1]) + uint32(r.hdr[2])<<8 + 64, 3
	default:
		return format, id, 1
	}
}

// need gives the length of the header as far as the bytes at hand tell it; it grows as they come in.
func (r *chunkReader) need() int {
	if r.hn == 0 {
		return 1
	}
	format, csid, basic := r.split()
	if r.hn < basic {
		return basic
	}
	n := basic + [4]int{11, 7, 3, 0}[format]
	if r.hn < n {
		return n
	}
	if format == 3 {
		if s := r.streams[csid]; s != nil && s.extended {
			n += 4
		}
	} else if uint24(r.hdr[basic:]) == noTimestamp {
		n += 4
	}
	return n
}

// header takes in the complete chunk header in hdr.
func (r *chunkReader) header() error {
	format, csid, basic := r.split()
	ext := r.hdr[max(r.hn-4, 0):r.hn]
	f := r.hdr[basic:]
	r.hn = 0
	s := r.streams[csid]
	if s == nil {
		if format != 0 {
			return fmt.Errorf("chunk stream %d begins with a type %d header", csid, format)
		}
		if len(r.streams) == maxChunkStream {
			return fmt.Errorf("more than %d chunk streams", maxChunkStream)
		}
		s = new(chunkStream)
		r.streams[csid] = s
	}
	if format != 3 && s.got > 0 {
		return fmt.Errorf("chunk stream %d: new message after %d of %d bytes", csid, s.got, s.length)
	}
	if format < 3 {
		s.delta = uint24(f)
		if s.extended = s.delta == noTimestamp; s.extended {
			s.delta = binary.BigEndian.Uint32(ext)
		}
	}
	if format < 2 {
		s.length, s.kind = int(uint24(f[3:])), f[6]
	}
	switch {
	case format == 0:
		s.sid, s.ts = binary.LittleEndian.Uint32(f[7:]), s.delta
	case s.got == 0:
		s.ts += s.delta
	}
	if !isMedia(s.kind) && s.length > maxControl {
		return fmt.Errorf("message of type %d with %d bytes, more than %d", s.kind, s.length, maxControl)
	}
	r.cur, r.left = s, min(r.size, s.length-s.got)
	if r.left == 0 {
		return r.done()
	}
	return nil
}

// body takes in the next bytes of the current chunk, at most r.left.
func (r *chunkReader) body(b []byte) error {
	s := r.cur
	keep := maxControl
	if isMedia(s.kind) {
		keep = mediaHead
	}
	if room := keep - len(s.head); room > 0 {
		s.head = append(s.head, b[:min(room, len(b))]...)
	}
	s.got += len(b)
	if r.left -= len(b); r.left > 0 {
		return nil
	}
	return r.done()
}

// done ends a chunk and, with it, perhaps a message.
func (r *chunkReader) done() error {
	s := r.cur
	r.cur = nil
	if s.got < s.length {
		return nil
	}
	m := message{kind: s.kind, sid: s.sid, ts: s.ts, size: s.length, head: s.head}
	s.got, s.head = 0, s.head[:0]
	if m.kind == typeSetChunkSize || m.kind == typeAbort {
		return r.control(m)
	}
	return r.on(m)
}

// control follows the messages that change how chunks are read (RTMP 1.0 §5.4.1, §5.4.2).
func (r *chunkReader) control(m message) error {
	if len(m.head) < 4 {
		return fmt.Errorf("message of type %d with %d bytes", m.kind, len(m.head))
	}
	v := binary.BigEndian.Uint32(m.head)
	if m.kind == typeAbort {
		if s := r.streams[v]; s != nil {
			s.got, s.head = 0, s.head[:0]
		}
		return nil
	}
	if v == 0 || v > 0x7FFFFFFF {
		return errors.New("chunk size out of range")
	}
	r.size = int(min(v, maxChunkSize))
	return nil
}

func isMedia(kind byte) bool { return kind == typeAudio || kind == typeVideo || kind == 22 }

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// appendMessage appends body as one RTMP message in chunks of at most size bytes: a type 0 header, and
// type 3 ones between the chunks. ts must be below 0xFFFFFF.
func appendMessage(dst []byte, csid byte, size int, kind byte, sid, ts uint32, body []byte) []byte {
	n := len(body)
	dst = append(dst, csid, byte(ts>>16), byte(ts>>8), byte(ts), byte(n>>16), byte(n>>8), byte(n), kind)
	dst = binary.LittleEndian.AppendUint32(dst, sid)
	for len(body) > size {
		dst = append(append(dst, body[:size]...), 0xC0|csid)
		body = body[size:]
	}
	return append(dst, body...)
}
