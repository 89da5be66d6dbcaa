package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/rtmp/handshake"
)

// ClientConfig configures DialPlay and DialPublish. Its zero value, and nil, have the
// defaults. It must not be changed while in use.
type ClientConfig struct {
	// Dialer makes the connections, those to where a server redirects included; nil: a
	// net.Dialer. For rtmps, TLS begins on what it gives.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLSConfig is for rtmps; nil has the defaults of crypto/tls. The URL's host is the
	// ServerName where it has none.
	TLSConfig *tls.Config
	// Simple leaves digests out of the handshake. Servers without them need nothing: the
	// client takes their answer as it is.
	Simple bool

	// ChunkSize, in bytes, of what is sent; 0: 60,000.
	ChunkSize int
	// Timeout bounds connecting and the dialogue up to the stream's start, for each
	// server anew when there are redirects; 0: 10 s.
	Timeout time.Duration
	// IOTimeout bounds each write, and for a player the server's silence; 0: 30 s.
	IOTimeout time.Duration
	// Flush holds a publisher's packets back for so long at most, to write several at
	// once; 0: each packet is one write.
	Flush time.Duration

	// Redirects is how many are followed; 0: 3, negative: none.
	Redirects int
	// ConnectArgs are sent as the user's argument of connect (§7.2.1.1), as SRS does with
	// srs_sig and others; empty: no such argument.
	ConnectArgs []amf.Field
	// FlashVer is what the client says it is; "": a usual encoder or player.
	FlashVer string
	// PageURL and SwfURL are what a player in a web page would name; "": left out.
	PageURL, SwfURL string
	// NoFCPublish leaves out the commands that Flash Media Live Encoder added:
	// releaseStream, FCPublish and FCUnpublish. SRS forwards so.
	NoFCPublish bool
	// Multitrack publishes all tracks also to a server that does not say it takes them
	// (capsEx of Enhanced RTMP version 2). Others get the default track of each kind.
	Multitrack bool

	// Logger is told what has no other way to the caller; nil: nothing is logged.
	Logger *slog.Logger
}

