package egress

import (
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// estimator tells how much a viewer's path carries, from what the viewer says of the packets that it
// got: their arrival (transport-wide feedback), or else the limit that it computes itself (REMB), or else
// the share that was lost.
//
// As long as nothing waits on the path it carries what is sent at least, so that more may be tried now
// and then. Packets that wait, or that are lost in numbers, tell that it carries no more than arrives.
type estimator struct {
	sent atomic.Pointer[departures]

	rate      atomic.Int64 // bits a second that the path carries at least, 0: not known
	limited   atomic.Bool  // the viewer itself told rate
	congested atomic.Int64 // when it last was seen to carry no more, in Unix nanoseconds; 0: never

	mu       sync.Mutex // of what follows
	base     [2]int64   // least delay of the last two windows, of an unknown offset, in µs
	baseEnds time.Time
	delay    float64 // that packets wait, smoothed, in µs
	trend    float64 // the same, smoothed over longer
	bytes    int     // that arrived
	since    time.Time
	arriving float64 // bits a second, smoothed
	reduced  time.Time
}

const (
	congestionDelay = 80_000 // µs that packets wait on a path that carries no more
	maxDelay        = 10_000_000
	congestionLoss  = 0.1
	reduceEvery     = 300 * time.Millisecond
	rateWindow      = 500 * time.Millisecond
	baseWindow      = 10 * time.Second
)

// departures are the latest packets by their transport-wide numbers: 16 bits of number, 12 of size, 36 of
// the time in µs.
type departures [1024]atomic.Uint64

func (d *departures) put(seq uint16, size int, now time.Time) {
	at := uint64(now.UnixMicro()) & (1<<36 - 1)
	d[int(seq)%len(d)].Store(uint64(seq)<<48 | uint64(min(size, 4095))<<36 | at)
}

func (d *departures) get(seq uint16) (size int, at int64, ok bool) {
	v := d[int(seq)%len(d)].Load()
	return int(v >> 36 & 4095), int64(v & (1<<36 - 1)), v != 0 && uint16(v>>48) == seq
}

// judged tells whether the viewer has told how its path does.
func (e *estimator) judged() bool { return e.sent.Load() != nil && e.rate.Load() > 0 }

// arrivals takes transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 3.1) from
// the base sequence number on.
func (e *estimator) arrivals(b []byte, now time.Time) {
	sent := e.sent.Load()
	if sent == nil || len(b) < 8 {
		return
	}
	seq, count := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
	if count > len(sent) {
		return
	}
	// In 250 µs steps. The reference time counts 64 ms.
	at := int64(int32(binary.BigEndian.Uint32(b[4:]))>>8) * 256
	var symbols [1024]uint8
	n, deltas := 0, b[8:]
	for n < count {
		if len(deltas) < 2 {
			return
		}
		n = unpackChunk(binary.BigEndian.Uint16(deltas), symbols[:count], n)
		deltas = deltas[2:]
	}
	var sum delaySum
	for i, s := range symbols[:count] {
		switch {
		case s == 1 && len(deltas) >= 1:
			at += int64(deltas[0])
			deltas = deltas[1:]
		case s == 2 && len(deltas) >= 2:
			at += int64(int16(binary.BigEndian.Uint16(deltas)))
			deltas = deltas[2:]
		case s == 0:
			sum.lost++
			continue
		default:
			return
		}
		if size, left, ok := sent.get(seq + uint16(i)); ok {
			sum.add(at*250-left, size)
		}
	}
	e.take(sum, now)
}

// unpackChunk appends a chunk's symbols to those that n counts, and gives their count.
func unpackChunk(c uint16, symbols []uint8, n int) int {
	put := func(s uint16) {
		if n < len(symbols) {
			symbols[n] = uint8(s)
			n++
		}
	}
	switch {
	case c>>15 == 0:
		for range c & 0x1fff {
			put(c >> 13 & 3)
		}
	case c>>14 == 2:
		for i := 13; i >= 0; i-- {
			put(c >> i & 1)
		}
	default:
		for i := 12; i >= 0; i -= 2 {
			put(c >> i & 3)
		}
	}
	return n
}

// delaySum is what one feedback tells.
type delaySum struct {
	got, lost, bytes int
	delay, least     int64 // sum and minimum, µs
}

func (s *delaySum) add(delay int64, bytes int) {
	delay = delay << 28 >> 28 // departures have 36 bits
	if s.got == 0 || delay < s.least {
		s.least = delay
	}
	s.got++
	s.bytes += bytes
	s.delay += delay
}

// take judges the path by one feedback.
func (e *estimator) take(s delaySum, now time.Time) {
	if s.got == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.After(e.baseEnds) {
		if e.baseEnds.IsZero() {
			e.base[1] = s.least
		}
		e.base = [2]int64{e.base[1], s.least}
		e.baseEnds = now.Add(baseWindow)
	}
	e.base[1] = min(e.base[1], s.least)
	waits := float64(s.delay)/float64(s.got) - float64(min(e.base[0], e.base[1]))
	if waits > maxDelay { // one of the clocks has wrapped, or was set
		e.base, waits = [2]int64{s.least, s.least}, 0
	}
	e.delay += (waits - e.delay) / 2
	e.trend += (waits - e.trend) / 8

	e.bytes += s.bytes
	if e.since.IsZero() {
		e.since, e.bytes = now, 0
	} else if d := now.Sub(e.since); d >= rateWindow {
		r := float64(8*e.bytes) / d.Seconds()
		if e.arriving > 0 {
			r = (r + e.arriving) / 2
		}
		e.arriving, e.bytes, e.since = r, 0, now
		e.rate.Store(max(e.rate.Load()*99/100, int64(r)))
	}
	// What waits becoming less is what waited before.
	if e.delay > congestionDelay && e.delay > e.trend || float64(s.lost) > congestionLoss*float64(s.lost+s.got) && s.lost > 2 {
		e.reduce(now)
	}
}

// reduce notes that the path carries no more than arrives.
func (e *estimator) reduce(now time.Time) {
	if now.Sub(e.reduced) < reduceEvery {
		return
	}
	e.reduced = now
	if e.arriving > 0 {
		e.rate.Store(int64(0.85 * e.arriving))
	}
	e.congested.Store(now.UnixNano())
}

// limit takes the viewer's own estimate (draft-alvestrand-rmcat-remb-03 2.2) from the unique identifier on.
func (e *estimator) limit(b []byte) {
	if len(b) < 8 || string(b[:4]) != "REMB" {
		return
	}
	mantissa, exp := uint64(b[5]&3)<<16|uint64(b[6])<<8|uint64(b[7]), b[5]>>2
	e.rate.Store(int64(min(math.Ldexp(float64(mantissa), int(exp)), 1e12)))
	e.limited.Store(true)
}

// narrow tells when the path last was seen to carry no more than bits a second; the zero time: never.
func (e *estimator) narrow(bits int64, now time.Time) time.Time {
	if e.limited.Load() && e.rate.Load() < bits*9/10 {
		return now
	}
	if at := e.congested.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// loss takes the share of packets that were lost of late, for viewers that tell nothing better.
func (e *estimator) loss(share float64, now time.Time) {
	if e.sent.Load() == nil && share > congestionLoss {
		e.congested.Store(now.UnixNano())
	}
}
