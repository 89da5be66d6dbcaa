package protocol

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// arrivals are the connections of an HTTP server whose first request has not reached a
// handler. Once told to shut down, net/http drops a request that arrives on one of them;
// so they are waited for before.
type arrivals struct {
	logger *slog.Logger
	since  sync.Map // net.Conn → time.Time
	open   tracker
}

// arrivalTime bounds the wait for first requests. net/http gives up on connections that
// have been silent for as long.
const arrivalTime = 5 * time.Second

type arrivalKey struct{}

// install makes a the one that srv's connections pass.
func (a *arrivals) install(srv *http.Server) {
	srv.ConnState = a.state
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, arrivalKey{}, c)
	}
	next := srv.Handler
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(arrivalKey{}).(net.Conn); ok {
			a.gone(c)
		}
		next.ServeHTTP(w, r)
	})
}

// state follows a connection. One that ends without a request, since it says nothing until
// the time for a header is over for one, leaves a line in the log: net/http has none.
func (a *arrivals) state(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		a.since.Store(c, time.Now())
		a.open.add()
	case http.StateClosed:
		if since, ok := a.gone(c); ok {
			a.logger.Info("http connection ended without a request", "remote", c.RemoteAddr(),
				"after", time.Since(since).Round(time.Millisecond))
		}
	}
}

// gone takes a connection off; ok tells whether it was there.
func (a *arrivals) gone(c net.Conn) (since time.Time, ok bool) {
	v, ok := a.since.LoadAndDelete(c)
	if !ok {
		return since, false
	}
	a.open.done()
	return v.(time.Time), true
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
