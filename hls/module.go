package hls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/audience"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
)

// Why HLS of a publication ends before that.
var (
	errSettings = errors.New("hls: the settings have changed")
	errIgnored  = errors.New("hls: files cannot be written")
)

// drain is how long what was published last may take to arrive.
const drain = 5 * time.Second

// Module makes HLS of every publication, and serves it.
type Module struct {
	cfg     atomic.Pointer[Config]
	host    *protocol.Host
	viewers *audience.Table
	reg     registry
	held    atomic.Int64 // requests that wait
	seed    maphash.Seed
	zips    sync.Pool // *gzip.Writer

	mu       sync.Mutex
	channels map[stream.Key]*channel
	disks    map[string]*storage.Disk // by directory
	reloaded chan struct{}            // closed by a reload
	closing  bool
	leave    func() // ends leaving, once
	leaving  chan struct{}
	ctx      context.Context // of all publications
	cancel   context.CancelCauseFunc
	work     sync.WaitGroup
}

// New makes a module.
func New(cfg Config) *Module {
	cfg.Name, cfg.HTTP = cmp.Or(cfg.Name, "hls"), cmp.Or(cfg.HTTP, "http")
	cfg.MaxHeld = cmp.Or(cfg.MaxHeld, 20_000)
	m := &Module{channels: map[stream.Key]*channel{}, disks: map[string]*storage.Disk{}, reloaded: make(chan struct{}), seed: maphash.MakeSeed()}
	m.reg.init()
	m.leaving = make(chan struct{})
	m.leave = sync.OnceFunc(func() { close(m.leaving) })
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info {
	return protocol.Info{Name: m.cfg.Load().Name, Egress: []string{"hls"}}
}

// Start routes.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.host, m.viewers = h, audience.New(h.Hub)
	h.HTTP(m.cfg.Load().HTTP).HandleMatch(m.match)
	return nil
}

func (m *Module) logger() *slog.Logger { return m.host.Logger }

// Tap makes HLS of a publication, and again when the vhost's settings change.
func (m *Module) Tap(ctx context.Context, s *stream.Stream) error {
	pub := s.Publisher()
	if pub == nil || !m.enter() {
		return nil
	}
	defer m.work.Done()
	for {
		m.mu.Lock()
		reloaded := m.reloaded
		m.mu.Unlock()
		cfg := m.cfg.Load().vhost(s.Key().Vhost)
		err := error(nil)
		if cfg.Enabled {
			err = m.publication(ctx, s, pub, cfg)
			if !errors.Is(err, errSettings) && !errors.Is(err, errIgnored) {
				return err
			}
		} else {
			m.drop(s.Key())
		}
		if !errors.Is(err, errSettings) {
			select {
			case <-reloaded:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// enter counts a publication; false means that the module is ending.
func (m *Module) enter() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return false
	}
	m.work.Add(1)
	return true
}

// publication runs a channel under one set of settings. It gives errSettings when others apply.
func (m *Module) publication(tap context.Context, s *stream.Stream, pub *stream.Session, cfg Vhost) error {
	c, err := m.channel(s.Key(), cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(m.ctx)
	defer stop(nil)
	// At the publication's end what was published last is still to be read.
	defer context.AfterFunc(tap, func() {
		if pub.Err() == nil {
			stop(context.Cause(tap))
			return
		}
		t := time.AfterFunc(drain, func() { stop(context.Cause(tap)) })
		context.AfterFunc(ctx, func() { t.Stop() })
	})()
	c.mu.Lock()
	c.stop = stop
	c.mu.Unlock()
	if !m.cfg.Load().vhost(s.Key().Vhost).same(cfg) { // a reload did not find it yet
		return errSettings
	}
	err = c.run(ctx, s, pub)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	return err
}

// channel gives the channel of a stream under the settings: the one there is if its are the same, else a
// new one that goes on with its numbers.
func (m *Module) channel(key stream.Key, cfg Vhost) (*channel, error) {
	m.mu.Lock()
	old := m.channels[key]
	m.mu.Unlock()
	next, disc := 0, 0
	if old != nil {
		old.mu.Lock()
		same := old.cfg.same(cfg) && !old.over
		next, disc = old.next, old.discontinuities()+1
		old.mu.Unlock()
		if same {
			return old, nil
		}
		m.drop(key)
	}
	c, err := newChannel(m, key, cfg, next, disc)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.channels[key] = c
	m.mu.Unlock()
	return c, nil
}

// drop disposes of a stream's channel, and waits until its files are gone: another may have their names.
func (m *Module) drop(key stream.Key) {
	m.mu.Lock()
	c := m.channels[key]
	delete(m.channels, key)
	m.mu.Unlock()
	if c != nil {
		c.dispose(false)
		c.storesDone(context.Background())
	}
}

// expire disposes of a channel that nobody has published to for long enough.
func (m *Module) expire(c *channel) {
	if !m.enter() {
		return
	}
	defer m.work.Done()
	c.dispose(true)
	c.mu.Lock()
	over := c.over
	c.mu.Unlock()
	if !over { // somebody has come meanwhile
		return
	}
	c.storesDone(context.Background())
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.channels[c.key] == c {
		delete(m.channels, c.key)
	}
}

// Drain answers those who wait for what is about to be made.
func (m *Module) Drain() { m.leave() }

// storesTime bounds how long the end waits for files.
const storesTime = 10 * time.Second

// Shutdown ends all viewers and streams, and deletes the files of vhosts that dispose of them.
func (m *Module) Shutdown(ctx context.Context) error {
	m.mu.Lock()
	m.closing = true
	m.mu.Unlock()
	m.leave()
	m.cancel(stream.ErrShutdown)
	m.work.Wait() // they only finish what they have
	m.viewers.Close()
	m.mu.Lock()
	channels := m.channels
	m.channels = map[stream.Key]*channel{}
	m.mu.Unlock()
	for _, c := range channels {
		c.dispose(false)
	}
	// A quick end has ended ctx already, and files are to go all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storesTime)
	defer cancel()
	for _, c := range channels {
		c.storesDone(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for _, d := range m.disks {
		err = errors.Join(err, d.Close())
	}
	return err
}

// disk opens a directory, once for all streams.
func (m *Module) disk(dir string) (*storage.Disk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.disks[dir]; d != nil {
		return d, nil
	}
	d, err := storage.NewDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("hls: %w", err)
	}
	m.disks[dir] = d
	return d, nil
}

// Reload takes over what next has. Streams of vhosts whose settings change begin anew, with the numbers
// that follow. Other listeners need a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("hls: reload with a %T", next)
	}
	if m.cfg.Load().HTTP != n.cfg.Load().HTTP {
		return errors.New("hls: reload: the listeners differ")
	}
	m.mu.Lock()
	m.cfg.Store(n.cfg.Load())
	close(m.reloaded)
	m.reloaded = make(chan struct{})
	channels := slices.Collect(maps.Values(m.channels))
	m.mu.Unlock()
	for _, c := range channels {
		c.reload(m.cfg.Load().vhost(c.key.Vhost))
	}
	return nil
}

// Streams gives the figures of the streams that can be watched, published or not.
func (m *Module) Streams() iter.Seq[Stats] {
	m.mu.Lock()
	list := slices.Collect(maps.Values(m.channels))
	m.mu.Unlock()
	return func(yield func(Stats) bool) {
		for _, c := range list {
			if !yield(c.stats()) {
				return
			}
		}
	}
}

// Viewers gives how many viewers there are.
func (m *Module) Viewers() int { return m.viewers.Len() }

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Drainer  = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
	_ protocol.Tapper   = (*Module)(nil)
)
