package ingest

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"
)

const (
	window      = 1024    // packets that may be between the next in order and the newest
	windowBytes = 2 << 20 // bytes of those that wait
	maxMissing  = 512     // packets that are asked for at once
	maxTries    = 10      // times that each is
	// reorderTime is how late a packet may be before it counts as lost, retryLeast the least time between two
	// requests for it.
	reorderTime = 5 * time.Millisecond
	retryLeast  = 20 * time.Millisecond
	// firstRTT is what the round trip is taken for until one was seen. Without it far publishers would be
	// asked in vain before their first answer can be here.
	firstRTT = 100 * time.Millisecond
)

// waiting is a packet that came before one that is missing.
type waiting struct {
	seq    int64
	ts     uint32
	marker bool
	used   bool
	data   []byte
}

// missing is a packet that did not come.
type missing struct {
	seq   int64
	tries int
	since time.Time
	asked time.Time // first
	next  time.Time // when to ask for it again
}

// reorder brings the packets of one SSRC into their order. While none is missing they pass at once.
type reorder struct {
	started       bool
	next, highest int64 // extended sequence numbers
	slots         []waiting
	held, bytes   int
	lost          []missing
	odd           uint16 // what would follow a packet out of all order
	hasOdd        bool
	rtt, longest  time.Duration // from a request to the packet: smoothed, and the longest of late; 0: not known

	duplicates, late, recovered, skipped uint64
}

// verdict says what became of a packet.
type verdict uint8

const (
	pass      verdict = iota // it is the next one
	hold                     // it is kept
	drop                     // it is late, or there already
	restarted                // the numbers began anew, it is the first
)

// take takes a packet. Where it is to pass, the caller passes it and then all that pop gives.
func (r *reorder) take(p *packet, at time.Time) verdict {
	if !r.started {
		r.restart(p.seq)
		r.started = true
		return pass
	}
	seq := r.highest + int64(int16(p.seq-uint16(r.highest)))
	switch d := seq - r.next; {
	case seq > r.highest+window || seq < r.highest-2*window:
		// Two in a row that are out of all order are a sender that has begun anew (RFC 3550 A.1).
		if r.hasOdd && p.seq == r.odd {
			r.restart(p.seq)
			return restarted
		}
		r.odd, r.hasOdd = p.seq+1, true
		return drop
	case d < 0:
		r.late++
		return drop
	case d == 0:
		r.arrived(seq, at)
		r.highest = max(r.highest, seq)
		r.next++
		r.hasOdd = false
		return pass
	}
	r.hasOdd = false
	return r.hold(p, seq, at)
}

func (r *reorder) restart(seq uint16) {
	base := int64(seq)
	if r.started {
		base = (r.highest>>16+2)<<16 + int64(seq)
	}
	r.next, r.highest = base+1, base
	r.clear()
	r.hasOdd = false
}

// clear forgets all that waits.
func (r *reorder) clear() {
	for i := range r.slots {
		r.slots[i] = waiting{}
	}
	r.held, r.bytes, r.lost = 0, 0, r.lost[:0]
}

func (r *reorder) hold(p *packet, seq int64, at time.Time) verdict {
	if r.slots == nil {
		r.slots = make([]waiting, window)
	}
	if seq >= r.next+window || r.bytes+len(p.payload) > windowBytes {
		r.late++
		return drop
	}
	s := &r.slots[seq%window]
	if s.used {
		r.duplicates++
		return drop
	}
	*s = waiting{seq: seq, ts: p.ts, marker: p.marker, used: true, data: append(s.data[:0], p.payload...)}
	r.held++
	r.bytes += len(p.payload)
	for n := r.highest + 1; n < seq && len(r.lost) < maxMissing; n++ {
		r.lost = append(r.lost, missing{seq: n, since: at, next: at.Add(reorderTime)})
	}
	r.highest = max(r.highest, seq)
	r.arrived(seq, at)
	return hold
}

// arrived takes a packet off the list of those that are missing.
func (r *reorder) arrived(seq int64, at time.Time) {
	for i := range r.lost {
		m := &r.lost[i]
		if m.seq != seq {
			continue
		}
		if m.tries > 0 {
			r.recovered++
			r.took(max(at.Sub(m.asked), time.Millisecond))
		}
		r.lost = slices.Delete(r.lost, i, i+1)
		return
	}
}

// took learns from a packet that came so long after the first request for it. Which request it answers cannot
// be told; those that were lost make the estimate a little too long, where leaving such packets out would keep
// it below the time between two requests for ever.
func (r *reorder) took(d time.Duration) {
	if r.rtt == 0 {
		r.rtt = d
	}
	r.rtt += (d - r.rtt) / 4
	r.longest = max(d, r.longest-r.longest/128)
}

// retry is the time between two requests for a packet.
func (r *reorder) retry() time.Duration {
	rtt := cmp.Or(r.rtt, firstRTT)
	return max(rtt+rtt/4, retryLeast)
}

// patience is how long a packet that is asked for may be missing: where the network mixes packets, most of
// those that were asked for were under way, and answers take much longer than the mean.
func (r *reorder) patience() time.Duration { return reorderTime + 3*cmp.Or(r.longest, firstRTT) }

// pop gives the next packet that waited, nil if that is missing. It is valid until the next call of take.
func (r *reorder) pop() *waiting {
	if r.held == 0 {
		return nil
	}
	s := &r.slots[r.next%window]
	if !s.used || s.seq != r.next {
		return nil
	}
	s.used = false
	r.held--
	r.bytes -= len(s.data)
	r.next++
	return s
}

// skip gives up what is missing if it has been for longer than a time, or if what waits is too much. It
// tells whether pop gives more now.
func (r *reorder) skip(now time.Time, wait time.Duration) bool {
	if r.held == 0 {
		return false
	}
	since := now
	if len(r.lost) > 0 {
		since = r.lost[0].since
	}
	crowded := r.highest-r.next >= window*3/4 || r.bytes > windowBytes*3/4 || len(r.lost) >= maxMissing || len(r.lost) == 0
	if now.Sub(since) < wait && !crowded {
		return false
	}
	for ; r.next <= r.highest && !r.slots[r.next%window].used; r.next++ {
		r.skipped++
	}
	r.lost = slices.DeleteFunc(r.lost, func(m missing) bool { return m.seq < r.next })
	return true
}

// due appends the numbers of packets to ask for now, as pairs of feedback (RFC 4585 6.2.1).
func (r *reorder) due(dst []byte, now time.Time) []byte {
	pair, first := -1, int64(0)
	for i := range r.lost {
		m := &r.lost[i]
		if m.tries >= maxTries || now.Before(m.next) {
			continue
		}
		m.tries++
		if m.tries == 1 {
			m.asked = now
		}
		m.next = now.Add(r.retry())
		if d := m.seq - first; pair >= 0 && d <= 16 {
			bits := binary.BigEndian.Uint16(dst[pair+2:])
			binary.BigEndian.PutUint16(dst[pair+2:], bits|1<<(d-1))
			continue
		}
		pair, first = len(dst), m.seq
		dst = binary.BigEndian.AppendUint16(dst, uint16(m.seq))
		dst = append(dst, 0, 0)
	}
	return dst
}
