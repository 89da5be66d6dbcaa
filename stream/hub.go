package stream

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// HubConfig configures a Hub. Its zero value works.
type HubConfig struct {
	// Logger takes one line at a session's start and one at its end; nil discards.
	Logger *slog.Logger
	// WriteBudget is how many writes a second FlushAuto may spend on all viewers
	// together; 0: 10,000.
	WriteBudget int
	// ReadBudget is how many reads a second the publishers' sockets may cost before
	// their reads are merged; 0: 2,500.
	ReadBudget int
	// MaxStreams bounds how many streams exist at once; 0: no bound.
	MaxStreams int
}

// Hub holds the live streams of one server, and admits those who publish and play.
type Hub struct {
	cfg      HubConfig
	settings atomic.Pointer[func(Key) (Settings, error)]
	gates    list[Gate]
	watchers list[func(Event)]
	onLive   list[func(context.Context, *Stream)]

	mu       sync.Mutex
	streams  map[streamID]*Stream
	sessions map[string]*Session
	reserved map[string]bool     // ids of those that gates are asked about
	vhosts   map[string]*traffic // of what has ended, by name
	start    time.Time
	total    traffic // of the sessions that have ended
	clients  uint64
	failed   uint64
	closed   bool
	ticking  bool
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup // added to under mu while not closed, or by what it counts
}

// NewHub makes a Hub. It runs one goroutine while streams exist, and none otherwise.
func NewHub(cfg HubConfig) *Hub {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.WriteBudget <= 0 {
		cfg.WriteBudget = 10_000
	}
	if cfg.ReadBudget <= 0 {
		cfg.ReadBudget = 2_500
	}
	h := &Hub{cfg: cfg, streams: map[streamID]*Stream{}, sessions: map[string]*Session{}, reserved: map[string]bool{},
		vhosts: map[string]*traffic{}, start: time.Now()}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// streamID names a stream, as it is published or with its sound converted.
type streamID struct {
	key Key
	to  Codec // of the sound; 0: as it is published
}

// list is a set of functions that may change while it is walked.
type list[T any] struct {
	mu sync.Mutex
	p  atomic.Pointer[[]*T]
}

func (l *list[T]) add(v T) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &v
	n := append(slices.Clone(l.all()), e)
	l.p.Store(&n)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		n := slices.DeleteFunc(slices.Clone(l.all()), func(x *T) bool { return x == e })
		l.p.Store(&n)
	}
}

func (l *list[T]) all() []*T {
	if p := l.p.Load(); p != nil {
		return *p
	}
	return nil
}

// AddGate adds a gate. All gates are asked in the order they were added; the first
// refusal decides.
func (h *Hub) AddGate(g Gate) (remove func()) { return h.gates.add(g) }

// Observe adds an observer of events. It is called on the session's own goroutine and
// must not block.
func (h *Hub) Observe(f func(Event)) (remove func()) { return h.watchers.add(f) }

// OnLive adds a function that is started, on a goroutine of its own, for each
// publication before its first packet. Its ctx ends with the publication.
func (h *Hub) OnLive(f func(ctx context.Context, s *Stream)) (remove func()) {
	return h.onLive.add(f)
}

// SetSettings sets where the settings of a stream come from: f is asked whenever a
// session starts, and at once for the streams that live, whose publishers and players go
// on under the new ones. (How a live viewer's time stamps are made stays as it is.) An
// error refuses new sessions; ErrNotFound is the one for an unknown vhost. Without it, all
// streams have the zero Settings.
func (h *Hub) SetSettings(f func(Key) (Settings, error)) {
	h.settings.Store(&f)
	for _, s := range h.allStreams() {
		if set, err := h.settingsOf(s.key); err == nil {
			if s.conv != nil {
				set = forConverted(set)
			}
			s.configure(set)
		}
	}
}

func (h *Hub) settingsOf(k Key) (Settings, error) {
	var s Settings
	if f := h.settings.Load(); f != nil {
		var err error
		if s, err = (*f)(k); err != nil {
			return s, fmt.Errorf("stream: %v: settings: %w", k, err)
		}
	}
	return s.withDefaults(), nil
}

// Connect admits a connection. Its sessions name it in Request.Conn.
func (h *Hub) Connect(ctx context.Context, r Request) (*Conn, error) {
	s, err := h.admit(ctx, ActionConnect, r)
	if err != nil {
		return nil, err
	}
	h.tell(Event{Type: EventConnect, Time: s.Start, Session: s})
	return &Conn{s}, nil
}

