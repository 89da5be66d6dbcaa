package codec

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
)

// AAC is what an AudioSpecificConfig tells (ISO 14496-3 1.6.2.1).
type AAC struct {
	// ObjectType of the core coder: 1 Main, 2 LC, 3 SSR, 4 LTP, …
	ObjectType int
	// SampleRate of the core coder, in Hz.
	SampleRate int
	// Channels of the core coder, 0 if a program config element tells them.
	Channels int
	// SBR and PS tell that HE-AAC is signalled explicitly.
	SBR, PS bool
}

var aacRates = [...]int{
	96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
}

var aacChannels = [...]int{0, 1, 2, 3, 4, 5, 6, 8}

// ParseAAC reads an AudioSpecificConfig. It accepts every object type, also those
// that only relay.
func ParseAAC(config []byte) (AAC, error) {
	var a AAC
	pos := 0
	var err error
	if a.ObjectType, err = aacObjectType(config, &pos); err != nil {
		return AAC{}, err
	}
	if a.SampleRate, err = aacRate(config, &pos); err != nil {
		return AAC{}, err
	}
	n, err := bits.ReadBits(config, &pos, 4)
	if err != nil {
		return AAC{}, errShort
	}
	switch {
	case n < uint64(len(aacChannels)):
		a.Channels = aacChannels[n]
	case n == 11:
		a.Channels = 7
	case n == 12, n == 14:
		a.Channels = 8
	case n == 13:
		a.Channels = 24
	default:
		return AAC{}, fmt.Errorf("channel configuration %d is reserved", n)
	}
	if a.ObjectType == 5 || a.ObjectType == 29 {
		a.SBR, a.PS = true, a.ObjectType == 29
		if _, err = aacRate(config, &pos); err != nil {
			return AAC{}, err
		}
		if a.ObjectType, err = aacObjectType(config, &pos); err != nil {
			return AAC{}, err
		}
	}
	return a, nil
}

func aacObjectType(b []byte, pos *int) (int, error) {
	n, err := bits.ReadBits(b, pos, 5)
	if err != nil {
		return 0, errShort
	}
	if n == 31 {
		ext, err := bits.ReadBits(b, pos, 6)
		if err != nil {
			return 0, errShort
		}
		n = 32 + ext
	}
	if n == 0 {
		return 0, errors.New("object type 0")
	}
	return int(n), nil
}

func aacRate(b []byte, pos *int) (int, error) {
	n, err := bits.ReadBits(b, pos, 4)
	if err != nil {
		return 0, errShort
	}
	if n == 15 {
		if n, err = bits.ReadBits(b, pos, 24); err != nil {
			return 0, errShort
		}
		if n == 0 {
			return 0, errors.New("sample rate 0")
		}
		return int(n), nil
	}
	if n >= uint64(len(aacRates)) {
		return 0, fmt.Errorf("sample rate index %d is reserved", n)
	}
	return aacRates[n], nil
}

// ParseOpusHead reads an OpusHead (RFC 7845 5.1) and gives the number of channels.
// Opus always decodes at 48 kHz, whatever the input rate in the header says.
func ParseOpusHead(config []byte) (channels int, err error) {
	if len(config) < 19 {
		return 0, errShort
	}
	if string(config[:8]) != "OpusHead" {
		return 0, errors.New("no OpusHead magic")
	}
	if config[8]>>4 != 0 {
		return 0, fmt.Errorf("version %d", config[8])
	}
	if config[9] == 0 {
		return 0, errors.New("no channels")
	}
	return int(config[9]), nil
}

// AppendOpusHead appends an OpusHead (RFC 7845 5.1) for one or two channels (mapping
// family 0). preSkip is in samples at 48 kHz.
func AppendOpusHead(dst []byte, channels int, preSkip uint16) []byte {
	dst = append(dst, "OpusHead\x01"...)
	dst = append(dst, byte(max(1, min(2, channels))))
	dst = binary.LittleEndian.AppendUint16(dst, preSkip)
	dst = binary.LittleEndian.AppendUint32(dst, 48000)
	return append(dst, 0, 0, 0)
}

// MP3 is what the header of an MPEG audio frame tells (ISO 11172-3 2.4.1.3, ISO
// 13818-3, and the unofficial MPEG 2.5 for low rates).
type MP3 struct {
	Layer                int // 1 to 3
	SampleRate, Channels int
	// Samples per channel in the frame.
	Samples int
}

// ParseMP3 reads the header of the MPEG audio frame at the start of b.
func ParseMP3(b []byte) (MP3, error) {
	if len(b) < 4 {
		return MP3{}, errShort
	}
	if b[0] != 0xff || b[1]&0xe0 != 0xe0 {
		return MP3{}, errors.New("no sync word")
	}
	version, layer, rate := b[1]>>3&3, 4-int(b[1]>>1&3), b[2]>>2&3
	if version == 1 || layer == 4 || rate == 3 || b[2]>>4 == 15 {
		return MP3{}, errors.New("reserved value in the frame header")
	}
	h := MP3{Layer: layer, SampleRate: [...]int{44100, 48000, 32000}[rate], Channels: 2, Samples: 1152}
	switch version {
	case 2:
		h.SampleRate /= 2
	case 0:
		h.SampleRate /= 4
	}
	if b[3]>>6 == 3 {
		h.Channels = 1
	}
	if layer == 1 {
		h.Samples = 384
	} else if layer == 3 && version != 3 {
		h.Samples = 576
	}
	return h, nil
}
