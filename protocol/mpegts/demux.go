package mpegts

import (
	"encoding/binary"
	"slices"

	"github.com/srsgo/srs/stream"
)

const (
	// maxFlows bounds the elementary streams that are read.
	maxFlows = 64
	// maxHeld bounds the PES packets under way, all together, in bytes.
	maxHeld = 16 << 20
	// maxSound bounds one that is not video.
	maxSound = 128 << 10
	// keepBuffer is what of a buffer is kept for the next PES packet.
	keepBuffer = 256 << 10
)

// demuxer takes transport packets in order and makes stream packets of the first program.
type demuxer struct {
	tracks  *stream.Tracks
	queue   []*stream.Packet
	pat     sections
	pmt     sections
	program uint16
	mapPID  uint16 // of the program's map; 0: not known
	known   []byte // the map that is in force
	flows   []*inflow
	held    int // bytes in the buffers of flows
	timed   bool
	last    int64 // the newest time stamp, in 1/90000 s, wraps undone
}

// inflow is an elementary stream that comes in.
type inflow struct {
	counter
	pid      uint16
	typ      byte // stream type
	codec    stream.Codec
	channels int // of Opus
	language string

	buf  []byte // the PES packet under way
	open bool
	jump bool // the next packet does not continue the last

	track int // index of its track plus one; 0: has none yet
	sound
	dts, step int64 // of pictures: the last time stamp, and its distance from the one before
}

// counter follows a continuity counter.
type counter struct {
	last byte
	seen bool
}

// take tells whether packets are missing before the one with counter cc, or whether it
// repeats the one before.
func (c *counter) take(cc byte, jump bool) (lost, again bool) {
	lost = c.seen && cc != (c.last+1)&15 && !jump
	again = lost && cc == c.last
	c.last, c.seen = cc, true
	return lost && !again, again
}

// packet takes one transport packet of 188 bytes, whose sync byte was looked at.
func (d *demuxer) packet(b []byte) {
	if b[1]&0x80 != 0 || b[3]&0xc0 != 0 {
		return // damaged, or scrambled
	}
	pid, start, cc := binary.BigEndian.Uint16(b[1:])&0x1fff, b[1]&0x40 != 0, b[3]&15
	payload, jump := b[headerSize:], false
	if b[3]&0x20 != 0 {
		n := int(payload[0])
		if n >= len(payload) {
			return
		}
		jump = n > 0 && payload[1]&flagDiscontinuity != 0
		payload = payload[1+n:]
	}
	if b[3]&0x10 == 0 {
		payload = nil
	}
	switch {
	case pid == pidPAT:
		d.sections(&d.pat, payload, start, cc, jump, d.onPAT)
	case pid == d.mapPID:
		d.sections(&d.pmt, payload, start, cc, jump, d.onPMT)
	default:
		if f := d.find(pid); f != nil {
			d.take(f, payload, start, cc, jump)
		}
	}
}

func (d *demuxer) sections(s *sections, payload []byte, start bool, cc byte, jump bool, f func([]byte)) {
	if len(payload) == 0 {
		return
	}
	lost, again := s.counter.take(cc, jump)
	if again {
		return
	}
	if lost {
		s.open = false
	}
	s.packet(payload, start, f)
}

func (d *demuxer) find(pid uint16) *inflow {
	for _, f := range d.flows {
		if f.pid == pid {
			return f
		}
	}
	return nil
}

// take adds the payload of a packet to the PES packet that it belongs to.
func (d *demuxer) take(f *inflow, payload []byte, start bool, cc byte, jump bool) {
	if jump {
		f.jump = true
	}
	if len(payload) == 0 {
		f.seen = f.seen && !jump
		return
	}
	lost, again := f.counter.take(cc, jump)
	if again {
		return
	}
	if lost || jump && !start {
		d.lose(f)
	}
	if start {
		if f.open {
			d.finish(f, false)
		}
		f.open = true
	}
	if !f.open {
		return
	}
	if d.held+len(payload) > maxHeld || f.codec.Kind() != stream.KindVideo && len(f.buf) > maxSound {
		d.lose(f)
		return
	}
	f.buf = append(f.buf, payload...)
	d.held += len(payload)
	if n := f.size(); n > 0 && len(f.buf) >= n {
		d.finish(f, true)
	}
}

