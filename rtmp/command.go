package rtmp

import (
	"encoding/binary"
	"fmt"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
)

// The chunk streams that SRS uses (measured): control, command replies, status.
const (
	csControl = 2
	csReply   = 3
	csStatus  = 5
	csVideo   = 6
	csAudio   = 7
)

// The events of user control messages (Adobe RTMP 1.0 §7.1.7).
const (
	eventStreamBegin  = 0
	eventStreamEOF    = 1
	eventPingRequest  = 6
	eventPingResponse = 7
)

// command is a remote procedure call (§7.1.1).
type command struct {
	name   string
	tid    float64
	object any   // the command object
	args   []any // what follows it
	stream uint32
}

// parseCommand reads a message of type Command0 or Command3.
func parseCommand(m *chunk.Message) (command, error) {
	b := m.Payload
	if m.Type == chunk.Command3 && len(b) > 0 {
		b = b[1:] // the format selector; AMF0 follows, as everyone does
	}
	vs, err := amf.DecodeAll(b)
	if err != nil {
		return command{}, fmt.Errorf("rtmp: command: %w", err)
	}
	c := command{stream: m.StreamID}
	var ok bool
	if len(vs) == 0 {
		return c, fmt.Errorf("rtmp: command: empty")
	}
	if c.name, ok = vs[0].(string); !ok {
		return c, fmt.Errorf("rtmp: command: the name is a %T", vs[0])
	}
	if len(vs) > 1 {
		c.tid, _ = vs[1].(float64)
	}
	if len(vs) > 2 {
		c.object = vs[2]
	}
	if len(vs) > 3 {
		c.args = vs[3:]
	}
	return c, nil
}

// str gives the string argument with index i, or "".
func (c *command) str(i int) string {
	if i < len(c.args) {
		s, _ := c.args[i].(string)
		return s
	}
	return ""
}

// number gives the numeric argument with index i, or def.
func (c *command) number(i int, def float64) float64 {
	if i < len(c.args) {
		if n, ok := c.args[i].(float64); ok {
			return n
		}
	}
	return def
}

// fields gives the command object's fields, none if it is not an object.
func (c *command) fields() amf.Object { return objectOf(c.object) }

func objectOf(v any) amf.Object {
	switch o := v.(type) {
	case amf.Object:
		return o
	case amf.ECMAArray:
		return amf.Object(o)
	case amf.TypedObject:
		return o.Fields
	}
	return nil
}

// appendCommand appends a command message.
func appendCommand(dst []byte, cs, stream uint32, chunkSize int, values ...any) []byte {
	m := chunk.Message{Header: chunk.Header{Type: chunk.Command0, ChunkStream: cs, StreamID: stream}}
	m.Payload = amf.AppendAll(nil, values...)
	return chunk.AppendMessage(dst, &m, chunkSize)
}

// appendControl appends a protocol control message of 32-bit numbers; a limit type may
// follow for SetPeerBandwidth.
func appendControl(dst []byte, typ uint8, n uint32, more ...byte) []byte {
	m := chunk.Message{Header: chunk.Header{Type: typ, ChunkStream: csControl}}
	m.Payload = append(binary.BigEndian.AppendUint32(nil, n), more...)
	return chunk.AppendMessage(dst, &m, chunk.DefaultSize)
}

// appendEvent appends a user control message.
func appendEvent(dst []byte, event uint16, value uint32) []byte {
	m := chunk.Message{Header: chunk.Header{Type: chunk.UserControl, ChunkStream: csControl}}
	m.Payload = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, event), value)
	return chunk.AppendMessage(dst, &m, chunk.DefaultSize)
}

// appendStatus appends an onStatus command (§7.2.1) with fields behind level, code and
// description.
func appendStatus(dst []byte, stream uint32, chunkSize int, level, code, description string, more ...amf.Field) []byte {
	info := append(amf.Object{
		{Name: "level", Value: level}, {Name: "code", Value: code}, {Name: "description", Value: description},
	}, more...)
	return appendCommand(dst, csStatus, stream, chunkSize, "onStatus", 0.0, nil, info)
}
