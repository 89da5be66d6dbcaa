package egress

import (
	"cmp"
	"errors"
	"fmt"
	"io"
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
	// negative: no bound. It grows with the stream's rate, of which it never is less than four times.
	Burst int
	// CatchUp is likewise for a viewer that is sent what it missed: 10.
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
	keys   limiter  // of requests for key frames
}

// cursor reads the form.
func (f *fan) cursor() *stream.Cursor[Frame] { return stream.Derive(f.key.stream, f.form, f.key.cfg) }

// shard is a goroutine and the viewers that it serves.
type shard struct {
	fan   *fan
	wake  *stream.Cursor[Frame] // follows the newest frames
	count int                   // viewers, with those that are on their way; Sender.mu

	mu     sync.Mutex
	urgent []*Viewer // that have something to be done

	// The goroutine's own.
	viewers []*Viewer
	paced   []*Viewer // that wait for their next burst
	attend  []*Viewer
	timer   *time.Timer
	video   time.Time // when there was some
	sound   time.Time // since when sound waits for video; zero: none does
	out     output
}

// output is what a pass over viewers needs.
type output struct {
	batch *wire.Batch
	now   time.Time
	buf   []byte // of retransmissions and reports
	asks  []ask
}

// join gives v to a shard.
func (s *Sender) join(k fanKey, v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fans[k]
	if f == nil {
		f = &fan{sender: s, key: k, form: Form(s.cfg.Logger.With("stream", k.stream.Key()))}
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

// left counts a viewer that has gone, and tells whether it was the last one.
func (h *shard) left() bool {
	s := h.fan.sender
	s.mu.Lock()
	defer s.mu.Unlock()
	h.count--
	if h.count == 0 {
		h.unlink()
	}
	return h.count == 0
}

// unlink has no more viewers come. The caller holds Sender.mu.
func (h *shard) unlink() {
	f := h.fan
	f.shards = slices.DeleteFunc(f.shards, func(x *shard) bool { return x == h })
	if len(f.shards) == 0 && f.sender.fans[f.key] == f {
		delete(f.sender.fans, f.key)
	}
}

// urge has the goroutine look after v soon. Its state says what for.
func (h *shard) urge(v *Viewer) {
	if v.urged.Swap(true) {
		return
	}
	h.mu.Lock()
	h.urgent = append(h.urgent, v)
	h.mu.Unlock()
	h.wake.Interrupt()
}

// run serves the viewers until there are none.
func (h *shard) run() {
	defer h.wake.Close()
	defer h.timer.Stop()
	for {
		news, err := h.follow()
		if err != nil {
			h.fail(err)
			return
		}
		h.out.now = time.Now()
		h.out.batch = h.fan.sender.takeBatch()
		end := h.look()
		if h.ready(news) {
			h.sound = time.Time{}
			h.paced = h.paced[:0]
			h.serve(h.viewers)
		} else if len(h.paced) > 0 {
			due := append(h.attend[:0], h.paced...)
			h.attend, h.paced = due, h.paced[:0]
			h.serve(due)
		}
		// Errors are the peers' own, which know them from AppendRTP or will find out.
		_ = h.out.batch.Flush()
		h.fan.sender.putBatch(h.out.batch)
		if end {
			return
		}
		h.alarm()
		h.wake.Wait(nil)
	}
}

// news is what the form has brought.
type news uint8

const (
	newSound news = 1 << iota
	newVideo      // or anything else that viewers must see at once
)

// follow moves to the newest frame. An error means that the form has ended.
func (h *shard) follow() (n news, err error) {
	for {
		f, err := h.wake.Try()
		switch {
		case err == nil && f == nil:
			return n, nil
		case err == nil && f.Kind == stream.KindAudio:
			n |= newSound
			continue
		case errors.Is(err, stream.ErrLapped):
			h.wake.SkipToKey()
		case err != nil && !errors.Is(err, io.EOF):
			return n, fmt.Errorf("egress: packets of %s: %w", h.fan.key.stream.Key(), err)
		}
		n |= newVideo
	}
}

// ready tells whether all viewers are to be served now: sound may wait for video.
func (h *shard) ready(n news) bool {
	ride := h.fan.sender.cfg.Ride
	if n&newVideo != 0 {
		h.video = h.out.now
		return true
	}
	if n&newSound != 0 && h.sound.IsZero() {
		h.sound = h.out.now
	}
	if h.sound.IsZero() {
		return false
	}
	return ride < 0 || len(h.viewers) <= rideViewers || h.out.now.Sub(h.video) > videoGap || h.out.now.Sub(h.sound) >= ride
}

// fail tells the viewers that the form has ended. Who comes next gets it anew.
func (h *shard) fail(err error) {
	h.fan.sender.mu.Lock()
	h.unlink()
	h.fan.sender.mu.Unlock()
	for _, v := range h.viewers {
		v.release()
		v.end(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.urgent {
		if v.index < 0 {
			v.end(err)
		}
	}
}

// look does what is urgent, and tells whether the last viewer has left.
func (h *shard) look() (end bool) {
	h.mu.Lock()
	h.attend, h.urgent = append(h.attend[:0], h.urgent...), h.urgent[:0]
	h.mu.Unlock()
	for _, v := range h.attend {
		v.urged.Store(false)
		switch {
		case v.gone:
		case v.closed.Load():
			v.gone = true
			if v.index >= 0 {
				h.remove(v)
			}
			end = h.left()
		case v.index < 0:
			v.index = len(h.viewers)
			h.viewers = append(h.viewers, v)
			v.open(h.out.now)
			h.serveOne(v)
		default:
			v.resend(&h.out)
		}
	}
	clear(h.attend)
	return end
}

// remove forgets a viewer.
func (h *shard) remove(v *Viewer) {
	last := len(h.viewers) - 1
	h.viewers[v.index] = h.viewers[last]
	h.viewers[v.index].index = v.index
	h.viewers[last] = nil
	h.viewers = h.viewers[:last]
	h.paced = slices.DeleteFunc(h.paced, func(x *Viewer) bool { return x == v })
	v.release()
}

func (h *shard) serve(all []*Viewer) {
	for _, v := range all {
		h.serveOne(v)
	}
}

func (h *shard) serveOne(v *Viewer) {
	if v.serve(&h.out) {
		h.paced = append(h.paced, v)
	}
}

// alarm sets the timer for what waits for nothing but time.
func (h *shard) alarm() {
	wait := time.Duration(-1)
	at := func(from time.Time, d time.Duration) {
		if d = max(d-h.out.now.Sub(from), 0); wait < 0 || d < wait {
			wait = d
		}
	}
	for _, v := range h.paced {
		at(v.burstAt, pace)
	}
	if !h.sound.IsZero() {
		at(h.sound, h.fan.sender.cfg.Ride)
	}
	if wait >= 0 {
		h.timer.Reset(wait)
	}
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
