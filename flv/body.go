package flv

import (
	"encoding/binary"
	"math"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

// maxCTS is what fits into the signed 24 bits of a composition time.
const maxCTS = 1<<23 - 1

// Carries tells whether the track with index i of t has an FLV form: its codec must,
// and unless it is the one that players of a single track get ([stream.Tracks.First])
// the peer must understand multitrack and the codec have a FourCC.
func Carries(t *stream.Tracks, i int, multitrack bool) bool {
	if i < 0 || i >= len(t.List) {
		return false
	}
	x := &t.List[i]
	if k := x.Kind(); k != stream.KindVideo && k != stream.KindAudio {
		return false
	} else if t.First(k) != i {
		return multitrack && hasFourCC(x.Codec) && wireID(t, i) < 256
	}
	_, classic := classicID(x)
	return classic || hasFourCC(x.Codec)
}

// wireID gives the multitrack id of a track. The single-track form means id 0. Ids that
// came with the tracks are kept where they fit, else tracks of a kind are counted.
func wireID(t *stream.Tracks, i int) int {
	k := t.List[i].Kind()
	first, n, keep := t.First(k), 0, true
	for j := range t.List {
		x := &t.List[j]
		if x.Kind() != k {
			continue
		}
		if j == first {
			keep = keep && x.ID == 0
			continue
		}
		keep = keep && x.ID > 0 && x.ID < 256
		if j <= i {
			n++
		}
	}
	if keep {
		return t.List[i].ID
	}
	return n
}

// AppendPrefix appends what comes before the payload in the packet's FLV body; the
// body is the prefix and p.Payload. The prefix has at most 16 bytes. Nothing is appended for
// packets without an FLV form (see [Carries]) and for Data packets, whose body is the
// payload. A composition time beyond 2 h 19 min is cut to that.
func AppendPrefix(dst []byte, p *stream.Packet) []byte {
	if !Carries(p.Tracks, p.Track, true) {
		return dst
	}
	t := p.Info()
	multi := p.Tracks.First(t.Kind()) != p.Track
	if t.Kind() == stream.KindAudio {
		if id, ok := classicID(t); ok && !multi {
			if t.Codec == stream.AAC {
				return append(dst, 0xaf, 1)
			}
			return append(dst, soundByte(t, id))
		}
		return appendEx(dst, p.Tracks, p.Track, soundEx<<4, exCodedFrames)
	}
	cts := stream.Ticks(p.PTS, 1000) - stream.Ticks(p.DTS, 1000)
	cts = max(-maxCTS, min(maxCTS, cts))
	kind := byte(frameInter << 4)
	if p.Key() {
		kind = frameKey << 4
	}
	if id, ok := classicID(t); ok && !multi {
		if _, relayed := t.Codec.FLV(); relayed {
			if p.Flags&stream.Disposable != 0 && !p.Key() {
				kind = frameDisposable << 4
			}
			return append(dst, kind|id)
		}
		return append(dst, kind|id, avcNALU, byte(cts>>16), byte(cts>>8), byte(cts))
	}
	if t.Codec != stream.H264 && t.Codec != stream.HEVC {
		return appendEx(dst, p.Tracks, p.Track, 0x80|kind, exCodedFrames)
	}
	if cts == 0 {
		return appendEx(dst, p.Tracks, p.Track, 0x80|kind, exCodedFramesX)
	}
	dst = appendEx(dst, p.Tracks, p.Track, 0x80|kind, exCodedFrames)
	return append(dst, byte(cts>>16), byte(cts>>8), byte(cts))
}

// appendEx appends an enhanced header: of a OneTrack multitrack body for all tracks but
// the first of their kind.
func appendEx(dst []byte, ts *stream.Tracks, i int, head, packet byte) []byte {
	t := &ts.List[i]
	if ts.First(t.Kind()) == i {
		dst = append(dst, head|packet)
		return binary.BigEndian.AppendUint32(dst, uint32(t.Codec))
	}
	multi := byte(exVideoMulti)
	if t.Kind() == stream.KindAudio {
		multi = exAudioMulti
	}
	dst = append(dst, head|multi, multiOne<<4|packet)
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Codec))
	return append(dst, byte(wireID(ts, i)))
}

