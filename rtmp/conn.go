package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/rtmp/handshake"
	"github.com/srsgo/srs/stream"
)

const (
	// readBuffer suits players, who send little; publishers get a larger one.
	readBuffer    = 512
	publishBuffer = 8 << 10
	// commandLimit bounds messages of a peer that does not publish.
	commandLimit = 64 << 10
	handshakeIn  = 1 + 2*1536 // what the handshake brings: C0, C1, C2
	handshakeOut = handshakeIn
	writeTimeout = 30 * time.Second
)

// conn is a connection of a client. Its goroutine reads, and writes too while nothing is
// played; while a player runs, what there is to say goes through the player.
type conn struct {
	m    *Module
	cfg  *Config
	net  net.Conn
	read *chunk.Reader
	id   string // which lines of the log have
	log  *slog.Logger

	ses    *stream.Conn
	vhost  Vhost
	tcURL  string
	app    amf.Object // the command object of connect
	caps   int        // capsEx of Enhanced RTMP
	chunk  int        // size of what we send
	fmle   fmleState
	ackAt  uint64 // bytes read when the last acknowledgement went
	window uint64

	pub    *publishing
	play   *playing
	out    []byte // written at the end of the present command
	linger bool   // closed a stream: may begin another one

	timed  bool // a read deadline is set
	broken bool // a write was cut off: nothing can follow

	player    atomic.Pointer[stream.Player] // of play, for other goroutines
	mu        sync.Mutex
	posted    []byte // from other goroutines, for this one to write
	reconnect []byte // what asks the peer to connect anew; nil if it cannot
}

// errSaid ends a connection whose peer was told why.
var errSaid = errors.New("rtmp: refused")

// errPanic is why a connection ended whose goroutine panicked; the stack is logged by
// whoever catches that.
var errPanic = errors.New("rtmp: panic")

func newConn(m *Module, nc net.Conn) *conn {
	id := stream.NewID()
	return &conn{m: m, cfg: m.cfg.Load(), net: nc, id: id, log: m.log().With("id", id), chunk: chunk.DefaultSize}
}

func (c *conn) run(ctx context.Context) error {
	if err := c.net.SetDeadline(time.Now().Add(c.cfg.CommandTimeout)); err != nil {
		return err
	}
	info, err := handshake.Server(c.net, handshake.Options{Proxy: c.cfg.SRSProxy})
	if err != nil {
		return fmt.Errorf("rtmp: %w", err)
	}
	if info.ProxyIP.IsValid() {
		c.log.Info("rtmp proxy names the client", "ip", info.ProxyIP)
	}
	c.read = chunk.NewReader((*source)(c), chunk.Options{
		BufferSize: readBuffer, MaxMessage: commandLimit, MaxBuffered: 17 << 20, MaxIncomplete: 64, MaxStreams: 256,
	})
	for {
		c.setDeadline(ctx)
		m, err := c.read.ReadMessage()
		if err != nil {
			return c.cause(ctx, err)
		}
		if err := c.acknowledge(); err != nil {
			return err
		}
		if err := c.handle(ctx, &m); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
}

// source is the connection's read side. Before each read that may block it lets a
// publisher's burst go out, and reads as the load asks for.
type source conn

func (s *source) Read(b []byte) (int, error) {
	c := (*conn)(s)
	if p := c.pub; p != nil {
		p.pub.Flush()
		p.readAhead()
	}
	return c.net.Read(b)
}

// setDeadline bounds the wait for the next message. While media flows other rules hold:
// the hub ends publishers that are silent, and writes end players that are gone.
func (c *conn) setDeadline(ctx context.Context) {
	switch {
	case c.pub != nil || c.play != nil:
		if c.timed {
			c.timed = false
			_ = c.net.SetReadDeadline(time.Time{})
		}
	case c.linger:
		c.timed = true
		_ = c.net.SetReadDeadline(time.Now().Add(c.cfg.RepublishTimeout))
	default:
		c.timed = true
		_ = c.net.SetReadDeadline(time.Now().Add(c.cfg.CommandTimeout))
	}
	c.checkKicked(ctx)
}

// checkKicked makes the next read fail if something ended before the deadline was moved.
func (c *conn) checkKicked(ctx context.Context) {
	if s := c.session(); ctx.Err() != nil || s != nil && s.Err() != nil || c.play != nil && c.play.ended() != nil {
		c.interrupt()
	}
}

// session gives the session that runs now, nil before connect.
func (c *conn) session() *stream.Session {
	switch {
	case c.pub != nil:
		return c.pub.pub.Session
	case c.play != nil:
		return c.play.player.Session()
	case c.ses != nil:
		return c.ses.Session
	}
	return nil
}

// interrupt ends a blocked read, from any goroutine.
func (c *conn) interrupt() { _ = c.net.SetReadDeadline(time.Unix(1, 0)) }

// cause finds out why reading ended.
func (c *conn) cause(ctx context.Context, err error) error {
	if c.play != nil {
		if e := c.play.ended(); e != nil {
			return e
		}
	}
	if s := c.session(); s != nil && s.Err() != nil {
		return s.Err()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("rtmp: %w", stream.ErrShutdown)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("rtmp: no command came in time: %w", err)
	}
	return err
}

// acknowledge tells how much came, twice per window (§5.4.3).
func (c *conn) acknowledge() error {
	n := handshakeIn + c.read.BytesRead()
	if c.ses != nil {
		c.ses.SetReceived(n)
	}
	if c.window == 0 || n-c.ackAt < c.window/2 {
		return nil
	}
	c.ackAt = n
	c.out = appendControl(c.out, chunk.Acknowledgement, uint32(n))
	return nil
}

// send queues bytes for the end of the present command.
func (c *conn) send(b []byte) { c.out = append(c.out, b...) }

// post queues bytes from another goroutine: a player sends them at once, a publisher's
// connection with its next message.
func (c *conn) post(b []byte) {
	if p := c.player.Load(); p != nil {
		_ = p.Inject(b)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.posted) < commandLimit {
		c.posted = append(c.posted, b...)
	}
}

// takePosted queues what other goroutines have posted.
func (c *conn) takePosted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.posted) > 0 {
		c.out = append(c.out, c.posted...)
		c.posted = nil
	}
}

