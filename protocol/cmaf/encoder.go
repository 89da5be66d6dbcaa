package cmaf

import (
	"encoding/binary"
	"time"

	"github.com/srsgo/srs/stream"
)

// Encoder makes a live stream one endless fragmented MP4, a fragment for each frame: what a player gets
// over HTTP as .mp4, or over a WebSocket for Media Source Extensions. It is a stream.Encoder; its zero
// value is ready. It allocates nothing for a packet, beyond growing dst. It is for one goroutine.
//
// A viewer may join at any frame, so that tracks are described without one: AC-3 and E-AC-3 by their
// rate and channels, VP9 without configuration by its size, as profile 0. Where those are not known yet
// ([ErrFrame]), the track is left out until Tracks that tell them.
//
// A sample's duration is that of the one before it, where its frame does not tell; the time of each is
// right, with audio frames end to end as [Packager] has them.
type Encoder struct {
	// NoAudio and NoVideo leave tracks out. They must not change once it is in use.
	NoAudio, NoVideo bool

	tracks *stream.Tracks
	list   []encoded // by index of the track
	number uint32
}

// encoded is a track; id 0 means that it is left out.
type encoded struct {
	id uint32
	track
	last, end int64 // decoding time of the sample before, and where that ends
}

// NewFormat gives the format of progressive MP4. Both kinds of tracks left out means neither.
func NewFormat(noAudio, noVideo bool) *stream.Format {
	type kinds struct{ noAudio, noVideo bool }
	if noAudio && noVideo {
		noAudio, noVideo = false, false
	}
	return &stream.Format{
		Name: "mp4", Key: kinds{noAudio, noVideo},
		New: func() stream.Encoder { return &Encoder{NoAudio: noAudio, NoVideo: noVideo} },
	}
}

// AppendStart appends nothing: the tracks begin the file.
func (e *Encoder) AppendStart(dst []byte) []byte { return dst }

// AppendTracks appends an initialization segment of the tracks that there can be one of.
func (e *Encoder) AppendTracks(dst []byte, t *stream.Tracks, _ time.Duration) []byte {
	if e.tracks != nil && t.Diff(e.tracks)&^stream.ChangeMeta == 0 {
		e.tracks = t
		return dst
	}
	e.tracks, e.list = t, make([]encoded, len(t.List))
	var infos []stream.Track
	for i := range t.List {
		kind := t.List[i].Kind()
		if kind == stream.KindAudio && e.NoAudio || kind == stream.KindVideo && e.NoVideo {
			continue
		}
		info, err := Describe(assume(t.List[i]), nil)
		if err != nil {
			continue
		}
		infos = append(infos, info)
		e.list[i] = encoded{id: uint32(len(infos)), last: -1, end: -1, track: track{
			info: info, hz: Timescale(&info), video: kind == stream.KindVideo, samples: make([]sample, 1),
		}}
	}
	if init, err := Init(infos); err == nil { // without any track there is none
		dst = append(dst, init...)
	}
	return dst
}

// AppendPacket appends a fragment.
func (e *Encoder) AppendPacket(dst []byte, p *stream.Packet) []byte {
	if p.Track < 0 || p.Track >= len(e.list) || e.list[p.Track].id == 0 || len(p.Payload) == 0 {
		return dst
	}
	t := &e.list[p.Track]
	dts := max(stream.Ticks(p.DTS, t.hz), 0)
	if !t.video {
		dts = endToEnd(dts, t.end, t.hz)
	}
	s := sample{dts: dts, duration: t.duration(dts, p.Payload), flags: p.Flags, payload: p.Payload}
	if t.video {
		s.offset = int32(stream.Ticks(p.PTS, t.hz) - dts)
	}
	t.last, t.end = dts, dts+s.duration
	t.samples[0] = s
	e.number++
	dst, moof := begin(dst, "moof")
	dst, at := full(dst, "mfhd", 0, 0)
	dst = end(u32(dst, e.number), at)
	dst, pos := traf(dst, &t.track, t.id)
	dst = end(dst, moof)
	binary.BigEndian.PutUint32(dst[pos:], uint32(len(dst)-moof+8))
	dst, at = begin(dst, "mdat")
	t.samples[0].payload = nil
	return end(append(dst, p.Payload...), at)
}

// duration is what the sample at dts is taken to last.
func (t *encoded) duration(dts int64, payload []byte) int64 {
	if n := FrameSamples(&t.info, payload); n > 0 && !t.video {
		return int64(n)
	}
	if d := dts - t.last; t.last >= 0 && d > 0 && d <= int64(t.hz) {
		return d
	}
	return int64(t.hz) / 25
}
