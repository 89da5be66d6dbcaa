package cmaf

import (
	"encoding/binary"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// entry appends the sample entry of a described track.
func entry(b []byte, t *stream.Track, id uint32) []byte {
	b, at := begin(b, sampleEntry(t.Codec))
	b = u16(zeros(b, 6), 1) // data reference
	if t.Kind() == stream.KindVideo {
		b = u16(zeros(b, 16), t.Width, t.Height)
		b = u32(b, 72<<16, 72<<16, 0) // dots per inch
		b = u16(b, 1)                 // frames per sample
		b = u16(zeros(b, 32), 24, 0xffff)
	} else {
		rate := t.SampleRate
		if rate > 0xffff { // does not fit: the codec's box tells it
			rate = 0
		}
		b = u16(zeros(b, 8), max(1, t.Channels), 16, 0, 0)
		b = u32(b, uint32(rate)<<16)
	}
	return end(codecBox(b, t, id), at)
}

func codecBox(b []byte, t *stream.Track, id uint32) []byte {
	switch t.Codec {
	case stream.H264:
		return box(b, "avcC", lengths(t.Config, 4)...)
	case stream.HEVC:
		return box(b, "hvcC", lengths(t.Config, 21)...)
	case stream.AV1:
		return box(b, "av1C", t.Config...)
	case stream.VP9:
		return box(b, "vpcC", t.Config...)
	case stream.AC3:
		return box(b, "dac3", t.Config...)
	case stream.EAC3:
		return box(b, "dec3", t.Config...)
	case stream.FLAC: // FLAC in ISOBMFF 3.3.2: the one block is the last one
		return box(b, "dfLa", append([]byte{0, 0, 0, 0, 0x80, 0, 0, byte(len(t.Config))}, t.Config...)...)
	case stream.Opus:
		return dOps(b, t)
	}
	return esds(b, t, id)
}

// lengths gives a copy of an avcC or hvcC that announces the 4-byte lengths which payloads have.
func lengths(config []byte, at int) []byte {
	c := slices.Clone(config)
	c[at] |= 3
	return c
}

// dOps appends the OpusHead in the byte order of MP4 (Opus in ISOBMFF 4.3.2).
func dOps(b []byte, t *stream.Track) []byte {
	h := t.Config
	b, at := begin(b, "dOps")
	b = append(b, 0, h[9])
	b = u16(b, int(binary.LittleEndian.Uint16(h[10:])))
	b = u32(b, binary.LittleEndian.Uint32(h[12:]))
	b = append(b, h[17], h[16], h[18])
	if h[18] != 0 {
		b = append(b, h[19:21+int(h[9])]...)
	}
	return end(b, at)
}

// esds appends the elementary stream descriptor (ISO 14496-14 5.6) of AAC or MP3.
func esds(b []byte, t *stream.Track, id uint32) []byte {
	kind, config := byte(0x40), t.Config // AAC
	if t.Codec == stream.MP3 {
		kind, config = 0x6b, nil // MPEG-1 audio
		if t.SampleRate < 32000 {
			kind = 0x69 // MPEG-2 audio
		}
	}
	decoder := append([]byte{kind, 0x15}, make([]byte, 11)...) // an audio stream; buffer and rates unknown
	if config != nil {
		decoder = descriptor(decoder, 5, config)
	}
	es := descriptor([]byte{byte(id >> 8), byte(id), 0}, 4, decoder)
	es = descriptor(es, 6, []byte{2})
	b, at := full(b, "esds", 0, 0)
	return end(descriptor(b, 3, es), at)
}

// descriptor appends a descriptor with the long form of its length (ISO 14496-1 8.3.3).
func descriptor(b []byte, tag byte, content []byte) []byte {
	n := len(content)
	b = append(b, tag, 0x80|byte(n>>21), 0x80|byte(n>>14), 0x80|byte(n>>7), byte(n&0x7f))
	return append(b, content...)
}

// FrameSamples gives the samples per channel that a frame decodes to, 0 if that is not known.
func FrameSamples(t *stream.Track, frame []byte) int {
	switch t.Codec {
	case stream.AAC:
		return 1024
	case stream.AC3:
		return 1536
	case stream.EAC3:
		if len(frame) < 5 || frame[4]>>6 == 3 { // half rates have six blocks
			return 1536
		}
		return 256 * [...]int{1, 2, 3, 6}[frame[4]>>4&3]
	case stream.MP3:
		if h, err := codec.ParseMP3(frame); err == nil {
			return h.Samples
		}
	case stream.FLAC:
		return flacSamples(frame)
	case stream.Opus:
		return opusSamples(frame)
	}
	return 0
}

// flacSamples reads the block size of a frame header (RFC 9639 9.1.1), 0 for the uncommon ones that
// stand behind the frame's number.
func flacSamples(frame []byte) int {
	if len(frame) < 4 || frame[0] != 0xff || frame[1]>>1 != 0x7c {
		return 0
	}
	switch n := frame[2] >> 4; {
	case n == 1:
		return 192
	case n >= 2 && n <= 5:
		return 144 << n
	case n >= 8:
		return 1 << n
	}
	return 0
}

// opusSamples bounds what a packet says to the 120 ms that RFC 6716 3.2.5 allows.
func opusSamples(packet []byte) int {
	n := opus.PacketDuration2(packet)
	if n > 5760 {
		return 0
	}
	return int(n)
}
