package stream

import (
	"errors"
	"io"
	"iter"
	"math/bits"
	"time"
)

// Flags describe a packet.
type Flags uint8

// The flags of a packet.
const (
	// KeyFrame: decoding can start here. Set on video that starts a group of
	// pictures; audio packets do not carry it.
	KeyFrame Flags = 1 << iota
	// Recovery: decoding started here becomes correct after some frames (periodic
	// intra refresh). Streams without key frames are joined at such packets.
	Recovery
	// Discontinuity: time or content does not continue the track's packet before:
	// the publisher changed, or packets are missing.
	Discontinuity
	// Disposable: no other packet refers to this one, a slow viewer may miss it.
	Disposable
)

// Data as [Packet.Track] marks a packet of timed metadata, which has no track.
const Data = -1

// Packet is one access unit of one track. It is immutable once written to a Sink.
type Packet struct {
	// Tracks is the set the packet was coded with. Never nil.
	Tracks *Tracks
	// Track indexes Tracks.List, or is Data.
	Track int
	// Codec of a Data packet; zero for others, whose codec is their track's.
	Codec Codec
	Flags Flags
	// DTS and PTS are decoding and presentation time since the stream's start.
	DTS, PTS time.Duration
	// NTP is the wall-clock time of capture where the source knows it, else zero.
	NTP time.Time
	// Payload has the form that the package comment lists for the codec.
	Payload []byte
}

// Kind tells what the packet carries.
func (p *Packet) Kind() Kind {
	if t := p.Info(); t != nil {
		return t.Kind()
	}
	return KindData
}

// Info gives the packet's track, nil for a Data packet.
func (p *Packet) Info() *Track {
	if p.Track < 0 || p.Tracks == nil || p.Track >= len(p.Tracks.List) {
		return nil
	}
	return &p.Tracks.List[p.Track]
}

// Key tells whether the packet is a video key frame.
func (p *Packet) Key() bool { return p.Flags&KeyFrame != 0 }

// Source gives the packets of a stream in decoding order.
type Source interface {
	// ReadPacket gives the next packet, or io.EOF at a clean end. The packet may be
	// kept; it is immutable.
	ReadPacket() (*Packet, error)
}

// Sink takes the packets of a stream in decoding order.
type Sink interface {
	// WritePacket takes a packet and may keep it: the caller changes neither the
	// packet nor what it refers to from then on.
	WritePacket(*Packet) error
}

// Copy writes the packets of src to dst until src ends. A clean end gives nil, else
// the first error of either side.
func Copy(dst Sink, src Source) error {
	for {
		p, err := src.ReadPacket()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := dst.WritePacket(p); err != nil {
			return err
		}
	}
}

// Packets ranges over the packets of src. A clean end ends the loop; an error comes
// as the last pair, with a nil packet.
func Packets(src Source) iter.Seq2[*Packet, error] {
	return func(yield func(*Packet, error) bool) {
		for {
			p, err := src.ReadPacket()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// FromTicks converts an absolute count of 1/hz s to a duration, rounded to the
// nearest nanosecond, so that [Ticks] of the result gives n back for every rate up
// to 500 MHz. Convert absolute counts: converted differences add up their rounding.
// Counts beyond the range of a Duration (292 years) are cut to it; hz must be positive.
func FromTicks(n int64, hz int) time.Duration {
	return time.Duration(mulDiv(n, int64(time.Second), int64(hz)))
}

// Ticks converts a duration to a count of 1/hz s, rounded to nearest.
func Ticks(d time.Duration, hz int) int64 {
	return mulDiv(int64(d), int64(hz), int64(time.Second))
}

// mulDiv gives a*b/c rounded to nearest (halves away from zero) for b, c > 0,
// through a 128-bit product.
func mulDiv(a, b, c int64) int64 {
	u, neg := uint64(a), a < 0
	if neg {
		u = -u
	}
	hi, lo := bits.Mul64(u, uint64(b))
	lo, carry := bits.Add64(lo, uint64(c)/2, 0)
	hi += carry
	const maxInt64 = 1<<63 - 1
	q := uint64(maxInt64)
	if hi < uint64(c) {
		q, _ = bits.Div64(hi, lo, uint64(c))
		q = min(q, maxInt64)
	}
	if neg {
		return -int64(q)
	}
	return int64(q)
}
