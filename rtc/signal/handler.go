package signal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/sdp"
)

// Prefix is below what a handler answers.
const Prefix = "/rtc/v1/"

// Config configures a handler.
type Config struct {
	// Server has the sessions.
	Server Server
	// Identity is what SRS's API tells of the server.
	Identity protocol.Identity
	// Logger is told of what is refused; nil discards.
	Logger *slog.Logger
	// ICEServers are told to clients of WHIP and WHEP.
	ICEServers []ICEServer
	// BodyTimeout is how long a request's body may take; 0: 10 s.
	BodyTimeout time.Duration
	// Drop, if not nil, serves /rtc/v1/nack/: the next n packets of the session are dropped, which is for
	// tests of repair alone. stream.ErrNotFound: there is no such session.
	Drop func(id string, n int) error
}

// ICEServer is a STUN or TURN server (RFC 9725 4.6).
type ICEServer struct {
	// URL is stun:host:port, turn:host:port?transport=udp, … (RFC 7064, RFC 7065).
	URL string
	// Username and Password are those of TURN.
	Username, Password string
}

// New makes the handler of all below Prefix.
func New(c Config) http.Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.BodyTimeout == 0 {
		c.BodyTimeout = 10 * time.Second
	}
	h := &handler{Config: c}
	for _, s := range c.ICEServers {
		h.links = append(h.links, s.link())
	}
	return h
}

// link is the value of a Link header.
func (s ICEServer) link() string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	v := "<" + strings.NewReplacer("<", "%3C", ">", "%3E").Replace(s.URL) + `>; rel="ice-server"`
	if s.Username != "" || s.Password != "" {
		v += `; username="` + quote.Replace(s.Username) + `"; credential="` + quote.Replace(s.Password) + `"; credential-type="password"`
	}
	return v
}

type handler struct {
	Config
	links []string
}

// ServeHTTP routes as SRS does: what follows a path's last slash does not count.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _, slash := strings.Cut(strings.TrimPrefix(r.URL.Path, Prefix), "/")
	serve := map[string]func(http.ResponseWriter, *http.Request){
		"play": h.play, "publish": h.publish, "nack": h.nack,
		"whip": h.whip, "whep": h.whep, "whip-play": h.whep,
	}[name]
	switch {
	case serve == nil || name == "nack" && h.Drop == nil:
		say(w, http.StatusNotFound, "Not Found")
	case !slash:
		code := http.StatusTemporaryRedirect
		if name == "play" || name == "publish" || name == "nack" {
			code = http.StatusFound
		}
		to := (&url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}).String()
		w.Header().Set("Location", to)
		say(w, code, "Redirect to "+to)
	default:
		serve(w, r)
	}
}

// say answers with a text.
func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

// body reads all of a request's, which may be no longer than limit and takes no longer than Config says.
func (h *handler) body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	c := http.NewResponseController(w)
	deadline := c.SetReadDeadline(time.Now().Add(h.BodyTimeout)) == nil // servers of an application may not know it
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			return nil, errTooLong
		}
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	if deadline {
		_ = c.SetReadDeadline(time.Time{})
	}
	return bytes.TrimSpace(b), nil
}

// newRequest takes what both APIs have in common.
func newRequest(r *http.Request, q url.Values) *Request {
	out := &Request{
		ID: protocol.RequestID(r), Remote: r.RemoteAddr, TLS: r.TLS != nil,
		UserAgent: r.UserAgent(), Referer: r.Referer(), APIHost: hostname(r.Host), Codec: codecOf(q.Get("codec")),
	}
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		out.Local = a.String()
	}
	for _, k := range []string{"eip", "candidate"} {
		if v := q.Get(k); v != "" {
			out.Candidates = append(out.Candidates, v)
			break
		}
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		out.Bearer = strings.TrimSpace(token)
	}
	off := func(k string) *bool {
		if v := q.Get(k); v != "" {
			on := v != "false"
			return &on
		}
		return nil
	}
	out.Encrypt, out.DTLS = off("encrypt"), off("dtls")
	return out
}

// hostname cuts a port off.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// offer reads a description.
func (r *Request) offer(text string) (err error) {
	r.Offer, err = sdp.ParseOffer(text)
	return err
}
