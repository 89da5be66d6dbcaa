package chunk

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Options are the limits of a [Reader]. A field that is 0 has its default.
type Options struct {
	// BufferSize is the size of the read buffer in bytes: 4096 by default,
	// at least 64. It is most of what an idle Reader costs. Payloads larger
	// than it are read from the source without a copy.
	BufferSize int
	// MaxMessage is the largest payload accepted, in bytes: MaxLength by
	// default. See also Reader.SetMaxMessage.
	MaxMessage int
	// MaxBuffered bounds the memory of all messages that are not complete
	// yet, in bytes: 32 MiB by default.
	MaxBuffered int
	// MaxIncomplete bounds the number of messages that are not complete
	// yet: 128 by default.
	MaxIncomplete int
	// MaxStreams bounds the number of chunk streams that a peer may use,
	// about 80 bytes each: 1024 by default.
	MaxStreams int
	// MinChunkSize is the smallest chunk size a peer may set: 1 by default,
	// the specification's limit.
	MinChunkSize int
}

func (o Options) withDefaults() Options {
	set := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	set(&o.BufferSize, 4096)
	set(&o.MaxMessage, MaxLength)
	set(&o.MaxBuffered, 32<<20)
	set(&o.MaxIncomplete, 128)
	set(&o.MaxStreams, 1024)
	set(&o.MinChunkSize, 1)
	o.BufferSize = max(o.BufferSize, 64) // the longest header has 18 bytes
	return o
}

const (
	// upFront is how much of an announced length is allocated before any of
	// it arrived. Longer payloads grow, fourfold each time, as they arrive.
	upFront = 64 << 10
	// fewStreams is up to where chunk streams are found by looking through a
	// list; connections use about five.
	fewStreams = 8
)

// Reader gives the messages of one direction of a connection. It is not safe
// for concurrent use.
type Reader struct {
	src    io.Reader
	buf    []byte
	pos    int // buf[pos:end] is read from src and not yet used
	end    int
	total  uint64
	chunk  int // the peer's chunk size
	err    error
	limits Options

	last       *stream // the latest chunk's; mostly the next one's too
	few        []*stream
	more       map[uint32]*stream
	buffered   int // capacity of the payloads of incomplete messages
	incomplete int
}

// stream is what is remembered of a chunk stream between two chunks.
type stream struct {
	Header
	length   uint32
	time     uint32 // latest timestamp field: absolute after type 0, else a delta
	extended bool   // that field had 32 bits
	used     bool   // there was a message header
	open     bool   // a message is incomplete
	payload  []byte
}

// NewReader makes a Reader of the chunks that src gives after the handshake.
func NewReader(src io.Reader, o Options) *Reader {
	o = o.withDefaults()
	return &Reader{src: src, buf: make([]byte, o.BufferSize), chunk: DefaultSize, limits: o}
}

// ReadMessage gives the next message that is complete, in the order in which
// messages are completed. The payload is the caller's and is never reused.
//
// SetChunkSize and Abort messages are obeyed and returned as well. The error is
// io.EOF if the source ends between messages, and wraps io.ErrUnexpectedEOF if
// it ends inside one; other errors wrap the source's, or say what the peer did
// wrong or which limit it went over. Errors are final, timeouts included: each
// further call gives the same.
func (r *Reader) ReadMessage() (Message, error) {
	for r.err == nil {
		s, err := r.readChunk()
		if err == nil && len(s.payload) == int(s.length) {
			m := Message{s.Header, s.payload}
			r.discard(s)
			if err = r.obey(&m); err == nil {
				return m, nil
			}
		}
		if err != nil {
			r.err = err
			r.last, r.few, r.more = nil, nil, nil // no memory for a dead peer
			r.buffered, r.incomplete = 0, 0
		}
	}
	return Message{}, r.err
}

// SetBufferSize enlarges the read buffer to n bytes. A server may begin with a small
// one, and spend more on peers that send media.
func (r *Reader) SetBufferSize(n int) {
	if n <= len(r.buf) {
		return
	}
	b := make([]byte, n)
	r.end = copy(b, r.buf[r.pos:r.end])
	r.pos, r.buf = 0, b
}

