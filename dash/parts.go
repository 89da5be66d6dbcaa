package dash

import (
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

type cuts struct {
	Segment, Part time.Duration
	Time          bool
}

var parts = &stream.Derived[cmaf.Part, cuts]{Name: "cmaf-dash", New: func(c cuts, give func(*cmaf.Part, bool)) stream.Sink {
	return newSink(c, give)
}, Size: func(p *cmaf.Part) int { return len(p.Data) }}

type sink struct {
	*cmaf.Packager
	c    cuts
	give func(*cmaf.Part, bool)
	next int
}

func newSink(c cuts, give func(*cmaf.Part, bool)) *sink {
	s := &sink{c: c, give: give}
	s.anew()
	return s
}

func (s *sink) anew() {
	s.Packager = cmaf.New(cmaf.Config{SegmentDuration: s.c.Segment, PartDuration: s.c.Part, ProducerTime: s.c.Time, FirstSegment: s.next}, func(p *cmaf.Part) {
		s.give(p, p.Index == 0 && p.Segment >= s.next)
		s.next = max(s.next, p.Segment+1)
	})
}

func (s *sink) EndPublication() error {
	err := s.Close()
	s.anew()
	return err
}