// Publish admits a publisher and gives it the stream. It waits while the conflict
// policy finds out whether a present publisher has gone silent, at most
// Settings.Silence; errors wrap ErrBusy, ErrNotFound, ErrShutdown, or are what a Gate said.
func (h *Hub) Publish(ctx context.Context, r Request) (*Publisher, error) {
	ses, st, set, err := h.open(ctx, ActionPublish, r)
	if err != nil {
		return nil, err
	}
	p, err := st.publish(ctx, ses, set)
	if err != nil {
		h.release(st)
		h.end(ses, 0, err)
		return nil, fmt.Errorf("stream: publish %v: %w", r.Key, err)
	}
	h.tell(Event{Type: EventPublish, Time: ses.Start, Session: ses})
	h.goLive(p)
	return p, nil
}

// open admits a session to a stream, and counts it as the stream's user.
func (h *Hub) open(ctx context.Context, a Action, r Request) (*Session, *Stream, Settings, error) {
	set, err := h.settingsOf(r.Key)
	if err != nil {
		return nil, nil, set, err
	}
	ses, err := h.admit(ctx, a, r)
	if err != nil {
		return nil, nil, set, err
	}
	st, err := h.acquire(r.Key, set)
	if err != nil {
		h.end(ses, 0, err)
		return nil, nil, set, err
	}
	return ses, st, set, nil
}

func (h *Hub) goLive(p *Publisher) {
	for _, f := range h.onLive.all() {
		h.work.Go(func() {
			defer h.recover("live function of " + p.stream.key.String())
			(*f)(p.Context(), p.stream)
		})
	}
}

func (h *Hub) recover(what string) {
	if r := recover(); r != nil {
		h.cfg.Logger.Error("panic", "in", what, "panic", r, "stack", stack())
	}
}

// Play admits a viewer of a stream, which need not be published yet.
func (h *Hub) Play(ctx context.Context, r Request) (*Player, error) {
	ses, st, _, err := h.open(ctx, ActionPlay, r)
	if err != nil {
		return nil, err
	}
	p := newPlayer(ses.ctx, st, ses, r.Persist)
	st.addPlayer(p)
	h.tell(Event{Type: EventPlay, Time: ses.Start, Session: ses})
	return p, nil
}

// spawn runs f on a goroutine that Close waits for; false if it is too late for that.
func (h *Hub) spawn(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.work.Go(f)
	return true
}

// View admits and counts a viewer that reads through something else: HLS, DASH. The
// caller counts what it sends with Session.AddSent, and ends it with EndView, also when
// Session.Context has ended because it was kicked.
func (h *Hub) View(ctx context.Context, r Request) (*Session, error) {
	if _, err := h.settingsOf(r.Key); err != nil {
		return nil, err
	}
	s, err := h.admit(ctx, ActionView, r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	st := h.streams[streamID{key: r.Key}]
	if st != nil {
		st.users++
	}
	h.mu.Unlock()
	if st != nil {
		s.stream.Store(st)
		st.addViewer()
	}
	h.tell(Event{Type: EventPlay, Time: s.Start, Session: s})
	return s, nil
}

// EndView ends what View began.
func (h *Hub) EndView(s *Session, cause error) { h.end(s, EventStop, cause) }

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// acquire gives the stream of a key and counts the caller as its user.
func (h *Hub) acquire(k Key, set Settings) (*Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrShutdown
	}
	s := h.streams[streamID{key: k}]
	if s == nil {
		if h.cfg.MaxStreams > 0 && len(h.streams) >= h.cfg.MaxStreams {
			return nil, &DeniedError{Public: "too many streams", Err: fmt.Errorf("stream: open %v: %d streams exist", k, len(h.streams))}
		}
		s = newStream(h, k, set)
		h.streams[s.id] = s
		if !h.ticking {
			h.ticking = true
			h.work.Go(h.run)
		}
	}
	s.users++
	return s, nil
}

// release takes back an acquire. A stream that was never published goes at once, any
// other after its Linger.
func (h *Hub) release(s *Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	s.unused = time.Now()
	if !s.published.Load() && h.streams[s.id] == s {
		delete(h.streams, s.id)
	}
}

// Stream gives a live stream by key, nil if there is none.
func (h *Hub) Stream(k Key) *Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams[streamID{key: k}]
}

// Streams ranges over the streams that exist at the call, published or waited for.
func (h *Hub) Streams() iter.Seq[*Stream] {
	return slices.Values(slices.DeleteFunc(h.allStreams(), func(s *Stream) bool { return s.conv != nil }))
}

// allStreams gives those too whose sound is converted.
func (h *Hub) allStreams() []*Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.streams))
}

// Sessions ranges over the sessions that live at the call.
func (h *Hub) Sessions() iter.Seq[*Session] {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	return slices.Values(all)
}

// Close ends all sessions with ErrShutdown, admits no others, and waits for the
// hub's goroutines until ctx ends.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		h.cancel()
	}
	h.mu.Unlock()
	for s := range h.Sessions() {
		s.Kick(ErrShutdown)
	}
	done := make(chan struct{})
	go func() { h.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stream: close hub: %w", ctx.Err())
	}
}
