package rtmp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

const (
	// publishFlush is how much waits for the flush window at most.
	publishFlush = 64 << 10
	// publishKeep is how large a buffer is kept between writes.
	publishKeep = 256 << 10
	// publishGoodbye bounds Close: the last writes, and the wait for the server's end.
	publishGoodbye = time.Second
	// publishReason is how long a failed write waits for the server's words on it.
	publishReason = 100 * time.Millisecond
)

// startPublish does the dialogue of an encoder (§7.2.2.6), as FMLE does it unless the
// configuration says otherwise.
func (c *clientConn) startPublish() error {
	var b []byte
	if !c.cfg.NoFCPublish {
		b, _ = c.call(b, 0, "releaseStream", nil, c.to.stream)
		b, _ = c.call(b, 0, "FCPublish", nil, c.to.stream)
	}
	if err := c.createStream(b); err != nil {
		return err
	}
	b, tid := c.call(nil, c.stream, "publish", nil, c.to.stream, "live")
	if err := c.write(b); err != nil {
		return err
	}
	return c.await(false, func(cmd *command) (bool, error) {
		s, _ := statusOf(cmd)
		switch {
		case cmd.name == "_error" && cmd.tid == tid:
			return false, s
		case cmd.name != "onStatus" && cmd.name != "onFCPublish":
			return false, nil
		case s.fatal():
			return false, s
		}
		return cmd.name == "onStatus" && s.Code == publishStart, nil
	})
}

// PublishConn is a publisher's session on a server, a stream.Sink. Its methods are safe
// from any goroutine. It must be closed: until then a goroutine answers the server.
type PublishConn struct {
	c     *clientConn
	enc   Encoder
	ended chan struct{} // the reader is gone; then err is set
	err   error

	mu     sync.Mutex // orders the writes, and is held for as long as one takes
	buf    []byte
	tracks *stream.Tracks
	timer  *time.Timer // of the flush window; nil without
	armed  bool
	failed error

	once sync.Once
	done chan struct{} // Close was called
}

func newPublishConn(c *clientConn) *PublishConn {
	c.silent = true
	p := &PublishConn{c: c, ended: make(chan struct{}), done: make(chan struct{})}
	p.enc = Encoder{
		ChunkSize: c.cfg.ChunkSize, StreamID: c.stream, Publish: true,
		Multitrack: c.cfg.Multitrack || c.caps&capMultitrack != 0,
	}
	go p.read()
	return p
}

// read answers the server and waits for its end.
func (p *PublishConn) read() {
	defer close(p.ended)
	err := p.listen()
	if err == io.EOF {
		err = unexpectedEOF(err)
	}
	p.err = err
	_ = p.c.net.Close() // a write under way would wait for its deadline
}

func (p *PublishConn) listen() error {
	for {
		m, err := p.c.next()
		if err != nil {
			return err
		}
		if m.Type != chunk.Command0 && m.Type != chunk.Command3 {
			continue
		}
		cmd, err := parseCommand(&m)
		if err != nil {
			continue // nothing in it that a publisher depends on
		}
		if _, err := p.c.common(&cmd); err != nil {
			return err
		}
		if s, _ := statusOf(&cmd); cmd.name == "onStatus" && p.ends(s) {
			return s
		}
	}
}

// ends tells whether a status ends the publication.
func (p *PublishConn) ends(s *StatusError) bool {
	select {
	case <-p.done:
		return false // answers to our own end
	default:
	}
	return s.fatal() || s.Code == "NetStream.Unpublish.Success"
}

