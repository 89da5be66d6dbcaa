package dvr

import (
	"fmt"
	"sync/atomic"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// out gathers the bytes of a draft, which reach the disk in whole pieces: tags, packets, parts.
type out struct {
	draft *storage.Draft
	buf   []byte
	size  atomic.Int64 // on disk
}

// maxGather is how many bytes wait at most before they go to disk.
const maxGather = 256 << 10

// Write takes a whole piece.
func (o *out) Write(b []byte) (int, error) {
	o.buf = append(o.buf, b...)
	if len(o.buf) < maxGather {
		return len(b), nil
	}
	return len(b), o.flush()
}

// flush writes what waits, with one call. After an error the file ends with the last whole write.
func (o *out) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	n, err := o.draft.WriteAt(o.buf, o.size.Load())
	if err == nil {
		o.size.Add(int64(n))
	} else {
		_ = o.draft.Truncate(o.size.Load())
		err = fmt.Errorf("dvr: writing %s: %w", o.draft.Name(), err)
	}
	o.buf = o.buf[:0]
	if cap(o.buf) > 4*maxGather { // after a large picture
		o.buf = nil
	}
	return err
}

// writer makes a file of one format. It gives whole pieces to an out. Errors are those of that, or wrap
// stream.ErrUnsupported.
type writer interface {
	stream.Sink
	// finish completes what the file has.
	finish() error
}
