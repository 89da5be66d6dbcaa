package stream

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Encoder turns packets into the bytes of one wire format, the same for every viewer.
// What it appends must not refer to earlier bytes of the connection, since viewers
// begin at different places. It allocates nothing beyond growing dst.
type Encoder interface {
	// AppendStart appends what each viewer gets once, before all else.
	AppendStart(dst []byte) []byte
	// AppendTracks appends metadata and decoder configurations: for a viewer that joins
	// at time at, and for all when t replaces another set.
	AppendTracks(dst []byte, t *Tracks, at time.Duration) []byte
	// AppendPacket appends one packet, or nothing where the format leaves it out.
	AppendPacket(dst []byte, p *Packet) []byte
}

// Format is a wire format that [Player.Serve] speaks.
type Format struct {
	Name string
	// Key is comparable and tells wires of the same name apart: whatever makes their
	// bytes differ (chunk size, has_audio, …). Players with equal Name and Key share one.
	Key any
	New func() Encoder
	// Frame, if set, appends what precedes n bytes that are written in one go (a chunk's
	// size line, a WebSocket header), and Trailer is what follows them. Both are the
	// viewer's: formats that differ in them alone still share their wire.
	Frame   func(dst []byte, n int) []byte
	Trailer string
	// AnyPacket: decoding can begin at each of the format's packets, as that of sound can. Viewers then do
	// not wait for a key frame where none is cached.
	AnyPacket bool
	// Backlog, with AnyPacket, has viewers begin so long before the newest packet, as far as the wire and
	// the publication go back. It belongs to Key.
	Backlog time.Duration
}

type wireKey struct {
	name string
	key  any
}

// A slab holds about slabTime of the stream: a write that crosses two costs more than
// one that does not.
const (
	slabSize    = 64 << 10
	maxSlabSize = 512 << 10
	slabTime    = 4 // s
)

// slab is a block of shared wire bytes. What lies before the end of a flushed record
// is never written again.
type slab struct {
	mem []byte // at its full length from the start: only its contents change
	// sealed is the ring position after the slab's last record, once there is a next slab.
	sealed atomic.Uint64
}

// record is one entry of a wire: a piece of a slab.
type record struct {
	slab       *slab
	start, end int
	tracks     *Tracks       // what a viewer that joins here must know
	dts        time.Duration // its time
	flags      recordFlags
}

type recordFlags uint8

const (
	recPacket     recordFlags = 1 << iota // a packet, not an announcement
	recDisposable                         // may be left out for a slow viewer
	recEnd                                // the publication ended; no bytes
)

// wire is a stream in one wire format: a log of bytes that all viewers of the format
// share, each with a cursor of its own.
type wire struct {
	wireKey
	ring  *Ring[record]
	enc   Encoder
	ready chan struct{} // closed when filled and attached
	err   error         // why it could not be filled; read after ready
	stuck atomic.Int32  // viewers that take nothing now

	// Under the stream's lock.
	slab     *slab
	buf      []byte // what is used of slab.mem
	slabSize int
	backlog  time.Duration
	recs     []record // block of records, so that they are not allocated one by one
	tracks   *Tracks
	owed     mark // of a packet that the format left out: the next one has it
	bytes    int  // in retained slabs, about
	senders  senders
	viewers  int
	idle     time.Time // when the last viewer left
}

func newWire(f *Format) *wire {
	return &wire{wireKey: wireKey{f.Name, f.Key}, ring: NewRing[record](1 << 16), enc: f.New(), slabSize: slabSize, backlog: f.Backlog, ready: make(chan struct{})}
}

// append encodes a packet at the end of the log, and before it the tracks if they are
// new. An encoder that panics ends its wire and nothing else.
func (w *wire) append(p *Packet, m mark, reduce bool) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			w.ring.Close(fmt.Errorf("stream: wire %s: encoder panicked: %v\n%s", w.name, r, debug.Stack()))
			ok = false
		}
	}()
	if p == endOfPublication {
		w.push(record{flags: recEnd, slab: w.slab}, markNone)
		w.seal()
		return true
	}
	if p.Tracks != w.tracks {
		diff := p.Tracks.Diff(w.tracks)
		w.tracks = p.Tracks
		if diff != 0 && (!reduce || diff != ChangeMeta) {
			w.room(1024)
			w.finish(record{}, markNone, w.enc.AppendTracks(w.buf, p.Tracks, p.DTS), p)
		}
	}
	rec := record{flags: recPacket}
	if p.Flags&Disposable != 0 {
		rec.flags |= recDisposable
	}
	w.room(len(p.Payload) + len(p.Payload)/32 + 768) // as much as transport streams add
	w.finish(rec, m, w.enc.AppendPacket(w.buf, p), p)
	return true
}

