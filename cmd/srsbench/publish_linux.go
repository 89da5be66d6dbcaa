package main

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"time"
)

// farFuture is when nothing is due.
const farFuture = math.MaxInt64

// maxBacklog is how much of a stream a publisher holds for a server that does not read.
const maxBacklog = 4 << 20

var errBacklog = errors.New("the server does not read: 4 MB wait to be sent")

// publication is where a publisher is in its stream.
type publication struct {
	c            *conn
	w            *wires
	sid          uint32
	base, due    int64  // of the stream's beginning, of the next frame
	video, audio uint32 // frames sent
	blocked      int64  // since when the socket takes nothing
	tx           uint64
}

// ready implements events for publishers: the server accepted the stream.
func (c *conn) ready() {
	if c.start > 0 {
		return
	}
	e := c.e
	c.start = e.now
	e.stats[publisher].started++
	e.startup.add(e.now - c.t0)
	p := &publication{c: c}
	if s, ok := c.sess.(*rtmpSession); ok {
		p.w, p.sid = e.wires[true], s.sid
	} else {
		p.w = e.wires[false]
		c.out = append(append(c.out, c.sess.pending()...), flvHeader...)
	}
	// The golden ratio's multiples fill the frame interval evenly, however many publishers there are.
	_, phase := math.Modf(float64(c.index) * math.Phi)
	p.base = e.now + int64(phase*float64(time.Second)/float64(e.o.fps))
	p.due = p.base
	c.pub = p
	for i := range p.w.start {
		c.out = append(c.out, p.w.start[i].stamp(0, p.sid, 0, 0)...)
	}
	heap.Push(&e.due, p)
}

// times gives the stream times of the next video and audio frames.
func (p *publication) times(c *clip) (video, audio time.Duration) {
	video = time.Duration(p.video) * time.Second / time.Duration(c.fps)
	audio = time.Duration(p.audio) * aacSamples * time.Second / sampleRate
	if !c.audio {
		audio = farFuture
	}
	return video, audio
}

// next stamps the frame that is due and moves on to the one after it.
func (p *publication) next(c *clip, at int64) []byte {
	video, audio := p.times(c)
	var b []byte
	if video <= audio {
		t := &p.w.inter
		if int(p.video)%c.gop == 0 {
			t = &p.w.key
		}
		b = t.stamp(uint32(video/time.Millisecond), p.sid, at, p.video)
		p.video++
	} else {
		b = p.w.sound.stamp(uint32(audio/time.Millisecond), p.sid, at, p.audio)
		p.audio++
	}
	video, audio = p.times(c)
	p.due = p.base + int64(min(video, audio))
	return b
}

// sendDue sends the frames whose time has come and tells when the next one is due.
func (e *engine) sendDue() (next int64) {
	for range publishBatch {
		if len(e.due) == 0 {
			return farFuture
		}
		p := e.due[0]
		if p.c.fd < 0 {
			heap.Pop(&e.due)
			continue
		}
		if e.now = e.clock.now(); p.due > e.now {
			return p.due
		}
		if e.measure {
			e.lag.add(e.now - p.due)
		}
		e.publish(p, p.next(e.clip, e.now))
		heap.Fix(&e.due, 0)
	}
	return e.now
}

// publish sends one frame, or queues what the socket does not take. The frame is shared by all
// publishers and must be gone or copied before it returns.
func (e *engine) publish(p *publication, b []byte) {
	c := p.c
	if len(c.out) == 0 {
		n, err := send(c.fd, b)
		if err != nil && !again(err) {
			e.fail(c, fmt.Errorf("write: %w", err))
			return
		}
		e.sent(c, n)
		b = b[n:]
	}
	if len(b) == 0 {
		return
	}
	if len(c.out)+len(b) > maxBacklog {
		e.fail(c, errBacklog)
		return
	}
	if p.blocked == 0 {
		p.blocked = e.now
	}
	c.out = append(c.out, b...)
	e.watch(c)
}

// sent accounts n bytes written, and the end of a stall if the server had stopped reading.
func (e *engine) sent(c *conn, n int) {
	p := c.pub
	if p == nil || n == 0 {
		return
	}
	p.tx += uint64(n)
	e.stats[publisher].bytes += uint64(n)
	e.endStall(c)
	p.blocked = 0
	if len(c.out) > n {
		p.blocked = e.now
	}
}

// frameHeap orders publishers by their next frame.
type frameHeap []*publication

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (h frameHeap) Len() int           { return len(h) }
func (h frameHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h frameHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push adds x, a *publication.
func (h *frameHeap) Push(x any) { *h = append(*h, x.(*publication)) }

// Pop removes the last element.
func (h *frameHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	*h = old[:len(old)-1]
	return p
}
