package storage

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// kind says what a job does.
type kind byte

const (
	putJob    kind = 'p' // sends a file of Dir
	fileJob   kind = 'f' // sends a file of Files
	removeJob kind = 'r'
)

// job is one thing to do. Its file in Dir has the path seq, kind, name.
type job struct {
	seq   uint64
	kind  kind
	name  string
	size  int64
	since time.Time
	busy  bool
	tries int
	next  time.Time // not before
}

// overhead is what a file takes on a disk beside its content, about.
const overhead = 4 << 10

func (j *job) cost() int64 { return j.size + overhead }

func (j *job) path() string { return fmt.Sprintf("%016x/%c/%s", j.seq, j.kind, j.name) }

// parseJob makes a job of a file in Dir.
func parseJob(info Info) (*job, bool) {
	p := strings.SplitN(info.Name, "/", 3)
	if len(p) != 3 || len(p[1]) != 1 || !strings.Contains("pfr", p[1]) {
		return nil, false
	}
	j := &job{kind: kind(p[1][0]), name: p[2], since: info.Modified, size: info.Size}
	if n, err := fmt.Sscanf(p[0], "%16x", &j.seq); err != nil || n != 1 || j.path() != info.Name {
		return nil, false
	}
	return j, true
}

// list tells playlists and manifests.
func (j *job) list() bool {
	ext := path.Ext(j.name)
	return j.kind != removeJob && (ext == ".m3u8" || ext == ".mpd")
}

// barrier tells the jobs that wait for all before them.
func (j *job) barrier() bool { return j.kind == removeJob || j.list() }

// reserving reads what is put, and takes room for it as it comes.
type reserving struct {
	s     *Spool
	r     io.Reader
	n     int64 // read
	ahead int64 // has room, and is not read yet
	taken int64
}

// Read reads; without room the error is ErrFull.
func (x *reserving) Read(b []byte) (int, error) {
	n, err := x.r.Read(b)
	x.n += int64(n)
	if x.ahead -= int64(n); x.ahead < 0 {
		if full := x.reserve(-x.ahead); full != nil {
			return 0, full
		}
		x.ahead = 0
	}
	return n, err
}

func (x *reserving) reserve(n int64) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if n > x.s.cfg.MaxBytes-x.s.bytes {
		return fmt.Errorf("%w: %d bytes wait", ErrFull, x.s.bytes)
	}
	x.s.bytes += n
	x.taken += n
	return nil
}

// release gives back what was taken.
func (x *reserving) release() {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.bytes -= x.taken
}
