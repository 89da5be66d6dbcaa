// Package remux has the formats other than FLV in which streams are played over HTTP and WebSocket,
// as an [flv.Module] takes them:
//
//	flv.New(flv.Config{Formats: remux.Formats()})
//
//	.ts   MPEG-TS: H.264 or HEVC with AAC, MP3, AC-3 or Opus
//	.mp4  fragmented MP4 without an end: what Media Source Extensions read, and browsers play
//	.aac  ADTS frames of the stream's AAC
//	.mp3  the stream's MP3, behind an empty ID3 tag
package remux

import (
	"fmt"
	"slices"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/stream"
)

// Formats gives all, by the extension of their mounts. A stream without a track that a format carries
// is refused with an error that wraps stream.ErrUnsupported.
func Formats() map[string]flv.Format {
	return map[string]flv.Format{
		".ts": {ContentType: "video/MP2T", New: ts, NeedsTracks: true,
			Sound: []stream.Codec{stream.AAC, stream.MP3, stream.AC3, stream.EAC3}},
		".mp4": {ContentType: "video/mp4", New: mp4, NeedsTracks: true,
			Sound: cmaf.Sound()},
		".aac": {ContentType: "audio/x-aac", New: sound(stream.AAC, "aac", newAAC), NeedsTracks: true, Sound: []stream.Codec{stream.AAC}},
		".mp3": {ContentType: "audio/mpeg", New: sound(stream.MP3, "mp3", newMP3), NeedsTracks: true, Sound: []stream.Codec{stream.MP3}},
	}
}

func ts(x *flv.Remux, t *stream.Tracks) (*stream.Format, error) {
	audio, video := x.Announces(t)
	for i := range t.List {
		if kind := t.List[i].Kind(); mpegts.Carries(t.List[i].Codec) && (kind == stream.KindAudio && audio || kind == stream.KindVideo && video) {
			return mpegts.NewFormat(audio, video), nil
		}
	}
	return nil, unsupported("MPEG-TS")
}

func mp4(x *flv.Remux, t *stream.Tracks) (*stream.Format, error) {
	audio, video := x.Announces(t)
	e := cmaf.Encoder{NoAudio: !audio, NoVideo: !video}
	if len(e.AppendTracks(nil, t, 0)) > 0 {
		return cmaf.NewFormat(!audio, !video), nil
	}
	return nil, unsupported("MP4")
}

func unsupported(format string) error {
	return fmt.Errorf("remux: the stream has nothing that %s carries: %w", format, stream.ErrUnsupported)
}

// sound gives the format of one track of sound. It starts Remux.FastCache in the past.
func sound(c stream.Codec, name string, encoder func() stream.Encoder) func(*flv.Remux, *stream.Tracks) (*stream.Format, error) {
	return func(x *flv.Remux, t *stream.Tracks) (*stream.Format, error) {
		if find(t, c) < 0 {
			return nil, unsupported(name)
		}
		backlog := max(x.FastCache, 0)
		return &stream.Format{Name: name, Key: backlog, AnyPacket: true, Backlog: backlog, New: encoder}, nil
	}
}

// find gives the default track of a codec, else the first one, else -1. AAC that ADTS cannot tell does
// not count.
func find(t *stream.Tracks, c stream.Codec) int {
	fits := func(x stream.Track) bool {
		_, ok := header(&x)
		return x.Codec == c && ok
	}
	if i := t.First(stream.KindAudio); i >= 0 && fits(t.List[i]) {
		return i
	}
	return slices.IndexFunc(t.List, fits)
}

// header gives what precedes the frames of a track: nothing but for AAC.
func header(t *stream.Track) (h codec.ADTS, ok bool) {
	if t.Codec != stream.AAC {
		return h, true
	}
	c, err := codec.ParseAAC(t.Config)
	if err != nil {
		return h, false
	}
	return codec.NewADTS(c)
}

// track follows the one track that is sent.
type track struct {
	codec  stream.Codec
	tracks *stream.Tracks
	index  int
}

// is tells whether p is to be sent, and whether the tracks have changed since the last call.
func (k *track) is(p *stream.Packet) (send, changed bool) {
	if p.Tracks != k.tracks {
		k.tracks, k.index, changed = p.Tracks, find(p.Tracks, k.codec), true
	}
	return p.Track == k.index && k.index >= 0 && len(p.Payload) > 0, changed
}

// aac writes ADTS frames.
type aac struct {
	track
	head codec.ADTS
}

func newAAC() stream.Encoder { return &aac{track: track{codec: stream.AAC, index: -1}} }

// AppendStart appends nothing: each frame has all that is needed.
func (e *aac) AppendStart(dst []byte) []byte { return dst }

// AppendTracks appends nothing.
func (e *aac) AppendTracks(dst []byte, _ *stream.Tracks, _ time.Duration) []byte { return dst }

// AppendPacket appends an ADTS frame.
func (e *aac) AppendPacket(dst []byte, p *stream.Packet) []byte {
	send, changed := e.is(p)
	if changed && e.index >= 0 {
		e.head, _ = header(&p.Tracks.List[e.index])
	}
	if !send || len(p.Payload)+len(e.head) > codec.MaxADTS {
		return dst
	}
	return append(e.head.Append(dst, len(p.Payload)), p.Payload...)
}

// mp3 writes frames as they are.
type mp3 struct{ track }

func newMP3() stream.Encoder { return &mp3{track{codec: stream.MP3, index: -1}} }

// AppendStart appends an ID3v2.3 tag of 10 bytes of padding, as SRS.
func (e *mp3) AppendStart(dst []byte) []byte {
	return append(dst, "ID3\x03\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
}

// AppendTracks appends nothing.
func (e *mp3) AppendTracks(dst []byte, _ *stream.Tracks, _ time.Duration) []byte { return dst }

// AppendPacket appends the frames.
func (e *mp3) AppendPacket(dst []byte, p *stream.Packet) []byte {
	if send, _ := e.is(p); send {
		return append(dst, p.Payload...)
	}
	return dst
}