// soundByte gives the first byte of a classic audio body. Relayed codecs have it in
// their configuration; for others the nearest rate is told, which players of MP3 do not
// rely on.
func soundByte(t *stream.Track, id uint8) byte {
	if _, ok := t.Codec.FLV(); ok && len(t.Config) == 1 && t.Config[0]>>4 == id {
		return t.Config[0]
	}
	b := id<<4 | 2 // 16 bits
	switch {
	case t.Codec == stream.G711A || t.Codec == stream.G711U || t.SampleRate == 8000:
	case t.SampleRate >= 32000:
		b |= 3 << 2
	case t.SampleRate >= 16000:
		b |= 2 << 2
	case t.SampleRate > 8000:
		b |= 1 << 2
	}
	if t.Channels > 1 {
		b |= 1
	}
	return b
}

// AppendConfig appends the body of the sequence header of the track with index i.
// Nothing is appended for codecs without one and for tracks without an FLV form (see
// [Carries]).
func AppendConfig(dst []byte, t *stream.Tracks, i int) []byte {
	if !Carries(t, i, true) {
		return dst
	}
	x := &t.List[i]
	if _, relayed := x.Codec.FLV(); relayed || len(x.Config) == 0 {
		return dst
	}
	multi := t.First(x.Kind()) != i
	id, classic := classicID(x)
	switch {
	case x.Kind() == stream.KindAudio && classic && !multi:
		if x.Codec != stream.AAC {
			return dst
		}
		dst = append(dst, 0xaf, 0)
	case x.Kind() == stream.KindAudio:
		dst = appendEx(dst, t, i, soundEx<<4, exSequenceStart)
	case classic && !multi:
		dst = append(dst, frameKey<<4|id, avcSequence, 0, 0, 0)
	default:
		dst = appendEx(dst, t, i, 0x80|frameKey<<4, exSequenceStart)
	}
	return append(dst, x.Config...)
}

// AppendMeta appends the body of a script tag: onMetaData with the publisher's metadata
// as an ECMA array, or, if there is none, with what the tracks tell. The extra fields
// come last and replace those of the same name.
func AppendMeta(dst []byte, t *stream.Tracks, extra ...stream.Field) []byte {
	dst = append(dst, "\x02\x00\x0aonMetaData\x08"...)
	at, n := len(dst), uint32(0)
	dst = append(dst, 0, 0, 0, 0)
	for i := range t.Meta {
		if named(extra, t.Meta[i].Name) {
			continue
		}
		dst = appendName(dst, t.Meta[i].Name)
		dst = amf.Append(dst, t.Meta[i].Value)
		n++
	}
	if len(t.Meta) == 0 {
		dst, n = appendTrackMeta(dst, t)
	}
	for i := range extra {
		dst = appendName(dst, extra[i].Name)
		dst = amf.Append(dst, extra[i].Value)
		n++
	}
	binary.BigEndian.PutUint32(dst[at:], n)
	return append(dst, 0, 0, 9)
}

func named(fields []stream.Field, name string) bool {
	for i := range fields {
		if fields[i].Name == name {
			return true
		}
	}
	return false
}

func appendName(dst []byte, name string) []byte {
	name = name[:min(len(name), math.MaxUint16)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(name)))
	return append(dst, name...)
}

// appendNumber spares the allocation of a float64 in an interface.
func appendNumber(dst []byte, name string, v float64) []byte {
	dst = append(appendName(dst, name), 0)
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
}

func appendTrackMeta(dst []byte, t *stream.Tracks) ([]byte, uint32) {
	n := uint32(0)
	number := func(name string, v int) {
		if v > 0 {
			dst = appendNumber(dst, name, float64(v))
			n++
		}
	}
	if i := t.First(stream.KindVideo); i >= 0 {
		v := &t.List[i]
		number("width", v.Width)
		number("height", v.Height)
		number("videocodecid", metaCodec(v))
	}
	if i := t.First(stream.KindAudio); i >= 0 {
		a := &t.List[i]
		number("audiosamplerate", a.SampleRate)
		number("audiochannels", a.Channels)
		dst = appendNumber(dst, "audiocodecid", float64(metaCodec(a)))
		stereo := byte(0)
		if a.Channels > 1 {
			stereo = 1
		}
		dst = append(appendName(dst, "stereo"), 1, stereo)
		n += 2
	}
	return dst, n
}

// metaCodec gives the number that metadata names the codec with: its classic id or its
// FourCC.
func metaCodec(t *stream.Track) int {
	if id, ok := classicID(t); ok {
		return int(id)
	}
	return int(t.Codec)
}
