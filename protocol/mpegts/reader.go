package mpegts

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/srsgo/srs/stream"
)

// maxGarbage is how many bytes in a row may be no transport packets.
const maxGarbage = 1 << 20

// Reader reads the first program of a transport stream. It is a [stream.Source] for one
// goroutine.
//
// It is tolerant: it may begin anywhere, skips what is no transport packet, leaves out
// access units of which packets are missing and marks the next one
// [stream.Discontinuity], and follows changes of the program. Streams of codecs that it
// does not know are left out, as are damaged and scrambled packets, dependent substreams
// of E-AC-3 and ADTS frames of several blocks. A track shows with its first packet, and
// video with the first parameter sets: one that is announced and silent holds up nothing.
//
// Times are those of the transport stream, wraps undone. Packets come in the order in
// which their access units end: those of different tracks are out of order by as much as
// whoever made the stream packed together, which is half a second from some. At most about 32 MB wait for their ends.
type Reader struct {
	r       *bufio.Reader
	demux   demuxer
	next    int
	synced  bool
	garbage int
	end     error
}

// NewReader gives a Reader of the transport packets that r has.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10), demux: demuxer{tracks: &stream.Tracks{}}}
}

// Tracks gives the tracks known so far, never nil. The ID of each is its PID.
func (r *Reader) Tracks() *stream.Tracks { return r.demux.tracks }

// ReadPacket gives the next packet, and io.EOF at the end, also in the midst of a
// transport packet. Where there are no transport packets for a megabyte it gives an error,
// and the next call looks further.
func (r *Reader) ReadPacket() (*stream.Packet, error) {
	d := &r.demux
	for {
		if r.next < len(d.queue) {
			p := d.queue[r.next]
			d.queue[r.next] = nil
			r.next++
			return p, nil
		}
		d.queue, r.next = d.queue[:0], 0
		if r.end != nil {
			return nil, r.end
		}
		b, err := r.packet()
		switch {
		case errors.Is(err, io.EOF):
			r.end = io.EOF
			d.flush()
		case err != nil:
			return nil, fmt.Errorf("mpegts: reading: %w", err)
		default:
			d.packet(b)
			_, _ = r.r.Discard(packetSize) // was peeked at
		}
	}
}

// packet gives the next transport packet, which stays unread.
func (r *Reader) packet() ([]byte, error) {
	for {
		b, err := r.r.Peek(packetSize)
		if err != nil {
			return nil, err
		}
		if b[0] == syncByte && (r.synced || r.follows()) {
			r.synced, r.garbage = true, 0
			return b, nil
		}
		r.synced = false
		if r.garbage++; r.garbage > maxGarbage {
			r.garbage = 0
			return nil, fmt.Errorf("no transport packets in %d bytes", maxGarbage)
		}
		_, _ = r.r.Discard(1)
	}
}

// follows tells whether another packet follows the one that seems to come next, or nothing.
func (r *Reader) follows() bool {
	b, err := r.r.Peek(packetSize + 1)
	return err != nil || b[packetSize] == syncByte
}
