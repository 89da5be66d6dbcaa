package cmaf

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/srsgo/srs/stream"
)

// maxSamples of a track are in a part.
const maxSamples = 4096

// Packager is a stream.Sink that gives parts. It belongs to one goroutine.
type Packager struct {
	cfg     Config
	give    func(*Part)
	tracks  *stream.Tracks
	list    []*track // by index; nil for what MP4 does not carry
	outputs []*output
	segment int
	number  uint32 // of the movie fragment
	events  uint32 // event messages so far
	closed  bool
}

// New makes a Packager. Parts are given on the goroutine of WritePacket and Close, those of
// different tracks in the order in which they are complete.
func New(cfg Config, give func(*Part)) *Packager {
	return &Packager{cfg: cfg.defaults(), give: give, segment: cfg.FirstSegment}
}

// WritePacket takes a packet. Tracks that MP4 does not carry are left out; if nothing is left, the
// error wraps stream.ErrUnsupported. After Close it is stream.ErrClosed.
func (k *Packager) WritePacket(p *stream.Packet) error {
	if k.closed {
		return fmt.Errorf("cmaf: %w", stream.ErrClosed)
	}
	if p.Tracks != k.tracks {
		k.setTracks(p)
	}
	if p.Track == stream.Data {
		k.event(p)
		return nil
	}
	if p.Track < 0 || p.Track >= len(k.list) {
		return fmt.Errorf("cmaf: a packet of track %d of %d", p.Track, len(k.list))
	}
	t := k.list[p.Track]
	if t == nil || len(p.Payload) == 0 {
		return k.usable(nil)
	}
	if !t.ready {
		if err := k.describe(t, p); err != nil {
			return err
		}
	}
	if !t.ready || t.video && !t.begun && !k.cfg.NoWaitKeyFrame && p.Flags&(stream.KeyFrame|stream.Recovery) == 0 {
		return nil
	}
	k.write(t, p)
	return nil
}

// Close ends the last segment; the last sample of each track gets the usual duration.
func (k *Packager) Close() error {
	if !k.closed {
		k.flush(math.MaxInt64)
		k.closed = true
	}
	return nil
}

// EndPublication ends the segment as Close does. What comes next begins another one, which does not
// continue it.
func (k *Packager) EndPublication() error {
	k.flush(math.MaxInt64)
	k.tracks = nil
	return nil
}

// usable gives an error if no track is left: why, or that none is supported.
func (k *Packager) usable(why error) error {
	for _, t := range k.list {
		if t != nil {
			return nil
		}
	}
	if why == nil {
		why = fmt.Errorf("cmaf: no track that MP4 carries: %w", stream.ErrUnsupported)
	}
	return why
}

// setTracks begins anew with p's tracks, if they differ in more than metadata.
func (k *Packager) setTracks(p *stream.Packet) {
	old := k.tracks
	k.tracks = p.Tracks
	if old != nil && p.Tracks.Diff(old)&^stream.ChangeMeta == 0 {
		return
	}
	k.flush(p.DTS)
	was, outputs := k.list, k.outputs
	k.list, k.outputs = make([]*track, len(p.Tracks.List)), nil
	for i := range k.list {
		info, err := Describe(p.Tracks.List[i], nil)
		if err != nil && !errors.Is(err, ErrFrame) {
			continue
		}
		t := &track{index: i, info: info, ready: err == nil, video: info.Kind() == stream.KindVideo}
		if t.ready {
			t.hz = Timescale(&t.info)
		}
		k.list[i] = t
		if k.cfg.Muxed && len(k.outputs) > 0 {
			t.out = k.outputs[0]
			t.out.tracks = append(t.out.tracks, t)
			continue
		}
		t.out = &output{tracks: []*track{t}, track: i}
		if k.cfg.Muxed {
			t.out.track = Muxed
		}
		k.outputs = append(k.outputs, t.out)
	}
	for _, o := range k.outputs { // time and initialization segments go on
		for _, x := range outputs {
			if x.track == o.track {
				o.last, o.given, o.broken = x.last, x.given, x.broken
			}
		}
	}
	for i := range min(len(was), len(k.list)) {
		if t, x := k.list[i], was[i]; t != nil && x != nil && x.hz > 0 && t.hz > 0 {
			t.least = stream.Ticks(x.time(x.least), t.hz)
		}
	}
}