// finish takes what the encoder appended to buf. An encoder that needed more room than
// was set aside has moved to a larger buffer: that becomes a slab of its own.
func (w *wire) finish(rec record, m mark, b []byte, p *Packet) {
	at := len(w.buf)
	if len(b) == at {
		w.owed = max(w.owed, m)
		return
	}
	if cap(b) != cap(w.buf) {
		b = b[at:]
		at = 0
		w.newSlab(b[:cap(b)])
	}
	w.buf = b
	rec.slab, rec.start, rec.end, rec.tracks, rec.dts = w.slab, at, len(b), p.Tracks, p.DTS
	if rec.flags&recPacket != 0 {
		m, w.owed = max(m, w.owed), markNone
	}
	w.push(rec, m)
}

// room makes sure that size bytes fit into the slab: records never straddle two, so
// that every write carries whole records.
func (w *wire) room(size int) {
	if w.slab == nil || cap(w.buf)-len(w.buf) < size {
		w.newSlab(make([]byte, max(w.slabSize, size)))
	}
}

func (w *wire) newSlab(mem []byte) {
	w.seal()
	w.slab = &slab{mem: mem}
	w.buf = mem[:0]
	w.bytes += len(mem)
}

// seal ends the open slab, so that no run goes beyond it.
func (w *wire) seal() {
	if w.slab != nil {
		w.slab.sealed.Store(w.ring.head)
		w.slab, w.buf = nil, nil
	}
}

func (w *wire) push(r record, m mark) {
	if len(w.recs) == cap(w.recs) {
		w.recs = make([]record, 0, 64)
	}
	w.recs = append(w.recs, r)
	w.ring.pushMark(&w.recs[len(w.recs)-1], m)
}

// run gives the longest piece of contiguous bytes from pos on that is flushed, and how
// many records it spans. No bytes and records > 0 means an end mark. A viewer that is
// behind skips disposable records: its run ends before one.
func (w *wire) run(pos uint64, behind bool) (b []byte, records int, err error) {
	limit := w.ring.flushed.Load()
	if pos >= limit {
		if e := w.ring.end.Load(); e != nil {
			return nil, 0, *e
		}
		return nil, 0, nil
	}
	first := w.ring.at(pos)
	if first == nil {
		return nil, 0, ErrLapped
	}
	if first.flags&recEnd != 0 {
		return nil, 1, nil
	}
	last := limit - 1
	if s := first.slab.sealed.Load(); s != 0 {
		last = min(last, s-1)
	}
	if behind {
		return w.runBehind(pos, last, first)
	}
	end := w.ring.at(last)
	if end == nil {
		return nil, 0, ErrLapped
	}
	if end.flags&recEnd != 0 { // the last of its slab, and told by itself
		last--
		if end = w.ring.at(last); end == nil {
			return nil, 0, ErrLapped
		}
	}
	return first.slab.mem[first.start:end.end:end.end], int(last - pos + 1), nil
}

// runBehind is run for a viewer that is behind: it walks the records, and leaves out
// disposable ones at its start.
func (w *wire) runBehind(pos, last uint64, first *record) ([]byte, int, error) {
	n, start, end := 0, first.start, first.start
	for p := pos; p <= last; p++ {
		r := w.ring.at(p)
		if r == nil {
			return nil, 0, ErrLapped
		}
		if r.flags&(recDisposable|recEnd) != 0 {
			break
		}
		end = r.end
		n++
	}
	return first.slab.mem[start:end:end], n, nil
}

// trim drops the records before pos and counts the slabs that go with them.
func (w *wire) trim(pos uint64) {
	tail := w.ring.tail.Load()
	if pos <= tail {
		return
	}
	prev := w.slabAt(tail)
	for p := tail + 1; p <= pos; p++ {
		if s := w.slabAt(p); s != prev {
			if prev != nil {
				w.bytes -= len(prev.mem)
			}
			prev = s
		}
	}
	w.ring.Trim(pos)
}

func (w *wire) slabAt(pos uint64) *slab {
	if pos < w.ring.head {
		if r := w.ring.at(pos); r != nil {
			return r.slab
		}
	}
	return w.slab
}

// since gives the first position whose time is not before t, of the publication that is under way.
func (w *wire) since(t time.Duration) uint64 {
	pos, tail := w.ring.flushed.Load(), w.ring.tail.Load()
	for ; pos > tail; pos-- {
		if r := w.ring.at(pos - 1); r == nil || r.flags&recEnd != 0 || r.dts < t {
			break
		}
	}
	return pos
}

// wires is the set of a stream's wires.
type wires struct {
	byKey  map[wireKey]*wire
	active []*wire // those that are filled, in no order
}

func (ws *wires) remove(w *wire) {
	delete(ws.byKey, w.wireKey)
	for i, x := range ws.active {
		if x == w {
			ws.active[i] = ws.active[len(ws.active)-1]
			ws.active[len(ws.active)-1] = nil
			ws.active = ws.active[:len(ws.active)-1]
			return
		}
	}
}
