package stream

import (
	"sync/atomic"
	"time"
)

// Publisher is a session's right to write a stream. It is a [Sink], safe for use by
// several goroutines.
type Publisher struct {
	*Session
	stream *Stream
	mix    *mixer
	last   atomic.Int64 // when the last packet came, Unix ns
	sent   atomic.Bool
	keyReq atomic.Pointer[func()]

	readBytes  atomic.Int32 // what SetReadAhead gave
	readWindow atomic.Int64
}

// Stream gives the stream that is published.
func (p *Publisher) Stream() *Stream { return p.stream }

// WritePacket takes the stream's next packet. It never waits for players. After the
// session's end it gives the cause: ErrTakenOver, ErrKicked, ….
func (p *Publisher) WritePacket(pkt *Packet) error {
	if err := p.Err(); err != nil {
		return err
	}
	now := time.Now()
	p.last.Store(now.UnixNano())
	p.sent.Store(true)
	p.packets.Add(1)
	p.bytes.Add(uint64(len(pkt.Payload)))
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() != p {
		return cmpErr(p.Err(), ErrClosed)
	}
	if p.mix != nil {
		p.mix.write(pkt, func(q *Packet) { s.write(q, now) })
	} else {
		s.write(pkt, now)
	}
	return nil
}

// SetManualFlush leaves it to Flush to say when a burst of packets is complete, instead
// of taking each packet for one. A publisher that reads from a socket calls Flush
// before each read that may block: what came in one read leaves in one write.
func (p *Publisher) SetManualFlush(on bool) {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	if p.stream.live.Load() == p {
		p.stream.flush.manual = on
	}
}

// Flush sends what waits for the end of a burst.
func (p *Publisher) Flush() {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.Load() == p && s.flush.ripe {
		s.flushWires()
	}
}

// Touch tells that the peer is alive though it sends no media now, so that it does not
// count as idle.
func (p *Publisher) Touch() { p.last.Store(time.Now().UnixNano()) }

// OnKeyFrameRequest sets what asks the peer for a key frame; without it requests are
// dropped.
func (p *Publisher) OnKeyFrameRequest(f func()) { p.keyReq.Store(&f) }

// ReadAhead tells how the publisher's socket should be read under the present load:
// wait at most window for so many bytes. A zero window means reading what comes at
// once. It changes about once a second.
func (p *Publisher) ReadAhead() (bytes int, window time.Duration) {
	return int(p.readBytes.Load()), time.Duration(p.readWindow.Load())
}

// Close ends the publication; its players wait for the next or end, as they asked for.
// A nil cause is a clean end. It may be called more than once.
func (p *Publisher) Close(cause error) error {
	if cause != nil {
		p.cancel(cause) // before the stream refuses its packets: it shall be told why
	}
	mine := p.stream.finish(p)
	p.hub.end(p.Session, EventUnpublish, cause)
	if mine {
		p.hub.release(p.stream)
	}
	return nil
}
