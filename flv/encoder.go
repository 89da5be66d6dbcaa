package flv

import (
	"encoding/binary"
	"time"

	"github.com/srsgo/srs/stream"
)

// AppendTag appends a tag (E.4.1) and the size field that follows it. The body is
// prefix and payload; ts is in milliseconds. A body of 16 MiB or more has no form and
// appends nothing.
func AppendTag(dst []byte, typ uint8, ts uint32, prefix, payload []byte) []byte {
	if len(prefix)+len(payload) > maxBody {
		return dst
	}
	dst, at := beginTag(dst, typ, ts)
	dst = append(dst, prefix...)
	return endTag(append(dst, payload...), at)
}

const tagHeader = 11

func beginTag(dst []byte, typ uint8, ts uint32) (longer []byte, at int) {
	return append(dst, typ, 0, 0, 0, byte(ts>>16), byte(ts>>8), byte(ts), byte(ts>>24), 0, 0, 0), len(dst)
}

// endTag fills in the size of the tag that begins at at, and takes back an empty one or
// one that is too large.
func endTag(dst []byte, at int) []byte {
	n := len(dst) - at - tagHeader
	if n == 0 || n > maxBody {
		return dst[:at]
	}
	dst[at+1], dst[at+2], dst[at+3] = byte(n>>16), byte(n>>8), byte(n)
	return binary.BigEndian.AppendUint32(dst, uint32(tagHeader+n))
}

// millis gives the 32-bit timestamp of FLV, which wraps after 49.7 days.
func millis(d time.Duration) uint32 { return uint32(stream.Ticks(d, 1000)) }

// Encoder makes FLV files of packets. The zero value writes all kinds of tracks, the
// default one of each. It keeps no state: the bytes of a packet are the same for every
// viewer. It appends to dst and allocates nothing else. It must not be changed while in
// use.
type Encoder struct {
	// HasAudio and HasVideo say which kinds of tracks to write. Both false means both.
	HasAudio, HasVideo bool
	// Multitrack writes all tracks, for players that know Enhanced RTMP version 2.
	Multitrack bool
	// Extra are fields to add to the metadata, replacing those of the same name.
	Extra []stream.Field
}

func (e *Encoder) wants(k stream.Kind) bool {
	both := e.HasAudio == e.HasVideo
	switch k {
	case stream.KindAudio:
		return both || e.HasAudio
	case stream.KindVideo:
		return both || e.HasVideo
	}
	return false
}

// AppendStart appends the file header (E.2) and the first size field.
func (e *Encoder) AppendStart(dst []byte) []byte {
	flags := byte(0)
	if e.wants(stream.KindAudio) {
		flags |= 4
	}
	if e.wants(stream.KindVideo) {
		flags |= 1
	}
	return append(dst, 'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0)
}

// AppendTracks appends the metadata, the audio and then the video sequence headers, as
// tags at the given time; the metadata's is 0, as from SRS: ffmpeg takes metadata at any
// other time for a subtitle track.
func (e *Encoder) AppendTracks(dst []byte, t *stream.Tracks, at time.Duration) []byte {
	return e.appendConfigs(e.appendMeta(dst, t), t, at)
}

func (e *Encoder) appendMeta(dst []byte, t *stream.Tracks) []byte {
	dst, tag := beginTag(dst, TagScript, 0)
	return endTag(AppendMeta(dst, t, e.Extra...), tag)
}

func (e *Encoder) appendConfigs(dst []byte, t *stream.Tracks, at time.Duration) []byte {
	for _, k := range [...]stream.Kind{stream.KindAudio, stream.KindVideo} {
		if !e.wants(k) {
			continue
		}
		for i := range t.List {
			if t.List[i].Kind() != k || !Carries(t, i, e.Multitrack) {
				continue
			}
			var tag int
			dst, tag = beginTag(dst, tagType(k), millis(at))
			dst = endTag(AppendConfig(dst, t, i), tag)
		}
	}
	return dst
}

func tagType(k stream.Kind) uint8 {
	switch k {
	case stream.KindAudio:
		return TagAudio
	case stream.KindVideo:
		return TagVideo
	}
	return TagScript
}

// AppendPacket appends the packet's tag. Nothing is appended for kinds of tracks that
// are not wanted, for packets without an FLV form (see [Carries]), for data that is not
// AMF and for empty payloads.
func (e *Encoder) AppendPacket(dst []byte, p *stream.Packet) []byte {
	if len(p.Payload) == 0 || len(p.Payload) > maxBody {
		return dst
	}
	k := p.Kind()
	if p.Track == stream.Data {
		if p.Codec != stream.AMF {
			return dst
		}
	} else if !e.wants(k) || !Carries(p.Tracks, p.Track, e.Multitrack) {
		return dst
	}
	dst, tag := beginTag(dst, tagType(k), millis(p.DTS))
	dst = AppendPrefix(dst, p)
	return endTag(append(dst, p.Payload...), tag)
}
