package s3

import (
	"errors"
	"io"
)

// errLong is for a reader that gives more than was announced.
var errLong = errors.New("more bytes than announced")

// exact reads a stream that must have a size. It holds the last bytes back until it knows that none
// follow: what is longer fails while it is sent, and the server keeps what it had.
type exact struct {
	r    io.Reader
	left int64
}

// Read reads; too much or too little is an error.
func (x *exact) Read(b []byte) (int, error) {
	if x.left > 0 {
		n, err := x.r.Read(b[:min(int64(len(b)), x.left)])
		x.left -= int64(n)
		if errors.Is(err, io.EOF) && x.left > 0 {
			err = io.ErrUnexpectedEOF
		}
		if x.left > 0 || err != nil {
			return n, err
		}
		if err := x.end(); !errors.Is(err, io.EOF) {
			return 0, err
		}
		return n, nil
	}
	return 0, x.end()
}

// end gives io.EOF if nothing follows.
func (x *exact) end() error {
	switch n, err := io.ReadFull(x.r, make([]byte, 1)); {
	case n > 0:
		return errLong
	default:
		return err
	}
}
