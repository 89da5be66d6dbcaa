package dvr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// errNothing: a file has nothing that could be played.
var errNothing = errors.New("dvr: there is nothing in the file")

// box is where a box of an MP4 is (ISO 14496-12 4.2).
type box struct {
	name string
	at   int64 // its header
	body int64
	end  int64
}

// boxAt reads a box's header in a file of size bytes. A box that is not whole is an error that wraps
// io.ErrUnexpectedEOF.
func boxAt(r io.ReaderAt, at, size int64) (box, error) {
	var h [16]byte
	if n, err := r.ReadAt(h[:8], at); n < 8 {
		return box{}, fmt.Errorf("dvr: mp4: reading a box at %d: %w", at, unexpected(err))
	}
	b := box{name: string(h[4:8]), at: at, body: at + 8}
	n := int64(binary.BigEndian.Uint32(h[:]))
	if n == 1 {
		if m, err := r.ReadAt(h[8:], at+8); m < 8 {
			return box{}, fmt.Errorf("dvr: mp4: reading a box at %d: %w", at, unexpected(err))
		}
		n = int64(binary.BigEndian.Uint64(h[8:]))
		b.body += 8
	}
	switch {
	case n < b.body-at:
		return box{}, fmt.Errorf("dvr: mp4: box %q at %d: %d bytes", b.name, at, n)
	case n > size-at:
		return box{}, fmt.Errorf("dvr: mp4: box %q at %d: %d bytes of %d: %w", b.name, at, size-at, n, io.ErrUnexpectedEOF)
	}
	b.end = at + n
	return b, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxIndex bounds moov and moof boxes that are read.
const maxIndex = 16 << 20

// load reads a box into memory.
func (b box) load(r io.ReaderAt) ([]byte, error) { return b.loadMax(r, maxIndex) }

func (b box) loadMax(r io.ReaderAt, limit int64) ([]byte, error) {
	n := b.end - b.body
	if n > limit {
		return nil, fmt.Errorf("dvr: mp4: box %q at %d: %d bytes, at most %d are read", b.name, b.at, n, limit)
	}
	body := make([]byte, n)
	if m, err := r.ReadAt(body, b.body); int64(m) < n {
		return nil, fmt.Errorf("dvr: mp4: reading %q at %d: %w", b.name, b.at, unexpected(err))
	}
	return body, nil
}

// child finds the first box of a name among those that b holds; nil if there is none.
func child(b []byte, name string) []byte {
	var found []byte
	_ = children(b, func(n string, body []byte) error {
		if n == name && found == nil {
			found = body
		}
		return nil
	})
	return found
}

// descend finds a box by the names of those that it is in.
func descend(b []byte, names ...string) []byte {
	for _, n := range names {
		b = child(b, n)
	}
	return b
}

// children gives the boxes in b, in order.
func children(b []byte, f func(name string, body []byte) error) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return fmt.Errorf("dvr: mp4: %d bytes where a box should be", len(b))
		}
		n, name := binary.BigEndian.Uint32(b), string(b[4:8])
		if n < 8 || uint64(n) > uint64(len(b)) {
			return fmt.Errorf("dvr: mp4: box %q: %d bytes of %d", name, len(b), n)
		}
		if err := f(name, b[8:n:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// begin appends the header of a box, which end completes.
func begin(b []byte, name string) ([]byte, int) {
	return append(append(b, 0, 0, 0, 0), name...), len(b)
}

// full is begin with version and flags.
func full(b []byte, name string, version byte, flags uint32) ([]byte, int) {
	b, at := begin(b, name)
	return u32(b, uint32(version)<<24|flags), at
}

func end(b []byte, at int) []byte {
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// whole appends a box with a body.
func whole(b []byte, name string, body []byte) []byte {
	b, at := begin(b, name)
	return end(append(b, body...), at)
}

func u32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func u64(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}
