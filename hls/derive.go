package hls

import (
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// cuts say how parts are made.
type cuts struct {
	segment, part  time.Duration
	noWaitKeyFrame bool
}

// parts is the stream as CMAF parts.
func parts() *stream.Derived[cmaf.Part, cuts] {
	return &stream.Derived[cmaf.Part, cuts]{
		Name: "cmaf-hls", New: newPackaging, Size: func(p *cmaf.Part) int { return len(p.Data) },
	}
}

// packaging makes parts, with numbers that go on from one publication to the next.
type packaging struct {
	*cmaf.Packager
	cuts cuts
	give func(*cmaf.Part, bool)
	next int
}

func newPackaging(c cuts, give func(*cmaf.Part, bool)) stream.Sink {
	k := &packaging{cuts: c, give: give}
	k.begin()
	return k
}

func (k *packaging) begin() {
	cfg := cmaf.Config{
		SegmentDuration: k.cuts.segment, PartDuration: k.cuts.part, NoWaitKeyFrame: k.cuts.noWaitKeyFrame,
		ProducerTime: k.cuts.part > 0, FirstSegment: k.next,
	}
	k.Packager = cmaf.New(cfg, func(p *cmaf.Part) {
		k.next = max(k.next, p.Segment+1)
		k.give(p, p.Index == 0 && p.Track == 0)
	})
}

// EndPublication ends the segment.
func (k *packaging) EndPublication() error {
	err := k.Close()
	k.begin()
	return err
}
