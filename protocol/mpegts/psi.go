package mpegts

import (
	"bytes"
	"encoding/binary"

	"github.com/srsgo/srs/stream"
)

const (
	minSection = 12 // of those with a checksum
	maxSection = 4096
	tableMap   = 0x02
	tableStuff = 0xff // no more sections in the packet
)

// sections puts the sections of one PID together.
type sections struct {
	counter
	buf  []byte
	open bool
}

// packet takes the payload of a transport packet, and calls f for each section that is
// complete and sound.
func (s *sections) packet(b []byte, start bool, f func(section []byte)) {
	if start {
		if len(b) == 0 || 1+int(b[0]) > len(b) {
			s.open = false
			return
		}
		n := 1 + int(b[0]) // the tail of a section comes before the new one
		s.add(b[1:n], f)
		s.buf, s.open = s.buf[:0], true
		b = b[n:]
	}
	s.add(b, f)
}

func (s *sections) add(b []byte, f func([]byte)) {
	if !s.open {
		return
	}
	s.buf = append(s.buf, b...)
	rest := s.buf
	for len(rest) > 0 && rest[0] != tableStuff {
		n := 3
		if len(rest) >= n {
			n += int(binary.BigEndian.Uint16(rest[1:]) & 0xfff)
		}
		if n > maxSection {
			break
		}
		if len(rest) < n {
			s.buf = s.buf[:copy(s.buf, rest)]
			return
		}
		if n >= minSection && crc32(rest[:n]) == 0 {
			f(rest[:n])
		}
		rest = rest[n:]
	}
	s.open = false
}

// onPAT takes a program association section: the first program is the one that is read.
func (d *demuxer) onPAT(b []byte) {
	if b[0] != 0 || b[5]&1 == 0 {
		return
	}
	for e := b[8 : len(b)-4]; len(e) >= 4; e = e[4:] {
		program, pid := binary.BigEndian.Uint16(e), binary.BigEndian.Uint16(e[2:])&0x1fff
		if program == 0 || pid == pidPAT || pid == pidNone {
			continue
		}
		if program != d.program || pid != d.mapPID {
			d.program, d.mapPID, d.pmt, d.known = program, pid, sections{}, nil
		}
		return
	}
}

// onPMT takes a program map section.
func (d *demuxer) onPMT(b []byte) {
	if b[0] != tableMap || b[5]&1 == 0 || binary.BigEndian.Uint16(b[3:]) != d.program ||
		len(b) < 16 || bytes.Equal(b, d.known) {
		return
	}
	d.known = append(d.known[:0], b...)
	b = b[10 : len(b)-4]
	b = b[min(len(b), 2+int(binary.BigEndian.Uint16(b)&0xfff)):]
	var list []*inflow
	for len(b) >= 5 && len(list) < maxFlows {
		n := 5 + int(binary.BigEndian.Uint16(b[3:])&0xfff)
		if n > len(b) {
			break
		}
		f := &inflow{pid: binary.BigEndian.Uint16(b[1:]) & 0x1fff, typ: b[0]}
		f.describe(b[5:n])
		b = b[n:]
		if f.codec == 0 {
			continue
		}
		if old := d.find(f.pid); old != nil && old.typ == f.typ && old.codec == f.codec && old.channels == f.channels {
			old.language = f.language
			f = old
		}
		list = append(list, f)
	}
	d.replace(list)
}

// describe takes what the stream type and the descriptors of an elementary stream say.
// The codec stays 0 where it is one that packets cannot be made of.
func (f *inflow) describe(b []byte) {
	var id, meta stream.Codec
	for len(b) >= 2 && 2+int(b[1]) <= len(b) {
		tag, d := b[0], b[2:2+int(b[1])]
		b = b[2+len(d):]
		switch {
		case tag == tagRegistration && len(d) >= 4:
			id = stream.Codec(binary.BigEndian.Uint32(d))
		case tag == tagLanguage && len(d) >= 3 && isLanguage(string(d[:3])):
			f.language = string(d[:3])
		case tag == tagExtension && len(d) >= 2 && d[0] == tagOpus:
			f.channels = int(d[1])
		case tag == tagMeta:
			meta = metaFormat(d)
		case tag == tagDVBAC3:
			id = idAC3
		case tag == tagDVBEAC3:
			id = idEAC3
		}
	}
	switch f.typ {
	case typeH264:
		f.codec = stream.H264
	case typeHEVC:
		f.codec = stream.HEVC
	case typeAAC:
		f.codec = stream.AAC
	case typeMP3, typeMP3Low:
		f.codec = stream.MP3
	case typeAC3:
		f.codec = stream.AC3
	case typeEAC3:
		f.codec = stream.EAC3
	case typeMeta:
		f.codec = meta
	case typePrivate:
		switch id {
		case idAC3:
			f.codec = stream.AC3
		case idEAC3:
			f.codec = stream.EAC3
		case stream.Opus, KLV:
			f.codec = id
		}
	}
}

// metaFormat gives the identifier of the format that a metadata descriptor names, if it is
// one that packets can be made of.
func metaFormat(d []byte) stream.Codec {
	if len(d) >= 2 && d[0] == 0xff && d[1] == 0xff { // an application format of four bytes more
		d = d[min(len(d), 4):]
	}
	if len(d) < 7 || d[2] != 0xff {
		return 0
	}
	switch c := stream.Codec(binary.BigEndian.Uint32(d[3:])); c {
	case KLV, ID3:
		return c
	}
	return 0
}
