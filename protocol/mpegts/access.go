package mpegts

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// inUnit is the payload of a PES packet.
type inUnit struct {
	timed    bool
	pts, dts int64 // in 1/90000 s, wraps undone
	payload  []byte
}

// emit queues a packet of the flow.
func (d *demuxer) emit(f *inflow, p *stream.Packet) {
	p.Tracks = d.tracks
	if p.Track != stream.Data {
		p.Track = f.track - 1
	}
	if f.jump {
		p.Flags |= stream.Discontinuity
		f.jump = false
	}
	d.queue = append(d.queue, p)
}

// picture makes a packet of an access unit of video.
func (d *demuxer) picture(f *inflow, u inUnit) {
	if !u.timed {
		u.dts = f.dts + f.step
		u.pts = u.dts
	}
	if u.dts > f.dts && u.dts-f.dts < hz {
		f.step = u.dts - f.dts
	}
	f.dts = u.dts
	var t stream.Track
	if f.track > 0 {
		t = d.tracks.List[f.track-1]
	}
	n, err := codec.NormalizeNAL(f.codec, t.Config, 0, u.payload)
	if err != nil {
		f.jump = true
		return
	}
	if n.Config != nil {
		t.Codec, t.Config = f.codec, n.Config
		_ = codec.FillTrack(&t) // players may understand what we do not
		d.set(f, t)
	}
	if f.track == 0 || len(n.Payload) == 0 {
		return // nobody could decode it; or it had parameter sets alone
	}
	d.emit(f, &stream.Packet{Flags: n.Flags, DTS: stream.FromTicks(u.dts, hz), PTS: stream.FromTicks(u.pts, hz), Payload: n.Payload})
}

// sound is what a flow of audio frames needs.
type sound struct {
	rest    []byte // the beginning of a frame that goes on in the next PES packet
	clocked bool
	base    int64 // time of the first frame since, in 1/90000 s
	samples int   // since then
	rate    int
}

// next gives the time of the next frame, and moves on by that frame.
func (s *sound) next(n, rate int) int64 {
	if rate != s.rate && s.rate > 0 {
		s.base, s.samples = s.base+ticks(s.samples, s.rate), 0
	}
	s.rate = rate
	at := s.base + ticks(s.samples, rate)
	s.samples += n
	return at
}

// restart makes at the time of the next frame.
func (s *sound) restart(at int64) { s.clocked, s.base, s.samples = true, at, 0 }

// frames makes packets of frames of sound, which may go on in the next PES packet: a time
// stamp is that of the first frame which begins in its packet.
func (d *demuxer) frames(f *inflow, u inUnit) {
	b := append(f.rest, u.payload...)
	own, skipped := len(f.rest), false
	for len(b) > 0 {
		fr, ok := parseFrame(f.codec, b)
		if ok && skipped && fr.size <= len(b) { // found in the midst of something: is there another behind?
			_, ok = parseFrame(f.codec, b[fr.size:])
		}
		if !ok {
			b, own, skipped, f.jump = b[1:], own-1, true, true
			continue
		}
		if fr.size > len(b) {
			break
		}
		if own <= 0 && u.timed {
			f.restart(u.pts)
			u.timed = false
		}
		skipped = false
		if f.clocked && !fr.drop {
			d.frame(f, fr, b)
		}
		b, own = b[fr.size:], own-fr.size
	}
	f.rest = append(f.rest[:0], b...)
}

// frame makes a packet of the frame at the start of b.
func (d *demuxer) frame(f *inflow, fr frame, b []byte) {
	at := f.next(fr.samples, fr.rate)
	payload := bytes.Clone(b[fr.skip:fr.size])
	t := stream.Track{Codec: f.codec}
	if f.track > 0 {
		t = d.tracks.List[f.track-1]
	}
	old := t
	if f.codec == stream.AAC {
		if !bytes.Equal(t.Config, fr.config[:]) {
			t.Config = bytes.Clone(fr.config[:])
			_ = codec.FillTrack(&t)
		}
	} else {
		_ = codec.FillFrame(&t, payload)
	}
	if f.track == 0 || t.SampleRate != old.SampleRate || t.Channels != old.Channels || !bytes.Equal(t.Config, old.Config) {
		d.set(f, t)
	}
	d.emitSound(f, at, payload)
}

