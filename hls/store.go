package hls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/hls/playlist"
	"github.com/srsgo/srs/protocol/storage"
)

const (
	// maxWaiting is how many segments of a stream may wait for the disk; later ones are not stored.
	maxWaiting = 32
	// storeTimeout bounds a single file.
	storeTimeout = 30 * time.Second
)

// store writes and deletes the files of a channel, in order and off the goroutine that cuts.
type store struct {
	c      *channel
	disk   *storage.Disk // nil without Vhost.Dir
	upload storage.Storage

	mu      sync.Mutex
	jobs    []job
	waiting int // segments in jobs
	bytes   int // of those
	running bool
	idle    chan struct{} // closed when running ends
	failed  uint64
	ill     bool // the last file could not be written: that was logged
}

// job is one step. Without a body it deletes.
type job struct {
	name    string
	body    func() (io.ReadSeeker, int64)
	segment bool
	size    int    // of a segment
	remote  bool   // for the upload alone
	do      func() // afterwards, if all went well
}

func newStore(c *channel) (*store, error) {
	if !c.cfg.files() {
		return nil, nil
	}
	s := &store{c: c, upload: c.cfg.Upload}
	if c.cfg.Dir != "" {
		var err error
		if s.disk, err = c.m.disk(c.cfg.Dir); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// put writes a file.
func (s *store) put(j job) {
	s.mu.Lock()
	if n, b := s.waiting, s.bytes; j.segment && n > 0 && (n >= maxWaiting || b+j.size > s.c.cfg.MaxMemory) {
		s.mu.Unlock()
		s.fail(j.name, fmt.Errorf("hls: %d segments of %d bytes wait to be stored", n, b))
		return
	}
	if j.segment {
		s.waiting++
		s.bytes += j.size
	} else if n := len(s.jobs); n > 0 && s.jobs[n-1].name == j.name && s.jobs[n-1].body != nil {
		s.jobs = s.jobs[:n-1] // a playlist that was never read
	}
	s.push(j)
	s.mu.Unlock()
}

// remove deletes a file.
func (s *store) remove(name string) {
	s.mu.Lock()
	s.push(job{name: name})
	s.mu.Unlock()
}

// push queues a job. The caller holds mu.
func (s *store) push(j job) {
	s.jobs = append(s.jobs, j)
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
		s.work(j)
		if j.segment {
			s.mu.Lock()
			s.waiting--
			s.bytes -= j.size
			s.mu.Unlock()
		}
	}
}

// work does a job in all places.
func (s *store) work(j job) {
	// Not the module's context: what is queued when the server ends is still to be done.
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	places := make([]storage.Storage, 0, 2)
	if s.disk != nil && !j.remote {
		places = append(places, s.disk)
	}
	if s.upload != nil {
		places = append(places, s.upload)
	}
	var failure error
	for _, to := range places {
		var err error
		if j.body != nil {
			r, size := j.body()
			err = to.Put(ctx, j.name, r, size)
		} else {
			err = to.Remove(ctx, j.name)
		}
		if err != nil && failure == nil {
			failure = err
		}
	}
	if failure != nil {
		s.fail(j.name, failure)
		return
	}
	if j.body != nil {
		s.well()
	}
	if j.do != nil {
		j.do()
	}
}

// fail takes note of a file that could not be written, and does what OnError says.
func (s *store) fail(name string, err error) {
	s.mu.Lock()
	s.failed++
	first := !s.ill
	s.ill = true
	s.mu.Unlock()
	s.c.fail(name, err, first)
}

// well logs the end of trouble.
func (s *store) well() {
	s.mu.Lock()
	was, n := s.ill, s.failed
	s.ill = false
	s.mu.Unlock()
	if was {
		s.c.m.logger().Info("hls files can be written again", "stream", s.c.key, "failed", n)
	}
}

// storesDone waits until all files are written and deleted, or ctx ends.
func (c *channel) storesDone(ctx context.Context) {
	s := c.store
	if s == nil {
		return
	}
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

// fail logs an error of files, once until they can be written again, and does what the vhost's OnError
// says.
func (c *channel) fail(name string, err error, first bool) {
	c.mu.Lock()
	on, pub, live, stop := c.cfg.OnError, c.session, c.live, c.stop
	c.mu.Unlock()
	if first {
		c.m.logger().Error("hls file cannot be written", "stream", c.key, "file", name, "on_error", on, "err", err)
	}
	switch {
	case !live || on == Continue:
	case on == Ignore:
		stop(errIgnored)
	default:
		pub.Kick(fmt.Errorf("hls: %w", err))
	}
}

// storeSegment writes a segment, and then the playlists that list it.
func (c *channel) storeSegment(s *seg) {
	told := c.segment(s)
	if c.store == nil {
		if c.m.cfg.Load().OnSegment != nil {
			c.m.cfg.Load().OnSegment(told)
		}
		return
	}
	f := s.file
	c.store.put(job{name: s.name, segment: true, size: s.size, body: func() (io.ReadSeeker, int64) { return f.Open(), f.Len() }, do: func() {
		c.mu.Lock()
		s.stored = c.store.disk != nil
		s.rest()
		c.mu.Unlock()
		if on := c.m.cfg.Load().OnSegment; on != nil {
			on(told)
		}
	}})
	c.storePlaylists(s.list)
}

// segment describes a segment for Config.OnSegment.
func (c *channel) segment(s *seg) Segment {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir := ""
	if c.cfg.Dir != "" {
		dir = strings.TrimRight(c.cfg.Dir, "/") + "/"
	}
	return Segment{
		Session: c.session, Duration: s.duration, File: dir + s.name, Playlist: dir + s.list.name,
		URI: s.uri, PlaylistURL: s.list.name, Seq: uint64(s.seq),
	}
}

// storePlaylists writes the playlists of the lists as they are now, and the master if that says something
// else than the one that is stored.
func (c *channel) storePlaylists(lists ...*list) {
	if c.store == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	for _, l := range lists {
		if len(l.segments) > 0 {
			c.store.put(fileJob(l.name, l.text()))
		}
	}
	if c.cfg.Format != FMP4 {
		return
	}
	m := &playlist.Master{IndependentSegments: true}
	c.describe(m, c.main, "audio", "")
	if differs(m, c.stored) {
		c.stored = m
		c.store.put(fileJob(c.main, m.Append(nil)))
	}
}

// differs tells whether a master says something that the old one, which may be nil, does not: another
// mean or frame rate, or a lower peak, is not worth a file.
func differs(m, old *playlist.Master) bool {
	if old == nil || len(m.Variants) != len(old.Variants) || !slices.Equal(m.Renditions, old.Renditions) {
		return true
	}
	for i, v := range m.Variants {
		o := old.Variants[i]
		if v.Bandwidth > o.Bandwidth || v.Codecs != o.Codecs || v.Width != o.Width || v.Height != o.Height {
			return true
		}
	}
	return false
}

// fileJob writes a file of bytes that do not change.
func fileJob(name string, b []byte) job {
	return job{name: name, body: func() (io.ReadSeeker, int64) { return bytes.NewReader(b), int64(len(b)) }}
}

// contentType gives the media type of a file that is on disk alone.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".m4s":
		return typeM4S
	case ".mp4":
		return typeMP4
	}
	return typeTS
}
