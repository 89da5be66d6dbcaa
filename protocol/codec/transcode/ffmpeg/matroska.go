package ffmpeg

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/srsgo/srs/stream"
)

// Elements of Matroska (RFC 9559), as many as carry one track live.
const (
	idEBML         = 0x1A45DFA3
	idDocType      = 0x4282
	idSegment      = 0x18538067
	idInfo         = 0x1549A966
	idScale        = 0x2AD7B1
	idTracks       = 0x1654AE6B
	idTrackEntry   = 0xAE
	idTrackNumber  = 0xD7
	idTrackUID     = 0x73C5
	idTrackType    = 0x83
	idCodecID      = 0x86
	idCodecPrivate = 0x63A2
	idAudio        = 0xE1
	idRate         = 0xB5
	idChannels     = 0x9F
	idCluster      = 0x1F43B675
	idTime         = 0xE7
	idSimpleBlock  = 0xA3

	trackAudio = 2
	scale      = 10 * time.Microsecond // the unit of time
)

// matroskaID gives the CodecID for what is decoded by ffmpeg.
func matroskaID(c stream.Codec) (string, bool) {
	switch c {
	case stream.AAC:
		return "A_AAC", true
	case stream.Opus:
		return "A_OPUS", true
	case stream.MP3:
		return "A_MPEG/L3", true
	case stream.AC3:
		return "A_AC3", true
	case stream.EAC3:
		return "A_EAC3", true
	case stream.FLAC:
		return "A_FLAC", true
	}
	return "", false
}

// appendElement appends an element, with its size in eight bytes.
func appendElement(dst []byte, id uint32, body ...byte) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(id >> shift); b != 0 || id>>shift != 0 {
			dst = append(dst, b)
		}
	}
	dst = binary.BigEndian.AppendUint64(dst, 1<<56|uint64(len(body)))
	return append(dst, body...)
}

// appendHead appends what precedes the first packet of a track.
func appendHead(dst []byte, t stream.Track) []byte {
	name, _ := matroskaID(t.Codec)
	entry := appendElement(nil, idTrackNumber, 1)
	entry = appendElement(entry, idTrackUID, 1)
	entry = appendElement(entry, idTrackType, trackAudio)
	entry = appendElement(entry, idCodecID, []byte(name)...)
	if private := t.Config; len(private) > 0 {
		if t.Codec == stream.FLAC { // the stream's head, with STREAMINFO as its last block
			private = append([]byte{'f', 'L', 'a', 'C', 0x80, 0, byte(len(private) >> 8), byte(len(private))}, private...)
		}
		entry = appendElement(entry, idCodecPrivate, private...)
	}
	if t.SampleRate > 0 && t.Channels > 0 {
		audio := appendElement(nil, idRate, binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(t.SampleRate)))...)
		audio = appendElement(audio, idChannels, byte(min(t.Channels, 255)))
		entry = appendElement(entry, idAudio, audio...)
	}
	dst = appendElement(dst, idEBML, appendElement(nil, idDocType, []byte("matroska")...)...)
	dst = append(binary.BigEndian.AppendUint32(dst, idSegment), 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF) // without end
	dst = appendElement(dst, idInfo, appendElement(nil, idScale, binary.BigEndian.AppendUint32(nil, uint32(scale))...)...)
	return appendElement(dst, idTracks, appendElement(nil, idTrackEntry, entry...)...)
}

// appendPacket appends a packet, in a cluster of its own.
func appendPacket(dst []byte, at time.Duration, payload []byte) []byte {
	body := appendElement(nil, idTime, binary.BigEndian.AppendUint64(nil, uint64((at+scale/2)/scale))...)
	body = appendElement(body, idSimpleBlock, append([]byte{0x81, 0, 0, 0x80}, payload...)...)
	return appendElement(dst, idCluster, body...)
}
