package stream

import "fmt"

// Codec names a coding format. Most values are a FourCC, read as a big-endian
// number; the codecs of FLV that have none, and that are relayed without being
// understood, are [FLVVideo] and [FLVAudio] values. The zero value means none.
type Codec uint32

// The codecs that the library understands. Any other FourCC may be carried too.
const (
	H264  Codec = 'a'<<24 | 'v'<<16 | 'c'<<8 | '1'
	HEVC  Codec = 'h'<<24 | 'v'<<16 | 'c'<<8 | '1'
	AV1   Codec = 'a'<<24 | 'v'<<16 | '0'<<8 | '1'
	VP8   Codec = 'v'<<24 | 'p'<<16 | '0'<<8 | '8'
	VP9   Codec = 'v'<<24 | 'p'<<16 | '0'<<8 | '9'
	AAC   Codec = 'm'<<24 | 'p'<<16 | '4'<<8 | 'a'
	Opus  Codec = 'O'<<24 | 'p'<<16 | 'u'<<8 | 's'
	FLAC  Codec = 'f'<<24 | 'L'<<16 | 'a'<<8 | 'C'
	MP3   Codec = '.'<<24 | 'm'<<16 | 'p'<<8 | '3'
	AC3   Codec = 'a'<<24 | 'c'<<16 | '-'<<8 | '3'
	EAC3  Codec = 'e'<<24 | 'c'<<16 | '-'<<8 | '3'
	G711A Codec = 'a'<<24 | 'l'<<16 | 'a'<<8 | 'w'
	G711U Codec = 'u'<<24 | 'l'<<16 | 'a'<<8 | 'w'

	// AMF is timed script data: the payload is one or more AMF0 values, the first
	// of them the name (onTextData, onCuePoint, …). It marks Data packets.
	AMF Codec = 'a'<<24 | 'm'<<16 | 'f'<<8 | '0'
)

// FLV ids live below any FourCC: a printable first byte makes those larger.
const (
	flvVideoBase Codec = 0x100
	flvAudioBase Codec = 0x200
)

// FLVVideo is the relay-only codec for a video CodecID of FLV (E.4.3.1): 2 Sorenson
// H.263, 3 and 6 screen video, 4 and 5 VP6.
func FLVVideo(id uint8) Codec { return flvVideoBase | Codec(id) }

// FLVAudio is the relay-only codec for a SoundFormat of FLV (E.4.2.1): 0 and 3 PCM,
// 1 ADPCM, 4 to 6 Nellymoser, 11 Speex, 15 device-specific.
func FLVAudio(id uint8) Codec { return flvAudioBase | Codec(id) }

// FLV gives the FLV id of a relay-only codec; ok is false for all others.
func (c Codec) FLV() (id uint8, ok bool) {
	if c&^0xff == flvVideoBase || c&^0xff == flvAudioBase {
		return uint8(c), true
	}
	return 0, false
}

// Kind is what a codec codes.
type Kind uint8

// The kinds of a codec.
const (
	KindUnknown Kind = iota
	KindVideo
	KindAudio
	KindData
)

func (k Kind) String() string {
	return [...]string{"unknown", "video", "audio", "data"}[k&3]
}

// Kind tells video from audio and data. A FourCC that the library does not know is
// KindUnknown.
func (c Codec) Kind() Kind {
	switch c {
	case H264, HEVC, AV1, VP8, VP9:
		return KindVideo
	case AAC, Opus, FLAC, MP3, AC3, EAC3, G711A, G711U:
		return KindAudio
	case AMF:
		return KindData
	}
	switch c &^ 0xff {
	case flvVideoBase:
		return KindVideo
	case flvAudioBase:
		return KindAudio
	}
	return KindUnknown
}

var codecNames = map[Codec]string{
	H264: "H264", HEVC: "HEVC", AV1: "AV1", VP8: "VP8", VP9: "VP9",
	AAC: "AAC", Opus: "Opus", FLAC: "FLAC", MP3: "MP3", AC3: "AC3", EAC3: "EAC3",
	G711A: "G711A", G711U: "G711U", AMF: "AMF",
	FLVVideo(2): "H263", FLVVideo(3): "ScreenVideo", FLVVideo(4): "VP6", FLVVideo(5): "VP6A",
	FLVVideo(6): "ScreenVideo2",
	FLVAudio(0): "PCM", FLVAudio(1): "ADPCM", FLVAudio(3): "PCMLE", FLVAudio(4): "Nellymoser16k",
	FLVAudio(5): "Nellymoser8k", FLVAudio(6): "Nellymoser", FLVAudio(11): "Speex",
}

// String gives the codec's usual name, or its FourCC, or its FLV id.
func (c Codec) String() string {
	if s, ok := codecNames[c]; ok {
		return s
	}
	if id, ok := c.FLV(); ok {
		return fmt.Sprintf("FLV%s%d", c.Kind(), id)
	}
	b := []byte{byte(c >> 24), byte(c >> 16), byte(c >> 8), byte(c)}
	for _, x := range b {
		if x < 0x20 || x > 0x7e {
			return fmt.Sprintf("codec(%#x)", uint32(c))
		}
	}
	return string(b)
}
