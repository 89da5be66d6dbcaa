package flv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// Config configures a Module. Its zero value plays every stream at
// /app/stream.flv of the HTTP listener "http", over HTTP and WebSocket.
type Config struct {
	// Name is the module's name; empty: flv.
	Name string
	// HTTP names the HTTP listener to play on; empty: http.
	HTTP string
	// Vhost gives a vhost's settings, by the name under which the server knows it. It is
	// asked for each request and must not block. nil: [DefaultRemux] for all.
	Vhost func(name string) Remux
	// MaxWait bounds how long a player waits for a stream that is not published; it is
	// then answered 404. 0: for ever, as SRS does.
	MaxWait time.Duration
	// MetaData are fields added to onMetaData for players (server, server_version).
	MetaData []stream.Field
	// Formats are forms other than FLV, by the extension of their mounts: .ts, … They are what
	// package protocol/remux has, or an application's own.
	Formats map[string]Format
	// NoWebSocket answers WebSocket handshakes with 404.
	NoWebSocket bool
	// Ingest takes streams that come as POST requests.
	Ingest Ingest
	// Client configures Pull and Push of the module.
	Client ClientConfig
}

// Remux says how the streams of a vhost are played (http_remux of srs.conf).
type Remux struct {
	// Enabled: without it nothing is served.
	Enabled bool
	// Mount is the template of paths; empty: [DefaultMount]. A mount whose extension is
	// neither .flv nor one of Config.Formats is not this module's.
	Mount string
	// Mounts are further ones.
	Mounts []string
	// FastCache is how much of the past a viewer of sound alone is sent at once (.aac, .mp3). It costs a
	// reader for each publication. A change counts for publications that begin later.
	FastCache time.Duration
	// NoAudio and NoVideo leave a kind out of the header (has_audio, has_video off).
	// They count where NoGuess is set; both together mean neither.
	NoAudio, NoVideo bool
	// NoGuess has the header announce what NoAudio and NoVideo leave (guess_has_av off).
	// By default it announces the kinds of tracks that the stream has when the viewer
	// joins, for which the viewer waits.
	NoGuess bool
	// KeepUnannounced sends kinds that the header does not announce too
	// (drop_if_not_match off).
	KeepUnannounced bool
}

// DefaultMount is the mount of SRS.
const DefaultMount = "[vhost]/[app]/[stream].flv"

// DefaultRemux are the settings of vhosts where Config.Vhost is nil.
func DefaultRemux() Remux { return Remux{Enabled: true} }

// Announces gives the kinds of tracks that a viewer is told of, at least one: what NoAudio and NoVideo
// leave, or without NoGuess what there are.
func (x *Remux) Announces(t *stream.Tracks) (audio, video bool) {
	if x.NoGuess || t == nil {
		audio, video = !x.NoAudio, !x.NoVideo
	} else {
		audio, video = t.Has(stream.KindAudio), t.Has(stream.KindVideo)
	}
	if !audio && !video {
		return true, true
	}
	return audio, video
}

func (c *Config) remux(vhost string) Remux {
	x := DefaultRemux()
	if c.Vhost != nil {
		x = c.Vhost(vhost)
	}
	if x.Mount == "" {
		x.Mount = DefaultMount
	}
	return x
}

// mounts gives all templates of paths.
func (x *Remux) mounts() []string { return append([]string{x.Mount}, x.Mounts...) }

// Module plays streams as FLV over HTTP/1, HTTP/2 and WebSocket, takes those that are
// posted, and dials http and https URLs of FLV streams.
type Module struct {
	cfg  atomic.Pointer[Config]
	host *protocol.Host

	mu      sync.Mutex
	closing bool
	live    map[*stream.Session]net.Conn // what is served, and its connection if that is ours
	work    sync.WaitGroup               // of live

	ingest    *http.Server // nil without Ingest.Listen
	endIngest func(context.Context)

	rooms sync.Pool // *[gatherSize]byte
}

// New makes a module.
func New(cfg Config) *Module {
	if cfg.Name == "" {
		cfg.Name = "flv"
	}
	if cfg.HTTP == "" {
		cfg.HTTP = "http"
	}
	m := &Module{live: map[*stream.Session]net.Conn{}}
	m.cfg.Store(&cfg)
	return m
}