// Buffered gives the number of bytes that were read from the source and not
// used yet. If it is 0, the next ReadMessage waits for the source.
func (r *Reader) Buffered() int { return r.end - r.pos }

// BytesRead gives the number of bytes read from the source so far, buffered
// ones included: what an acknowledgement reports (§5.4.3), modulo 2^32.
func (r *Reader) BytesRead() uint64 { return r.total }

// ChunkSize gives the peer's chunk size in bytes.
func (r *Reader) ChunkSize() int { return r.chunk }

// SetMaxMessage sets the largest payload accepted, in bytes, for messages that
// begin from now on; 0 stands for MaxLength. A server may be strict until a
// peer is known.
func (r *Reader) SetMaxMessage(n int) {
	if n <= 0 {
		n = MaxLength
	}
	r.limits.MaxMessage = n
}

// obey applies the two messages that are addressed to the chunk stream (§5.4.1
// and §5.4.2). Their chunk stream should be 2; not every peer keeps to it.
func (r *Reader) obey(m *Message) error {
	if m.Type != SetChunkSize && m.Type != Abort {
		return nil
	}
	if len(m.Payload) < 4 {
		return fmt.Errorf("chunk: message type %d: needs 4 bytes, has %d", m.Type, len(m.Payload))
	}
	n := binary.BigEndian.Uint32(m.Payload)
	if m.Type == Abort {
		if s := r.find(n); s != nil && s.open {
			r.discard(s)
		}
		return nil
	}
	if n > MaxSize {
		return fmt.Errorf("chunk: chunk size %d: the top bit must be 0", n)
	}
	if int(n) < r.limits.MinChunkSize {
		return fmt.Errorf("chunk: chunk size %d: less than %d", n, r.limits.MinChunkSize)
	}
	r.chunk = int(n)
	return nil
}

// begin opens a message on s within the limits.
func (r *Reader) begin(s *stream) error {
	if int(s.length) > r.limits.MaxMessage {
		return fmt.Errorf("chunk: message of type %d: %d bytes, limit is %d", s.Type, s.length, r.limits.MaxMessage)
	}
	if r.incomplete >= r.limits.MaxIncomplete {
		return fmt.Errorf("chunk: more than %d incomplete messages", r.limits.MaxIncomplete)
	}
	s.open = true
	r.incomplete++
	return nil
}

// discard forgets the message that is open on s; the headers stay.
func (r *Reader) discard(s *stream) {
	r.buffered -= cap(s.payload)
	r.incomplete--
	s.payload = nil
	s.open = false
}

// grow makes room for more payload in s.
func (r *Reader) grow(s *stream) error {
	size := min(int(s.length), max(upFront, 4*cap(s.payload)))
	if r.buffered += size - cap(s.payload); r.buffered > r.limits.MaxBuffered {
		return fmt.Errorf("chunk: incomplete messages: more than %d bytes", r.limits.MaxBuffered)
	}
	p := make([]byte, len(s.payload), size)
	copy(p, s.payload)
	s.payload = p
	return nil
}

// find gives the state of a chunk stream, nil if it was not used yet.
func (r *Reader) find(id uint32) *stream {
	if r.last != nil && r.last.ChunkStream == id {
		return r.last
	}
	for _, s := range r.few {
		if s.ChunkStream == id {
			return s
		}
	}
	return r.more[id]
}

// add makes the state of a chunk stream.
func (r *Reader) add(id uint32) (*stream, error) {
	if len(r.few)+len(r.more) >= r.limits.MaxStreams {
		return nil, fmt.Errorf("chunk: more than %d chunk streams", r.limits.MaxStreams)
	}
	s := &stream{Header: Header{ChunkStream: id}}
	if len(r.few) < fewStreams {
		r.few = append(r.few, s)
		return s, nil
	}
	if r.more == nil {
		r.more = make(map[uint32]*stream)
	}
	r.more[id] = s
	return s, nil
}
