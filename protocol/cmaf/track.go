package cmaf

import (
	"math"
	"time"

	"github.com/srsgo/srs/stream"
)

// sample is an access unit in a part.
type sample struct {
	dts, duration int64 // ticks; the duration is set when the next sample is known
	offset        int32 // of presentation, in ticks
	flags         stream.Flags
	ntp           time.Time
	payload       []byte
}

// track is the state of one elementary stream.
type track struct {
	index int
	info  stream.Track
	ready bool // info is described
	begun bool // the first sample, for video a key frame, has come
	video bool
	hz    int
	out   *output

	next    sample // waits for its duration
	waiting bool   // next is there
	least   int64  // the next sample's dts is not below
	usual   int64  // duration

	samples []sample // of the part
	part    int64    // their duration
	segment int64    // that of the segment so far, part included
}

// ticks gives p's decoding time on the track's timeline, which never goes back. Audio frames lie
// end to end where the timestamp is at most 2 ms off.
func (t *track) ticks(p *stream.Packet) int64 {
	dts := stream.Ticks(p.DTS, t.hz)
	if t.waiting && !t.video {
		if n := int64(FrameSamples(&t.info, t.next.payload)); n > 0 {
			dts = endToEnd(dts, t.next.dts+n, t.hz)
		}
	}
	return max(dts, t.least)
}

// endToEnd gives end, where an audio frame before ends, if dts is at most 2 ms off; else dts.
func endToEnd(dts, end int64, hz int) int64 {
	if d := dts - end; end >= 0 && max(d, -d) <= int64(hz)/500 {
		return end
	}
	return dts
}

// take makes p the sample that waits.
func (t *track) take(p *stream.Packet, dts int64, ntp time.Time) {
	offset := stream.Ticks(p.PTS, t.hz) - dts
	if !t.video {
		offset = 0 // audio is presented in the order it is decoded
	}
	t.next = sample{
		dts: dts, offset: int32(max(math.MinInt32, min(offset, math.MaxInt32))),
		flags: p.Flags, ntp: ntp, payload: p.Payload,
	}
	t.waiting, t.begun, t.least = true, true, dts+1
}

// guess is the duration of the sample that waits, as far as one can tell before the next comes.
func (t *track) guess() int64 {
	if t.usual > 0 {
		return t.usual
	}
	if n := FrameSamples(&t.info, t.next.payload); n > 0 {
		return int64(n)
	}
	return int64(t.hz) / 25
}

// add puts the sample that waits into the part.
func (t *track) add(duration int64) {
	t.next.duration = duration
	t.samples = append(t.samples, t.next)
	t.out.size += len(t.next.payload)
	t.part += duration
	t.segment += duration
	t.least = t.next.dts + duration
	t.next, t.waiting = sample{}, false
}

// flush adds the sample that waits with its usual duration: until at most the time given, and within
// what a segment may have.
func (t *track) flush(until time.Duration, limit time.Duration) {
	d := t.guess()
	if to := stream.Ticks(until, t.hz) - t.next.dts; to > 0 {
		d = min(d, to)
	}
	t.add(max(1, min(d, stream.Ticks(limit, t.hz)-t.segment)))
}

// clear empties the part, whose memory serves for the next.
func (t *track) clear() {
	clear(t.samples)
	t.samples, t.part = t.samples[:0], 0
}

func (t *track) time(n int64) time.Duration { return stream.FromTicks(n, t.hz) }
