package ingest

import (
	"slices"
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	// tracksWait is how long the tracks that were agreed upon are waited for before the first packet.
	tracksWait = time.Second
	// maxPending and maxPendingBytes bound what waits for them.
	maxPending      = 1024
	maxPendingBytes = 4 << 20
)

// pending is a frame that waits until the tracks are known.
type pending struct {
	f     *flow
	media time.Duration
	flags stream.Flags
	frame []byte
}

// output writes frames to the sink.
type output struct {
	recv    *Receiver
	settled bool // the tracks are announced
	changed bool // a track is
	tracks  *stream.Tracks
	queue   []pending
	bytes   int
	err     error
}

// add takes a frame. The payload is the sink's.
func (o *output) add(f *flow, media time.Duration, flags stream.Flags, frame []byte) {
	if o.settled {
		o.write(f, media, flags, frame)
		return
	}
	o.queue = append(o.queue, pending{f: f, media: media, flags: flags, frame: frame})
	o.bytes += len(frame)
}

// settle announces the tracks when all are known, or have been waited for long enough.
func (o *output) settle(now time.Time) {
	if o.settled || len(o.queue) == 0 {
		return
	}
	missing := slices.ContainsFunc(o.recv.flows, func(f *flow) bool { return !f.ready || !f.wrote })
	if missing && now.Sub(o.recv.began) < tracksWait && len(o.queue) < maxPending && o.bytes < maxPendingBytes {
		return
	}
	o.settled, o.changed = true, true
	o.recv.follow(false)
	o.begin()
	for _, p := range o.queue {
		o.write(p.f, p.media, p.flags, p.frame)
	}
	o.queue, o.bytes = nil, 0
}

// begin has the timeline begin with the earliest frame: of those that come at once some were captured before
// the first arrived.
func (o *output) begin() {
	early := time.Duration(0)
	for _, p := range o.queue {
		early = min(early, p.media+p.f.clock.offset)
	}
	o.recv.began = o.recv.began.Add(early)
	for _, f := range o.recv.flows {
		f.clock.delay(-early)
	}
}

// announce makes Tracks of what is known.
func (o *output) announce() {
	o.changed = false
	t := new(stream.Tracks)
	best := [...]int{stream.KindVideo: -1, stream.KindAudio: -1, stream.KindData: -1}
	for _, f := range o.recv.flows {
		if !f.ready {
			continue
		}
		f.index = len(t.List)
		t.List = append(t.List, f.info)
		b := &best[f.media.Kind]
		if *b < 0 || f.info.Width*f.info.Height > t.List[*b].Width*t.List[*b].Height {
			*b = f.index
		}
	}
	for _, i := range best {
		if i >= 0 {
			t.List[i].Default = true
		}
	}
	if o.tracks == nil || t.Diff(o.tracks) != 0 {
		o.tracks = t
	}
}

func (o *output) write(f *flow, media time.Duration, flags stream.Flags, frame []byte) {
	if o.changed {
		o.announce()
	}
	pts := max(f.clock.stamp(media), 0)
	dts := pts
	if f.video() {
		dts = f.dts.of(frame, pts)
		if dts < pts {
			o.recv.warn("reordered", errReordered)
		}
	}
	dts = max(dts, f.lastDTS)
	f.lastDTS = dts
	err := o.recv.cfg.Sink.WritePacket(&stream.Packet{
		Tracks: o.tracks, Track: f.index, Flags: flags, DTS: dts, PTS: max(pts, dts), NTP: f.clock.wall(media), Payload: frame,
	})
	if err != nil && o.err == nil {
		o.err = err
	}
}