// size gives the size of the PES packet under way, 0 if it does not tell.
func (f *inflow) size() int {
	if len(f.buf) < 6 {
		return 0
	}
	n := int(binary.BigEndian.Uint16(f.buf[4:]))
	if n == 0 {
		return 0
	}
	return 6 + n
}

// lose forgets the PES packet under way, which is incomplete.
func (d *demuxer) lose(f *inflow) {
	d.close(f)
	f.rest = nil
	f.jump = true
}

func (d *demuxer) close(f *inflow) {
	d.held -= len(f.buf)
	f.buf, f.open = f.buf[:0], false
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
}

// finish makes packets of the PES packet under way. Unless it is whole it ends where the
// next one begins, or the stream does.
func (d *demuxer) finish(f *inflow, whole bool) {
	n := f.size()
	if n > 0 && !whole {
		d.lose(f)
		return
	}
	b := f.buf
	if n > 0 {
		b = b[:n]
	}
	d.access(f, b)
	d.close(f)
}

// access reads the header of a PES packet (2.4.3.6) and passes on its payload.
func (d *demuxer) access(f *inflow, b []byte) {
	if len(b) < pesHeader || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xc0 != 0x80 || pesHeader+int(b[8]) > len(b) {
		f.jump = true
		return
	}
	u := inUnit{payload: b[pesHeader+int(b[8]):]}
	stamps := b[pesHeader : pesHeader+int(b[8])]
	switch b[7] & 0xc0 {
	case 0x80:
		if len(stamps) >= 5 {
			u.timed, u.dts = true, d.unwrap(stamp(stamps))
			u.pts = u.dts
		}
	case 0xc0:
		if len(stamps) >= 10 {
			u.timed, u.dts = true, d.unwrap(stamp(stamps[5:]))
			u.pts = u.dts + signed(stamp(stamps)-u.dts)
		}
	}
	switch {
	case f.codec.Kind() == stream.KindVideo:
		d.picture(f, u)
	case f.codec == stream.Opus:
		d.opus(f, u)
	case f.codec == KLV || f.codec == ID3:
		d.data(f, u)
	default:
		d.frames(f, u)
	}
}

// stamp reads a time stamp of 33 bits.
func stamp(b []byte) int64 {
	return int64(b[0]&0x0e)<<29 | int64(b[1])<<22 | int64(b[2]&0xfe)<<14 | int64(b[3])<<7 | int64(b[4]>>1)
}

// signed gives a difference of time stamps, which wrap at 33 bits, as the shorter way.
func signed(d int64) int64 { return d << 31 >> 31 }

// unwrap continues the stream's time with a time stamp.
func (d *demuxer) unwrap(t int64) int64 {
	if d.timed {
		t = d.last + signed(t-d.last)
	}
	d.timed, d.last = true, t
	return t
}

// replace makes list the elementary streams, and ends the tracks of those that are gone.
func (d *demuxer) replace(list []*inflow) {
	for _, f := range d.flows {
		if !slices.Contains(list, f) {
			d.close(f)
		}
	}
	d.flows = list
	t := &stream.Tracks{}
	for _, old := range d.tracks.List {
		if f := d.find(uint16(old.ID)); f != nil && f.track > 0 {
			old.Language = f.language
			t.List = append(t.List, old)
			f.track = len(t.List)
		}
	}
	if t.Diff(d.tracks) != 0 {
		d.tracks = t
	}
}

// set makes t the track of f.
func (d *demuxer) set(f *inflow, t stream.Track) {
	t.ID, t.Codec, t.Language = int(f.pid), f.codec, f.language
	d.tracks = d.tracks.With(t)
	f.track = slices.IndexFunc(d.tracks.List, func(x stream.Track) bool { return x.ID == t.ID }) + 1
}

// flush ends all that is under way.
func (d *demuxer) flush() {
	for _, f := range d.flows {
		if f.open {
			d.finish(f, false)
		}
	}
}
