package mpegts

import (
	"encoding/binary"

	"github.com/srsgo/srs/stream"
)

// Codecs of Data packets, as the registration descriptors of transport streams name them.
const (
	// KLV is SMPTE ST 336 key-length-value data; the payload is one or more whole units.
	KLV stream.Codec = 'K'<<24 | 'L'<<16 | 'V'<<8 | 'A'
	// ID3 is timed metadata of HTTP Live Streaming; the payload is a whole ID3v2 tag.
	ID3 stream.Codec = 'I'<<24 | 'D'<<16 | '3'<<8 | ' '
)

// PIDs: those of SRS, and for what it does not have those that follow.
const (
	pidPAT   = 0
	pidPMT   = 0x1001
	pidFirst = 0x100 // video; the elementary streams have pidCount from here
	pidAudio = 0x101
	pidMP3   = 0x102
	pidMore  = 0x103 // further tracks, in their order
	pidKLV   = 0x130
	pidID3   = 0x131
	pidNone  = 0x1fff
	pidCount = 0x40

	// maxTracks is how many tracks of a set are carried: what fits a section.
	maxTracks = 40
)

// Stream types (2.4.4.10 and registered ones).
const (
	typeMP3     = 0x03 // MPEG-1
	typeMP3Low  = 0x04 // MPEG-2: low sampling rates
	typePrivate = 0x06
	typeAAC     = 0x0f
	typeMeta    = 0x15
	typeH264    = 0x1b
	typeHEVC    = 0x24
	typeAC3     = 0x81
	typeEAC3    = 0x87
)

// Stream ids of PES packets (table 2-22).
const (
	idVideo   = 0xe0
	idAudio   = 0xc0
	idPrivate = 0xbd
)

// Registered format identifiers that are not the codec's FourCC.
const (
	idHEVC stream.Codec = 'H'<<24 | 'E'<<16 | 'V'<<8 | 'C'
	idAC3  stream.Codec = 'A'<<24 | 'C'<<16 | '-'<<8 | '3'
	idEAC3 stream.Codec = 'E'<<24 | 'A'<<16 | 'C'<<8 | '3'
)

// Descriptor tags.
const (
	tagRegistration = 0x05
	tagLanguage     = 0x0a
	tagMetaPointer  = 0x25
	tagMeta         = 0x26
	tagDVBAC3       = 0x6a
	tagDVBEAC3      = 0x7a
	tagExtension    = 0x7f
	tagOpus         = 0x80 // inside an extension descriptor
)

// Carries tells whether a transport stream can carry tracks of the codec, or Data
// packets of it.
func Carries(c stream.Codec) bool {
	switch c {
	case stream.H264, stream.HEVC, stream.AAC, stream.MP3, stream.Opus, stream.AC3, stream.EAC3, KLV, ID3:
		return true
	}
	return false
}

// appendPAT appends the section that names one program, 1, and the PID of its map.
func appendPAT(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0|pidPMT>>8, pidPMT&0xff)
	return binary.BigEndian.AppendUint32(dst, crc32(dst[at:]))
}

// appendPMT appends the section that maps the program's elementary streams (2.4.4.8).
func (e *Encoder) appendPMT(dst []byte, version byte) []byte {
	at := len(dst)
	clock := uint16(pidNone)
	if e.clock != nil {
		clock = e.clock.pid
	}
	dst = append(dst, 0x02, 0, 0, 0, 1, 0xc1|version<<1, 0, 0, 0xe0|byte(clock>>8), byte(clock), 0xf0, 0)
	if e.id3.announced {
		dst[at+11] = 17
		dst = append(dst, tagMetaPointer, 15)
		dst = appendMetaFormat(dst)
		dst = append(dst, 0x1f, 0, 1)
	}
	for i := range e.list {
		if es := &e.list[i]; es.pid != 0 {
			dst = es.appendEntry(dst, &e.tracks.List[i])
		}
	}
	if e.klv.announced {
		dst = append(dst, typePrivate, 0xe0|pidKLV>>8, pidKLV&0xff, 0xf0, 6)
		dst = appendRegistration(dst, KLV)
	}
	if e.id3.announced {
		dst = append(dst, typeMeta, 0xe0|pidID3>>8, pidID3&0xff, 0xf0, 15, tagMeta, 13)
		dst = appendMetaFormat(dst)
		dst = append(dst, 0x0f)
	}
	size := len(dst) - at - 3 + 4
	dst[at+1], dst[at+2] = 0xb0|byte(size>>8), byte(size)
	return binary.BigEndian.AppendUint32(dst, crc32(dst[at:]))
}

// appendMetaFormat appends what the two metadata descriptors (2.6.58, 2.6.60) share, as
// HTTP Live Streaming wants it: both formats are given by an identifier, service 0.
func appendMetaFormat(dst []byte) []byte {
	dst = append(dst, 0xff, 0xff)
	dst = binary.BigEndian.AppendUint32(dst, uint32(ID3))
	dst = append(dst, 0xff)
	dst = binary.BigEndian.AppendUint32(dst, uint32(ID3))
	return append(dst, 0)
}

func appendRegistration(dst []byte, id stream.Codec) []byte {
	return binary.BigEndian.AppendUint32(append(dst, tagRegistration, 4), uint32(id))
}

// appendEntry appends the stream's entry in the map.
func (es *elementary) appendEntry(dst []byte, t *stream.Track) []byte {
	typ := byte(typePrivate)
	switch t.Codec {
	case stream.H264:
		typ = typeH264
	case stream.HEVC:
		typ = typeHEVC
	case stream.AAC:
		typ = typeAAC
	case stream.MP3:
		typ = typeMP3
		if t.SampleRate > 0 && t.SampleRate < 32000 {
			typ = typeMP3Low
		}
	case stream.AC3:
		typ = typeAC3
	case stream.EAC3:
		typ = typeEAC3
	}
	dst = append(dst, typ, 0xe0|byte(es.pid>>8), byte(es.pid), 0xf0, 0)
	at := len(dst)
	switch t.Codec {
	case stream.HEVC:
		dst = appendRegistration(dst, idHEVC)
	case stream.AC3:
		dst = appendRegistration(dst, idAC3)
	case stream.EAC3:
		dst = appendRegistration(dst, idEAC3)
	case stream.Opus:
		dst = appendRegistration(dst, stream.Opus)
		dst = append(dst, tagExtension, 2, tagOpus, byte(min(max(t.Channels, 1), 8)))
	}
	if isLanguage(t.Language) && t.Kind() == stream.KindAudio {
		dst = append(dst, tagLanguage, 4)
		dst = append(dst, t.Language...)
		dst = append(dst, 0) // audio type: undefined
	}
	dst[at-1] = byte(len(dst) - at)
	return dst
}

// isLanguage tells whether s may be a code of ISO 639-2.
func isLanguage(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(s) == 3
}
