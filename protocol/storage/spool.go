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
	// MaxBytes bounds what waits in Dir, counted as SpoolStats.WaitingBytes; 0: 10 GiB. What is more
	// is refused.
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
	WaitingBytes int64         // in Dir, each with 4 KiB for what a file takes beside its content
	Oldest       time.Duration // since when the oldest of them waits
	Sent         uint64        // files and removals that arrived
	Failures     uint64        // attempts that failed
	Refused      uint64        // what could not be kept, so that Put or Remove gave an error
	Lost         uint64        // files that were gone, or that Remote will never take
	Down         bool          // the last attempt failed
}

// Spool is a Storage that keeps what is put on disk and sends it to a remote one, again and again until
// it arrives. An outage of the remote, or a restart, loses nothing that Dir can hold.
//
// A newer file of a name takes the place of one that waits. Of a playlist or manifest the one that has
// waited longest goes all the same: else, where they come faster than what they wait for is sent, none
// ever would. Playlists, manifests and removals arrive only after all that was put before them; other
// files may overtake one another. So a large recording delays playlists: have one Spool for each.
//
// What fails is tried again after 1 s, and after up to 60 s later on; while Remote is down, with one
// file at a time. A file that Remote can never take (fs.ErrInvalid) is given up.
//
// What waits outlives the process, also one that is killed. When the machine fails, files of the last
// seconds may be lost: they are not forced onto the disk.
type Spool struct {
	cfg    SpoolConfig
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	queue   []*job            // in the order in which they came
	names   map[string][]*job // the same, by name
	sending int
	seq     uint64
	bytes   int64         // of queue, and of what is being put
	wake    chan struct{} // closed when there may be something to do
	stats   SpoolStats
	outage  outage
}

// NewSpool takes up what an earlier process has left in cfg.Dir and begins to send.
func NewSpool(cfg SpoolConfig) (*Spool, error) {
	if cfg.Remote == nil || cfg.Dir == nil {
		return nil, errors.New("storage: spool: Remote or Dir is missing")
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 10 << 30
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 4
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Spool{cfg: cfg, names: map[string][]*job{}, wake: make(chan struct{})}
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
	if _, err := s.cfg.Dir.Drafts(s.ctx); err != nil { // tidies up
		return fmt.Errorf("storage: spool: %w", err)
	}
	for info, err := range s.cfg.Dir.List(s.ctx, "") {
		if err != nil {
			return fmt.Errorf("storage: spool: %w", err)
		}
		j, ok := parseJob(info)
		if !ok {
			s.cfg.Logger.Warn("a file that is not the spool's", "dir", s.cfg.Dir.Dir(), "name", info.Name)
			continue
		}
		s.seq = max(s.seq, j.seq)
		s.bytes += j.cost()
		if old := s.add(j); old != nil {
			_ = s.cfg.Dir.remove(old.path())
		}
	}
	if n := len(s.queue); n > 0 {
		s.cfg.Logger.Info("files of an earlier run wait to be sent", "files", n, "bytes", s.bytes)
	}
	return nil
}

// Put keeps what r gives, to be sent. Without room the error wraps ErrFull.
func (s *Spool) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	return s.enter(ctx, &job{kind: putJob, name: name}, r, size)
}

// PutFile has a file of SpoolConfig.Files sent under its name. It must stay there until it has been;
// one that is gone by then is passed over.
func (s *Spool) PutFile(ctx context.Context, name string) error {
	if s.cfg.Files == nil {
		return fmt.Errorf("storage: spool %s: there is no directory of files", name)
	}
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
	old, err := s.keep(ctx, j, r, size)
	if err != nil {
		s.mu.Lock()
		s.stats.Refused++
		s.mu.Unlock()
		return fmt.Errorf("storage: spool %s: %w", j.name, err)
	}
	if old != nil {
		_ = s.cfg.Dir.remove(old.path()) // if it stays, it is done once more
	}
	return nil
}

// keep writes a job to Dir and queues it. It gives one that is not to be done any more.
func (s *Spool) keep(ctx context.Context, j *job, r io.Reader, size int64) (old *job, err error) {
	if s.ctx.Err() != nil {
		return nil, fs.ErrClosed
	}
	in := &reserving{s: s, r: r}
	defer func() {
		if err != nil {
			in.release()
		}
	}()
	if err := in.reserve(overhead + max(size, 0)); err != nil {
		return nil, err
	}
	in.ahead = max(size, 0)
	s.mu.Lock()
	s.seq = max(s.seq+1, uint64(time.Now().UnixNano())) // not one of another process, that ends as this one starts
	j.seq, j.since = s.seq, time.Now()
	s.mu.Unlock()
	if err := s.cfg.Dir.Put(ctx, j.path(), in, size); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j.size = in.n
	return s.add(j), nil
}

// Open reads a file of the remote, where what waits is not yet.
func (s *Spool) Open(ctx context.Context, name string) (File, error) {
	return s.cfg.Remote.Open(ctx, name)
}

// List ranges over the files of the remote, without what waits.
func (s *Spool) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return s.cfg.Remote.List(ctx, prefix)
}

// Stats gives the figures up to now.
func (s *Spool) Stats() SpoolStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.stats
	x.Waiting, x.WaitingBytes, x.Down = len(s.queue), s.bytes, s.outage.is()
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
