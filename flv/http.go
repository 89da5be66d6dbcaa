package flv

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

const contentType = "video/x-flv"

// match gives the handler of a request for a mount, nil for any other.
func (m *Module) match(r *http.Request) http.Handler {
	cfg := m.cfg.Load()
	if cfg.Ingest.HTTP == cfg.HTTP && isIngest(r) && strings.HasSuffix(r.URL.Path, extension) {
		return http.HandlerFunc(m.post)
	}
	d := m.resolve(r, cfg)
	if d == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.ProtoMajor == 1:
			m.playWebSocket(w, r, d)
		case r.Method == http.MethodGet || r.Method == http.MethodPost:
			m.play(w, r, d)
		case r.Method == http.MethodHead:
			head(w, r, d.format.ContentType)
		default:
			w.Header().Set("Allow", "GET, HEAD, POST, OPTIONS")
			say(w, http.StatusMethodNotAllowed, "Method Not Allowed")
		}
	})
}

// head answers HEAD at once and without a session: whether the stream is published does
// not matter, since a GET would wait for it.
func head(w http.ResponseWriter, r *http.Request, contentType string) {
	if r.ProtoMajor == 1 { // net/http leaves Transfer-Encoding out
		if conn, _, err := protocol.Hijack(w); err == nil {
			_ = conn.SetDeadline(time.Now().Add(lastWords))
			_, _ = conn.Write(appendHead(nil, w.Header(), contentType, r.ProtoAtLeast(1, 1)))
			_ = conn.Close()
			return
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
}

// request describes a peer to the hub. It copies what would keep the request in memory.
func request(r *http.Request, res *protocol.Resolved, typ string) stream.Request {
	out := stream.Request{
		Key: stream.Key{
			Vhost: strings.Clone(res.Key.Vhost), App: strings.Clone(res.Key.App), Name: strings.Clone(res.Key.Name),
		},
		ID: protocol.RequestID(r), Protocol: "flv", Type: typ, Remote: r.RemoteAddr, TLS: r.TLS != nil,
		Param: strings.Clone(res.Param), URL: requestURL(r),
		PageURL: strings.Clone(r.Referer()), UserAgent: strings.Clone(r.UserAgent()),
	}
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		out.Local = a.String()
	}
	return out
}

// requestURL gives the whole URL of a request.
func requestURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}

// admit opens a viewer. If it is refused it has answered, and gives nil.
func (m *Module) admit(w http.ResponseWriter, r *http.Request, d *demand) *viewer {
	player, err := m.host.Hub.Play(r.Context(), request(r, &d.Resolved, "flv-play"))
	if err == nil && !m.enter(player.Session()) {
		err = stream.ErrShutdown
		_ = player.CloseCause(err)
	}
	if err != nil {
		m.host.Logger.Warn("flv play refused", "id", protocol.RequestID(r), "stream", d.Key, "remote", r.RemoteAddr, "method", r.Method, "url", requestURL(r), "err", err)
		refuse(w, err)
		return nil
	}
	v := &viewer{m: m, player: player, remux: d.remux, format: d.format, wait: d.cfg.MaxWait}
	s := player.Session()
	m.host.Logger.Info("flv plays", "id", s.ID, "stream", s.Request.Key, "remote", s.Request.Remote, "param", s.Request.Param,
		"method", r.Method, "url", s.Request.URL, "source_id", player.Stream().PublisherID())
	return v
}

// play answers GET. Over HTTP/1 it takes the connection over, which leaves it without
// the memory and the second goroutine of net/http.
func (m *Module) play(w http.ResponseWriter, r *http.Request, d *demand) {
	v := m.admit(w, r, d)
	if v == nil {
		return
	}
	if r.ProtoMajor != 1 {
		v.serveInPlace(w, r)
		return
	}
	conn, _, err := protocol.Hijack(w)
	if errors.Is(err, http.ErrNotSupported) {
		v.serveInPlace(w, r)
		return
	}
	if err != nil {
		v.end(err)
		return
	}
	if r.ProtoAtLeast(1, 1) {
		v.framing = chunked
	}
	v.head = appendHead(nil, w.Header(), v.format.ContentType, v.framing == chunked)
	v.own(conn)
}

