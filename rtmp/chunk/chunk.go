// Package chunk reads and writes the RTMP chunk stream: messages cut into
// chunks, interleaved over chunk streams, with compressed headers.
//
// [Reader] takes the chunks of a connection and gives whole messages.
// [AppendMessage] and [AppendMessage2] turn messages into bytes that may be
// shared by any number of connections with the same chunk size, since they
// always begin with a full header; [Writer] is a buffered writer on top of them
// for simple clients.
//
// The format is that of Adobe's RTMP 1.0 specification; section numbers refer
// to it.
package chunk

// Message types (§5.4 and §7.1). Those ending in 3 carry AMF3, those ending in
// 0 carry AMF0.
const (
	SetChunkSize     uint8 = 1  // the sender's chunk size, §5.4.1
	Abort            uint8 = 2  // gives up a message half sent, §5.4.2
	Acknowledgement  uint8 = 3  // bytes received so far, §5.4.3
	UserControl      uint8 = 4  // stream events, pings, §6.2
	WindowAckSize    uint8 = 5  // how often to acknowledge, §5.4.4
	SetPeerBandwidth uint8 = 6  // limits the peer's output, §5.4.5
	Audio            uint8 = 8  // an FLV audio tag's body, §7.1.4
	Video            uint8 = 9  // an FLV video tag's body, §7.1.5
	Data3            uint8 = 15 // metadata, §7.1.2
	SharedObject3    uint8 = 16 // shared object events, §7.1.3
	Command3         uint8 = 17 // a remote procedure call, §7.1.1
	Data0            uint8 = 18 // metadata, §7.1.2
	SharedObject0    uint8 = 19 // shared object events, §7.1.3
	Command0         uint8 = 20 // a remote procedure call, §7.1.1
	Aggregate        uint8 = 22 // several messages in one, §7.1.6; see Split
)

const (
	// DefaultSize is the chunk size in bytes of both directions until a
	// SetChunkSize message changes it (§5.4.1).
	DefaultSize = 128
	// MaxSize is the largest chunk size that SetChunkSize can announce.
	MaxSize = 1<<31 - 1
	// MaxLength is the largest payload of a message in bytes: the header
	// has 24 bits for it.
	MaxLength = 1<<24 - 1
	// MinStream and MaxStream bound the chunk stream ids that a header can
	// express (§5.3.1.1). Id 2 is for control messages.
	MinStream = 2
	MaxStream = 65599

	noTime24 = 1<<24 - 1 // in the 24-bit field: the time is in 32 bits elsewhere
)

// Header is what the chunk stream says about a message besides its length.
type Header struct {
	// Type is the message type, one of this package's constants or another.
	Type uint8
	// ChunkStream is the chunk stream id, MinStream..MaxStream.
	ChunkStream uint32
	// StreamID is the message stream id; 0 is the connection itself.
	StreamID uint32
	// Timestamp is absolute, in milliseconds, and wraps at 32 bits.
	Timestamp uint32
}

// Message is one RTMP message. Its Payload belongs to whoever holds the
// message: a [Reader] never touches it again.
type Message struct {
	Header
	// Payload is the message's body, at most MaxLength bytes.
	Payload []byte
}
