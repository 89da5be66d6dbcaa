package protocol

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// HTTPListener is an HTTP listener that modules share by its name. Listeners with one
// address are one: it serves the routes of all, those of one path from the module that
// comes first.
type HTTPListener struct {
	// Name is what modules ask for: "http" for streams and files, "api".
	Name string
	// Listen lists addresses in ParseAddr's forms.
	Listen []string
	// TLS or the PEM files make it HTTPS, with HTTP/2. The files are read anew when they
	// change.
	TLS               *tls.Config
	CertFile, KeyFile string
	// NoCORS answers no cross-origin requests (SRS crossdomain off).
	NoCORS bool
	// Proxies are as in ListenOptions.
	Proxies []netip.Prefix
	// Forwarded are the networks of proxies whose X-Forwarded-For or X-Real-IP tells the
	// client's address: it becomes the RemoteAddr of their requests, for gates, hooks and
	// logs. A header that makes no sense is passed over. With any entry, peers on Unix
	// sockets count as proxies.
	Forwarded []netip.Prefix
}

// The limits of HTTP connections. There is no limit on how long a response may take:
// live streams have no end.
const (
	httpIdle      = 15 * time.Second // to send a request's header, and between requests
	httpMaxHeader = 64 << 10
)

// front is the HTTP listeners of one configuration.
type front struct {
	host   *Host
	cfg    []HTTPListener
	server string
	ends   []*httpEnd
}

// httpEnd is one address and the names that share it.
type httpEnd struct {
	addr   string
	names  []string
	l      net.Listener
	srv    *http.Server
	site   *site
	secure bool

	arrivals arrivals
}

// newFront opens the HTTP listeners. They accept once serve is called.
func (s *Server) newFront(cfg []HTTPListener, serverName string) (*front, error) {
	f := &front{host: s.newHost(context.Background(), frontName, -1), cfg: cfg, server: serverName}
	byAddr := map[string]*httpEnd{}
	for i := range cfg {
		c := &cfg[i]
		conf, err := c.tlsConfig(f.host.Logger)
		if err != nil {
			f.abandon()
			return nil, fmt.Errorf("protocol: HTTP listener %s: %w", c.Name, err)
		}
		for k, addr := range c.Listen {
			if covered(c.Listen, k) {
				continue
			}
			key := givenKey("tcp", addr)
			a, aerr := ParseAddr("tcp", addr)
			if e := byAddr[key]; e != nil && !(aerr == nil && a.zeroPort()) {
				if e.secure != (conf != nil) {
					f.abandon()
					return nil, fmt.Errorf("protocol: HTTP listener %s: %s is both with and without TLS", c.Name, addr)
				}
				e.names = append(e.names, c.Name)
				e.site.tables = append(e.site.tables, s.routes(c.Name))
				continue
			}
			e, err := f.open(c, addr, conf)
			if err != nil {
				f.abandon()
				return nil, fmt.Errorf("protocol: HTTP listener %s: %w", c.Name, err)
			}
			byAddr[key] = e
		}
	}
	return f, nil
}

func (f *front) open(c *HTTPListener, addr string, conf *tls.Config) (*httpEnd, error) {
	l, err := f.host.listen(c.Name, conf != nil, addr, ListenOptions{Proxies: c.Proxies, hasGuests: true})
	if err != nil {
		return nil, err
	}
	e := &httpEnd{addr: addr, names: []string{c.Name}, l: l, secure: conf != nil, arrivals: arrivals{logger: f.host.Logger}}
	e.site = &site{tables: []*table{f.host.server.routes(c.Name)}, cors: !c.NoCORS,
		proxies: slices.Clone(c.Forwarded), name: f.server, server: f.host.server}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	e.srv = &http.Server{
		Handler: e.site, TLSConfig: conf, Protocols: &protocols,
		ReadHeaderTimeout: httpIdle, IdleTimeout: httpIdle, MaxHeaderBytes: httpMaxHeader,
		ErrorLog: slog.NewLogLogger(f.host.Logger.Handler(), slog.LevelDebug),
	}
	e.arrivals.install(e.srv)
	f.ends = append(f.ends, e)
	return e, nil
}

func (c *HTTPListener) tlsConfig(logger *slog.Logger) (*tls.Config, error) {
	if c.CertFile == "" && c.KeyFile == "" {
		return c.TLS, nil
	}
	r, err := NewCertReloader(c.CertFile, c.KeyFile, logger)
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		conf = c.TLS.Clone()
	}
	conf.GetCertificate = r.GetCertificate
	return conf, nil
}

// same tells whether a configuration asks for what there is.
func (f *front) same(cfg *Config) bool {
	return f.server == cfg.ServerName && slices.EqualFunc(f.cfg, cfg.HTTP, HTTPListener.equal)
}

func (c HTTPListener) equal(o HTTPListener) bool {
	return c.Name == o.Name && slices.Equal(c.Listen, o.Listen) && c.TLS == o.TLS && c.CertFile == o.CertFile &&
		c.KeyFile == o.KeyFile && c.NoCORS == o.NoCORS && slices.Equal(c.Proxies, o.Proxies) &&
		slices.Equal(c.Forwarded, o.Forwarded)
}

func (f *front) serve() {
	for _, e := range f.ends {
		f.host.Go(func(context.Context) error {
			var err error
			if e.secure {
				err = e.srv.ServeTLS(e.l, "", "")
			} else {
				err = e.srv.Serve(e.l)
			}
			if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("protocol: serving HTTP on %s: %w", e.addr, err)
		})
	}
}

// drain stops accepting, and waits for requests until ctx ends.
func (f *front) drain(ctx context.Context) {
	var work sync.WaitGroup
	for _, e := range f.ends {
		work.Go(func() { e.arrivals.shutdown(ctx, e.srv) })
	}
	work.Wait()
}

// lastAnswers has connections closed with the answers to the requests they are at, and tells so in
// them, that of a request for a reload among them.
func (f *front) lastAnswers() {
	for _, e := range f.ends {
		e.srv.SetKeepAlivesEnabled(false)
	}
}

// close ends what is left. Handlers see their request's context end.
func (f *front) close(ctx context.Context) error {
	for _, e := range f.ends {
		_ = e.srv.Close()
	}
	return f.host.end(ctx)
}

// abandon closes a front that never served.
func (f *front) abandon() { _ = f.host.end(context.Background()) }

// HTTPAddrs gives the addresses at which the HTTP listeners of a name listen.
func (s *Server) HTTPAddrs(name string) []net.Addr {
	s.op.Lock()
	defer s.op.Unlock()
	var out []net.Addr
	if s.front != nil {
		for _, e := range s.front.ends {
			if slices.Contains(e.names, name) {
				out = append(out, e.l.Addr())
			}
		}
	}
	return out
}

// Hijack takes a connection from an HTTP/1.1 server: from then on it is the caller's.
// rest is what the client sent after its request, most often nothing. The memory of
// net/http (two buffers, the request) is free once the handler has returned, so what
// serves a stream for hours does that on another goroutine ([Host.Go]).
func Hijack(w http.ResponseWriter) (c net.Conn, rest []byte, err error) {
	var rw *bufio.ReadWriter
	if c, rw, err = http.NewResponseController(w).Hijack(); err != nil {
		return nil, nil, fmt.Errorf("protocol: taking over an HTTP connection: %w", err)
	}
	if n := rw.Reader.Buffered(); n > 0 {
		b, _ := rw.Reader.Peek(n) // cannot fail: they are there
		rest = slices.Clone(b)
	}
	return c, rest, nil
}
