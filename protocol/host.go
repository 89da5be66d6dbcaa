package protocol

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"

	"github.com/srsgo/srs/stream"
)

// Host is what a server gives to one module.
type Host struct {
	// Hub holds the streams.
	Hub *stream.Hub
	// Logger names the module in each line.
	Logger *slog.Logger

	server *Server
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	work   tracker // what Go started

	tapCtx context.Context // ends before the module shuts down
	untap  context.CancelFunc
	taps   tracker

	mu     sync.Mutex
	ended  bool
	leases map[io.Closer]io.Closer // what is leased, and what wraps it
	zero   map[Addr]int            // how many listeners of port 0 it asked for
	order  int                     // place in the server's list: whose routes come first
	gen    int64                   // when it was made: of two with one name the newer comes first
}

// ListenOptions are the options of a stream listener. The zero value is plain TCP.
type ListenOptions struct {
	// TLS makes the listener's connections TLS ones.
	TLS *tls.Config
	// Proxies are the networks of proxies that begin each connection with a PROXY
	// header, version 1 or 2. Connections from there must have one, and their
	// RemoteAddr is the client's; all others are clients themselves. With any entry,
	// peers on Unix sockets count as proxies.
	Proxies []netip.Prefix
	// KeepAlive probes idle connections; the zero value does so every 15 s. It and
	// ReusePort are set when the socket is opened, and not again by a reload.
	KeepAlive net.KeepAliveConfig
	// ReusePort lets other processes listen on the same address (Linux).
	ReusePort bool
	// Framed is for connections that begin with a packet of up to 511 bytes behind its length (RFC 4571, as
	// ICE over TCP has it): if an HTTP listener of the server has the address, those that come there are given.
	// All other options are then that listener's.
	Framed bool

	hasGuests bool // the connections are HTTP's, but for those
}

// Context ends after the module's Shutdown.
func (h *Host) Context() context.Context { return h.ctx }

// Go runs f on a goroutine that a shutdown waits for. ctx is the module's Context. An
// error other than ctx's own is logged; a panic is counted and logged.
func (h *Host) Go(f func(ctx context.Context) error) {
	h.work.add()
	go func() {
		defer h.work.done()
		h.run("goroutine of "+h.name, h.ctx, f)
	}()
}

func (h *Host) run(what string, ctx context.Context, f func(context.Context) error) {
	err := guard(h.Logger, &h.server.panics, what, func() error { return f(ctx) })
	if err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		h.Logger.Warn(what+" ended", "err", err)
	}
}

// Listen listens on an address in one of ParseAddr's forms, or on what Config.Listeners
// has under that name. While a reload's old and new module both have the address, the
// new one gets the connections. Below TLS they are [CoalescingConn].
//
// With Config.Inherited the socket may be one that was open before; its name is then that
// of the module, with an s for TLS.
func (h *Host) Listen(addr string, o ListenOptions) (net.Listener, error) {
	return h.listen(h.name, o.TLS != nil, addr, o)
}

