package dash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol/segment"
	"github.com/srsgo/srs/protocol/storage"
)

const (
	maxWaiting   = 64 // files of a stream that wait to be stored
	storeTimeout = 30 * time.Second
)

// store writes the files of a channel, in order: a segment before the manifest that lists it.
type store struct {
	c      *channel
	places []storage.Storage

	mu      sync.Mutex
	jobs    []job
	bytes   int // of the segments in jobs
	running bool
	idle    chan struct{} // closed when nothing is left to do
	ill     bool          // the last write has failed
	failed  uint64
}

// job is a file to write, or without a body to delete.
type job struct {
	name string
	file *segment.File
	body []byte // of a manifest
}

// size gives how many bytes of media wait with the job.
func (j *job) size() int {
	if j.file == nil {
		return 0
	}
	return int(j.file.Len())
}

func (j *job) deletes() bool { return j.file == nil && j.body == nil }

// newStore gives nil where nothing is stored.
func newStore(c *channel) (*store, error) {
	s := &store{c: c}
	if c.cfg.Dir != "" {
		d, err := storage.NewDisk(c.cfg.Dir)
		if err != nil {
			return nil, fmt.Errorf("dash: %w", err)
		}
		s.places = append(s.places, d)
	}
	if c.cfg.Upload != nil {
		s.places = append(s.places, c.cfg.Upload)
	}
	if len(s.places) == 0 {
		return nil, nil
	}
	return s, nil
}

func (s *store) putFile(name string, f *segment.File) { s.push(job{name: name, file: f}) }

func (s *store) put(name string, body []byte) { s.push(job{name: name, body: body}) }

func (s *store) remove(name string) { s.push(job{name: name}) }

// push queues a job. Where too many wait a file is lost: memory is bounded.
func (s *store) push(j job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.jobs); n > 0 && j.body != nil && s.jobs[n-1].name == j.name {
		s.jobs = s.jobs[:n-1] // a manifest that nobody has read
	}
	n, size := len(s.jobs), j.size()
	if !j.deletes() && (n >= maxWaiting || s.bytes > 0 && s.bytes+size > s.c.cfg.MaxMemory) {
		s.failLocked(j.name, fmt.Errorf("dash: %d files of %d bytes wait to be stored", n, s.bytes))
		return
	}
	s.jobs = append(s.jobs, j)
	s.bytes += size
	if !s.running {
		s.running, s.idle = true, make(chan struct{})
		s.c.m.host.Go(s.run)
	}
}

// run works until nothing is left to do.
func (s *store) run(context.Context) error {
	for {
		s.mu.Lock()
		if len(s.jobs) == 0 {
			s.jobs, s.running = nil, false
			close(s.idle)
			s.mu.Unlock()
			return nil
		}
		j := s.jobs[0]
		s.jobs[0] = job{}
		s.jobs = s.jobs[1:]
		s.mu.Unlock()
		err := s.work(j)
		s.mu.Lock()
		s.bytes -= j.size()
		if err != nil {
			s.failLocked(j.name, err)
		} else if s.ill && !j.deletes() {
			s.ill = false
			s.c.m.host.Logger.Info("dash files can be written again", "stream", s.c.key, "failed", s.failed)
		}
		s.mu.Unlock()
	}
}

// work does a job in all places, and gives the first error.
func (s *store) work(j job) (failure error) {
	// Not the module's context: what is queued when the server ends is still to be done.
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	for _, to := range s.places {
		var err error
		switch {
		case j.deletes():
			err = to.Remove(ctx, j.name)
		case j.file != nil:
			err = to.Put(ctx, j.name, j.file.Open(), j.file.Len())
		default:
			err = to.Put(ctx, j.name, io.Reader(bytes.NewReader(j.body)), int64(len(j.body)))
		}
		if failure == nil {
			failure = err
		}
	}
	return failure
}

// failLocked takes note of a file that could not be written, and logs the first. The stream is served from
// memory all the same.
func (s *store) failLocked(name string, err error) {
	s.failed++
	if !s.ill {
		s.ill = true
		s.c.m.host.Logger.Error("dash file cannot be written", "stream", s.c.key, "file", name, "err", err)
	}
}

// wait waits until all is done, or ctx ends.
func (s *store) wait(ctx context.Context) {
	s.mu.Lock()
	idle, running := s.idle, s.running
	s.mu.Unlock()
	if !running {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

func (s *store) stats() (waiting int, failed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.jobs), s.failed
}
