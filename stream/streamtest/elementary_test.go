package streamtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/srsgo/srs/stream"
)

// elementary writes one track of a clip as a file that ffmpeg reads; ext tells the
// format.
func elementary(packets []*stream.Packet) (b []byte, ext string) {
	switch t := packets[0].Info(); t.Codec {
	case stream.H264, stream.HEVC:
		return annexB(packets), map[stream.Codec]string{stream.H264: "h264", stream.HEVC: "hevc"}[t.Codec]
	case stream.AV1, stream.VP9:
		return ivf(packets), "ivf"
	case stream.AAC:
		return adts(packets), "aac"
	case stream.MP3:
		for _, p := range packets {
			b = append(b, p.Payload...)
		}
		return b, "mp3"
	case stream.Opus:
		return ogg(packets), "ogg"
	default:
		return flv(packets), "flv"
	}
}

func annexB(packets []*stream.Packet) []byte {
	var b []byte
	for _, p := range packets {
		if p.Key() {
			for _, nal := range parameterSets(p.Info()) {
				b = append(append(b, 0, 0, 0, 1), nal...)
			}
		}
		for _, nal := range nals(p.Payload) {
			b = append(append(b, 0, 0, 0, 1), nal...)
		}
	}
	return b
}

func nals(b []byte) (list [][]byte) {
	for len(b) > 0 {
		n := 4 + int(binary.BigEndian.Uint32(b))
		list, b = append(list, b[4:n]), b[n:]
	}
	return list
}

func parameterSets(t *stream.Track) (list [][]byte) {
	c := t.Config
	take := func(count int) {
		for range count {
			n := 2 + int(binary.BigEndian.Uint16(c))
			list, c = append(list, c[2:n]), c[n:]
		}
	}
	if t.Codec == stream.H264 {
		sps := int(c[5] & 31)
		c = c[6:]
		take(sps)
		pps := int(c[0])
		c = c[1:]
		take(pps)
		return list
	}
	arrays := c[22]
	c = c[23:]
	for range arrays {
		n := int(binary.BigEndian.Uint16(c[1:]))
		c = c[3:]
		take(n)
	}
	return list
}

func ivf(packets []*stream.Packet) []byte {
	t := packets[0].Info()
	fourCC, prefix := "VP90", []byte(nil)
	if t.Codec == stream.AV1 {
		fourCC, prefix = "AV01", []byte{0x12, 0} // the temporal delimiter
	}
	le := binary.LittleEndian
	b := append([]byte("DKIF\x00\x00\x20\x00"), fourCC...)
	b = le.AppendUint16(b, uint16(t.Width))
	b = le.AppendUint16(b, uint16(t.Height))
	b = le.AppendUint32(b, 1000)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, uint64(len(packets)))
	for _, p := range packets {
		b = le.AppendUint32(b, uint32(len(prefix)+len(p.Payload)))
		b = le.AppendUint64(b, uint64(p.PTS.Milliseconds()))
		b = append(append(b, prefix...), p.Payload...)
	}
	return b
}

func adts(packets []*stream.Packet) []byte {
	var b []byte
	for _, p := range packets {
		c := p.Info().Config
		object, rate, channels := c[0]>>3, c[0]&7<<1|c[1]>>7, c[1]>>3&15
		n := 7 + len(p.Payload)
		b = append(b, 0xff, 0xf1, (object-1)<<6|rate<<2|channels>>2,
			channels&3<<6|byte(n>>11), byte(n>>3), byte(n<<5)|0x1f, 0xfc)
		b = append(b, p.Payload...)
	}
	return b
}

func ogg(packets []*stream.Packet) []byte {
	var b []byte
	page, granule := 0, 0
	write := func(flags byte, payload []byte) {
		start := len(b)
		b = append(append(b, "OggS\x00"...), flags)
		b = binary.LittleEndian.AppendUint64(b, uint64(granule))
		b = append(b, "ID42\x00\x00\x00\x00\x00\x00\x00\x00"...)
		b[start+18] = byte(page)
		b[start+19] = byte(page >> 8)
		b = append(b, byte(len(payload)/255+1))
		b = append(b, bytes.Repeat([]byte{255}, len(payload)/255)...)
		b = append(append(b, byte(len(payload)%255)), payload...)
		binary.LittleEndian.PutUint32(b[start+22:], oggCRC(b[start:]))
		page++
	}
	write(2, packets[0].Info().Config)
	write(0, []byte("OpusTags\x04\x00\x00\x00test\x00\x00\x00\x00"))
	for i, p := range packets {
		granule += 960
		var flags byte
		if i == len(packets)-1 {
			flags = 4
		}
		write(flags, p.Payload)
	}
	return b
}

func oggCRC(b []byte) (crc uint32) {
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

func flv(packets []*stream.Packet) []byte {
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for _, p := range packets {
		id, _ := p.Info().Codec.FLV()
		tag, first := byte(8), id<<4|6 // the rate is not 11 kHz, but Speex says its own
		if p.Kind() == stream.KindVideo {
			tag, first = 9, 2<<4|id
			if p.Key() {
				first = 1<<4 | id
			}
		}
		n, ms := len(p.Payload)+1, p.DTS.Milliseconds()
		b = append(b, tag, byte(n>>16), byte(n>>8), byte(n), byte(ms>>16), byte(ms>>8), byte(ms), 0, 0, 0, 0, first)
		b = append(b, p.Payload...)
		b = binary.BigEndian.AppendUint32(b, uint32(11+n))
	}
	return b
}

// obus gives the types of the OBUs in a payload whose OBUs all have their size.
func obus(b []byte) (types []byte, err error) {
	for len(b) > 0 {
		if b[0]&2 == 0 {
			return nil, fmt.Errorf("OBU without size: %x", b[0])
		}
		head := 1 + int(b[0]>>2&1)
		size, n := binary.Uvarint(b[head:])
		if n <= 0 || uint64(len(b)) < uint64(head+n)+size {
			return nil, fmt.Errorf("OBU of %d bytes in %d", size, len(b))
		}
		types = append(types, b[0]>>3&15)
		b = b[head+n+int(size):]
	}
	return types, nil
}

// ofTrack gives the packets of one track.
func ofTrack(packets []*stream.Packet, track int) []*stream.Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p *stream.Packet) bool { return p.Track != track })
}
