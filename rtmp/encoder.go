package rtmp

import (
	"fmt"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

// Encoder makes RTMP messages of packets, in chunks that are the same for every player
// with the same chunk size: each message begins with a full header on message stream 1.
// The zero value uses the default chunk size of the protocol. It must not be changed
// while in use.
type Encoder struct {
	// ChunkSize of the connection's sending direction, in bytes.
	ChunkSize int
	// Multitrack sends all tracks, for players that know Enhanced RTMP version 2.
	Multitrack bool
	// Meta are fields added to onMetaData.
	Meta []stream.Field
	// Publish marks metadata as a publisher's: it leaves as @setDataFrame.
	Publish bool
	// StreamID is the message stream; 0: 1.
	StreamID uint32
}

// AppendStart appends nothing: what precedes media is the conversation's.
func (e *Encoder) AppendStart(dst []byte) []byte { return dst }

// AppendTracks appends metadata and the sequence headers, audio before video.
func (e *Encoder) AppendTracks(dst []byte, t *stream.Tracks, at time.Duration) []byte {
	ts := uint32(stream.Ticks(at, 1000))
	var body []byte
	if e.Publish {
		body = amf.Append(body, "@setDataFrame")
	}
	body = flv.AppendMeta(body, t, e.Meta...)
	dst = e.message(dst, chunk.Data0, csStatus, ts, body, nil)
	for _, kind := range [...]stream.Kind{stream.KindAudio, stream.KindVideo} {
		for i := range t.List {
			if t.List[i].Kind() != kind || !flv.Carries(t, i, e.Multitrack) {
				continue
			}
			if b := flv.AppendConfig(nil, t, i); len(b) > 0 {
				typ, cs := kindOf(kind)
				dst = e.message(dst, typ, cs, ts, b, nil)
			}
		}
	}
	return dst
}

// AppendPacket appends the packet's message, or nothing for what RTMP does not carry.
func (e *Encoder) AppendPacket(dst []byte, p *stream.Packet) []byte {
	ts := uint32(stream.Ticks(p.DTS, 1000))
	if p.Track == stream.Data {
		if p.Codec != stream.AMF || len(p.Payload) == 0 {
			return dst
		}
		return e.message(dst, chunk.Data0, csStatus, ts, p.Payload, nil)
	}
	if len(p.Payload) == 0 || !flv.Carries(p.Tracks, p.Track, e.Multitrack) {
		return dst
	}
	var prefix [24]byte
	typ, cs := kindOf(p.Kind())
	return e.message(dst, typ, cs, ts, flv.AppendPrefix(prefix[:0], p), p.Payload)
}

func kindOf(k stream.Kind) (typ uint8, cs uint32) {
	if k == stream.KindAudio {
		return chunk.Audio, csAudio
	}
	return chunk.Video, csVideo
}

func (e *Encoder) message(dst []byte, typ uint8, cs, ts uint32, a, b []byte) []byte {
	h := chunk.Header{Type: typ, ChunkStream: cs, StreamID: max(e.StreamID, 1), Timestamp: ts}
	return chunk.AppendMessage2(dst, h, e.ChunkSize, a, b)
}

// Format gives the wire format of the encoder's settings: players with equal settings
// share their bytes.
func (e *Encoder) Format() *stream.Format {
	c := *e
	return &stream.Format{
		Name: "rtmp",
		Key:  fmt.Sprintf("%d %t %t %d %v", c.ChunkSize, c.Multitrack, c.Publish, c.StreamID, c.Meta),
		New:  func() stream.Encoder { return &c },
	}
}
