package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"sync"
	"time"
)

// SpoolConfig configures a Spool.
type SpoolConfig struct {
	// Remote is where files go.
	Remote Storage
	// Dir keeps what waits, over restarts. It is the spool's alone, which does not close it.
	Dir *Disk
	// Files is where the files of PutFile are; nil: there are none.
	Files *Disk
	// MaxBytes bounds what waits in Dir; 0: 10 GiB.
	MaxBytes int64
	// Workers is how many files are on their way at once; 0: 4.
	Workers int
	// Logger takes a line when sending begins to fail and one when it goes on; nil discards.
	Logger *slog.Logger
	// Sent is told of each file that has arrived. It must not block.
	Sent func(name string)
}

// SpoolStats are a Spool's figures.
type SpoolStats struct {
	Waiting      int           // files, and removals
	WaitingBytes int64         // in Dir
	Oldest       time.Duration // since when the oldest of them waits
	Sent         uint64        // files and removals that arrived
	Failures     uint64        // attempts that failed
	Refused      uint64        // files that there was no room for
	Down         bool          // the last attempt failed
}

// Spool is a Storage that keeps what is put on disk and sends it to a remote one, again and again until
// it arrives. An outage of the remote, or a restart, loses nothing that Dir can hold.
//
// A newer file of a name takes the place of one that waits. Playlists, manifests and removals arrive
// only after all that was put before them; other files may overtake one another.
type Spool struct {
	cfg    SpoolConfig
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	queue  []*job          // in the order in which they came
	names  map[string]*job // the newest of each name
	busy   map[string]bool // names that are on their way
	seq    uint64
	bytes  int64
	wake   chan struct{} // closed when there may be something to do
	stats  SpoolStats
	down   time.Time // since when sending fails; zero if it does not
	missed uint64    // attempts since then
}

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
	gone  bool // another one has taken its place
	tries int
	next  time.Time
}

func (j *job) path() string { return fmt.Sprintf("%016x/%c/%s", j.seq, j.kind, j.name) }

// barrier tells the jobs that wait for all before them.
func (j *job) barrier() bool {
	if j.kind == removeJob {
		return true
	}
	ext := path.Ext(j.name)
	return ext == ".m3u8" || ext == ".mpd"
}

// NewSpool takes up what an earlier process has left in cfg.Dir and begins to send.
func NewSpool(cfg SpoolConfig) (*Spool, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 10 << 30
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 4
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Spool{cfg: cfg, names: map[string]*job{}, busy: map[string]bool{}, wake: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.load(); err != nil {
		return nil, err
	}
	for range cfg.Workers {
		s.work.Go(s.worker)
	}
	return s, nil
}

// load reads what waits.
func (s *Spool) load() error {
	for info, err := range s.cfg.Dir.List(s.ctx, "") {
		if err != nil {
			return fmt.Errorf("storage: spool: %w", err)
		}
		var j job
		if n, err := fmt.Sscanf(info.Name, "%16x/%c/", &j.seq, &j.kind); err != nil || n != 2 || len(info.Name) < 20 || !bytes.ContainsRune([]byte("pfr"), rune(j.kind)) {
			s.cfg.Logger.Warn("a file that is not the spool's", "dir", s.cfg.Dir.Dir(), "name", info.Name)
			continue
		}
		j.name, j.since = info.Name[19:], info.Modified
		if j.kind == putJob {
			j.size = info.Size
		}
		s.seq = max(s.seq, j.seq)
		s.add(&j)
	}
	if n := len(s.queue); n > 0 {
		s.cfg.Logger.Info("files of an earlier run wait to be sent", "files", n, "bytes", s.bytes)
	}
	return nil
}

// add queues a job in place of older ones of its name.
func (s *Spool) add(j *job) {
	if old := s.names[j.name]; old != nil && !old.busy {
		s.drop(old)
	}
	s.names[j.name] = j
	s.queue = append(s.queue, j)
	s.bytes += j.size
	close(s.wake)
	s.wake = make(chan struct{})
}

// drop takes a job out.
func (s *Spool) drop(j *job) {
	j.gone = true
	s.queue = slices.DeleteFunc(s.queue, func(x *job) bool { return x == j })
	s.bytes -= j.size
	if s.names[j.name] == j {
		delete(s.names, j.name)
	}
	_ = s.cfg.Dir.remove(j.path()) // if it stays, it is done once more
	close(s.wake)
	s.wake = make(chan struct{})
}

// Put keeps what r gives, to be sent. Without room the error wraps ErrFull.
func (s *Spool) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	return s.enter(ctx, &job{kind: putJob, name: name}, r, size)
}

// PutFile has a file of SpoolConfig.Files sent under its name. It must stay there until it has been;
// one that is gone by then is passed over.
func (s *Spool) PutFile(ctx context.Context, name string) error {
	return s.enter(ctx, &job{kind: fileJob, name: name}, bytes.NewReader(nil), 0)
}

// Remove has a file removed from the remote.
func (s *Spool) Remove(ctx context.Context, name string) error {
	return s.enter(ctx, &job{kind: removeJob, name: name}, bytes.NewReader(nil), 0)
}

