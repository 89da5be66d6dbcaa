package flv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// ClientConfig configures Pull and Push. Its zero value works.
type ClientConfig struct {
	// HeaderTimeout bounds the connecting and the wait for the response's header, each;
	// 0: 10 s. Servers like SRS answer a Pull only once the stream is published.
	HeaderTimeout time.Duration
	// IdleTimeout ends a Pull that brings no byte, and a Push of which the server takes
	// none, for so long; 0: 20 s.
	IdleTimeout time.Duration
	// TLS configures https; nil is the default of crypto/tls.
	TLS *tls.Config
	// Header is sent with the request.
	Header http.Header
	// UserAgent is the header of that name; empty: srsgo.
	UserAgent string
	// Dial replaces net.Dialer's.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// maxRedirects bounds how often a Pull is sent elsewhere.
const maxRedirects = 3

// StatusError is a response that is no success.
type StatusError struct {
	Code int
}

func (e *StatusError) Error() string {
	return "HTTP status " + strconv.Itoa(e.Code) + " " + http.StatusText(e.Code)
}

// Is makes errors.Is find stream.ErrNotFound in 404 and stream.ErrBusy in 409.
func (e *StatusError) Is(target error) bool {
	switch target {
	case stream.ErrNotFound:
		return e.Code == http.StatusNotFound
	case stream.ErrBusy:
		return e.Code == http.StatusConflict
	}
	return false
}

// checkStatus gives a *StatusError for a response that is no success.
func checkStatus(r *http.Response) error {
	if r.StatusCode < 200 || r.StatusCode > 299 {
		return &StatusError{r.StatusCode}
	}
	return nil
}

// client is what one Pull or Push uses. It shares no connections.
type client struct {
	http      http.Client
	transport *http.Transport
	cfg       ClientConfig
}

func newClient(cfg *ClientConfig, push bool) *client {
	c := &client{}
	if cfg != nil {
		c.cfg = *cfg
	}
	if c.cfg.HeaderTimeout <= 0 {
		c.cfg.HeaderTimeout = 10 * time.Second
	}
	if c.cfg.IdleTimeout <= 0 {
		c.cfg.IdleTimeout = 20 * time.Second
	}
	if c.cfg.UserAgent == "" {
		c.cfg.UserAgent = "srsgo"
	}
	dial := c.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: c.cfg.HeaderTimeout}).DialContext
	}
	c.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &idleConn{Conn: conn, limit: c.cfg.IdleTimeout, mute: push}, nil
		},
		TLSClientConfig: c.cfg.TLS, TLSHandshakeTimeout: c.cfg.HeaderTimeout,
		ExpectContinueTimeout: continueWait, MaxResponseHeaderBytes: headerBytes,
		DisableKeepAlives: true, DisableCompression: true,
	}
	c.http = http.Client{Transport: c.transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return nil
	}}
	return c
}

// request makes a request with a context of its own: that of dialling must not end it.
func (c *client) request(method, to string, body io.Reader) (*http.Request, context.CancelCauseFunc, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, nil, errors.New("malformed URL") // what url.Parse says has the password
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, nil, fmt.Errorf("%s: %w", u.Redacted(), stream.ErrUnsupported)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		cancel(nil)
		return nil, nil, err
	}
	for k, v := range c.cfg.Header {
		r.Header[http.CanonicalHeaderKey(k)] = v
	}
	r.Header.Set("User-Agent", c.cfg.UserAgent)
	return r, cancel, nil
}

// idleConn ends what moves no byte for too long.
type idleConn struct {
	net.Conn
	limit       time.Duration
	mute        bool      // the peer says nothing until the end
	read, write time.Time // deadlines
}

// later moves a deadline a little further than needed, so that it is not set each time.
func (c *idleConn) later(at *time.Time, set func(time.Time) error) error {
	now := time.Now()
	if at.Sub(now) >= c.limit {
		return nil
	}
	*at = now.Add(c.limit + c.limit/4)
	return set(*at)
}

func (c *idleConn) Read(b []byte) (int, error) {
	if !c.mute {
		if err := c.later(&c.read, c.SetReadDeadline); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *idleConn) Write(b []byte) (int, error) {
	if err := c.later(&c.write, c.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Pull plays the FLV stream at an http or https URL. ctx bounds the time until the
// response's header; the result's Close ends the stream, and a read of it that is under
// way. A refusal is a *StatusError. cfg may be nil.
func Pull(ctx context.Context, to string, cfg *ClientConfig) (protocol.SourceCloser, error) {
	s, err := pull(ctx, to, cfg)
	if err != nil {
		return nil, fmt.Errorf("flv: pulling: %w", plain(err))
	}
	return s, nil
}

// plain leaves out the URL that net/http puts before an error: it may have a token, and
// the caller knows it.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func pull(ctx context.Context, to string, cfg *ClientConfig) (*source, error) {
	c := newClient(cfg, false)
	r, cancel, err := c.request(http.MethodGet, to, nil)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeoutCause(ctx, c.cfg.HeaderTimeout, errHeader)
	defer stop()
	unwatch := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	resp, err := c.http.Do(r)
	if !unwatch() && err == nil {
		_ = resp.Body.Close()
		err = context.Cause(ctx)
	}
	if err == nil {
		if err = checkStatus(resp); err != nil {
			_ = resp.Body.Close()
		}
	}
	if err != nil {
		cancel(err)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	return &source{Reader: NewReader(resp.Body), body: resp.Body, cancel: cancel}, nil
}

var errHeader = errors.New("no response in time")

// source is a stream that is pulled.
type source struct {
	*Reader
	body   io.Closer
	cancel context.CancelCauseFunc
	once   sync.Once
	bad    int
}

// ReadPacket gives the next packet. Malformed tags are left out, unless there is no end
// of them.
func (s *source) ReadPacket() (*stream.Packet, error) {
	for {
		p, err := s.Reader.ReadPacket()
		if err == nil {
			s.bad = 0
			return p, nil
		}
		if s.bad++; !s.started || s.bad > badLimit || errors.Is(err, io.EOF) || fatal(err) {
			return nil, err
		}
	}
}

// fatal tells errors of the connection from those of a tag.
func fatal(err error) bool {
	var n net.Error
	return errors.As(err, &n) || lost(err) || errors.Is(err, context.Canceled) || errors.Is(err, http.ErrBodyReadAfterClose)
}

// Close ends the stream.
func (s *source) Close() error {
	s.once.Do(func() {
		s.cancel(stream.ErrClosed)
		_ = s.body.Close()
	})
	return nil
}
