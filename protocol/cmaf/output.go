package cmaf

import (
	"bytes"
	"math"

	"github.com/srsgo/srs/stream"
)

// maxEvents wait for a part.
const maxEvents = 64

// output is a sequence of parts: of one track, or of all.
type output struct {
	track  int // as Part.Track
	tracks []*track
	index  int // of the part in its segment
	size   int // payload bytes in the part
	given  bool
	broken bool         // the segment does not continue the one before
	init   *InitSegment // of the tracks as they are now, nil before the first part
	last   *InitSegment // what was given
	events []timedEvent
}

type timedEvent struct {
	Event
	at int64 // ticks of videoScale
}

func (o *output) empty() bool {
	for _, t := range o.tracks {
		if len(t.samples) > 0 {
			return false
		}
	}
	return true
}

// event queues what Config.Event makes of a Data packet for the first output.
func (k *Packager) event(p *stream.Packet) {
	if k.cfg.Event == nil || len(k.outputs) == 0 {
		return
	}
	o := k.outputs[0]
	if e, ok := k.cfg.Event(p); ok && len(o.events) < maxEvents {
		o.events = append(o.events, timedEvent{e, max(0, stream.Ticks(p.PTS, videoScale))})
	}
}

// header gives the initialization segment for what o's tracks are now.
func (o *output) header() *InitSegment {
	if o.init != nil {
		return o.init
	}
	s := &InitSegment{}
	for _, t := range o.tracks {
		if t.ready {
			s.Tracks = append(s.Tracks, t.info)
		}
	}
	s.Data, _ = Init(s.Tracks) // cannot fail: at least one, and all are described
	s.Codecs = Codecs(s.Tracks...)
	if o.last == nil || !bytes.Equal(o.last.Data, s.Data) {
		o.last = s
	}
	o.init = o.last
	return o.init
}

// emit gives the part that o has, if any.
func (k *Packager) emit(o *output, last bool) {
	if o.empty() {
		return
	}
	ref := o.tracks[0]
	for _, t := range o.tracks { // the leader, else the first with samples
		if len(ref.samples) == 0 || t.video && !ref.video && len(t.samples) > 0 {
			ref = t
		}
	}
	start, pts := ref.time(ref.samples[0].dts), int64(math.MaxInt64)
	for i := range ref.samples {
		pts = min(pts, ref.samples[i].dts+int64(ref.samples[i].offset))
	}
	p := &Part{
		Track: o.track, Segment: k.segment, Index: o.index, Start: start, PTS: ref.time(pts), Last: last,
		Duration:      ref.time(ref.samples[0].dts+ref.part) - start,
		Independent:   !ref.video || ref.samples[0].flags&(stream.KeyFrame|stream.Recovery) != 0,
		Discontinuity: o.broken, Init: o.header(), Samples: len(ref.samples), NTP: ref.samples[0].ntp,
	}
	k.number++
	p.Data = o.append(k, ref)
	o.index++
	o.size, o.given = 0, true
	clear(o.events)
	o.events = o.events[:0]
	for _, t := range o.tracks {
		t.clear()
	}
	k.give(p)
}
