package protocol

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/srsgo/srs/stream"
)

// httpConn is what the log tells of a connection of an HTTP server.
type httpConn struct {
	id    string
	c     net.Conn
	since time.Time

	mu       sync.Mutex
	state    http.ConnState
	arrived  bool // a request has come, or will not
	handled  bool // the request under way has reached a handler
	requests int
}

type (
	httpConnKey  struct{}
	requestIDKey struct{}
)

// RequestID gives the id under which the log has a request: that of its connection, or with HTTP/2,
// where a connection has many at once, its own. A session that a request begins takes it as its
// Request.ID. It is empty for requests that did not come through this package's servers.
func RequestID(r *http.Request) string {
	if id, ok := r.Context().Value(requestIDKey{}).(string); ok {
		return id
	}
	if h, ok := r.Context().Value(httpConnKey{}).(*httpConn); ok {
		return h.id
	}
	return ""
}

// LogHTTP has a server log each request, and for each connection who ended it and why, as the shared
// HTTP listeners do. It is called before the server serves, with its Handler and ConnContext set; it
// takes ConnState.
//
// shutdown is for use in place of srv.Shutdown, which would drop the first request of a connection
// that had been accepted just before. It gives connections 5 s for that.
func LogHTTP(srv *http.Server, logger *slog.Logger) (shutdown func(context.Context)) {
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logRequest(logger, r)
		next.ServeHTTP(w, r)
	})
	a := &arrivals{logger: logger}
	a.install(srv)
	return func(ctx context.Context) { a.shutdown(ctx, srv) }
}

// arrive tells, once, that the connection is not waited for any more.
func (h *httpConn) arrive() (first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first = !h.arrived
	h.arrived = true
	return first
}

// begin counts a request, and gives it an id of its own where its connection may have others.
func (h *httpConn) begin(r *http.Request) *http.Request {
	h.mu.Lock()
	h.handled = true
	h.requests++
	h.mu.Unlock()
	if r.ProtoMajor < 2 {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), requestIDKey{}, stream.NewID()))
}

// logRequest logs a request. It is called once its RemoteAddr is the client's.
func logRequest(logger *slog.Logger, r *http.Request) {
	h, ok := r.Context().Value(httpConnKey{}).(*httpConn)
	if !ok {
		return
	}
	h.mu.Lock()
	n := h.requests - 1
	h.mu.Unlock()
	scheme, length := "http://", r.ContentLength
	if r.TLS != nil {
		scheme = "https://"
	}
	if length == 0 && r.Header.Get("Content-Length") == "" {
		length = -1 // none was told
	}
	logger.Info("http request", "id", RequestID(r), "n", n, "remote", r.RemoteAddr, "method", r.Method,
		"url", scheme+r.Host+accessToken.ReplaceAllString(r.URL.RequestURI(), "${1}***"), "length", length)
}

// accessToken is a bearer token in a query (RFC 6750, 2.3), which opens more than the one URL.
var accessToken = regexp.MustCompile(`([?&]access_token=)[^&]*`)

// enter follows the connection from one state to the next.
func (h *httpConn) enter(s http.ConnState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = s
	switch s {
	case http.StateActive:
		h.handled = false // net/http has read a request, or failed to
	case http.StateIdle:
		if c := Coalescing(h.c); c != nil {
			c.failed.Store(nil) // it was net/http itself that broke the read off
		}
	}
}

// logEnd tells who ended the connection and why.
func (h *httpConn) logEnd(logger *slog.Logger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	by, reason := h.ending()
	logger.Info("http connection ended", "id", h.id, "remote", h.c.RemoteAddr().String(), "requests", h.requests,
		"time", time.Since(h.since).Round(time.Millisecond), "by", by, "reason", reason)
}

func (h *httpConn) ending() (by, reason string) {
	var err error
	if c := Coalescing(h.c); c != nil {
		if p := c.failed.Load(); p != nil {
			err = *p
		}
	}
	late := errors.Is(err, os.ErrDeadlineExceeded)
	t, secure := h.c.(*tls.Conn)
	by = "server"
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || secure && err == nil && h.state == http.StateIdle {
		by = "client"
	}
	switch {
	case secure && !t.ConnectionState().HandshakeComplete:
		return by, "no TLS handshake"
	case h.state == http.StateNew && late:
		return by, "no request in time"
	case h.state == http.StateNew:
		return by, "no request"
	case h.state == http.StateActive && !h.handled && late:
		return by, "no whole request in time"
	case h.state == http.StateActive && !h.handled && by == "client":
		return by, "half a request"
	case h.state == http.StateActive && !h.handled:
		return by, "malformed request"
	case h.state == http.StateIdle && late:
		return by, "idle"
	case h.state == http.StateActive && by == "server":
		return by, "answered"
	case h.state == http.StateActive:
		return by, "left during the answer"
	}
	return by, "closed"
}
