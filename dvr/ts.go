package dvr

import (
	"fmt"
	"io"
	"time"

	"github.com/srsgo/srs/protocol/mpegts"
	"github.com/srsgo/srs/stream"
)

// tsFile writes MPEG-TS.
type tsFile struct {
	flush func() error // of what it writes to
	w     *mpegts.Writer
}

func newTS(w io.Writer, flush func() error) *tsFile {
	return &tsFile{flush, mpegts.NewWriter(w, mpegts.Options{})}
}

// WritePacket writes transport packets.
func (f *tsFile) WritePacket(p *stream.Packet) error {
	if p.Track != stream.Data && !carriesAny(p.Tracks) {
		return fmt.Errorf("dvr: no track that MPEG-TS carries: %w", stream.ErrUnsupported)
	}
	return f.w.WritePacket(p)
}

func carriesAny(t *stream.Tracks) bool {
	for i := range t.List {
		if mpegts.Carries(t.List[i].Codec) {
			return true
		}
	}
	return false
}

func (f *tsFile) finish() error {
	if err := f.w.Flush(); err != nil {
		return err
	}
	return f.flush()
}

const tsPacket = 188

// repairTS completes a file of an earlier process: it is cut after the last whole packet.
func repairTS(f file, size int64) (time.Duration, int64, error) {
	size -= size % tsPacket
	var sync [1]byte
	for ; size > 0; size -= tsPacket { // what was not written before the machine failed may be zeros
		if _, err := f.ReadAt(sync[:], size-tsPacket); err != nil {
			return 0, 0, fmt.Errorf("dvr: ts: reading: %w", err)
		}
		if sync[0] == 0x47 {
			break
		}
	}
	d, ok := tsDuration(f, size)
	if !ok {
		return 0, 0, errNothing
	}
	if err := f.Truncate(size); err != nil {
		return 0, 0, fmt.Errorf("dvr: ts: cutting: %w", err)
	}
	return d, size, nil
}

// tsEdge is how much of a file's two ends is looked at for clocks.
const tsEdge = 4096 * tsPacket

// tsDuration gives the time between the first and the last program clock of a file; ok is false if there
// is none.
func tsDuration(f io.ReaderAt, size int64) (d time.Duration, ok bool) {
	first, ok := tsClock(f, 0, min(size, tsEdge), true)
	last, has := tsClock(f, max(0, size-tsEdge), size, false)
	const wrap = 1 << 33
	return stream.FromTicks((last-first+wrap)%wrap, 90000), ok && has
}

// tsClock gives the first program clock (ISO 13818-1 2.4.3.5) of the packets from one place to another,
// or the last one, in 1/90,000 s.
func tsClock(f io.ReaderAt, from, to int64, first bool) (clock int64, ok bool) {
	b := make([]byte, (to-from)/tsPacket*tsPacket)
	if n, _ := f.ReadAt(b, to-int64(len(b))); n < len(b) {
		return 0, false
	}
	for ; len(b) > 0; b = b[tsPacket:] {
		if b[0] != 0x47 || b[3]&0x20 == 0 || b[4] < 7 || b[5]&0x10 == 0 {
			continue
		}
		clock, ok = int64(b[6])<<25|int64(b[7])<<17|int64(b[8])<<9|int64(b[9])<<1|int64(b[10])>>7, true
		if first {
			break
		}
	}
	return clock, ok
}
