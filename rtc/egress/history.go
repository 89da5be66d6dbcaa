package egress

import (
	"sync"
	"sync/atomic"
	"time"
)

// history holds the frames of a track that may be asked for again. It is one for all viewers.
type history struct {
	mu     sync.Mutex
	frames []*Frame
}

const (
	historyTime    = 2 * time.Second
	historyPackets = 8192
)

func (h *history) add(f *Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames = append(h.frames, f)
	n := 0
	for n < len(h.frames)-1 {
		old := h.frames[n]
		age := f.DTS - old.DTS
		if f.Seq-old.Seq <= historyPackets && age >= 0 && age <= historyTime {
			break
		}
		h.frames[n] = nil
		n++
	}
	h.frames = h.frames[n:]
}

// find gives the frame that holds a packet, nil if it is gone.
func (h *history) find(seq uint64) *Frame {
	h.mu.Lock()
	defer h.mu.Unlock()
	lo, hi := 0, len(h.frames)
	for lo < hi {
		m := (lo + hi) / 2
		if f := h.frames[m]; f.Seq+uint64(len(f.Payloads)) <= seq {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == len(h.frames) || h.frames[lo].Seq > seq {
		return nil
	}
	return h.frames[lo]
}

// rate measures what a track brings, by the stream's time.
type rate struct {
	from           time.Duration
	bytes, packets int
	bits, perSec   atomic.Int64 // a second, smoothed; 0: not known yet
	last           atomic.Int64 // DTS of the last frame
}

func (r *rate) add(dts time.Duration, bytes, packets int) {
	r.last.Store(int64(dts))
	d := dts - r.from
	if d < 0 || d > 5*time.Second {
		r.from, r.bytes, r.packets = dts, bytes, packets
		return
	}
	if d >= time.Second {
		r.smooth(&r.bits, float64(8*r.bytes)/d.Seconds())
		r.smooth(&r.perSec, float64(r.packets)/d.Seconds())
		r.from, r.bytes, r.packets = dts, 0, 0
	}
	r.bytes += bytes
	r.packets += packets
}

func (r *rate) smooth(v *atomic.Int64, now float64) {
	if old := v.Load(); old != 0 {
		now = (3*float64(old) + now) / 4
	}
	v.Store(int64(now))
}
