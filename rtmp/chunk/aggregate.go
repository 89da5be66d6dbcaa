package chunk

import "fmt"

const (
	subHeader   = 11 // type, 24-bit length, 24+8 bits of time, 24-bit stream id
	backPointer = 4
)

// Split calls do with each message inside an Aggregate message m, in order, and
// returns the first error that do returns (§7.1.6). The headers inside are
// those of FLV tags, which is what the peers that send aggregates write.
//
// The first message gets the timestamp of m and the others keep their distance
// to it; all have m's stream ids. Their payloads share the memory of m's. The
// whole of m is checked first: if it is not an Aggregate, is cut short or has
// another Aggregate inside, Split returns an error and does not call do. The
// last back pointer may be missing; the values of back pointers, which matter
// only for reading backwards, are not looked at.
func (m *Message) Split(do func(Message) error) error {
	if m.Type != Aggregate {
		return fmt.Errorf("chunk: split: message of type %d is not an aggregate", m.Type)
	}
	for p := m.Payload; len(p) > 0; {
		_, rest, err := m.sub(p)
		if err != nil {
			return fmt.Errorf("chunk: split: byte %d of %d: %w", len(m.Payload)-len(p), len(m.Payload), err)
		}
		p = rest
	}
	var offset uint32
	for p := m.Payload; len(p) > 0; {
		first := len(p) == len(m.Payload)
		sub, rest, _ := m.sub(p)
		p = rest
		if first {
			offset = m.Timestamp - sub.Timestamp
		}
		sub.Timestamp += offset
		if err := do(sub); err != nil {
			return err
		}
	}
	return nil
}

// sub cuts the first message off p. Its timestamp is still its own.
func (m *Message) sub(p []byte) (sub Message, rest []byte, err error) {
	if len(p) < subHeader {
		return sub, nil, fmt.Errorf("header: needs %d bytes, has %d", subHeader, len(p))
	}
	sub.Header = m.Header
	sub.Type = p[0]
	sub.Timestamp = uint24(p[4:]) | uint32(p[7])<<24
	length := int(uint24(p[1:]))
	p = p[subHeader:]
	if sub.Type == Aggregate {
		return sub, nil, fmt.Errorf("an aggregate inside an aggregate")
	}
	if length > len(p) {
		return sub, nil, fmt.Errorf("message of type %d: needs %d bytes, has %d", sub.Type, length, len(p))
	}
	sub.Payload = p[:length:length]
	return sub, p[min(length+backPointer, len(p)):], nil
}