// Info names the module.
func (m *Module) Info() protocol.Info {
	cfg := m.cfg.Load()
	info := protocol.Info{Name: cfg.Name}
	for _, ext := range append([]string{extension}, slices.Sorted(maps.Keys(cfg.Formats))...) {
		info.Egress = append(info.Egress, "http-"+ext[1:], "ws-"+ext[1:])
	}
	if cfg.Ingest.enabled() {
		info.Ingest = []string{"http-flv"}
	}
	return info
}

// Start routes and listens.
func (m *Module) Start(_ context.Context, h *protocol.Host) error {
	m.host = h
	cfg := m.cfg.Load()
	if err := m.startIngest(cfg); err != nil {
		return err
	}
	h.HTTP(cfg.HTTP).HandleMatch(m.match)
	return nil
}

// killAfter is how long sessions have to end by themselves once they were told to.
const killAfter = time.Second

// Shutdown refuses new sessions, and waits for those there are to end. When ctx ends it
// ends them: players get a last chunk, over WebSocket 1001 (going away).
func (m *Module) Shutdown(ctx context.Context) error {
	if m.ingest != nil {
		m.endIngest(ctx) // first: it takes what it had accepted
		defer m.ingest.Close()
	}
	m.mu.Lock()
	m.closing = true
	m.mu.Unlock()
	done := make(chan struct{})
	go func() { m.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	m.each(func(s *stream.Session, _ net.Conn) { s.Kick(stream.ErrShutdown) })
	for range 2 {
		select {
		case <-done:
			return nil
		case <-time.After(killAfter):
			m.each(func(_ *stream.Session, c net.Conn) {
				if c != nil {
					_ = c.Close()
				}
			})
			if m.ingest != nil {
				_ = m.ingest.Close()
			}
		}
	}
	return errors.New("flv: shutting down: sessions did not end")
}

func (m *Module) each(f func(*stream.Session, net.Conn)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s, c := range m.live {
		f(s, c)
	}
}

// enter counts a session; false means that the module is ending.
func (m *Module) enter(s *stream.Session) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return false
	}
	m.live[s] = nil
	m.work.Add(1)
	return true
}

// owns notes the connection that a session has taken over.
func (m *Module) owns(s *stream.Session, c net.Conn) {
	m.mu.Lock()
	m.live[s] = c
	m.mu.Unlock()
}

func (m *Module) leave(s *stream.Session) {
	m.mu.Lock()
	delete(m.live, s)
	m.mu.Unlock()
	m.work.Done()
}

// Reload takes over what next has, for new sessions. Other listeners need a new module.
func (m *Module) Reload(next protocol.Module) error {
	n, ok := next.(*Module)
	if !ok {
		return fmt.Errorf("flv: reload with a %T", next)
	}
	old, cfg := m.cfg.Load(), n.cfg.Load()
	if old.HTTP != cfg.HTTP || old.Ingest.HTTP != cfg.Ingest.HTTP ||
		!reflect.DeepEqual(old.Ingest.Listen, cfg.Ingest.Listen) {
		return errors.New("flv: reload: the listeners differ")
	}
	m.cfg.Store(cfg)
	return nil
}

// Schemes lists what the module dials.
func (m *Module) Schemes() []string { return []string{"http", "https"} }

// Pull plays an FLV stream of another server.
func (m *Module) Pull(ctx context.Context, u *url.URL) (protocol.SourceCloser, error) {
	c := m.cfg.Load().Client
	return Pull(ctx, u.String(), &c)
}

// Push posts a stream to another server as FLV.
func (m *Module) Push(ctx context.Context, u *url.URL) (protocol.SinkCloser, error) {
	c := m.cfg.Load().Client
	return Push(ctx, u.String(), &c)
}

var (
	_ protocol.Module   = (*Module)(nil)
	_ protocol.Dialer   = (*Module)(nil)
	_ protocol.Reloader = (*Module)(nil)
	_ protocol.Tapper   = (*Module)(nil)
)