// describe makes t ready with its first frame.
func (k *Packager) describe(t *track, p *stream.Packet) error {
	info, err := Describe(t.info, p.Payload)
	if errors.Is(err, ErrFrame) {
		return nil
	}
	if err != nil {
		k.list[t.index] = nil
		return k.usable(err)
	}
	if t.out.last != nil && t.out.init != nil { // the other tracks have begun without this one
		k.flush(p.DTS)
		t.out.init = nil
	}
	t.info, t.ready, t.hz = info, true, Timescale(&info)
	return nil
}

// leader is the track that decides where parts and segments end: the first video that has begun,
// else the first of the others.
func (k *Packager) leader() *track {
	var first *track
	for _, t := range k.list {
		if t == nil || !t.begun {
			continue
		}
		if t.video {
			return t
		}
		if first == nil {
			first = t
		}
	}
	return first
}

// write takes a packet of a described track.
func (k *Packager) write(t *track, p *stream.Packet) {
	if p.Flags&stream.Discontinuity != 0 && (t.waiting || t.segment > 0) {
		k.flush(p.DTS)
	}
	dts := t.ticks(p)
	if t.waiting && t.time(dts)-t.time(t.next.dts) > k.cfg.MaxSegment {
		k.flush(p.DTS)
	}
	if t.waiting {
		k.push(t, dts-t.next.dts, p)
	} else if t.video && !t.begun && k.elapsed() >= k.cfg.SegmentDuration/2 {
		k.cut(p.DTS) // sound has led so far
	}
	ntp := p.NTP
	if ntp.IsZero() {
		ntp = time.Now()
	}
	t.take(p, max(dts, t.least), ntp)
}

// elapsed is how long the segment is in its longest track.
func (k *Packager) elapsed() (d time.Duration) {
	for _, t := range k.list {
		if t != nil && t.hz > 0 {
			d = max(d, t.time(t.segment))
		}
	}
	return d
}

// push adds the sample of t that waits, now that p has come after it, and cuts.
func (k *Packager) push(t *track, duration int64, p *stream.Packet) {
	long := stream.Ticks(k.cfg.MaxSegment, t.hz)
	part := stream.Ticks(k.cfg.PartDuration, t.hz)
	leads := t == k.leader()
	if k.cfg.Muxed && !leads {
		part *= 2
	}
	if t.segment+duration > long {
		if len(t.samples) > 0 {
			t.waiting = false // it is of the next segment
			k.cut(p.DTS)
			t.waiting = true
		}
		duration = min(duration, max(1, long-t.segment))
	}
	if len(t.samples) > 0 && t.part+duration > part {
		k.emit(t.out, false)
	}
	t.add(duration)
	t.usual = duration

	segment := stream.Ticks(k.cfg.SegmentDuration, t.hz)
	full := t.segment+duration > long
	if leads && (!t.video || k.cfg.NoWaitKeyFrame) {
		full = full || t.segment+duration > segment
	} else if leads && p.Flags&(stream.KeyFrame|stream.Recovery) != 0 {
		full = full || t.segment+duration/2 >= segment
	}
	switch {
	case full:
		k.cut(p.DTS)
	case t.part+duration > part, t.out.size >= k.cfg.MaxPart, len(t.samples) >= maxSamples:
		k.emit(t.out, false)
	}
}

// cut ends the segment of all tracks.
func (k *Packager) cut(at time.Duration) {
	any := false
	for _, o := range k.outputs {
		if o.index > 0 && o.empty() { // something must be the segment's last part
			for _, t := range o.tracks {
				if t.waiting {
					t.flush(at, k.cfg.MaxSegment)
				}
			}
		}
		k.emit(o, true)
		any = any || o.index > 0
		if o.index > 0 {
			o.index, o.broken = 0, false
		}
		for _, t := range o.tracks {
			t.segment = 0
		}
	}
	if any {
		k.segment++
	}
}

// flush ends the segment with all samples that wait: what comes next does not continue it.
func (k *Packager) flush(at time.Duration) {
	for _, t := range k.list {
		if t != nil && t.waiting {
			t.flush(at, k.cfg.MaxSegment)
		}
	}
	k.cut(at)
	for _, o := range k.outputs {
		o.broken = o.given
	}
}
