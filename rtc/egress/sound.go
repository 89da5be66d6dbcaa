package egress

import (
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	opusClock = 48000
	g711Clock = 8000
	// g711Piece is how many samples, which are bytes, a packet of G.711 has: 20 ms.
	g711Piece = g711Clock / 50
	// maxSound bounds a packet of sound, which is never cut, in bytes.
	maxSound = 1400
)

// playable tells whether a track of sound can be sent: G.711 is 8 kHz mono in RTP (RFC 3551 table 4).
func playable(t *stream.Track) bool {
	switch t.Codec {
	case stream.Opus:
		return true
	case stream.G711A, stream.G711U:
		return (t.SampleRate == 0 || t.SampleRate == g711Clock) && t.Channels <= 1
	}
	return false
}

// soundClock makes timestamps that follow one another without gaps where packets do, whatever their
// rounding: a receiver takes each gap for a loss.
type soundClock struct {
	next int64
	on   bool
}

// take gives the timestamp of a packet, and counts its samples.
func (c *soundClock) take(at time.Duration, hz, samples int) int64 {
	t := stream.Ticks(at, hz)
	if off := t - c.next; c.on && off > -int64(hz/100) && off < int64(hz/100) {
		t = c.next
	}
	c.next, c.on = t+int64(samples), true
	return t
}

func (s *sink) writeSound(t *track, p *stream.Packet) {
	c := p.Info().Codec
	if len(p.Payload) == 0 {
		return
	}
	if c == stream.Opus {
		s.sound(t, p, p.Payload, p.PTS, opusClock, opusSamples(p.Payload))
		return
	}
	for at := 0; at < len(p.Payload); at += g711Piece {
		b := p.Payload[at:min(at+g711Piece, len(p.Payload))]
		s.sound(t, p, b, p.PTS+stream.FromTicks(int64(at), g711Clock), g711Clock, len(b))
	}
}

// sound makes a frame of one packet of sound, which begins at time at.
func (s *sink) sound(t *track, p *stream.Packet, b []byte, at time.Duration, hz, samples int) {
	if len(b) > maxSound {
		s.warn("a packet of sound is too long", "bytes", len(b))
		return
	}
	f := &Frame{Kind: stream.KindAudio, padded: -1, Codec: p.Info().Codec, DTS: p.DTS, PTS: at,
		Timestamp: uint32(t.sound.take(at+s.pauses, hz, samples))}
	f.one[0] = b
	f.Payloads = f.one[:]
	s.push(t, f, !s.video)
}

// opusSamples gives the duration of a packet at 48 kHz (RFC 6716 3.1).
func opusSamples(b []byte) int {
	var frame int
	switch config := b[0] >> 3; {
	case config < 12:
		frame = [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16:
		frame = 480 << (config & 1)
	default:
		frame = 120 << (config & 3)
	}
	switch b[0] & 3 {
	case 0:
		return frame
	case 3:
		if len(b) < 2 {
			return frame
		}
		return frame * int(b[1]&63)
	}
	return 2 * frame
}
