package hook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// call is a request to each of urls in turn; the first failure ends it.
type call struct {
	hook    string
	method  string
	urls    []string
	expand  func(string) string // what each of urls stands for; nil: itself
	body    []byte
	timeout time.Duration // of each of connecting, sending and receiving
	verify  bool
	accept  func(*http.Response) error // reads the answer; errors that are an *Error are its verdict
	waive   func(err error)            // told of a callee that did not answer, which then counts for nothing; nil: it counts
}

// consent reads an answer that has to consent.
func consent(res *http.Response) error {
	body, err := readReply(res)
	if err == nil {
		_, err = parseReply(body)
	}
	return err
}

// readReply gives the body of an answer whose status consents.
func readReply(res *http.Response) ([]byte, error) {
	if err := parseStatus(res.StatusCode); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	if len(body) > maxReply {
		return nil, refused(codeData, "the reply has more than %d bytes", maxReply)
	}
	return body, err
}

// caller makes calls, on connections that it keeps.
type caller struct {
	agent       func() string
	strict, lax pool // by whether certificates are checked

	calls, failures atomic.Uint64
}

// pool is connections that are kept, and new ones for when a kept one turns out to be dead.
type pool struct{ kept, fresh *http.Transport }

const (
	// maxConns bounds the connections to one callee. It is high, for each client that a callee
	// keeps waiting holds one, and must not keep others from being asked.
	maxConns = 1024
	// idleConns to one callee are kept for idleTime.
	idleConns = 64
	idleTime  = time.Minute
)

func newCaller(agent func() string) *caller {
	return &caller{agent: agent, strict: newPool(false), lax: newPool(true)}
}

func newPool(insecure bool) pool {
	dialer := &net.Dialer{Timeout: defaultTimeout}
	kept := &http.Transport{ // without a proxy, whatever the environment says
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: insecure},
		TLSHandshakeTimeout:    defaultTimeout,
		DisableCompression:     true,
		MaxConnsPerHost:        maxConns,
		MaxIdleConnsPerHost:    idleConns,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxReply,
	}
	fresh := kept.Clone()
	fresh.DisableKeepAlives = true
	return pool{kept, fresh}
}

// close lets go of the connections that nobody uses.
func (c *caller) close() {
	c.strict.kept.CloseIdleConnections()
	c.lax.kept.CloseIdleConnections()
}

// do makes a call. Its error is an *Error.
func (c *caller) do(ctx context.Context, q *call) error {
	for _, u := range q.urls {
		to := u
		if q.expand != nil {
			to = q.expand(u)
		}
		c.calls.Add(1)
		answered, err := c.exchange(ctx, q, to)
		if err == nil {
			continue
		}
		c.failures.Add(1)
		e := q.explain(u, err, answered)
		if !e.unanswered || q.waive == nil || ctx.Err() != nil {
			return e
		}
		q.waive(e)
	}
	return nil
}

var errTimeout = errors.New("timeout")

// exchange calls one URL, and tells whether any byte of an answer came. When a kept connection ends
// without one, the callee has most likely closed it before it could see the request, which then
// goes out once more.
func (c *caller) exchange(ctx context.Context, q *call, rawURL string) (answered bool, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, 3*q.timeout, errTimeout)
	defer stop()
	p := c.lax
	if q.verify {
		p = c.strict
	}
	reused, answered, err := c.attempt(ctx, p.kept, q, rawURL)
	if err != nil && reused && !answered && !errors.Is(err, errTimeout) && ctx.Err() == nil {
		_, answered, err = c.attempt(ctx, p.fresh, q, rawURL)
	}
	return answered, err
}

func (c *caller) attempt(ctx context.Context, t *http.Transport, q *call, rawURL string) (reused, answered bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	phase := time.AfterFunc(q.timeout, func() { cancel(errTimeout) })
	defer phase.Stop()
	var old, heard atomic.Bool
	req, err := c.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			old.Store(i.Reused)
			phase.Reset(q.timeout)
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { phase.Reset(q.timeout) },
		GotFirstResponseByte: func() { heard.Store(true) },
	}), q, rawURL)
	if err != nil {
		return false, false, err
	}
	res, err := t.RoundTrip(req)
	if err == nil {
		defer res.Body.Close()
		err = q.accept(res)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return old.Load(), heard.Load(), err
}

func (c *caller) request(ctx context.Context, q *call, rawURL string) (*http.Request, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, errURL
	}
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.agent())
	return req, nil
}

// agent is the User-Agent header.
func agent(configured string) string {
	if configured == "" {
		return "srsgo"
	}
	return configured
}

var errURL = errors.New("not an http or https URL")

// parseURL reads a callee's URL. Errors do not repeat it, for it may have a password.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errURL
	}
	return u, nil
}

// public is a callee's URL for the log: where it leads, without what may be secret.
func public(rawURL string) string {
	u, err := parseURL(rawURL)
	if err != nil {
		return "(bad URL)"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// explain makes an *Error of what went wrong; answered tells whether any byte of an answer came.
func (q *call) explain(rawURL string, err error, answered bool) *Error {
	out := &Error{Hook: q.hook, URL: public(rawURL), Err: err, unanswered: true}
	var said *Error
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &said):
		out.Err, out.code, out.unanswered = said.Err, said.code, false
	case errors.Is(err, errTimeout), isTimeout(err):
		out.Err, out.code = fmt.Errorf("%w after %v", errTimeout, q.timeout), codeTimeout
	case errors.As(err, &dns):
		out.code = codeDNS
	case errors.As(err, &op) && op.Op == "dial", errors.Is(err, errURL):
		out.code = codeConnect
	case errors.As(err, &certificate):
		out.code, out.unanswered = codeTLS, false
	case !answered, op != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		out.code = codeRead
	default: // what came is no HTTP
		out.Err, out.code, out.unanswered = errors.New(clip(err.Error())), codeData, false
	}
	return out
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// clip bounds a text that may quote the callee.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
