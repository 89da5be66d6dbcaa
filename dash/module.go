package dash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/audience"
	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// errSettings is why a publication's DASH begins anew.
var errSettings = errors.New("dash: the settings have changed")

// drain is how long what was published last may take to arrive.
const drain = 5 * time.Second

// Module makes DASH of every publication, and serves it.
type Module struct {
	cfg     atomic.Pointer[Config]
	host    *protocol.Host
	viewers *audience.Table
	seed    maphash.Seed
	held    atomic.Int64 // requests for what is not complete

	mu       sync.Mutex
	channels map[stream.Key]*channel
	reloaded chan struct{} // closed by a reload
	closing  bool
	ctx      context.Context // of all publications
	cancel   context.CancelCauseFunc
	work     sync.WaitGroup

	paths paths
	crowd crowd
}

// New makes a module.
func New(cfg Config) *Module {
	cfg.Name, cfg.HTTP = cmp.Or(cfg.Name, "dash"), cmp.Or(cfg.HTTP, "http")
	cfg.MaxHeld = cmp.Or(max(cfg.MaxHeld, 0), 20_000)
	m := &Module{channels: map[stream.Key]*channel{}, reloaded: make(chan struct{}), seed: maphash.MakeSeed()}
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info {
	return protocol.Info{Name: m.cfg.Load().Name, Egress: []string{"dash"}}
}

// Start routes.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.host, m.viewers = h, audience.New(h.Hub)
	h.HTTP(m.cfg.Load().HTTP).HandleMatch(m.match)
	return nil
}

// Tap makes DASH of a publication, and anew when the vhost's settings change.
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
		if !cfg.Enabled {
			m.drop(s.Key())
			select {
			case <-reloaded:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		if err := m.publication(ctx, s, pub, cfg); !errors.Is(err, errSettings) {
			return err
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
	c.publication.Lock() // after the one before has been read to its end
	defer c.publication.Unlock()
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
	c.publish(stop)
	defer func() { c.unpublish(time.Now()) }()
	if !m.cfg.Load().vhost(s.Key().Vhost).same(cfg) { // a reload did not find it yet
		return errSettings
	}
	err = c.run(ctx, s)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	return err
}

// run reads parts until the publication, or ctx, ends.
func (c *channel) run(ctx context.Context, s *stream.Stream) error {
	s, err := s.As(ctx, cmaf.Sound()...)
	if err != nil {
		return err
	}
	parts := stream.Derive(s, cmaf.Parts(), c.cfg.cuts())
	defer parts.Close()
	for {
		p, err := parts.Try()
		if p == nil && err == nil {
			c.drained(time.Now())
			p, err = parts.Next(ctx)
		}
		switch {
		case err == nil:
			c.part(p, time.Now())
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, stream.ErrLapped):
			parts.SkipToKey()
		default:
			return err
		}
	}
}

// channel gives the channel of a stream under the settings: the one there is if its are the same, else a
// new one that goes on with its numbers.
func (m *Module) channel(key stream.Key, cfg Vhost) (*channel, error) {
	m.mu.Lock()
	old := m.channels[key]
	m.mu.Unlock()
	next := 0
	if old != nil {
		old.mu.Lock()
		same := old.cfg.same(cfg) && !old.over
		next = old.following(time.Now())
		old.mu.Unlock()
		if same {
			return old, nil
		}
		m.drop(key)
	}
	c, err := newChannel(m, key, cfg, next)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.channels[key] = c
	m.mu.Unlock()
	m.paths.add(c)
	return c, nil
}

// drop disposes of a stream's channel, and waits until its files are gone: another may have their names.
func (m *Module) drop(key stream.Key) {
	m.mu.Lock()
	c := m.channels[key]
	delete(m.channels, key)
	m.mu.Unlock()
	if c != nil {
		m.dispose(context.Background(), c)
	}
}

// expire disposes of a channel that nobody has published to for long enough.
func (m *Module) expire(c *channel) {
	c.mu.Lock()
	live := c.live
	c.mu.Unlock()
	m.mu.Lock()
	mine := m.channels[c.key] == c && !live && !m.closing
	if mine {
		delete(m.channels, c.key)
	}
	m.mu.Unlock()
	if mine {
		m.dispose(context.Background(), c)
	}
}

func (m *Module) dispose(ctx context.Context, c *channel) {
	m.paths.remove(c)
	c.dispose()
	if c.store != nil {
		c.store.wait(ctx)
	}
}

// storesTime bounds how long the end waits for files.
const storesTime = 10 * time.Second

// Shutdown ends all viewers and streams, and deletes the files of vhosts that dispose of them.
func (m *Module) Shutdown(ctx context.Context) error {
	m.mu.Lock()
	m.closing = true
	m.mu.Unlock()
	m.cancel(stream.ErrShutdown)
	m.work.Wait() // they only finish what they have
	m.viewers.Close()
	m.mu.Lock()
	channels := m.channels
	m.channels = map[stream.Key]*channel{}
	m.mu.Unlock()
	// A quick end has ended ctx already, and files are to go all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storesTime)
	defer cancel()
	for _, c := range channels {
		m.dispose(ctx, c)
	}
	return nil
}

// Reload takes over what next has. Streams of vhosts whose settings change begin anew, with the numbers
// that follow. Other listeners need a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("dash: reload with a %T", next)
	}
	if m.cfg.Load().HTTP != n.cfg.Load().HTTP {
		return errors.New("dash: reload: the listeners differ")
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
	_ protocol.Reloader = (*Module)(nil)
	_ protocol.Tapper   = (*Module)(nil)
)
