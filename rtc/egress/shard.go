package egress

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

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
	h.mu.Lock()
	all := h.viewers
	for _, v := range h.urgent {
		if v.index < 0 {
			all = append(all, v)
		}
	}
	h.mu.Unlock()
	for _, v := range all {
		v.release()
		v.end(err)
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