func (c *ClientConfig) withDefaults() *ClientConfig {
	d := ClientConfig{}
	if c != nil {
		d = *c
	}
	if d.Dialer == nil {
		d.Dialer = new(net.Dialer).DialContext
	}
	if d.ChunkSize <= 0 || d.ChunkSize > chunk.MaxSize {
		d.ChunkSize = defaultChunkSize
	}
	if d.Timeout <= 0 {
		d.Timeout = 10 * time.Second
	}
	if d.IOTimeout <= 0 {
		d.IOTimeout = 30 * time.Second
	}
	switch {
	case d.Redirects == 0:
		d.Redirects = 3
	case d.Redirects < 0:
		d.Redirects = 0
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &d
}

// DialPlay plays the stream at an rtmp or rtmps URL. It returns when the server has said
// that the stream starts, or has sent media; ctx bounds only that. cfg may be nil.
//
// URLs are of these forms, names as they are (nothing is decoded); the query goes with
// the part it stands behind:
//
//	rtmp://host[:1935]/app/stream[?params]   app may have several segments
//	rtmps://host[:443]/app/stream            over TLS
//	rtmp://[::1]:1935/app/stream
//	rtmp://host/app?vhost=v/stream           a query behind a one-segment app
//	rtmp://host/app...vhost...v/stream
//	rtmp://host/stream                       the app is protocol.DefaultApp
//
// Redirects (SRS's 302: NetConnection.Connect.Rejected with ex.code 302) are followed,
// to rtmp and rtmps URLs.
//
// Errors: a *StatusError, wrapped, is what the server said. Servers that say nothing and
// close, as SRS does to those it denies, give io.ErrUnexpectedEOF.
func DialPlay(ctx context.Context, rawURL string, cfg *ClientConfig) (*PlayConn, error) {
	cfg = cfg.withDefaults()
	t, err := parseTarget(rawURL)
	if err != nil {
		return nil, err
	}
	p := &PlayConn{cfg: cfg}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	route := route{left: cfg.Redirects}
	c, err := route.follow(ctx, cfg, t, false)
	if err != nil {
		p.cancel(nil)
		return nil, fmt.Errorf("rtmp: playing %s: %w", t.public(), err)
	}
	p.use(c, route)
	return p, nil
}

// DialPublish publishes a stream at an rtmp or rtmps URL, in the forms that DialPlay
// takes. It returns when the server has accepted; ctx bounds only that. cfg may be nil.
//
// Errors are as with DialPlay; one that is stream.ErrBusy means that the name is taken.
func DialPublish(ctx context.Context, rawURL string, cfg *ClientConfig) (*PublishConn, error) {
	cfg = cfg.withDefaults()
	t, err := parseTarget(rawURL)
	if err != nil {
		return nil, err
	}
	route := route{left: cfg.Redirects}
	c, err := route.follow(ctx, cfg, t, true)
	if err != nil {
		return nil, fmt.Errorf("rtmp: publishing to %s: %w", t.public(), err)
	}
	return newPublishConn(c), nil
}

// route is a client's way through redirects.
type route struct {
	left int
	been []string // where it was: as many as redirects at most, and one
}

// follow dials t, and where that redirects to, until there is a session.
func (r *route) follow(ctx context.Context, cfg *ClientConfig, t target, publish bool) (*clientConn, error) {
	for {
		r.been = append(r.been, t.String())
		c, err := dial(ctx, cfg, t, publish)
		if err == nil {
			return c, nil
		}
		if t, err = r.next(t, err); err != nil {
			return nil, err
		}
	}
}

// next gives where a redirect leads. What is none, or cannot be followed, comes back.
func (r *route) next(from target, err error) (target, error) {
	var s *StatusError
	if !errors.As(err, &s) || !s.redirects() {
		return target{}, err
	}
	to, bad := s.target(from)
	if bad != nil {
		return target{}, fmt.Errorf("%w (%v)", err, bad)
	}
	if slices.Contains(r.been, to.String()) {
		return target{}, fmt.Errorf("redirects in a circle, back to %s: %w", to.public(), err)
	}
	if r.left--; r.left < 0 {
		return target{}, fmt.Errorf("one redirect too many, to %s: %w", to.public(), err)
	}
	return to, nil
}

// dial connects to one server and does the dialogue up to the session's start.
func dial(ctx context.Context, cfg *ClientConfig, t target, publish bool) (*clientConn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout,
		fmt.Errorf("not done in %v: %w", cfg.Timeout, context.DeadlineExceeded))
	defer cancel()
	nc, err := connectTo(ctx, cfg, t)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	c := newClientConn(nc, cfg, t, publish)
	// The dialogue's reads and writes have no deadlines of their own: ctx ends them all.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	err = c.open()
	if !stop() { // the deadline is set, or is about to be: nc is of no use anymore
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	c.established()
	return c, nil
}

// connectTo makes the connection, and TLS on it for rtmps.
func connectTo(ctx context.Context, cfg *ClientConfig, t target) (net.Conn, error) {
	nc, err := cfg.Dialer(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	if tc, ok := nc.(interface{ SetNoDelay(bool) error }); ok {
		_ = tc.SetNoDelay(true) // live media: what is written is meant to leave
	}
	if t.scheme != "rtmps" {
		return nc, nil
	}
	tc := cfg.TLSConfig.Clone()
	if tc == nil {
		tc = &tls.Config{}
	}
	if tc.ServerName == "" {
		tc.ServerName = t.host
	}
	sc := tls.Client(nc, tc)
	if err := sc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return sc, nil
}

// open does the dialogue up to the session's start.
func (c *clientConn) open() error {
	if _, err := handshake.Client(c.net, handshake.Options{Simple: c.cfg.Simple}); err != nil {
		return unexpectedEOF(err)
	}
	if err := c.connect(); err != nil {
		return fmt.Errorf("connect: %w", unexpectedEOF(err))
	}
	if c.publish {
		return unexpectedEOF(c.startPublish())
	}
	return unexpectedEOF(c.startPlay())
}

// unexpectedEOF is for where an end is none: io.EOF must not look like a clean one.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}
