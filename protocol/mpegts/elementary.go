package mpegts

import (
	"bytes"
	"encoding/binary"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// maxPES bounds the payload of PES packets that must tell their size: all but video.
const maxPES = 0xffff - 3 - 10

// elementary is one elementary stream.
type elementary struct {
	pid   uint16 // 0: left out
	id    byte   // stream id of its PES packets
	codec stream.Codec
	sets  []byte // parameter sets in Annex B
	owed  bool   // the next picture has them
	adts  codec.ADTS
	rate  int // Hz

	announced bool // data: it is in the map
	gathered
}

// wants tells whether track i is to be written.
func (e *Encoder) wants(i, video int) bool {
	t := &e.tracks.List[i]
	if !Carries(t.Codec) {
		return false
	}
	if e.Select != nil {
		return e.Select(e.tracks, i)
	}
	both := e.HasAudio == e.HasVideo
	if t.Kind() == stream.KindVideo {
		return i == video && (both || e.HasVideo)
	}
	return both || e.HasAudio
}

// setTracks lays out the elementary streams. PIDs depend on the tracks alone, since
// readers of a shared stream get tables from different encoders.
func (e *Encoder) setTracks() {
	old := e.list
	e.list, e.clock = make([]elementary, len(e.tracks.List)), nil
	video := e.firstVideo()
	more, seen := uint16(pidMore), [2]bool{}
	for i := range e.list {
		t, es := &e.tracks.List[i], &e.list[i]
		if i >= maxTracks || !e.wants(i, video) || !es.configure(t) {
			continue
		}
		if es.id == idVideo && !seen[0] {
			es.pid, seen[0] = pidFirst, true
		} else if es.id != idVideo && !seen[1] {
			es.pid, seen[1] = pidAudio, true
			if t.Codec == stream.MP3 {
				es.pid = pidMP3
			}
		} else {
			es.pid = more
			more++
		}
		es.owed = len(es.sets) > 0
		for j := range old {
			if o := &old[j]; o.pid == es.pid && bytes.Equal(o.sets, es.sets) {
				es.owed = o.owed
			}
		}
		if e.clock == nil || e.clock.id != idVideo && es.id == idVideo {
			e.clock = es
		}
	}
}

// firstVideo gives the default video track, or the first one, of those that can be
// carried; -1 for none.
func (e *Encoder) firstVideo() int {
	first := -1
	for i := range e.tracks.List {
		t := &e.tracks.List[i]
		if t.Kind() == stream.KindVideo && Carries(t.Codec) && (first < 0 || t.Default && !e.tracks.List[first].Default) {
			first = i
		}
	}
	return first
}

// configure takes what the track says; false means that it cannot be carried.
func (es *elementary) configure(t *stream.Track) bool {
	es.codec, es.rate = t.Codec, t.SampleRate
	switch t.Codec {
	case stream.H264:
		es.id = idVideo
		if c, err := codec.ParseAVC(t.Config); err == nil {
			es.sets = appendSets(nil, c.SPS, c.PPS)
		}
	case stream.HEVC:
		es.id = idVideo
		if c, err := codec.ParseHEVC(t.Config); err == nil {
			es.sets = appendSets(nil, c.VPS, c.SPS, c.PPS)
		}
	case stream.AAC:
		es.id = idAudio
		c, err := codec.ParseAAC(t.Config)
		if err != nil {
			return false
		}
		es.rate = c.SampleRate
		var ok bool
		es.adts, ok = codec.NewADTS(c)
		return ok
	case stream.MP3:
		es.id = idAudio
	default:
		es.id = idPrivate
	}
	return true
}

// startCode of Annex B is as long as the length that it replaces.
const startCode = "\x00\x00\x00\x01"

func appendSets(dst []byte, lists ...[][]byte) []byte {
	for _, sets := range lists {
		for _, s := range sets {
			dst = append(append(dst, startCode...), s...)
		}
	}
	return dst
}

// Access unit delimiters that allow all kinds of slices.
const (
	delimiterAVC  = startCode + "\x09\xf0"
	delimiterHEVC = startCode + "\x46\x01\x50"
)

// appendVideo appends an access unit in Annex B.
func (e *Encoder) appendVideo(dst []byte, es *elementary, p *stream.Packet) []byte {
	access := p.Flags&(stream.KeyFrame|stream.Recovery) != 0
	prefix := e.prefix[:0]
	if es.codec == stream.HEVC {
		prefix = append(prefix, delimiterHEVC...)
	} else {
		prefix = append(prefix, delimiterAVC...)
	}
	var sets []byte
	if access || es.owed {
		sets, es.owed = es.sets, false
	}
	u := unit{es: es, size: len(prefix) + len(sets) + len(p.Payload), access: access}
	u.time(p)
	e.prefix = prefix
	s := e.begin(dst, u)
	s.put(prefix)
	s.put(sets)
	for b := p.Payload; len(b) > 0; {
		if len(b) < 4 { // no NAL unit
			s.put(b)
			break
		}
		n := 4 + int(min(int64(binary.BigEndian.Uint32(b)), int64(len(b)-4)))
		s.put([]byte(startCode))
		s.put(b[4:n])
		b = b[n:]
	}
	return s.dst
}

// time takes the packet's times.
func (u *unit) time(p *stream.Packet) {
	u.pts, u.dts = stream.Ticks(p.PTS, hz), stream.Ticks(p.DTS, hz)
	u.jump = p.Flags&stream.Discontinuity != 0
}

// appendAudio appends one packet of sound.
func (e *Encoder) appendAudio(dst []byte, es *elementary, p *stream.Packet) []byte {
	e.prefix = es.appendFrame(e.prefix[:0], p.Payload)
	n := len(e.prefix) + len(p.Payload)
	if len(p.Payload) > maxPES || n > es.maxFrame() {
		return dst
	}
	u := unit{es: es, size: n}
	u.time(p)
	u.dts = u.pts
	s := e.begin(dst, u)
	s.put(e.prefix)
	s.put(p.Payload)
	return s.dst
}

// appendData appends timed metadata.
func (e *Encoder) appendData(dst []byte, es *elementary, p *stream.Packet) []byte {
	if len(p.Payload) > maxPES {
		return dst
	}
	u := unit{es: es, size: len(p.Payload)}
	u.time(p)
	u.dts = u.pts
	s := e.begin(dst, u)
	s.put(p.Payload)
	return s.dst
}
