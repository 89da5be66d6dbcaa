package protocol

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
)

// arrivals are the connections of an HTTP server, each until its first request has
// reached a handler. Once told to shut down, net/http drops a request that arrives on one
// of those; so they are waited for before.
type arrivals struct {
	logger *slog.Logger
	conns  sync.Map // net.Conn → *httpConn
	open   tracker
}

// arrivalTime bounds the wait for first requests. net/http gives up on connections that
// have been silent for as long.
const arrivalTime = 5 * time.Second

// install makes a the one that srv's connections pass.
func (a *arrivals) install(srv *http.Server) {
	srv.ConnState = a.state
	inner := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if inner != nil {
			ctx = inner(ctx, c)
		}
		h := &httpConn{id: stream.NewID(), c: c, since: time.Now()}
		a.conns.Store(c, h)
		a.open.add()
		return context.WithValue(ctx, httpConnKey{}, h)
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := r.Context().Value(httpConnKey{}).(*httpConn); ok {
			if h.arrive() {
				a.open.done()
			}
			r = h.begin(r)
		}
		next.ServeHTTP(w, r)
	})
}

// state follows a connection. One that ends leaves a line in the log, but for those that a handler
// took over: net/http has none, not even for one that says nothing until the time for a header is over.
func (a *arrivals) state(c net.Conn, s http.ConnState) {
	v, ok := a.conns.Load(c)
	if !ok {
		return
	}
	h := v.(*httpConn)
	if s != http.StateClosed && s != http.StateHijacked {
		h.enter(s)
		return
	}
	a.conns.Delete(c)
	if h.arrive() {
		a.open.done()
	}
	if x, ok := c.(*hostConn); s == http.StateClosed && !(ok && x.taken.Load()) {
		h.logEnd(a.logger)
	}
}

// shutdown ends srv as its Shutdown does, after the first requests of its connections have
// come, or their time is over.
func (a *arrivals) shutdown(ctx context.Context, srv *http.Server) {
	srv.SetKeepAlivesEnabled(false) // closes those that are idle
	wait, stop := context.WithTimeout(ctx, arrivalTime)
	a.open.wait(wait)
	stop()
	_ = srv.Shutdown(ctx)
}