// flush writes what is queued.
func (c *conn) flush() error {
	c.takePosted()
	if len(c.out) == 0 {
		return nil
	}
	b := c.out
	c.out = nil // rarely needed: not kept per connection
	if c.play != nil {
		return c.play.player.Inject(b)
	}
	return c.write(b, writeTimeout)
}

func (c *conn) write(b []byte, timeout time.Duration) error {
	if c.broken || len(b) == 0 {
		return nil
	}
	if err := c.net.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	n, err := c.net.Write(b)
	c.broken = err != nil
	if c.ses != nil {
		c.ses.AddSent(n)
	}
	return err
}

func (c *conn) handle(ctx context.Context, m *chunk.Message) error {
	switch m.Type {
	case chunk.WindowAckSize:
		if n := be32(m.Payload); n > 0 && c.vhost.InAckSize <= 0 {
			c.window = uint64(n)
		}
	case chunk.UserControl:
		if len(m.Payload) >= 6 && m.Payload[0] == 0 && m.Payload[1] == eventPingRequest {
			c.send(appendEvent(nil, eventPingResponse, be32(m.Payload[2:])))
		}
	case chunk.Command0, chunk.Command3:
		cmd, err := parseCommand(m)
		if err != nil {
			return err
		}
		return c.command(ctx, &cmd)
	case chunk.Audio, chunk.Video, chunk.Data0, chunk.Data3, chunk.Aggregate:
		if c.pub != nil {
			return c.pub.media(m)
		}
	}
	return nil
}

func be32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// end closes all that the connection has, tells the peer why where that is not known to
// it, and logs the end.
func (c *conn) end(err error) {
	c.takePosted()
	if errors.Is(err, stream.ErrShutdown) && c.m.draining.Load() {
		c.send(c.takeReconnect())
	}
	if c.play != nil {
		c.stopPlay(err)
	}
	if c.pub != nil {
		c.tellPublisher(err)
		c.stopPublish(err)
	}
	said := len(c.out) > 0
	_ = c.write(c.out, time.Second)
	if c.broken {
		_ = protocol.DropUnsent(c.net)
	}
	c.logEnd(err)
	if c.ses != nil {
		if clean(err) {
			err = nil
		}
		c.ses.Close(err)
	}
	if said {
		c.farewell()
	}
}

// logEnd tells who ended the connection, if that was no failure, and else why.
func (c *conn) logEnd(err error) {
	switch {
	case errors.Is(err, stream.ErrShutdown):
		c.log.Info("rtmp connection ended", "ip", c.remote(), "by", "server", "cause", err)
	case !clean(err):
		c.log.Warn("rtmp connection ended", "ip", c.remote(), "err", err)
	case err == nil, errors.Is(err, errSaid), errors.Is(err, errPlayed):
		c.log.Info("rtmp connection ended", "ip", c.remote(), "by", "server")
	default:
		c.log.Info("rtmp connection ended", "ip", c.remote(), "by", "client", "cause", err)
	}
}

// farewell gives the peer a second to read what was said last. A connection that is closed
// while input waits, a publisher's media say, is reset, and the peer's system may then
// drop what the peer has not read yet.
func (c *conn) farewell() {
	w, ok := c.net.(interface{ CloseWrite() error })
	if !ok || c.broken || w.CloseWrite() != nil {
		return
	}
	_ = c.net.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, c.net)
}

// clean tells the ends that are none of the server's business: the peer left.
func clean(err error) bool {
	return err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, errSaid) || errors.Is(err, errPlayed) || isReset(err)
}

func (c *conn) remote() string { return c.net.RemoteAddr().String() }

func (c *conn) secure() bool {
	_, ok := c.net.(*tls.Conn)
	return ok
}

// writer gives what a player writes to: the TCP connection itself where nothing is in
// between, since that can take several pieces in one call.
func (c *conn) writer() stream.Writer {
	if t := protocol.TCP(c.net); t != nil && !c.secure() {
		return t
	}
	return c.net
}