func (h *Host) listen(role string, secure bool, addr string, o ListenOptions) (net.Listener, error) {
	if secure {
		role += "s"
	}
	if o.Framed {
		if g := h.server.pool.guest(h, addr); g != nil {
			if err := h.keep(g, g); err != nil {
				return nil, err
			}
			return g, nil
		}
	}
	l, err := h.server.pool.listen(h, role, addr, o)
	if err != nil {
		return nil, err
	}
	var out net.Listener = l
	if len(o.Proxies) > 0 {
		out = newProxyListener(l, slices.Clone(o.Proxies), h.Logger, &h.server.pool.settling)
	}
	if o.hasGuests {
		out = &hostListener{Listener: out, sh: l.sharedListener}
	}
	if o.TLS != nil {
		out = tls.NewListener(out, o.TLS)
	}
	if err := h.keep(l, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ListenAll listens on every address of a list as srs.conf has it; addresses that
// another one covers are left out. It listens on all or gives an error.
func (h *Host) ListenAll(addrs []string, o ListenOptions) ([]net.Listener, error) {
	var out []net.Listener
	for i, a := range addrs {
		if covered(addrs, i) {
			continue
		}
		l, err := h.Listen(a, o)
		if err != nil {
			for _, l := range out {
				_ = l.Close()
			}
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// ListenPacket listens for datagrams, as Listen does for connections. The result has a
// method NetPacketConn that gives the socket, for batched input and output, and a method
// ReadTurn(read func() error) error, within which that is read: a reload may have another
// module read in this one's place.
func (h *Host) ListenPacket(addr string, o ListenOptions) (net.PacketConn, error) {
	list, err := h.ListenPackets(addr, 1, o)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// ListenPackets is ListenPacket for up to n sockets at one address, so that as many goroutines may read: the
// system spreads peers among them, each by its address (SO_REUSEPORT, Linux). There is one at least, and
// fewer than n where the system cannot.
func (h *Host) ListenPackets(addr string, n int, o ListenOptions) ([]net.PacketConn, error) {
	first, err := h.server.pool.listenPacket(h, h.name, addr, o)
	if err != nil {
		return nil, err
	}
	if err := h.keep(first, first); err != nil {
		return nil, err
	}
	list := []net.PacketConn{first}
	for i := 1; i < n; i++ {
		l, err := h.server.pool.listenTwin(h, first, i)
		if err != nil {
			h.Logger.Info("fewer sockets than wanted", "listen", addr, "sockets", len(list), "err", err)
			break
		}
		if err := h.keep(l, l); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

// keep has the lease, with what wraps it, closed when the host ends.
func (h *Host) keep(lease, outer io.Closer) error {
	h.mu.Lock()
	ended := h.ended
	if !ended {
		h.leases[lease] = outer
	}
	h.mu.Unlock()
	if ended {
		_ = outer.Close()
		return fmt.Errorf("protocol: listening: %w", net.ErrClosed)
	}
	return nil
}

// forget drops a lease that was closed: some modules open and close ports all the time.
func (h *Host) forget(lease io.Closer) {
	h.mu.Lock()
	delete(h.leases, lease)
	h.mu.Unlock()
}

func (h *Host) nth(a Addr) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.zero[a]++
	return h.zero[a]
}

// Acceptor makes an Acceptor whose panics and log lines are the module's.
func (h *Host) Acceptor(handle func(ctx context.Context, c net.Conn)) *Acceptor {
	return newAcceptor(h.Logger, &h.server.panics, handle)
}

// AcquireConn counts a connection that did not come through Listen (SRT, …) towards
// Config.MaxConns. If ok, release is called once at its end; else it is refused.
func (h *Host) AcquireConn() (release func(), ok bool) {
	release, ok = h.server.pool.limit.acquire(h.Logger)
	if !ok {
		return nil, false
	}
	return sync.OnceFunc(release), true
}

// HTTP gives the router of the HTTP listeners with the name. Without such a listener
// routes are taken all the same, and a later reload may bring one.
func (h *Host) HTTP(name string) *Mux { return &Mux{t: h.server.routes(name), host: h} }

// Dialer finds the module that dials URLs of a scheme.
func (h *Host) Dialer(scheme string) (Dialer, bool) { return h.server.dialer(scheme) }

// Pull dials a URL with the module that knows its scheme.
func (h *Host) Pull(ctx context.Context, u *url.URL) (SourceCloser, error) {
	d, ok := h.Dialer(u.Scheme)
	if !ok {
		return nil, fmt.Errorf("protocol: pulling %s: no module for the scheme: %w", u.Redacted(), stream.ErrUnsupported)
	}
	return d.Pull(ctx, u)
}

// Push dials a URL with the module that knows its scheme.
func (h *Host) Push(ctx context.Context, u *url.URL) (SinkCloser, error) {
	d, ok := h.Dialer(u.Scheme)
	if !ok {
		return nil, fmt.Errorf("protocol: pushing to %s: no module for the scheme: %w", u.Redacted(), stream.ErrUnsupported)
	}
	return d.Push(ctx, u)
}

// ResolveRTMP is the function of that name, with the vhost looked up.
func (h *Host) ResolveRTMP(tcURL, name string) (Resolved, error) {
	return h.Vhosts().apply(ResolveRTMP(tcURL, name))
}

// ResolveHTTP is the function of that name, with the vhost looked up.
func (h *Host) ResolveHTTP(r *http.Request, ext string) (Resolved, error) {
	return h.Vhosts().apply(ResolveHTTP(r, ext))
}

// Vhosts gives the server's vhosts as they are now.
func (h *Host) Vhosts() VhostSet { return *h.server.vhosts.Load() }

// end gives back what the module has: routes at once, sockets, then its Context. It
// reports goroutines that do not end.
func (h *Host) end(ctx context.Context) error {
	h.untap()
	h.cancel() // first: from then on no route is taken
	h.unroute()
	h.release()
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), stuckAfter)
	defer stop()
	if !h.taps.wait(late) || !h.work.wait(late) {
		return fmt.Errorf("protocol: shutting down %s: %d goroutines did not end", h.name, h.taps.count()+h.work.count())
	}
	return nil
}

// release closes what is still listening, and lets nothing listen any more.
func (h *Host) release() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.closeLeases(func(io.Closer) bool { return true })
}

// stopAccepting closes the stream listeners: a new module has taken over.
func (h *Host) stopAccepting() {
	h.closeLeases(func(l io.Closer) bool { _, ok := l.(net.Listener); return ok })
}

func (h *Host) closeLeases(which func(io.Closer) bool) {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.leases))
	h.mu.Unlock()
	for _, l := range all { // closing one makes it forgotten
		if which(l) {
			_ = l.Close()
		}
	}
}

// unroute takes the module's HTTP routes away.
func (h *Host) unroute() {
	for _, t := range h.server.allRoutes() {
		t.drop(h)
	}
}

// gone tells whether the module has ended.
func (h *Host) gone() bool { return h.ctx.Err() != nil }

// place gives where the module stands in the server's list.
func (h *Host) place() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.order
}

func (h *Host) setOrder(n int) {
	h.mu.Lock()
	h.order = n
	h.mu.Unlock()
}
