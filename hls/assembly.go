package hls

import (
	"time"

	"github.com/srsgo/srs/stream"
)

// maxAssembly bounds for how long segments are held back for a track that is announced and silent.
const maxAssembly = 10 * time.Second

// assembly is the beginning of a publication, when not all of its tracks have begun. Players in browsers
// take the tracks in the first segment that they see for all that there will be: they fail when sound
// comes in a later one. So the first segment that is listed is one with all tracks that are announced.
type assembly struct {
	heard []bool        // by track
	from  time.Duration // of the first packet
	began bool          // there was one
	done  bool
}

// hear notes that a track has begun.
func (k *cutter) hear(p *stream.Packet) {
	a := &k.assembly
	if a.done {
		return
	}
	if !a.began {
		a.began, a.from = true, p.DTS
	}
	a.heard[p.Track], a.done = true, true
	for i, heard := range a.heard {
		if !heard && k.wants(p.Tracks, i) {
			a.done = false
		}
	}
}

// complete tells whether a segment that ends at a time is to be listed.
func (k *cutter) complete(at time.Duration) bool {
	a := &k.assembly
	a.done = a.done || at-a.from >= maxAssembly
	return a.done
}
