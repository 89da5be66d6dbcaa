package chunk

import (
	"encoding/binary"
	"fmt"
	"io"
)

// AppendMessage appends m in chunks of chunkSize bytes to dst and returns the
// longer slice. It is AppendMessage2 with the payload in one piece.
func AppendMessage(dst []byte, m *Message, chunkSize int) []byte {
	return AppendMessage2(dst, m.Header, chunkSize, m.Payload, nil)
}

// AppendMessage2 appends a message whose payload is a followed by b, so that a
// tag header and a frame need not be put together first. It retains neither.
//
// The message begins with a type 0 header and goes on with type 3 chunks, which
// repeat an extended timestamp as §5.3.1.3 demands: the bytes depend on nothing
// sent before and suit every peer whose receiving chunk size is chunkSize (in
// bytes; 0 or less stands for DefaultSize). It allocates only what dst lacks;
// see [Size].
//
// A message that the format cannot express, with a chunk stream id outside of
// MinStream..MaxStream or more than MaxLength bytes, is not appended.
func AppendMessage2(dst []byte, h Header, chunkSize int, a, b []byte) []byte {
	length := len(a) + len(b)
	if check(h, length) != nil {
		return dst
	}
	if chunkSize <= 0 {
		chunkSize = DefaultSize
	}
	dst = AppendHeader(dst, h, length)
	for {
		n := min(chunkSize, len(a))
		dst = append(dst, a[:n]...)
		a = a[n:]
		k := min(chunkSize-n, len(b))
		dst = append(dst, b[:k]...)
		b = b[k:]
		if length -= n + k; length == 0 {
			return dst
		}
		dst = AppendContinuation(dst, h)
	}
}

// AppendHeader appends the type 0 header (§5.3.1.2.1) of a message with length
// bytes of payload, for callers that put chunks together themselves. The chunk
// stream id and the length must be ones that the format can express.
func AppendHeader(dst []byte, h Header, length int) []byte {
	dst = appendBasic(dst, 0, h.ChunkStream)
	time := min(h.Timestamp, noTime24)
	dst = append(dst, byte(time>>16), byte(time>>8), byte(time),
		byte(length>>16), byte(length>>8), byte(length), h.Type)
	dst = binary.LittleEndian.AppendUint32(dst, h.StreamID)
	if time == noTime24 {
		dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
	}
	return dst
}

// AppendContinuation appends the type 3 header (§5.3.1.2.4) that stands before
// each further chunk of a message begun by [AppendHeader] with the same h.
func AppendContinuation(dst []byte, h Header) []byte {
	dst = appendBasic(dst, 3, h.ChunkStream)
	if h.Timestamp >= noTime24 {
		dst = binary.BigEndian.AppendUint32(dst, h.Timestamp)
	}
	return dst
}

// Size gives the number of bytes that AppendMessage2 appends for a payload of
// length bytes: what to reserve, and where the next message begins.
func Size(h Header, chunkSize, length int) int {
	if check(h, length) != nil {
		return 0
	}
	if chunkSize <= 0 {
		chunkSize = DefaultSize
	}
	basic, extended := 1, 0
	switch {
	case h.ChunkStream >= 64+256:
		basic = 3
	case h.ChunkStream >= 64:
		basic = 2
	}
	if h.Timestamp >= noTime24 {
		extended = 4
	}
	further := max(0, length-1) / chunkSize
	return basic + 11 + extended + further*(basic+extended) + length
}

func check(h Header, length int) error {
	if h.ChunkStream < MinStream || h.ChunkStream > MaxStream {
		return fmt.Errorf("chunk: chunk stream %d: not in %d..%d", h.ChunkStream, MinStream, MaxStream)
	}
	if length > MaxLength {
		return fmt.Errorf("chunk: message of type %d: %d bytes, limit is %d", h.Type, length, MaxLength)
	}
	return nil
}

// appendBasic appends a basic header in the shortest of its forms (§5.3.1.1).
func appendBasic(dst []byte, format byte, id uint32) []byte {
	format <<= 6
	switch {
	case id < 64:
		return append(dst, format|byte(id))
	case id < 64+256:
		return append(dst, format, byte(id-64))
	default:
		return append(dst, format|1, byte(id-64), byte((id-64)>>8))
	}
}

// flushAt is how much a Writer holds back before it writes by itself.
const flushAt = 32 << 10

// Writer writes messages to one connection through a buffer. It is not safe
// for concurrent use.
type Writer struct {
	dst   io.Writer
	buf   []byte
	chunk int
	err   error
}

// NewWriter makes a Writer to dst with chunks of DefaultSize.
func NewWriter(dst io.Writer) *Writer { return &Writer{dst: dst, chunk: DefaultSize} }

// ChunkSize gives the size of the chunks written, in bytes.
func (w *Writer) ChunkSize() int { return w.chunk }

// WriteMessage puts m into the buffer and writes the buffer when it is large;
// call Flush for the peer to have it. A SetChunkSize message changes the
// Writer's chunk size for what follows. It retains nothing of m. It refuses
// messages that the format cannot express; errors of the connection are final
// and come back from every later call.
func (w *Writer) WriteMessage(m *Message) error {
	if w.err != nil {
		return w.err
	}
	if err := check(m.Header, len(m.Payload)); err != nil {
		return err
	}
	size := w.chunk
	if m.Type == SetChunkSize {
		if len(m.Payload) < 4 {
			return fmt.Errorf("chunk: message type %d: needs 4 bytes, has %d", m.Type, len(m.Payload))
		}
		n := binary.BigEndian.Uint32(m.Payload)
		if n < 1 || n > MaxSize {
			return fmt.Errorf("chunk: chunk size %d: not in 1..%d", n, MaxSize)
		}
		w.chunk = int(n)
	}
	w.buf = AppendMessage(w.buf, m, size)
	if len(w.buf) < flushAt {
		return nil
	}
	return w.Flush()
}

// Flush writes what is in the buffer to the connection.
func (w *Writer) Flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	if _, err := w.dst.Write(w.buf); err != nil {
		w.err = fmt.Errorf("chunk: write: %w", err)
	}
	if w.buf = w.buf[:0]; cap(w.buf) > 4*flushAt {
		w.buf = nil // one large frame does not stay for the connection's life
	}
	return w.err
}
