package mpegts

import (
	"fmt"
	"io"
	"time"

	"github.com/srsgo/srs/stream"
)

// gatherTime bounds what is packed into one PES packet, in 1/90000 s. It is below
// clockEvery, so that sound without pictures has its clock in time, and below lead.
const gatherTime = hz / 10

// gatherSlack is by how much time stamps may differ from what the samples before say.
// RTMP's have whole milliseconds.
const gatherSlack = hz / 200

// gathered is sound that waits for more.
type gathered struct {
	frames  []byte
	at      int64 // time of the first frame
	samples int   // of all
	jump    bool
}

// Muxer makes transport streams for segments and files: as [Encoder], but up to 100 ms of
// sound become one PES packet, for a frame in packets of its own is half stuffing. So what
// was appended is complete only after Flush. Its zero value is ready. It is for one
// goroutine.
//
// Continuity counters go on from segment to segment; a new Muxer begins with new ones.
type Muxer struct {
	// Options must not change once it is in use.
	Options

	enc Encoder
}

func (m *Muxer) follow(dst []byte, t *stream.Tracks) []byte {
	if t != m.enc.tracks {
		dst = m.Flush(dst)
		m.enc.single, m.enc.packed, m.enc.Options = true, true, m.Options
		m.enc.follow(t)
	}
	return dst
}

// AppendSegmentStart appends the tables, which begin a segment: of the tracks t, at the
// time at. The next picture has its parameter sets with it even if it is no key frame:
// players that convert segments one by one want them in each. Flush what belongs to the
// segment before first.
func (m *Muxer) AppendSegmentStart(dst []byte, t *stream.Tracks, at time.Duration) []byte {
	dst = m.follow(dst, t)
	for i := range m.enc.list {
		m.enc.list[i].owed = len(m.enc.list[i].sets) > 0
	}
	return m.enc.appendTables(dst, stream.Ticks(at, hz))
}

// AppendPacket appends the packet, or keeps its sound until there is more of it, and
// appends what has waited long enough. It keeps nothing of the packet but its Tracks.
func (m *Muxer) AppendPacket(dst []byte, p *stream.Packet) []byte {
	dst = m.follow(dst, p.Tracks)
	es := m.enc.find(p)
	if es == nil {
		return dst
	}
	at := stream.Ticks(p.DTS, hz)
	for i := range m.enc.list {
		if w := &m.enc.list[i]; w != es && len(w.frames) > 0 && at-w.at >= gatherTime {
			dst = m.enc.flush(dst, w)
		}
	}
	if p.Track != stream.Data && es.id != idVideo {
		return m.enc.gather(dst, es, p)
	}
	return m.enc.AppendPacket(dst, p)
}

// Flush appends the sound that waits.
func (m *Muxer) Flush(dst []byte) []byte {
	for i := range m.enc.list {
		if es := &m.enc.list[i]; len(es.frames) > 0 {
			dst = m.enc.flush(dst, es)
		}
	}
	return dst
}

// gather adds a packet of sound to those that wait, and appends those before it where it
// does not continue them.
func (e *Encoder) gather(dst []byte, es *elementary, p *stream.Packet) []byte {
	n, rate := samples(es.codec, es.rate, p.Payload)
	if n <= 0 || rate <= 0 {
		if len(es.frames) > 0 {
			dst = e.flush(dst, es)
		}
		return e.appendAudio(dst, es, p)
	}
	e.prefix = es.appendFrame(e.prefix[:0], p.Payload)
	size := len(e.prefix) + len(p.Payload)
	if size > es.maxFrame() {
		return dst
	}
	at, jump := stream.Ticks(p.PTS, hz), p.Flags&stream.Discontinuity != 0
	if len(es.frames) > 0 {
		late := at - es.at - ticks(es.samples, rate)
		if jump || late > gatherSlack || late < -gatherSlack || len(es.frames)+size > maxPES ||
			ticks(es.samples+n, rate) > gatherTime {
			dst = e.flush(dst, es)
		}
	}
	if len(es.frames) == 0 {
		es.at, es.samples, es.jump = at, 0, jump
	}
	es.frames = append(append(es.frames, e.prefix...), p.Payload...)
	es.samples += n
	return dst
}

func ticks(samples, rate int) int64 {
	return (int64(samples)*hz + int64(rate)/2) / int64(rate)
}

func (e *Encoder) flush(dst []byte, es *elementary) []byte {
	s := e.begin(dst, unit{es: es, size: len(es.frames), pts: es.at, dts: es.at, jump: es.jump})
	s.put(es.frames)
	es.frames = es.frames[:0]
	return s.dst
}

// Writer writes a transport stream to an io.Writer. It is a [stream.Sink] for one
// goroutine.
type Writer struct {
	mux Muxer
	w   io.Writer
	buf []byte
}

// NewWriter gives a Writer to w.
func NewWriter(w io.Writer, o Options) *Writer {
	return &Writer{w: w, mux: Muxer{Options: o}}
}

// WritePacket writes the packet, or keeps its sound for up to 100 ms. It calls w.Write
// at most once. A failed write may have written a part.
func (w *Writer) WritePacket(p *stream.Packet) error {
	w.buf = w.mux.AppendPacket(w.buf[:0], p)
	return w.write()
}

// Flush writes the sound that waits. It is to be called at the end.
func (w *Writer) Flush() error {
	w.buf = w.mux.Flush(w.buf[:0])
	return w.write()
}

func (w *Writer) write() error {
	if len(w.buf) == 0 {
		return nil
	}
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("mpegts: writing: %w", err)
	}
	return nil
}
