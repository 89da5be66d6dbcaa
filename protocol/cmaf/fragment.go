package cmaf

import (
	"encoding/binary"
	"time"

	"github.com/srsgo/srs/stream"
)

// append makes the bytes of the part that o has (ISO 14496-12 8.8), in one allocation.
func (o *output) append(k *Packager, ref *track) []byte {
	size := 128 + o.size
	for _, t := range o.tracks {
		size += 96 + 16*len(t.samples)
	}
	for _, e := range o.events {
		size += 48 + len(e.scheme) + len(e.data)
	}
	b := make([]byte, 0, size)
	if o.index == 0 {
		b = box(b, "styp", []byte("msdh\x00\x00\x00\x00msdhmsix")...)
	}
	if k.cfg.ProducerTime {
		b = prft(b, o, ref)
	}
	for _, e := range o.events {
		b = emsg(b, e)
	}
	b, moof := begin(b, "moof")
	b, at := full(b, "mfhd", 0, 0)
	b = end(u32(b, k.number), at)
	var offsets [][2]int // where trun has its data offset, and the bytes before its data
	id, bytes := uint32(0), 0
	for _, t := range o.tracks {
		if !t.ready {
			continue
		}
		id++
		if len(t.samples) > 0 {
			var pos int
			b, pos = traf(b, t, id)
			offsets = append(offsets, [2]int{pos, bytes})
			for i := range t.samples {
				bytes += len(t.samples[i].payload)
			}
		}
	}
	b = end(b, moof)
	for _, x := range offsets {
		binary.BigEndian.PutUint32(b[x[0]:], uint32(len(b)-moof+8+x[1]))
	}
	b, at = begin(b, "mdat")
	for _, t := range o.tracks {
		for i := range t.samples {
			b = append(b, t.samples[i].payload...)
		}
	}
	return end(b, at)
}

// traf appends a track fragment, and tells where its data offset belongs.
func traf(b []byte, t *track, id uint32) ([]byte, int) {
	const (
		hasOffset, hasDuration, hasSize, hasFlags, hasComposition = 0x1, 0x100, 0x200, 0x400, 0x800
		moofBase, defaultDuration, defaultFlags                   = 0x20000, 0x8, 0x20
	)
	flags := uint32(hasOffset | hasSize)
	for i := range t.samples {
		s := &t.samples[i]
		if s.duration != t.samples[0].duration {
			flags |= hasDuration
		}
		if s.offset != 0 {
			flags |= hasComposition
		}
	}
	if t.video {
		flags |= hasFlags
	}
	b, start := begin(b, "traf")
	b, at := full(b, "tfhd", 0, moofBase|defaultDuration|defaultFlags)
	b = end(u32(b, id, uint32(t.samples[0].duration), syncSample), at)
	b, at = full(b, "tfdt", 1, 0)
	b = end(u64(b, uint64(t.samples[0].dts)), at)
	b, at = full(b, "trun", 1, flags)
	b = u32(b, uint32(len(t.samples)))
	pos := len(b)
	b = u32(b, 0)
	for i := range t.samples {
		s := &t.samples[i]
		if flags&hasDuration != 0 {
			b = u32(b, uint32(s.duration))
		}
		b = u32(b, uint32(len(s.payload)))
		if flags&hasFlags != 0 {
			b = u32(b, sampleFlags(s.flags))
		}
		if flags&hasComposition != 0 {
			b = u32(b, uint32(s.offset))
		}
	}
	return end(end(b, at), start), pos
}

// syncSample are the flags of a sample that depends on no other (ISO 14496-12 8.8.3.1).
const syncSample = 2 << 24

func sampleFlags(f stream.Flags) uint32 {
	switch {
	case f&stream.KeyFrame != 0:
		return syncSample
	case f&stream.Disposable != 0:
		return 1<<24 | 2<<22 | 1<<16 // no other depends on it
	}
	return 1<<24 | 1<<16
}

// prft appends a producer reference time: when the part's first sample was captured.
func prft(b []byte, o *output, ref *track) []byte {
	const epoch = 2208988800 // from 1900 to 1970, in seconds
	id := uint32(0)
	for _, t := range o.tracks {
		if t.ready {
			id++
		}
		if t == ref {
			break
		}
	}
	s := &ref.samples[0]
	fraction := uint64(s.ntp.Nanosecond()) << 32 / uint64(time.Second)
	b, at := full(b, "prft", 1, 24) // the time of capture
	b = u64(u32(b, id), uint64(s.ntp.Unix()+epoch)<<32|fraction)
	return end(u64(b, uint64(s.dts)), at)
}

func emsg(b []byte, e event) []byte {
	b, at := full(b, "emsg", 1, 0)
	b = u64(u32(b, videoScale), uint64(e.at))
	b = u32(b, 0xffffffff, e.id)             // of unknown duration
	b = append(append(b, e.scheme...), 0, 0) // and no value
	return end(append(b, e.data...), at)
}
