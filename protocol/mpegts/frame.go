package mpegts

import (
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/ac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/eac3"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

const (
	adtsSize = 7
)

// appendFrame appends what precedes a packet of sound in its elementary stream.
func (es *elementary) appendFrame(dst, payload []byte) []byte {
	switch es.codec {
	case stream.AAC:
		return es.adts.Append(dst, len(payload))
	case stream.Opus: // no trimming, no extension; the size in bytes of up to 255
		dst = append(dst, 0x7f, 0xe0)
		n := len(payload)
		for ; n >= 255; n -= 255 {
			dst = append(dst, 255)
		}
		return append(dst, byte(n))
	}
	return dst
}

// maxFrame gives the size of the largest frame that there can be, with what precedes it.
func (es *elementary) maxFrame() int {
	if es.codec == stream.AAC {
		return codec.MaxADTS
	}
	return maxPES
}

// samples gives how long a packet of sound lasts, in samples at a rate. No rate means
// that it cannot be told.
func samples(c stream.Codec, rate int, payload []byte) (n, hz int) {
	switch c {
	case stream.AAC:
		return 1024, rate
	case stream.AC3:
		var si ac3.SyncInfo
		if si.Unmarshal(payload) != nil {
			return 0, 0
		}
		return 1536, si.SampleRate()
	case stream.EAC3:
		var si eac3.SyncInfo
		if si.Unmarshal(payload) != nil {
			return 0, 0
		}
		return 256 * si.NumBlocks(), si.SampleRate()
	case stream.Opus:
		return int(opus.PacketDuration2(payload)), 48000
	case stream.MP3:
		for len(payload) > 0 {
			h, size := mp3Frame(payload)
			if size == 0 {
				break
			}
			n, hz = n+h.Samples, h.SampleRate
			payload = payload[min(size, len(payload)):]
		}
	}
	return n, hz
}

// Bit rates of layer III in kb/s, by index: of MPEG-1, and of the low sampling rates.
var mp3Rates = [2][15]int{
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}

// mp3Frame reads the header of a layer III frame; a size of 0 means that there is none.
func mp3Frame(b []byte) (h codec.MP3, size int) {
	h, err := codec.ParseMP3(b)
	if err != nil || h.Layer != 3 {
		return h, 0
	}
	low := 0
	if h.Samples == 576 {
		low = 1
	}
	kbps := mp3Rates[low][b[2]>>4]
	if kbps == 0 { // free format: its size is nowhere told
		return h, 0
	}
	return h, h.Samples/8*kbps*1000/h.SampleRate + int(b[2]>>1&1)
}

// frame is what the header of a frame of sound tells.
type frame struct {
	size          int // bytes
	skip          int // of them, those of a header that is not part of the payload
	samples, rate int // how long it lasts
	config        [2]byte
	drop          bool // is of a kind that packets cannot be made of
}

// maxHeader is how many bytes the header of a frame takes at most.
const maxHeader = 9

// parseFrame reads the header of the frame that b begins with; ok is false if there is
// none. A size beyond len(b) means that more bytes are needed.
func parseFrame(c stream.Codec, b []byte) (f frame, ok bool) {
	if len(b) < maxHeader {
		return frame{size: maxHeader}, true
	}
	switch c {
	case stream.AAC:
		return parseADTS(b)
	case stream.MP3:
		h, size := mp3Frame(b)
		return frame{size: size, samples: h.Samples, rate: h.SampleRate}, size > 4
	case stream.AC3:
		var si ac3.SyncInfo
		if si.Unmarshal(b) != nil {
			return f, false
		}
		return frame{size: si.FrameSize(), samples: 1536, rate: si.SampleRate()}, true
	case stream.EAC3:
		var si eac3.SyncInfo
		if si.Unmarshal(b) != nil || si.SampleRate() == 0 {
			return f, false
		}
		f = frame{size: si.FrameSize(), rate: si.SampleRate()}
		if f.drop = si.Strmtyp == 1; !f.drop { // a dependent one has the time of another
			f.samples = 256 * si.NumBlocks()
		}
		return f, f.size >= maxHeader
	}
	return f, false
}

// parseADTS reads an ADTS header (ISO 14496-3 1.A.2.2).
func parseADTS(b []byte) (f frame, ok bool) {
	rate := int(b[2] >> 2 & 15)
	hz, ok := codec.AACRate(rate)
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 || !ok {
		return f, false
	}
	f = frame{size: int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5), skip: adtsSize, rate: hz}
	if b[1]&1 == 0 { // a checksum follows
		f.skip += 2
	}
	blocks := int(b[6]&3) + 1
	f.samples = 1024 * blocks
	f.drop = blocks > 1 // they could not be told apart
	object, channels := b[2]>>6+1, b[2]<<2&4|b[3]>>6
	f.config = [2]byte{object<<3 | byte(rate)>>1, byte(rate)<<7 | channels<<3}
	return f, f.size > f.skip
}
