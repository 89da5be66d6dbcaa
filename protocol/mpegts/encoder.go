package mpegts

import (
	"bytes"
	"time"

	"github.com/srsgo/srs/stream"
)

// Intervals in units of 1/90000 s.
const (
	tablesEvery = hz * 4 / 10  // PAT and PMT: ETSI TR 101 290 wants them every 0.5 s
	clockEvery  = hz / 10      // PCR at least so often (2.7.2)
	clockSoon   = hz * 4 / 100 // the next PCR goes into the first unit after so long
	clockLost   = hz * 5       // a larger step, either way, is no gap to be filled
)

// Options say which tracks to write. The zero value means the default video track and all
// audio tracks.
type Options struct {
	// HasAudio and HasVideo say which kinds of tracks to write. Both false means both.
	HasAudio, HasVideo bool
	// Select tells whether to write the track of that index, if a transport stream can
	// carry it. Nil means what HasAudio and HasVideo say.
	Select func(t *stream.Tracks, i int) bool
}

// Encoder makes a transport stream of packets. It is a [stream.Encoder]; its zero value is
// ready. It allocates nothing for a packet, beyond growing dst. It is for one goroutine.
//
// An Encoder whose AppendStart was called writes for one reader, whose continuity counters
// go on. Without, it writes a shared stream, which readers join at any table, frame or
// sound: its tables say that their counters may jump.
type Encoder struct {
	// Options must not change once it is in use.
	Options

	single   bool // for one reader
	packed   bool // for segments and files
	tracks   *stream.Tracks
	list     []elementary // by the index of the track
	klv, id3 elementary
	clock    *elementary // whose PID has the program clock

	pmt      []byte
	version  byte
	counters [pidCount]byte // of the next packet
	patNext  byte
	pmtNext  byte

	due      bool  // the tables have changed
	fresh    bool  // nothing came after the tables
	tablesAt int64 // when they were sent
	timed    bool
	pcr      int64  // the last one
	prefix   []byte // of the unit at hand
}

// NewFormat gives the format of HTTP-TS: both kinds of tracks, or one of them.
// Both false means both.
func NewFormat(hasAudio, hasVideo bool) *stream.Format {
	type kinds struct{ audio, video bool }
	if !hasAudio && !hasVideo {
		hasAudio, hasVideo = true, true
	}
	return &stream.Format{
		Name: "mpegts",
		Key:  kinds{hasAudio, hasVideo},
		New:  func() stream.Encoder { return &Encoder{Options: Options{HasAudio: hasAudio, HasVideo: hasVideo}} },
	}
}

// AppendStart appends nothing: a transport stream has no header. It marks the stream as
// one for a single reader.
func (e *Encoder) AppendStart(dst []byte) []byte {
	e.single = true
	return dst
}

// AppendTracks appends the tables of the program, if they are new.
func (e *Encoder) AppendTracks(dst []byte, t *stream.Tracks, at time.Duration) []byte {
	e.follow(t)
	if e.due {
		dst = e.appendTables(dst, stream.Ticks(at, hz))
	}
	return dst
}

// AppendPacket appends the packet, with tables and clock where they are due. Nothing is
// appended for tracks that are not carried, see [Carries], for AAC without a
// configuration that ADTS can tell, and for empty payloads.
func (e *Encoder) AppendPacket(dst []byte, p *stream.Packet) []byte {
	e.follow(p.Tracks)
	es := e.find(p)
	switch {
	case es == nil:
		return dst
	case p.Track == stream.Data:
		return e.appendData(dst, es, p)
	case es.id == idVideo:
		return e.appendVideo(dst, es, p)
	}
	return e.appendAudio(dst, es, p)
}

// follow makes t the tracks that are written.
func (e *Encoder) follow(t *stream.Tracks) {
	if t == e.tracks {
		return
	}
	change := t.Diff(e.tracks)
	e.tracks = t
	if change&^stream.ChangeMeta == 0 {
		return
	}
	e.setTracks()
	e.remap()
}

// remap makes the program map anew.
func (e *Encoder) remap() {
	pmt := e.appendPMT(nil, e.version)
	if bytes.Equal(pmt, e.pmt) {
		return
	}
	if e.pmt != nil {
		// Version 0 is that of readers who have just come. Whoever had that sees a change.
		e.version = e.version%31 + 1
		pmt = e.appendPMT(pmt[:0], e.version)
	}
	e.pmt, e.due = pmt, true
}

