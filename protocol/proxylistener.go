package protocol

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The bounds of waiting for PROXY headers: per connection, and how many at once.
const (
	proxyTimeout = 5 * time.Second
	proxyPending = 512
)

// proxyListener reads the PROXY header of connections from trusted peers before anyone
// sees them. It reads many at once, for a slow header must not hold up the others.
type proxyListener struct {
	net.Listener
	trust  []netip.Prefix
	logger *slog.Logger
	conns  chan net.Conn
	slots  chan struct{}
	ctx    context.Context
	cancel context.CancelCauseFunc // the cause is what Accept then says
	work   sync.WaitGroup

	settling *tracker       // counts the listeners that may still have connections for Accept
	greeting sync.WaitGroup // of connections whose header is awaited
}

func newProxyListener(l net.Listener, trust []netip.Prefix, logger *slog.Logger, settling *tracker) *proxyListener {
	p := &proxyListener{Listener: l, trust: trust, logger: logger, settling: settling,
		conns: make(chan net.Conn), slots: make(chan struct{}, proxyPending)}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	settling.add()
	p.work.Go(p.run)
	return p
}

func (p *proxyListener) run() {
	defer p.settling.done()
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			p.greeting.Wait() // those may still be served
			p.cancel(err)
			return
		}
		select {
		case p.slots <- struct{}{}:
			p.greeting.Go(func() {
				defer func() { <-p.slots }()
				p.greet(c)
			})
		case <-p.ctx.Done():
			_ = c.Close()
		}
	}
}

// greet reads the header and hands the connection over.
func (p *proxyListener) greet(c net.Conn) {
	if trusts(p.trust, c.RemoteAddr()) {
		stop := context.AfterFunc(p.ctx, func() { _ = c.Close() })
		_ = c.SetReadDeadline(time.Now().Add(proxyTimeout))
		peer, err := readProxyHeader(c)
		if !stop() || err != nil {
			p.logger.Debug("proxied connection refused", "remote", c.RemoteAddr(), "err", err)
			_ = c.Close()
			return
		}
		_ = c.SetReadDeadline(time.Time{})
		if w := Coalescing(c); w != nil && peer != nil {
			w.peer = peer
		}
	}
	select {
	case p.conns <- c:
	case <-p.ctx.Done():
		_ = c.Close()
	}
}

// Accept gives the next connection.
func (p *proxyListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ctx.Done():
		return nil, context.Cause(p.ctx)
	}
}

// Close stops accepting; connections whose header is not complete are closed.
func (p *proxyListener) Close() error {
	err := p.Listener.Close()
	p.cancel(net.ErrClosed)
	p.work.Wait()
	return err
}
