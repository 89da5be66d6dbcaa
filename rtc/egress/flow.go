package egress

import (
	"math/rand/v2"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// flow is one SSRC and what it is fed from.
type flow struct {
	cursor *stream.Cursor[Frame]
	media  *desc.Media
	clock  int
	head   *header
	rtx    *header // of retransmissions; nil: packets are repeated as they were
	rtxSeq uint16
	judged bool // the path is, by the packets
	numbers
	packets, bytes uint32
}

func newFlow(m *desc.Media, delay *PlayoutDelay) *flow {
	c := &m.Codecs[0]
	f := &flow{media: m, clock: c.ClockRate}
	timestamps := rand.Uint32()
	f.head = newHeader(c.PT, m.SSRC, timestamps, m, delay)
	if c.RTX != 0 && m.RTXSSRC != 0 {
		f.rtx = newHeader(c.RTX, m.RTXSSRC, timestamps, m, nil)
		f.rtxSeq = uint16(rand.Uint32())
	}
	// The first number is in the lower half, as RFC 3711 3.3.1 wants it: a lost first packet does not
	// have the receiver count a wrap that did not happen.
	f.next = uint64(1<<16 + rand.Uint32N(1<<15))
	return f
}

// numbers gives packets their sequence numbers, without gaps whatever is left out.
type numbers struct {
	next uint64 // number of the next packet; the low 16 bits are sent
	runs [8]run // the latest, in a circle
	last int    // the newest of runs
	time uint32 // timestamp of the newest packet, as its run has it
}

// run is a range of packets that have the numbers of the track's, moved by the same offset, and its
// timestamps, moved by shift.
type run struct {
	from, offset uint64
	shift        uint32
	track        *track
}

// take gives the number of a frame's packet i, and by how much its timestamp is moved: another layer's
// frame of the same moment comes after the one that was sent.
func (n *numbers) take(f *Frame, i int) (seq uint16, shift uint32) {
	r := &n.runs[n.last]
	if at := f.Seq + uint64(i); r.track != f.track || at+r.offset != n.next {
		old := r.track
		n.last = (n.last + 1) % len(n.runs)
		r = &n.runs[n.last]
		*r = run{from: n.next, offset: n.next - at, track: f.track}
		if late := int32(n.time - f.Timestamp); old != nil && old != f.track && late >= 0 && late < videoClock {
			r.shift = uint32(late) + 1
		}
	}
	n.time = f.Timestamp + r.shift
	n.next++
	return uint16(n.next - 1), r.shift
}

// find gives the frame that a number was sent with, which of its packets, and by how much its timestamp
// was moved; nil if that is not known.
func (n *numbers) find(seq uint16) (f *Frame, i int, shift uint32) {
	at := n.next - uint64(uint16(n.next)-seq)
	if at == n.next {
		return nil, 0, 0
	}
	for k := range n.runs {
		r := &n.runs[(n.last-k+len(n.runs))%len(n.runs)]
		if r.track == nil {
			break
		}
		if at >= r.from {
			if f = r.track.recent.find(at - r.offset); f == nil {
				break
			}
			return f, int(at - r.offset - f.Seq), r.shift
		}
	}
	return nil, 0, 0
}

// track gives that of the newest packet, nil before the first.
func (n *numbers) track() *track { return n.runs[n.last].track }
