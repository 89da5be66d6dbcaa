package egress

import (
	"cmp"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

// SenderConfig configures a Sender. NewBatch is needed.
type SenderConfig struct {
	// NewBatch makes what datagrams are collected in. As many are made as goroutines send at once.
	NewBatch func() *wire.Batch
	Logger   *slog.Logger // nil discards
	// Burst is how many packets of video a viewer is sent at once, the next ones 5 ms later; 0: 32,
	// negative: all. It is never less than what the stream brings in 20 ms. Viewers of a simulcast are sent
	// what their path carries instead, as soon as that is known.
	Burst int
	// CatchUp is likewise for a viewer that is sent what was published before it came; 0: 10. It is never less
	// than what the stream brings in 40 ms.
	CatchUp int
	// Ride is how long sound waits for the next frame of video, to leave with it in one call, on goroutines
	// that serve more than 50 viewers; 0: 20 ms, negative: not at all.
	Ride time.Duration
	// Shard is how many viewers of a stream a goroutine serves before the next one begins, which are as
	// many as GOMAXPROCS at most; 0: 128.
	Shard int
}

const (
	pace        = 5 * time.Millisecond   // between two bursts
	rideViewers = 50                     // see SenderConfig.Ride
	videoGap    = 250 * time.Millisecond // without video sound does not wait for it
)

// Sender sends streams to viewers. It runs a goroutine for each stream and configuration that has
// viewers, some for one that has many, and none otherwise.
type Sender struct {
	cfg SenderConfig

	mu      sync.Mutex
	fans    map[fanKey]*fan
	batches []*wire.Batch // idle
}

// NewSender makes a Sender.
func NewSender(cfg SenderConfig) *Sender {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Burst = cmp.Or(cfg.Burst, 32)
	cfg.CatchUp = cmp.Or(cfg.CatchUp, 10)
	cfg.Ride = cmp.Or(cfg.Ride, 20*time.Millisecond)
	cfg.Shard = cmp.Or(cfg.Shard, 128)
	return &Sender{cfg: cfg, fans: map[fanKey]*fan{}}
}

func (s *Sender) takeBatch() *wire.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.batches); n > 0 {
		b := s.batches[n-1]
		s.batches = s.batches[:n-1]
		return b
	}
	return s.cfg.NewBatch()
}

func (s *Sender) putBatch(b *wire.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, b)
}

// fanKey tells what viewers share.
type fanKey struct {
	stream *stream.Stream
	cfg    Config
}

// fan is one form of one stream, and the goroutines that send it.
type fan struct {
	sender *Sender
	key    fanKey
	form   *stream.Derived[Frame, Config]
	shards []*shard // Sender.mu
	keys   *limiter // of requests for key frames, the stream's
}

// cursor reads the form.
func (f *fan) cursor() *stream.Cursor[Frame] { return stream.Derive(f.key.stream, f.form, f.key.cfg) }

// join gives v to a shard.
func (s *Sender) join(k fanKey, v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fans[k]
	if f == nil {
		f = &fan{sender: s, key: k, form: Form(s.cfg.Logger.With("stream", k.stream.Key())), keys: s.limiter(k.stream)}
		s.fans[k] = f
	}
	var h *shard
	if len(f.shards) > 0 {
		h = slices.MinFunc(f.shards, func(a, b *shard) int { return a.count - b.count })
	}
	if h == nil || h.count >= s.cfg.Shard && len(f.shards) < runtime.GOMAXPROCS(0) {
		h = &shard{fan: f, wake: f.cursor()}
		h.timer = time.AfterFunc(time.Hour, h.wake.Interrupt)
		h.timer.Stop()
		f.shards = append(f.shards, h)
		go h.run()
	}
	h.count++
	v.shard = h
	h.urge(v)
}

// limiter gives that of a stream, which all its forms share. The caller holds s.mu.
func (s *Sender) limiter(st *stream.Stream) *limiter {
	for k, f := range s.fans {
		if k.stream == st {
			return f.keys
		}
	}
	return new(limiter)
}

// limiter lets something happen once in an interval.
type limiter struct {
	mu   sync.Mutex
	last time.Time
}

func (l *limiter) allow(now time.Time, every time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && now.Sub(l.last) < every {
		return false
	}
	l.last = now
	return true
}
