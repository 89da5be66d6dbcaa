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
	events []event
}

// event is an event message that waits for its part.
type event struct {
	scheme string
	id     uint32
	data   []byte
	at     int64 // ticks of videoScale
}

func (o *output) empty() bool {
	for _, t := range o.tracks {
		if len(t.samples) > 0 {
			return false
		}
	}
	return true
}

// event queues a Data packet for the first output.
func (k *Packager) event(p *stream.Packet) {
	if !k.cfg.Events || len(k.outputs) == 0 {
		return
	}
	if uri, o := scheme(p.Codec), k.outputs[0]; uri != "" && len(o.events) < maxEvents {
		k.events++
		o.events = append(o.events, event{uri, k.events, p.Payload, max(0, stream.Ticks(p.PTS, videoScale))})
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
