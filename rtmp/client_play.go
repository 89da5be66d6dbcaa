package rtmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

// startPlay does the dialogue of a player: createStream, play (§7.2.2.1) and the length
// of its buffer.
func (c *clientConn) startPlay() error {
	if err := c.createStream(nil); err != nil {
		return err
	}
	// -2000: live if there is such a stream, else recorded. All players send it in ms.
	b, tid := c.call(nil, c.stream, "play", nil, c.to.stream, -2000.0)
	m := chunk.Message{Header: chunk.Header{Type: chunk.UserControl, ChunkStream: csControl}}
	m.Payload = binary.BigEndian.AppendUint16(nil, eventBuffer)
	m.Payload = binary.BigEndian.AppendUint32(m.Payload, c.stream)
	m.Payload = binary.BigEndian.AppendUint32(m.Payload, clientBuffer)
	if err := c.write(chunk.AppendMessage(b, &m, c.cfg.ChunkSize)); err != nil {
		return err
	}
	return c.await(true, func(cmd *command) (bool, error) {
		s, _ := statusOf(cmd)
		switch {
		case cmd.name == "_error" && cmd.tid == tid:
			return false, s
		case cmd.name != "onStatus":
			return false, nil
		case s.fatal():
			return false, s
		}
		return s.Code == playStart, nil
	})
}

// PlayConn is a player's session on a server, a stream.Source. ReadPacket and Tracks are
// for one goroutine; Close and Reconnect are for any.
type PlayConn struct {
	cfg    *ClientConfig
	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc

	mu   sync.Mutex // for Close
	conn *clientConn

	route route
	media bool // packets came: a redirect is not followed anymore

	dec    flv.Decoder
	queue  []*stream.Packet
	at     int // in queue
	clock  int64
	begun  bool
	bad    int // malformed messages in a row
	faulty int // in all
	err    error
}

// use makes c the session's connection; the answer is false after Close.
func (p *PlayConn) use(c *clientConn, r route) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.conn, p.route = c, r
	return true
}

// ReadPacket gives the next packet. Its DTS is the message's timestamp, continued beyond
// the 32 bits that RTMP has for it.
//
// It gives io.EOF when the server says that the stream is over (StreamEOF,
// NetStream.Play.UnpublishNotify, Stop or Complete) or closes the connection between two
// messages; a *StatusError, wrapped, when it ends the session with an error; an error
// that is os.ErrDeadlineExceeded when it was silent for ClientConfig.IOTimeout, and
// stream.ErrClosed after Close. All are final. Messages that are malformed or of unknown
// codecs are left out.
//
// A redirect that comes before the first packet is followed, within ReadPacket: SRS sends
// it after the start of the stream.
func (p *PlayConn) ReadPacket() (*stream.Packet, error) {
	for p.err == nil {
		if p.at < len(p.queue) {
			q := p.queue[p.at]
			p.queue[p.at] = nil
			p.at++
			p.media = true
			return q, nil
		}
		p.queue, p.at = p.queue[:0], 0
		if err := p.step(); err != nil {
			p.end(err)
		}
	}
	return nil, p.err
}

// end makes err final.
func (p *PlayConn) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ctx.Err() != nil:
		p.err = fmt.Errorf("rtmp: playing %s: %w", p.conn.to.public(), context.Cause(p.ctx))
	case err == io.EOF:
		p.err = io.EOF
	default:
		p.err = fmt.Errorf("rtmp: playing %s: %w", p.conn.to.public(), err)
	}
	_ = p.conn.net.Close()
	if p.faulty > 1 {
		p.cfg.Logger.Warn("rtmp malformed messages left out", "url", p.conn.to.public(), "count", p.faulty)
	}
}

// step deals with one message.
func (p *PlayConn) step() error {
	c := p.conn
	var m chunk.Message
	if c.ahead != nil {
		m, c.ahead = *c.ahead, nil
	} else {
		var err error
		if m, err = c.next(); err != nil {
			return err
		}
	}
	switch m.Type {
	case chunk.UserControl:
		if len(m.Payload) >= 6 && binary.BigEndian.Uint16(m.Payload) == eventStreamEOF &&
			binary.BigEndian.Uint32(m.Payload[2:]) == c.stream {
			return io.EOF
		}
	case chunk.Command0, chunk.Command3:
		cmd, err := parseCommand(&m)
		if err != nil {
			return p.malformed(err)
		}
		return p.command(&cmd)
	case chunk.Aggregate:
		var end error
		err := m.Split(func(m chunk.Message) error { end = p.body(m); return end })
		if end == nil && err != nil {
			return p.malformed(err)
		}
		return end
	case chunk.Audio, chunk.Video, chunk.Data0, chunk.Data3:
		return p.body(m)
	}
	return nil
}

