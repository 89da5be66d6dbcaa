package flv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// Ingest configures the taking of streams that are posted as FLV (stream_caster flv of
// srs.conf): POST /app/stream.flv with a body that lasts as long as the stream. The
// extension may be missing on listeners of Ingest's own.
type Ingest struct {
	// Listen lists addresses of Ingest's own, in protocol.ParseAddr's forms; SRS's
	// example has 8936.
	Listen []string
	// HTTP names a shared HTTP listener to take streams on as well. If it is the one to
	// play on, a POST with a body publishes and one without plays.
	HTTP string
	// Output is the template of an RTMP URL that names the stream, with [app] and
	// [stream] from the request. Only its vhost, app and stream count: the stream is
	// published here. Empty: the request's own host, app and stream.
	Output string
}

func (i *Ingest) enabled() bool { return len(i.Listen) > 0 || i.HTTP != "" }

const (
	// badLimit is how many malformed tags in a row end a publisher.
	badLimit    = 50
	headerTime  = 15 * time.Second
	headerBytes = 64 << 10
)

var errMalformed = errors.New("malformed FLV")

// connKey finds a request's connection on Ingest's own listeners.
type connKey struct{}

func (m *Module) startIngest(cfg *Config) error {
	in := &cfg.Ingest
	if in.HTTP != "" && in.HTTP != cfg.HTTP {
		m.host.HTTP(in.HTTP).HandleMatch(func(r *http.Request) http.Handler {
			if isIngest(r) && strings.HasSuffix(r.URL.Path, extension) {
				return http.HandlerFunc(m.post)
			}
			return nil
		})
	}
	if len(in.Listen) == 0 {
		return nil
	}
	listeners, err := m.host.ListenAll(in.Listen, protocol.ListenOptions{})
	if err != nil {
		return fmt.Errorf("flv: ingest: %w", err)
	}
	m.ingest = &http.Server{
		Handler:           http.HandlerFunc(m.ingestOnly),
		ReadHeaderTimeout: headerTime, IdleTimeout: headerTime, MaxHeaderBytes: headerBytes,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ErrorLog: slog.NewLogLogger(m.host.Logger.Handler(), slog.LevelDebug),
	}
	m.endIngest = protocol.LogHTTP(m.ingest, m.host.Logger)
	for _, l := range listeners {
		m.host.Logger.Info("flv ingest listens", "addr", l.Addr().String())
		m.host.Go(func(context.Context) error {
			if err := m.ingest.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	return nil
}

// isIngest tells a POST that brings a stream from one that asks for it.
func isIngest(r *http.Request) bool { return r.Method == http.MethodPost && r.ContentLength != 0 }

// ingestOnly serves Ingest's own listeners.
func (m *Module) ingestOnly(w http.ResponseWriter, r *http.Request) {
	if !isIngest(r) {
		w.Header().Set("Allow", "POST")
		say(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	m.post(w, r)
}

// post publishes a request's body and answers when it ends.
func (m *Module) post(w http.ResponseWriter, r *http.Request) {
	cfg := m.cfg.Load()
	res, err := m.output(r, cfg.Ingest.Output)
	if err == nil {
		err = m.publish(w, r, &res)
	}
	if err != nil {
		m.host.Logger.Warn("flv publish refused or failed", "id", protocol.RequestID(r), "path", r.URL.Path, "remote", r.RemoteAddr, "err", err)
		refuse(w, err)
		return
	}
	w.Header().Set("Connection", "Close")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// output names the stream of a POST request.
func (m *Module) output(r *http.Request, template string) (protocol.Resolved, error) {
	ext := extension
	if !strings.HasSuffix(r.URL.Path, ext) {
		ext = ""
	}
	res, err := m.host.ResolveHTTP(r, ext)
	if err != nil || template == "" {
		return res, err
	}
	if strings.ContainsAny(res.App+res.Stream, "?#&[]%\\ ") {
		return res, fmt.Errorf("flv: naming a posted stream: %q and %q do not fit into a URL: %w", res.App, res.Stream, protocol.ErrURL)
	}
	param := res.Param
	u := strings.NewReplacer("[vhost]", res.Key.Vhost, "[app]", res.App, "[stream]", res.Stream).Replace(template)
	if res, err = m.host.ResolveRTMP(u, ""); err == nil && res.Param == "" {
		res.Param = param // a gate may want a token in it
	}
	return res, err
}

// publish copies a request's body into a stream. nil means that it ended well.
func (m *Module) publish(w http.ResponseWriter, r *http.Request, res *protocol.Resolved) error {
	pub, err := m.host.Hub.Publish(r.Context(), request(r, res, "flv-publish"))
	if err != nil {
		return err
	}
	if !m.enter(pub.Session) {
		_ = pub.Close(stream.ErrShutdown)
		return stream.ErrShutdown
	}
	s := pub.Session
	m.host.Logger.Info("flv publishes", "id", s.ID, "stream", s.Request.Key, "remote", s.Request.Remote, "param", s.Request.Param)
	err = errPanic
	rc := http.NewResponseController(w)
	// The hub ends publishers that send nothing, among others; a read must end then.
	ended := make(chan struct{})
	stop := context.AfterFunc(pub.Context(), func() {
		_ = rc.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	defer func() {
		if !stop() {
			<-ended // it is over with w before the handler returns
		}
		_ = pub.Close(err)
		n := s.Stats()
		m.host.Logger.Info("flv publish ended", "id", s.ID, "stream", s.Request.Key, "packets", n.Packets, "bytes", n.Bytes,
			"time", time.Since(s.Start).Round(time.Millisecond), "cause", err)
		m.leave(s)
	}()
	pub.SetManualFlush(true)
	in := &body{r: r.Body, pub: pub}
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		in.conn = protocol.Coalescing(c)
	}
	err = in.copy()
	if cause := pub.Err(); cause != nil {
		err = cause // who ended it knows better than a read that failed
	}
	return err
}

// body is the body of a POST request. What one read brings leaves together.
type body struct {
	r    io.Reader
	pub  *stream.Publisher
	err  error // of r
	conn *protocol.CoalescingConn

	bytes  int
	window time.Duration
}

// Read hands out what was read before it blocks.
func (b *body) Read(p []byte) (int, error) {
	b.pub.Flush()
	b.readAhead()
	n, err := b.r.Read(p)
	if err != nil {
		b.err = err
	}
	return n, err
}

// readAhead lets the socket gather as much as the load asks for.
func (b *body) readAhead() {
	if b.conn == nil {
		return
	}
	n, d := b.pub.ReadAhead()
	if d == b.window && n < 2*b.bytes && b.bytes < 2*n || d == 0 && b.window == 0 {
		return
	}
	b.bytes, b.window = n, d
	_ = b.conn.SetReadWindow(n, d)
}

// copy publishes until the body ends. Malformed tags are left out, unless there is no
// end of them.
func (b *body) copy() error {
	r := NewReader(b)
	bad := 0
	for {
		p, err := r.ReadPacket()
		switch {
		case err == nil:
			bad = 0
			if err := b.pub.WritePacket(p); err != nil {
				return err
			}
		case errors.Is(err, io.EOF) && (r.started || b.err == nil):
			b.pub.Flush()
			return nil
		case b.err != nil && !errors.Is(b.err, io.EOF):
			return fmt.Errorf("flv: reading a posted stream: %w", b.err)
		case b.err != nil, !r.started:
			return fmt.Errorf("flv: reading a posted stream: %w: %w", errMalformed, err)
		default:
			if bad++; bad > badLimit {
				return fmt.Errorf("flv: reading a posted stream: %w: %d tags in a row, the last: %w", errMalformed, bad, err)
			}
		}
	}
}