// appendHead writes the response's head with the fields in SRS's order. h has what the
// server and its middleware have set.
func appendHead(b []byte, h http.Header, contentType string, chunks bool) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nConnection: Close\r\n"...)
	cors := [...]string{"Allow-Origin", "Allow-Headers", "Allow-Methods", "Expose-Headers", "Allow-Credentials", "Request-Private-Network"}
	for _, k := range cors {
		b = appendField(b, h, "Access-Control-"+k)
	}
	b = append(b, "Content-Type: "+contentType+"\r\n"...)
	b = appendField(b, h, "Server")
	for k := range h {
		switch {
		case strings.HasPrefix(k, "Access-Control-"), k == "Server", k == "Connection", k == "Content-Type",
			k == "Content-Length", k == "Transfer-Encoding":
		default:
			b = appendField(b, h, k)
		}
	}
	if chunks {
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendField(b []byte, h http.Header, key string) []byte {
	for _, v := range h[key] {
		if !strings.ContainsAny(key+v, "\r\n") {
			b = append(b, key+": "+v+"\r\n"...)
		}
	}
	return b
}

// refusal is what a peer is told of an error. Nothing of its text is, but what a Gate
// meant for the peer.
func refusal(err error) (code int, text string) {
	var denied *stream.DeniedError
	switch {
	case errors.As(err, &denied) && denied.Public != "":
		return http.StatusForbidden, denied.Public
	case denied != nil, errors.Is(err, stream.ErrKicked):
		return http.StatusForbidden, "Forbidden"
	case errors.Is(err, stream.ErrNotFound), errors.Is(err, errWait):
		return http.StatusNotFound, "Not Found"
	case errors.Is(err, stream.ErrShutdown):
		return http.StatusServiceUnavailable, "Service Unavailable"
	case errors.Is(err, stream.ErrBusy), errors.Is(err, stream.ErrTakenOver):
		return http.StatusConflict, "The stream has another publisher"
	case errors.Is(err, stream.ErrIdle):
		return http.StatusRequestTimeout, "No media came for too long"
	case errors.Is(err, stream.ErrUnsupported):
		return http.StatusUnsupportedMediaType, "Unsupported"
	case errors.Is(err, errMalformed):
		return http.StatusBadRequest, "Malformed FLV"
	case errors.Is(err, protocol.ErrURL), errors.Is(err, protocol.ErrStreamName):
		return http.StatusBadRequest, "Bad stream name"
	}
	return http.StatusInternalServerError, "Internal Server Error"
}

// refuse answers an error.
func refuse(w http.ResponseWriter, err error) {
	var to *stream.RedirectError
	if errors.As(err, &to) && to.URL != "" {
		w.Header().Set("Location", to.URL)
		say(w, http.StatusFound, "Found")
		return
	}
	code, text := refusal(err)
	say(w, code, text)
}

// say answers with a text, as SRS forms such answers.
func say(w http.ResponseWriter, code int, text string) {
	h := w.Header()
	h.Set("Connection", "Close")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// serveInPlace plays on the handler's goroutine: HTTP/2, and servers of an application
// that do not give connections away.
func (v *viewer) serveInPlace(w http.ResponseWriter, r *http.Request) {
	out := &responseWriter{v: v, w: w, rc: http.NewResponseController(w)}
	w.Header().Set("Content-Type", v.format.ContentType)
	stop := context.AfterFunc(r.Context(), v.left)
	err := errPanic
	defer func() {
		stop()
		out.close()
		v.end(err)
	}()
	err = v.serve(out)
	switch {
	case !v.began():
		refuse(w, cmp.Or(err, stream.ErrNotFound))
	case !whole(err):
		panic(http.ErrAbortHandler) // how net/http is told that the response is cut short
	}
}

// responseWriter is a response as what a player writes to.
type responseWriter struct {
	v  *viewer
	w  http.ResponseWriter
	rc *http.ResponseController

	mu     sync.Mutex
	closed bool
}

// Write writes and flushes.
func (w *responseWriter) Write(b []byte) (int, error) {
	if !w.v.began() {
		w.v.begin()
	}
	n, err := w.w.Write(b)
	if err == nil {
		err = w.rc.Flush()
	}
	return n, err
}

// SetWriteDeadline may come from another goroutine, for which the handler does not wait.
// It needs no support: a server without it bounds writes in its own way.
func (w *responseWriter) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	if err := w.rc.SetWriteDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// close is called before the handler returns: the response is of no use after that.
func (w *responseWriter) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
}

func isTLS(c net.Conn) bool {
	_, ok := c.(*tls.Conn)
	return ok
}
