package segment

import (
	"fmt"
	"io"
)

// reader reads chunks one after the other.
type reader struct {
	chunks [][]byte
	size   int64
	pos    int64
	at     int   // index of the chunk with pos
	start  int64 // of that chunk
}

// Read reads from where the last one ended.
func (r *reader) Read(b []byte) (n int, err error) {
	for n < len(b) && r.pos < r.size {
		c := r.chunks[r.at]
		k := copy(b[n:], c[r.pos-r.start:])
		n += k
		r.pos += int64(k)
		if r.pos-r.start == int64(len(c)) {
			r.start += int64(len(c))
			r.at++
		}
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Seek moves to an offset; beyond the end there is nothing to read.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, fmt.Errorf("segment: seek: whence %d", whence)
	}
	if offset < 0 {
		return 0, errOffset
	}
	r.pos, r.at, r.start = offset, 0, 0
	for r.at < len(r.chunks) && offset-r.start >= int64(len(r.chunks[r.at])) {
		r.start += int64(len(r.chunks[r.at]))
		r.at++
	}
	return offset, nil
}

// Close does nothing.
func (r *reader) Close() error { return nil }

type nopCloser struct{ io.ReadSeeker }

// Close does nothing.
func (nopCloser) Close() error { return nil }