// find gives the stream that the packet belongs to, nil for none.
func (e *Encoder) find(p *stream.Packet) *elementary {
	if len(p.Payload) == 0 {
		return nil
	}
	if p.Track != stream.Data {
		if p.Track < 0 || p.Track >= len(e.list) || e.list[p.Track].pid == 0 {
			return nil
		}
		return &e.list[p.Track]
	}
	es, pid := &e.klv, uint16(pidKLV)
	switch p.Codec {
	case KLV:
	case ID3:
		es, pid = &e.id3, pidID3
	default:
		return nil
	}
	if !es.announced {
		*es = elementary{pid: pid, id: idPrivate, announced: true}
		e.remap()
	}
	return es
}

// appendTables appends PAT and PMT.
func (e *Encoder) appendTables(dst []byte, at int64) []byte {
	var pat [16]byte
	dst = appendSection(dst, pidPAT, &e.patNext, appendPAT(pat[:0]), !e.single)
	dst = appendSection(dst, pidPMT, &e.pmtNext, e.pmt, !e.single)
	e.due, e.fresh, e.tablesAt = false, true, at
	return dst
}

// unit is one PES packet to be.
type unit struct {
	es       *elementary
	size     int // bytes of its payload
	pts, dts int64
	access   bool // reading may begin here
	jump     bool // the stream is not continuous here
}

// begin appends all that comes before the payload of u.
func (e *Encoder) begin(dst []byte, u unit) splitter {
	if e.due {
		at := u.dts
		if e.timed { // clocks from the last one on may follow
			at = min(at, e.pcr)
		}
		dst = e.appendTables(dst, at)
	}
	dst = e.appendClocks(dst, u.es, u.dts)
	if since := u.dts - e.tablesAt; !e.fresh && (u.access || since >= tablesEvery || since < -clockLost) {
		dst = e.appendTables(dst, u.dts)
	}
	e.fresh = false
	flags, pcr := byte(0), int64(pcrNone)
	if u.es == e.clock {
		gap := u.dts - e.pcr
		if !e.timed || u.access || u.jump || gap >= clockSoon || gap < -clockLost {
			at := u.dts
			if e.timed && gap <= 0 && gap >= -clockLost {
				at = e.pcr + 1 // clocks do not go back
			}
			e.timed, e.pcr = true, at
			pcr = e.base(at)
			u.access = u.access || u.es.id != idVideo
		}
	}
	if u.access {
		flags |= flagRandomAccess
	}
	if u.jump {
		flags |= flagDiscontinuity
	}
	var array [pesHeader + 10]byte
	h := appendPES(array[:0], u.es.id, u.size, true, u.pts+lead, u.dts+lead)
	s := splitter{dst: dst, pid: u.es.pid, next: e.counter(u.es), rest: len(h) + u.size}
	s.open(true, flags, pcr)
	s.put(h)
	return s
}

// base gives the program clock at the time at of the packets.
func (e *Encoder) base(at int64) int64 {
	if e.packed {
		return at
	}
	return at + lead - liveLead
}

func (e *Encoder) counter(es *elementary) *byte { return &e.counters[es.pid-pidFirst] }

// appendClocks appends the program clock in packets of its own where nothing else has
// brought it in time: another stream's packets, or pictures that are far apart. es is the
// stream whose unit follows, at the time at.
func (e *Encoder) appendClocks(dst []byte, es *elementary, at int64) []byte {
	if e.clock == nil {
		return dst
	}
	if gap := at - e.pcr; !e.timed || gap < -clockLost || gap > clockLost {
		if es == e.clock {
			return dst // the unit brings it
		}
		e.timed, e.pcr = true, at
		dst = appendClock(dst, e.clock.pid, *e.counter(e.clock), e.base(at))
	}
	for at-e.pcr > clockEvery {
		e.pcr += clockEvery
		if e.pcr-e.tablesAt >= tablesEvery {
			dst = e.appendTables(dst, e.pcr)
		}
		dst = appendClock(dst, e.clock.pid, *e.counter(e.clock), e.base(e.pcr))
	}
	return dst
}
