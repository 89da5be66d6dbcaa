package dvr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/srsgo/srs/protocol/storage"
)

// library reads recordings for one request. It has one file open at a time. It belongs to one goroutine.
type library struct {
	ctx    context.Context
	movies *movies
	name   string // of the open file
	file   storage.File
}

func (l *library) close() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}

// open gives the file of a recording, which may stay open.
func (l *library) open(r *Recording) (*recorded, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, context.Cause(l.ctx)
	}
	if l.file == nil || l.name != r.Name {
		l.close()
		f, err := r.Dir.Open(l.ctx, r.Name)
		if err != nil {
			return nil, err
		}
		l.file, l.name = f, r.Name
	}
	in, ok := l.file.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("dvr: %s cannot be read at places", r.File)
	}
	return &recorded{l, r, l.file.Info(), in}, nil
}

// recorded is the file of a recording. It is an io.ReaderAt, also when another one has been opened since.
type recorded struct {
	library *library
	of      *Recording
	storage.Info
	in io.ReaderAt
}

var errChanged = errors.New("dvr: the recording has changed")

// ReadAt reads the file as it was when it was opened first.
func (x *recorded) ReadAt(b []byte, at int64) (int, error) {
	now, err := x.library.open(x.of)
	if err != nil {
		return 0, err
	}
	if now.Info != x.Info {
		return 0, fmt.Errorf("%w: %s", errChanged, x.of.File)
	}
	return now.in.ReadAt(b, at)
}

// movie gives the index of a recording as an MP4.
func (l *library) movie(r *Recording) (*movie, *recorded, error) {
	f, err := l.open(r)
	if err != nil {
		return nil, nil, err
	}
	if m := l.movies.get(f.Info); m != nil {
		return m.over(f), f, nil
	}
	var m *movie
	if open := openerOf(r.Name); open != nil {
		m, err = openRemade(open, f, f.Size)
	} else {
		m, err = openMovie(f, f.Size)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w (in %s)", err, r.File)
	}
	l.movies.put(f.Info, m)
	return m, f, nil
}

// maxSamples bounds the samples whose indexes are kept, and those of one answer: at most 40 bytes each.
const maxSamples = 2 << 20

// movies keeps the indexes of what was played last: a viewer asks for many segments of a file.
type movies struct {
	mu      sync.Mutex
	list    []indexed // those that were asked for last are behind
	samples int
}

type indexed struct {
	storage.Info
	*movie
}

func (c *movies) get(of storage.Info) *movie {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.list, func(x indexed) bool { return x.Info == of })
	if i < 0 {
		return nil
	}
	x := c.list[i]
	c.list = append(slices.Delete(c.list, i, i+1), x)
	return x.movie
}

func (c *movies) put(of storage.Info, m *movie) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m = m.over(nil) // no file is held open
	c.list = append(c.list, indexed{of, m})
	for c.samples += m.samples(); c.samples > maxSamples; c.list = c.list[1:] {
		c.samples -= c.list[0].samples()
		c.list[0] = indexed{}
	}
}