// WritePacket sends a packet, and before it the tracks where they have changed. It blocks
// while the connection takes no more, for ClientConfig.IOTimeout at most. With
// ClientConfig.Flush, packets leave when that time has passed since the first that waits
// or when they are many.
//
// What ended the session since the last call is its error, which is final: a
// *StatusError, wrapped, is the server's reason (stream.ErrBusy if another publisher has
// taken the name), io.ErrUnexpectedEOF a closed connection, stream.ErrClosed an earlier
// Close, stream.ErrSlow a server that takes no more. Packets of codecs that RTMP does not
// carry are left out.
func (p *PublishConn) WritePacket(q *stream.Packet) error {
	if q.Track != stream.Data && (q.Tracks == nil || q.Track < 0 || q.Track >= len(q.Tracks.List)) {
		return fmt.Errorf("rtmp: publishing to %s: a packet of no track", p.c.to.public())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.state(); err != nil {
		return err
	}
	if q.Tracks != nil && q.Tracks != p.tracks {
		if q.Tracks.Diff(p.tracks) != 0 {
			p.buf = p.enc.AppendTracks(p.buf, q.Tracks, q.DTS)
		}
		p.tracks = q.Tracks
	}
	p.buf = p.enc.AppendPacket(p.buf, q)
	if len(p.buf) == 0 {
		return nil
	}
	if w := p.c.cfg.Flush; w > 0 && len(p.buf) < publishFlush {
		p.arm(w)
		return nil
	}
	return p.flush()
}

// state gives the error of a session that is over. The lock is held.
func (p *PublishConn) state() error {
	select {
	case <-p.done:
		return fmt.Errorf("rtmp: publishing to %s: %w", p.c.to.public(), stream.ErrClosed)
	default:
	}
	if p.failed != nil {
		return p.failed
	}
	select {
	case <-p.ended:
		p.failed = fmt.Errorf("rtmp: publishing to %s: %w", p.c.to.public(), p.err)
	default:
	}
	return p.failed
}

// arm starts the flush window. The lock is held.
func (p *PublishConn) arm(w time.Duration) {
	switch {
	case p.armed:
		return
	case p.timer == nil:
		p.timer = time.AfterFunc(w, p.expired)
	default:
		p.timer.Reset(w)
	}
	p.armed = true
}

// expired ends the flush window; an error waits for the next WritePacket.
func (p *PublishConn) expired() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	if p.state() == nil {
		_ = p.flush()
	}
}

// flush writes what is in the buffer. The lock is held.
func (p *PublishConn) flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	err := p.c.write(p.buf)
	if p.buf = p.buf[:0]; cap(p.buf) > publishKeep {
		p.buf = nil
	}
	if err == nil {
		return nil
	}
	// The server's words, which its close may have overtaken, say more than the write.
	select {
	case <-p.ended:
	case <-time.After(publishReason):
	}
	_ = p.c.net.Close()
	<-p.ended
	var s *StatusError
	switch {
	case errors.As(p.err, &s):
		err = p.err
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("%w: %w", stream.ErrSlow, err)
	}
	p.failed = fmt.Errorf("rtmp: publishing to %s: %w", p.c.to.public(), err)
	return p.failed
}

// URL is where the stream goes, after redirects.
func (p *PublishConn) URL() string { return p.c.to.String() }

// Reconnect gives the URL to dial when the server has asked to go there, which servers
// do before they stop ("Reconnect Request" of Enhanced RTMP). Until the new session
// stands, preferably up to a key frame, this one should go on; its Close follows. The
// channel holds the latest request, and is never closed.
func (p *PublishConn) Reconnect() <-chan string { return p.c.reconnect }

// Close sends what waits, FCUnpublish and deleteStream, lets the server end the
// connection, and closes it. It takes 1 s at most, and cuts a WritePacket that hangs for
// that long. The error is that of a session that had failed before, or of the last
// writes; calls after the first give nil.
func (p *PublishConn) Close() (err error) {
	p.once.Do(func() { err = p.close() })
	return err
}

func (p *PublishConn) close() error {
	by := time.Now().Add(publishGoodbye)
	p.c.closeBy(by)
	p.mu.Lock()
	err := p.state()
	close(p.done)
	if p.timer != nil {
		p.timer.Stop() // one that is under way finds done closed
	}
	if err == nil {
		p.buf = p.goodbye(p.buf)
		err = p.flush()
	}
	p.mu.Unlock()
	if err == nil {
		p.linger(by)
	}
	_ = p.c.net.Close()
	<-p.ended
	return err
}

func (p *PublishConn) goodbye(b []byte) []byte {
	if !p.c.cfg.NoFCPublish {
		b, _ = p.c.call(b, 0, "FCUnpublish", nil, p.c.to.stream)
	}
	b, _ = p.c.call(b, 0, "deleteStream", nil, float64(p.c.stream))
	return b
}

// linger waits for the server to have read all. Closing at once resets a connection on
// which its answers are under way, and what the server had not read is lost.
func (p *PublishConn) linger(by time.Time) {
	half, ok := p.c.net.(interface{ CloseWrite() error })
	if !ok {
		return
	}
	p.c.muted.Store(true)
	if half.CloseWrite() != nil {
		return
	}
	t := time.NewTimer(time.Until(by))
	defer t.Stop()
	select {
	case <-p.ended:
	case <-t.C:
	}
}