// command obeys a command that comes while media does.
func (p *PlayConn) command(cmd *command) error {
	if ok, err := p.conn.common(cmd); ok || err != nil {
		var s *StatusError
		if errors.As(err, &s) && s.redirects() && !p.media {
			return p.redirected(err)
		}
		return err
	}
	if cmd.name != "onStatus" && cmd.name != "onPlayStatus" {
		return nil
	}
	s, _ := statusOf(cmd)
	switch s.Code {
	case "NetStream.Play.UnpublishNotify", "NetStream.Play.Stop", "NetStream.Play.Complete":
		return io.EOF
	}
	if s.fatal() {
		return s
	}
	return nil
}

// redirected goes where the server says.
func (p *PlayConn) redirected(err error) error {
	t, err := p.route.next(p.conn.to, err)
	if err != nil {
		return err
	}
	_ = p.conn.net.Close()
	r := p.route
	c, err := r.follow(p.ctx, p.cfg, t, false)
	if err != nil {
		return fmt.Errorf("redirected: %w", err)
	}
	if !p.use(c, r) {
		_ = c.net.Close()
		return stream.ErrClosed
	}
	p.dec = flv.Decoder{}
	return nil
}

// body makes packets of a media or data message.
func (p *PlayConn) body(m chunk.Message) error {
	typ := m.Type
	if typ == chunk.Data3 {
		typ = chunk.Data0
		if len(m.Payload) == 0 {
			return nil
		}
		m.Payload = m.Payload[1:] // the format selector; AMF0 follows
	}
	if typ != chunk.Audio && typ != chunk.Video && typ != chunk.Data0 {
		return nil // inside of an aggregate
	}
	if typ == chunk.Data0 {
		if done, err := p.dataStatus(m.Payload); done || err != nil {
			return err
		}
	}
	ms := int64(m.Timestamp)
	if p.begun {
		ms = p.clock + int64(int32(m.Timestamp-uint32(p.clock)))
	}
	before := len(p.queue)
	var err error
	p.queue, err = p.dec.Decode(p.queue, typ, stream.FromTicks(ms, 1000), m.Payload)
	// Headers and data are often at zero however late the stream is: only frames move
	// the clock.
	if len(p.queue) > before {
		p.bad = 0
		if typ != chunk.Data0 {
			p.clock, p.begun = ms, true
		}
	}
	if err != nil && !errors.Is(err, stream.ErrUnsupported) {
		return p.malformed(err)
	}
	return nil
}

// dataStatus obeys the statuses that servers send as data messages (onPlayStatus,
// onStatus), which are no media.
func (p *PlayConn) dataStatus(b []byte) (done bool, err error) {
	name, rest, err := amf.Decode(b[:min(len(b), 64)])
	s, ok := name.(string)
	if err != nil || !ok || s != "onPlayStatus" && s != "onStatus" {
		return false, nil
	}
	vs, err := amf.DecodeAll(b[min(len(b), 64)-len(rest):])
	if err != nil {
		return true, p.malformed(err)
	}
	st, _ := statusOf(&command{name: s, args: vs})
	if strings.HasSuffix(st.Code, ".Complete") || st.Code == "NetStream.Play.Stop" {
		return true, io.EOF
	}
	return true, nil
}

// malformed lets single bad messages pass, not an endless run of them.
func (p *PlayConn) malformed(err error) error {
	p.faulty++
	if p.faulty == 1 {
		p.cfg.Logger.Warn("rtmp malformed message left out", "url", p.conn.to.public(), "err", err)
	}
	if p.bad++; p.bad > badLimit {
		return fmt.Errorf("%d malformed messages in a row, the last: %w", p.bad, err)
	}
	return nil
}

// Tracks gives the tracks and metadata known so far, never nil.
func (p *PlayConn) Tracks() *stream.Tracks { return p.dec.Tracks() }

// URL is where the stream comes from, after redirects.
func (p *PlayConn) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn.to.String()
}

// Reconnect gives the URL to dial when the server has asked to go there, which servers
// do before they stop ("Reconnect Request" of Enhanced RTMP). The session goes on until
// it is closed or the server ends it. The channel holds the latest request that was read,
// and is never closed; ReadPacket brings another one where it follows a redirect.
func (p *PlayConn) Reconnect() <-chan string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn.reconnect
}

// Close ends the session. A ReadPacket under way fails with stream.ErrClosed.
func (p *PlayConn) Close() error {
	p.mu.Lock()
	c := p.conn
	p.cancel(stream.ErrClosed)
	p.mu.Unlock()
	_ = c.net.SetDeadline(time.Unix(1, 0)) // a TLS connection would wait for the last write
	_ = c.net.Close()
	return nil
}
