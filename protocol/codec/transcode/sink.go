package transcode

import (
	"slices"
	"time"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

const (
	// Picture waits for its sound, which takes longer, at most so long and so many packets.
	maxHold  = 250 * time.Millisecond
	maxHeld  = 512
	badEvery = 10 * time.Second // between two lines about damaged sound
)

// sink rewrites a stream: see Converter.New.
type sink struct {
	conv *Converter
	to   stream.Codec
	dst  stream.Sink

	in, out *stream.Tracks
	track   int // index of what is converted, -1 for none
	from    stream.Track
	chain   *chain // nil while nothing is converted
	ntp     time.Duration
	origin  time.Time // wall-clock time of stream time ntp, zero if not known

	held  []*stream.Packet // what waits for the sound before it
	heard time.Duration    // time of the newest sound that came in

	bad   int // packets that could not be decoded
	badAt time.Time
}

// New implements [stream.Converter]. The sink gives the default audio track, or the first, coded as to,
// under the same ID; what is so already, what cannot be converted and all else pass as they are. Data
// and video wait until the sound before them is there, so that what comes out is in order, unless to is
// Opus: that is for WebRTC, which has no order and wants no delay.
//
// The sink has a method EndPublication, after which it may go on, and is an [io.Closer].
func (c *Converter) New(to stream.Codec, dst stream.Sink) stream.Sink {
	return &sink{conv: c, to: to, dst: dst, track: -1}
}

// WritePacket gives an error if dst does, or the encoder.
func (s *sink) WritePacket(p *stream.Packet) error {
	if p.Tracks != s.in {
		if err := s.adopt(p.Tracks); err != nil {
			return err
		}
	}
	if s.chain == nil || p.Track != s.track {
		return s.pass(p)
	}
	s.heard = p.DTS
	if !p.NTP.IsZero() {
		s.origin, s.ntp = p.NTP, p.PTS
	}
	bad, err := s.chain.write(p.Payload, p.PTS, p.Flags&stream.Discontinuity != 0)
	if bad != nil {
		s.damaged(bad)
	}
	return err
}

// adopt goes over to another set of tracks.
func (s *sink) adopt(t *stream.Tracks) error {
	i := t.First(stream.KindAudio)
	same := i >= 0 && s.chain != nil && sameSound(&t.List[i], &s.from)
	if !same {
		if err := s.end(); err != nil {
			return err
		}
	}
	s.in, s.out, s.track = t, t, i
	if i < 0 || t.List[i].Codec == s.to {
		return nil
	}
	if !same {
		if err := s.begin(t.List[i]); err != nil {
			s.conv.complain(err)
			return nil
		}
	}
	x := t.List[i]
	x.Codec, x.Config, x.SampleRate, x.Channels = s.to, s.chain.enc.Config(), Rate, s.chain.channels
	s.out = &stream.Tracks{List: slices.Clone(t.List), Meta: s.meta(t.Meta)}
	s.out.List[i] = x
	return nil
}

// sameSound tells whether a decoder of one track can go on with another.
func sameSound(a, b *stream.Track) bool {
	return a.ID == b.ID && a.Codec == b.Codec && slices.Equal(a.Config, b.Config) &&
		a.SampleRate == b.SampleRate && a.Channels == b.Channels
}

// begin starts to convert a track.
func (s *sink) begin(t stream.Track) error {
	full := t
	_ = codec.FillTrack(&full) // what it cannot tell is not needed
	channels := 2
	if full.Channels == 1 {
		channels = 1
	}
	dec, err := s.conv.newDecoder(full)
	if err != nil {
		return err
	}
	enc, err := s.conv.newEncoder(s.to, channels)
	if err != nil {
		dec.Close()
		return err
	}
	s.from, s.chain = t, newChain(dec, enc, channels, s.sound)
	return nil
}

// end gives what is left of the sound that is converted.
func (s *sink) end() error {
	if s.chain == nil {
		return nil
	}
	err := s.chain.drain()
	_ = s.Close()
	if err == nil {
		err = s.release(s.held)
	}
	s.held, s.heard, s.origin = nil, 0, time.Time{}
	return err
}

// EndPublication gives what is left. The sink may go on with another publication.
func (s *sink) EndPublication() error {
	err := s.end()
	s.in, s.out, s.track = nil, nil, -1
	return err
}

// Close ends what runs for the sink: no packet follows.
func (s *sink) Close() error {
	if s.chain != nil {
		s.chain.close()
		s.chain = nil
	}
	return nil
}

// sound writes a packet of the chain, after the picture that belongs before it.
func (s *sink) sound(payload []byte, pts time.Duration, flags stream.Flags) error {
	p := &stream.Packet{Tracks: s.out, Track: s.track, Flags: flags, DTS: pts, PTS: pts, Payload: slices.Clone(payload)}
	if !s.origin.IsZero() {
		p.NTP = s.origin.Add(pts - s.ntp)
	}
	n := 0
	for n < len(s.held) && s.held[n].DTS <= pts {
		n++
	}
	if err := s.release(s.held[:n]); err != nil {
		return err
	}
	return s.dst.WritePacket(p)
}

// pass writes a packet that is not converted, or holds it.
func (s *sink) pass(p *stream.Packet) error {
	if s.out != p.Tracks {
		q := *p
		q.Tracks = s.out
		p = &q
	}
	if s.chain == nil || s.to == stream.Opus {
		return s.dst.WritePacket(p)
	}
	s.held = append(s.held, p)
	n := 0
	for n < len(s.held) && (s.held[n].DTS < p.DTS-maxHold || p.DTS > s.heard+maxHold || len(s.held)-n > maxHeld) {
		n++
	}
	return s.release(s.held[:n])
}

// release writes packets from the front of those that are held.
func (s *sink) release(front []*stream.Packet) error {
	for _, p := range front {
		if err := s.dst.WritePacket(p); err != nil {
			return err
		}
	}
	s.held = slices.Delete(s.held, 0, len(front))
	return nil
}

// damaged tells of packets that could not be decoded, now and then.
func (s *sink) damaged(err error) {
	s.bad++
	if now := time.Now(); now.Sub(s.badAt) >= badEvery {
		s.conv.cfg.Logger.Warn("sound is damaged", "codec", s.from.Codec, "packets", s.bad, "err", err)
		s.bad, s.badAt = 0, now
	}
}

// meta gives metadata with what they say of sound put right.
func (s *sink) meta(in []stream.Field) []stream.Field {
	out := make([]stream.Field, 0, len(in))
	for _, f := range in {
		switch f.Name {
		case "audiocodecid":
			if s.to != stream.AAC {
				continue
			}
			f.Value = 10.0 // FLV E.4.2.1
		case "audiosamplerate":
			f.Value = float64(Rate)
		case "audiochannels":
			f.Value = float64(s.chain.channels)
		case "stereo":
			f.Value = s.chain.channels == 2
		case "audiodatarate", "audiosamplesize":
			continue
		}
		out = append(out, f)
	}
	return out
}
