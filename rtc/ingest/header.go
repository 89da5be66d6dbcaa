package ingest

import (
	"encoding/binary"
	"errors"

	"github.com/srsgo/srs/rtc/desc"
)

var errHeader = errors.New("malformed RTP header")

// packet is an RTP packet (RFC 3550 5.1). Its bytes are those of the datagram.
type packet struct {
	marker  bool
	pt      uint8
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte

	mid, rid, repaired []byte
	transport          uint16 // transport-wide sequence number
	hasTransport       bool
}

// parse reads a packet; ext tells which header extensions matter.
func (p *packet) parse(b []byte, ext *desc.Extensions) error {
	const fixed = 12
	if len(b) < fixed || b[0]>>6 != 2 {
		return errHeader
	}
	*p = packet{
		marker: b[1]&0x80 != 0, pt: b[1] & 0x7f, seq: binary.BigEndian.Uint16(b[2:]),
		ts: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
	}
	at := fixed + 4*int(b[0]&15)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return errHeader
		}
		profile, n := binary.BigEndian.Uint16(b[at:]), 4*int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if len(b) < at+n {
			return errHeader
		}
		p.extensions(profile, b[at:at+n], ext)
		at += n
	}
	end := len(b)
	if b[0]&0x20 != 0 { // padding, whose last byte is its size
		end -= int(b[end-1])
		if b[len(b)-1] == 0 {
			return errHeader
		}
	}
	if at > end {
		return errHeader
	}
	p.payload = b[at:end:end]
	return nil
}

// extensions reads header extensions of one or two bytes (RFC 8285 4.2, 4.3). What is malformed ends them.
func (p *packet) extensions(profile uint16, b []byte, ext *desc.Extensions) {
	two := profile&0xfff0 == 0x1000
	if !two && profile != 0xBEDE {
		return
	}
	for len(b) > 0 {
		id, n, head := b[0]>>4, int(b[0]&15)+1, 1
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		if two {
			if len(b) < 2 {
				return
			}
			id, n, head = b[0], int(b[1]), 2
		} else if id == 15 {
			return
		}
		if len(b) < head+n {
			return
		}
		p.extension(id, b[head:head+n], ext)
		b = b[head+n:]
	}
}

func (p *packet) extension(id uint8, v []byte, ext *desc.Extensions) {
	switch id {
	case 0: // not to be used, and what is not agreed upon
	case ext.MID:
		p.mid = v
	case ext.RID:
		p.rid = v
	case ext.RepairedRID:
		p.repaired = v
	case ext.TransportCC:
		if len(v) == 2 {
			p.transport, p.hasTransport = binary.BigEndian.Uint16(v), true
		}
	}
}
