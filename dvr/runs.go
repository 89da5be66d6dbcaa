package dvr

import (
	"io"
	"sort"
)

// run is a piece of a file.
type run struct {
	in    io.ReaderAt
	at, n int64
}

// runs reads pieces one behind the other as one file. It is an io.ReaderAt.
type runs struct {
	list []run
	ends []int64 // of each, in the whole
}

func newRuns(list []run) *runs {
	r, end := &runs{list: list, ends: make([]int64, len(list))}, int64(0)
	for i, x := range list {
		end += x.n
		r.ends[i] = end
	}
	return r
}

// size gives how many bytes there are.
func (r *runs) size() int64 {
	if len(r.ends) == 0 {
		return 0
	}
	return r.ends[len(r.ends)-1]
}

// reader reads all of it.
func (r *runs) reader() *io.SectionReader { return io.NewSectionReader(r, 0, r.size()) }

// ReadAt reads from a place. A piece whose file is shorter than it was is an error that wraps
// io.ErrUnexpectedEOF.
func (r *runs) ReadAt(b []byte, at int64) (n int, err error) {
	i := sort.Search(len(r.ends), func(i int) bool { return at < r.ends[i] })
	for ; len(b) > n; i++ {
		if i == len(r.list) {
			return n, io.EOF
		}
		x := r.list[i]
		skip := at + int64(n) - (r.ends[i] - x.n)
		want := int(min(int64(len(b)-n), x.n-skip))
		m, err := x.in.ReadAt(b[n:n+want], x.at+skip)
		if n += m; m < want {
			return n, unexpected(err)
		}
	}
	return n, nil
}