func (s *Spool) enter(ctx context.Context, j *job, r io.Reader, size int64) error {
	if err := CheckName(j.name); err != nil {
		return err
	}
	s.mu.Lock()
	s.seq++
	j.seq, j.since = s.seq, time.Now()
	room := s.cfg.MaxBytes - s.bytes
	s.mu.Unlock()
	c := &counted{r: io.LimitReader(r, max(room, 0)+1)}
	err := s.ctx.Err()
	if err == nil && size <= room {
		if err = s.cfg.Dir.Put(ctx, j.path(), c, size); err == nil && c.n > room {
			_ = s.cfg.Dir.remove(j.path())
		}
	}
	if err == nil && max(size, c.n) > room {
		err = fmt.Errorf("%w: %d bytes wait", ErrFull, s.cfg.MaxBytes-room)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.stats.Refused++
		return fmt.Errorf("storage: spool %s: %w", j.name, err)
	}
	j.size = c.n
	s.add(j)
	return nil
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

// Read reads.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// Open reads a file of the remote.
func (s *Spool) Open(ctx context.Context, name string) (File, error) {
	return s.cfg.Remote.Open(ctx, name)
}

// List ranges over the files of the remote.
func (s *Spool) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return s.cfg.Remote.List(ctx, prefix)
}

// Stats gives the figures up to now.
func (s *Spool) Stats() SpoolStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.stats
	x.Waiting, x.WaitingBytes, x.Down = len(s.queue), s.bytes, !s.down.IsZero()
	if len(s.queue) > 0 {
		x.Oldest = time.Since(s.queue[0].since)
	}
	return x
}

// Wait waits until all has arrived.
func (s *Spool) Wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		n, wake := len(s.queue), s.wake
		s.mu.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return fmt.Errorf("storage: %d files wait to be sent: %w", n, context.Cause(ctx))
		}
	}
}

// Close stops sending. What is on its way is given up; it and what waits are sent by the next Spool on
// the directory.
func (s *Spool) Close() error {
	s.cancel()
	s.work.Wait()
	return nil
}

func (s *Spool) worker() {
	for {
		j, wake, in := s.take()
		if j != nil {
			s.finish(j, s.do(j))
			continue
		}
		timer := time.NewTimer(in)
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// lookAhead is how many jobs behind the first one are looked at for one that may go.
const lookAhead = 256

// take gives the next job whose time has come; without one, what tells that there may be one, and
// after how long to look again.
func (s *Spool) take() (*job, <-chan struct{}, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := time.Hour
	if s.ctx.Err() != nil {
		return nil, s.wake, in
	}
	now := time.Now()
	for i, j := range s.queue[:min(len(s.queue), lookAhead)] {
		if j.busy || s.busy[j.name] || j.barrier() && i > 0 {
			continue
		}
		if d := j.next.Sub(now); d > 0 {
			in = min(in, d)
			continue
		}
		j.busy, s.busy[j.name] = true, true
		return j, nil, 0
	}
	return nil, s.wake, in
}

// slowest is the least speed that a file may take, in bytes a second.
const slowest = 32 << 10

// do carries a job out.
func (s *Spool) do(j *job) error {
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	from, name := s.cfg.Dir, j.path()
	switch {
	case j.kind == removeJob:
		return s.cfg.Remote.Remove(ctx, j.name)
	case j.kind == fileJob && s.cfg.Files == nil:
		return nil
	case j.kind == fileJob:
		from, name = s.cfg.Files, j.name
	}
	f, err := from.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		s.cfg.Logger.Warn("a file that was to be sent is gone", "dir", from.Dir(), "name", j.name)
		return nil
	} else if err != nil {
		return err
	}
	defer f.Close()
	size := f.Info().Size
	long, cancel := context.WithTimeout(s.ctx, time.Minute+time.Duration(size/slowest)*time.Second)
	defer cancel()
	return s.cfg.Remote.Put(long, j.name, f, size)
}

// The time between attempts.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// finish books the outcome of a job.
func (s *Spool) finish(j *job, err error) {
	s.book(j, err)
	if err == nil && s.cfg.Sent != nil && j.kind != removeJob {
		s.cfg.Sent(j.name)
	}
}

func (s *Spool) book(j *job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.busy = false
	delete(s.busy, j.name)
	if err == nil {
		s.drop(j)
		s.stats.Sent++
		if !s.down.IsZero() {
			s.cfg.Logger.Info("files are sent again", "after", time.Since(s.down).Round(time.Second), "attempts", s.missed, "waiting", len(s.queue), "bytes", s.bytes)
			s.down, s.missed = time.Time{}, 0
		}
		return
	}
	if s.ctx.Err() != nil {
		return
	}
	if s.names[j.name] != j { // a newer one has come meanwhile
		s.drop(j)
	}
	s.stats.Failures++
	s.missed++
	if s.down.IsZero() {
		s.down = time.Now()
		s.cfg.Logger.Warn("a file cannot be sent, it is tried again", "name", j.name, "err", err, "waiting", len(s.queue), "bytes", s.bytes)
	}
	d := min(firstRetry<<min(j.tries, 10), lastRetry)
	j.tries++
	j.next = time.Now().Add(d/2 + rand.N(d/2+1))
	close(s.wake)
	s.wake = make(chan struct{})
}
