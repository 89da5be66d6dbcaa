package mpegts

import "time"

// Lead is by how much DTS and PTS in a transport stream are later than those of the
// packets it was made of. So none is negative, nor is the program clock, which lies before
// them.
const Lead = 700 * time.Millisecond

const (
	packetSize = 188
	headerSize = 4
	syncByte   = 0x47

	hz   = 90000 // ticks of time stamps in a second
	lead = int64(Lead) * hz / int64(time.Second)
	// liveLead is how long before its time stamps the clock of a live stream has a packet
	// arrive. Players that keep to the clock add it to their delay, so that it is short. A
	// segment or a file costs nobody anything: there it is all of lead, and tracks that
	// lie far apart do no harm.
	liveLead = hz / 5
	pcrNone  = -1
)

// splitter cuts one PES packet into transport packets at the end of dst.
type splitter struct {
	dst  []byte
	pid  uint16
	next *byte // continuity counter of the PID's next packet
	rest int   // bytes of the PES packet that are still to come
	room int   // bytes that the last transport packet still takes
}

// Bits of an adaptation field (2.4.3.4).
const (
	flagDiscontinuity = 0x80
	flagRandomAccess  = 0x40
	flagPCR           = 0x10
)

// open appends the header of the next packet, with as much stuffing in its adaptation
// field as the rest of the PES packet leaves free. pcr counts 1/90000 s.
func (s *splitter) open(start bool, flags byte, pcr int64) {
	field := 0 // bytes of the adaptation field, its length included
	if pcr != pcrNone {
		flags |= flagPCR
		field = 8
	} else if flags != 0 {
		field = 2
	}
	used := field
	if free := packetSize - headerSize - field - s.rest; free > 0 {
		field += free
	}
	first, control := byte(s.pid>>8), byte(0x10)
	if start {
		first |= 0x40
	}
	if field > 0 {
		control |= 0x20
	}
	s.dst = append(s.dst, syncByte, first, byte(s.pid), control|*s.next)
	*s.next = (*s.next + 1) & 0x0f
	s.room = packetSize - headerSize - field
	if field == 0 {
		return
	}
	s.dst = append(s.dst, byte(field-1))
	if field == 1 {
		return
	}
	s.dst = append(s.dst, flags)
	if pcr != pcrNone {
		s.dst = appendPCR(s.dst, pcr)
	}
	for range field - max(used, 2) {
		s.dst = append(s.dst, 0xff)
	}
}

// put appends bytes of the PES packet.
func (s *splitter) put(b []byte) {
	for len(b) > 0 {
		if s.room == 0 {
			s.open(false, 0, pcrNone)
		}
		n := min(s.room, len(b))
		s.dst = append(s.dst, b[:n]...)
		b = b[n:]
		s.room -= n
		s.rest -= n
	}
}

// appendClock appends a packet without payload that tells the program clock. It does not
// count: next is the counter of the PID's next packet.
func appendClock(dst []byte, pid uint16, next byte, pcr int64) []byte {
	dst = append(dst, syncByte, byte(pid>>8), byte(pid), 0x20|(next-1)&0x0f, packetSize-headerSize-1, flagPCR)
	dst = appendPCR(dst, pcr)
	return pad(dst, packetSize-headerSize-8)
}

// appendPCR appends a program clock reference, whose base has 33 bits; its extension,
// the 27 MHz part, is zero.
func appendPCR(dst []byte, base int64) []byte {
	return append(dst, byte(base>>25), byte(base>>17), byte(base>>9), byte(base>>1), byte(base<<7)|0x7e, 0)
}

func pad(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, 0xff)
	}
	return dst
}

// pesHeader is the size of a PES header without time stamps.
const pesHeader = 9

// appendPES appends a PES header (2.4.3.6) for size bytes of payload, or of unknown size
// if that does not fit its field. Without time both stamps are left out.
func appendPES(dst []byte, id byte, size int, timed bool, pts, dts int64) []byte {
	stamps, flags := 0, byte(0)
	switch {
	case timed && pts != dts:
		stamps, flags = 10, 0xc0
	case timed:
		stamps, flags = 5, 0x80
	}
	size += 3 + stamps
	if size > 0xffff {
		size = 0
	}
	// 0x84: the payload begins with the start of an access unit.
	dst = append(dst, 0, 0, 1, id, byte(size>>8), byte(size), 0x84, flags, byte(stamps))
	switch stamps {
	case 10:
		dst = appendStamp(dst, 0x30, pts)
		dst = appendStamp(dst, 0x10, dts)
	case 5:
		dst = appendStamp(dst, 0x20, pts)
	}
	return dst
}

// appendStamp appends a time stamp of 33 bits.
func appendStamp(dst []byte, mark byte, t int64) []byte {
	return append(dst, mark|byte(t>>29)&0x0e|1, byte(t>>22), byte(t>>14)|1, byte(t>>7), byte(t<<1)|1)
}

// crc32 is the checksum of sections (annex A): polynomial 0x04c11db7, most significant
// bit first. Sections are short and rare: a table would cost more than it saves.
func crc32(b []byte) uint32 {
	crc := ^uint32(0)
	for _, x := range b {
		crc ^= uint32(x) << 24
		for range 8 {
			if crc>>31 != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// appendSection appends a section in packets of its own. With jump the first of them
// says that its counter need not continue the one before.
func appendSection(dst []byte, pid uint16, next *byte, section []byte, jump bool) []byte {
	for start := true; start || len(section) > 0; start = false {
		first, control, room := byte(pid>>8), byte(0x10), packetSize-headerSize
		if start {
			first |= 0x40
			if jump {
				control = 0x30
			}
		}
		dst = append(dst, syncByte, first, byte(pid), control|*next)
		*next = (*next + 1) & 0x0f
		if control == 0x30 {
			dst = append(dst, 1, flagDiscontinuity)
			room -= 2
		}
		if start {
			dst = append(dst, 0) // the section begins at once
			room--
		}
		n := min(room, len(section))
		dst = append(dst, section[:n]...)
		dst = pad(dst, room-n)
		section = section[n:]
	}
	return dst
}