func (d *demuxer) emitSound(f *inflow, at int64, payload []byte) {
	t := stream.FromTicks(at, hz)
	d.emit(f, &stream.Packet{DTS: t, PTS: t, Payload: payload})
}

// opus makes packets of Opus, each of which has a control header before it.
func (d *demuxer) opus(f *inflow, u inUnit) {
	if u.timed {
		f.restart(u.pts)
	}
	if !f.clocked {
		return
	}
	for b := u.payload; len(b) > 0; {
		packet, rest, ok := cutOpus(b)
		if !ok {
			f.jump = true
			return
		}
		b = rest
		n := int(opus.PacketDuration2(packet))
		if n <= 0 || n > maxOpus {
			f.jump = true
			continue
		}
		if f.track == 0 {
			t := stream.Track{Codec: stream.Opus, Config: opusHead(f.channels)}
			_ = codec.FillTrack(&t) // cannot fail: it is our own
			d.set(f, t)
		}
		d.emitSound(f, f.next(n, 48000), bytes.Clone(packet))
	}
}

// maxOpus is what a packet of Opus lasts at most, 120 ms (RFC 6716 2.1.4).
const maxOpus = 5760

// cutOpus takes a control header and the packet behind it from b.
func cutOpus(b []byte) (packet, rest []byte, ok bool) {
	if len(b) < 3 || b[0] != 0x7f || b[1]&0xe0 != 0xe0 {
		return nil, nil, false
	}
	flags, size := b[1], 0
	b = b[2:]
	for more := true; more; b = b[1:] {
		if len(b) == 0 {
			return nil, nil, false
		}
		size += int(b[0])
		more = b[0] == 255
	}
	skip := 0
	if flags&0x10 != 0 { // trimming at the start
		skip += 2
	}
	if flags&0x08 != 0 { // and at the end
		skip += 2
	}
	if flags&0x04 != 0 { // an extension behind its length
		if len(b) <= skip {
			return nil, nil, false
		}
		skip += 1 + int(b[skip])
	}
	if len(b) < skip+size {
		return nil, nil, false
	}
	return b[skip : skip+size], b[skip+size:], true
}

// opusHead makes a configuration for a number of channels: up to two of mapping family
// 0, up to eight in the order of Vorbis, family 1 (RFC 7845 5.1.1).
func opusHead(channels int) []byte {
	h := codec.AppendOpusHead(nil, channels, 0)
	if channels < 3 || channels > 8 {
		return h
	}
	h[9], h[18] = byte(channels), 1
	coupled := [...]byte{1, 2, 2, 2, 3, 3}[channels-3]
	h = append(h, byte(channels)-coupled, coupled)
	return append(h, [...]string{"\x00\x02\x01", "\x00\x01\x02\x03", "\x00\x04\x01\x02\x03", "\x00\x04\x01\x02\x03\x05",
		"\x00\x04\x01\x02\x03\x05\x06", "\x00\x06\x01\x02\x03\x04\x05\x07"}[channels-3]...)
}

// data makes a packet of timed metadata.
func (d *demuxer) data(f *inflow, u inUnit) {
	if !u.timed {
		u.dts = d.last
		u.pts = u.dts
	}
	b := u.payload
	if f.typ == typeMeta && f.codec == KLV {
		b = cells(b)
	}
	if len(b) == 0 {
		return
	}
	d.emit(f, &stream.Packet{Track: stream.Data, Codec: f.codec, DTS: stream.FromTicks(u.dts, hz),
		PTS: stream.FromTicks(u.pts, hz), Payload: bytes.Clone(b)})
}

// cells gives the contents of the metadata access unit cells (2.12.4) in b, up to the first
// broken one.
func cells(b []byte) (content []byte) {
	for len(b) >= 5 {
		n := 5 + int(b[3])<<8 + int(b[4])
		if n > len(b) {
			break
		}
		content = append(content, b[5:n]...)
		b = b[n:]
	}
	return content
}
