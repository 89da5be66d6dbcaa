package api

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/srsgo/srs/protocol/token"
)

// AuthConfig says who may use the API. Any of its credentials will do. As long as there is none, the
// API answers its own machine alone, and tells others how to change that.
//
// /, /healthz and /readyz are open to everybody. /metrics and /debug/pprof/ answer their own machine
// without a credential too.
//
// "Its own machine" is a peer on loopback or on a Unix socket whose request names localhost or an IP
// address as its host, and bears no sign of a reverse proxy (X-Forwarded-For and its like) or of a
// page of another site. A proxy on the same machine that adds no header cannot be told from a local
// client: set a credential there.
type AuthConfig struct {
	// Username and Password are those of HTTP Basic (SRS http_api.auth). Unlike with SRS the scheme's
	// name counts in any case (RFC 9110, 11.1), and the password may contain colons.
	Username, Password string
	// Tokens are bearer tokens (RFC 6750).
	Tokens []string
	// JWT checks bearer tokens that are JSON Web Tokens; nil: none are taken. The claim "scope", a text
	// of words or a list, limits what a token is good for: "api:read" to look, "api:write" to look and
	// to change. A token without that claim may do all.
	JWT *token.Config
	// Anonymous opens the API, its events and /metrics to everybody who can reach it. It excludes
	// credentials.
	Anonymous bool
	// Hint says how a credential is set, in the words of whoever made this configuration. It ends the
	// answer to those who are refused for want of one, and the line in the log.
	Hint string
	// Throttle slows those who guess credentials. It stays as it was at New.
	Throttle token.ThrottleConfig
}

// String tells which credentials there are, and none of them.
func (c AuthConfig) String() string {
	var out []string
	if c.Username != "" {
		out = append(out, "Basic")
	}
	if n := len(c.Tokens); n > 0 {
		out = append(out, fmt.Sprintf("%d bearer tokens", n))
	}
	if c.JWT != nil {
		out = append(out, "JWT")
	}
	if len(out) == 0 {
		return "no credential"
	}
	return strings.Join(out, ", ")
}

// authKind says who may ask for a route.
type authKind uint8

const (
	authNone    authKind = iota // everybody: /, health
	authAPI                     // what is below /api/
	authMetrics                 // /metrics
	authDebug                   // /debug/pprof/
	authEvents                  // /api/v1/events
)

// guard is an AuthConfig in use.
type guard struct {
	AuthConfig
	jwt *token.Verifier
}

func newGuard(cfg AuthConfig) (*guard, error) {
	switch {
	case (cfg.Username == "") != (cfg.Password == ""):
		return nil, errors.New("api: auth: a user name and a password need one another")
	case strings.Contains(cfg.Username, ":"):
		return nil, errors.New("api: auth: a user name cannot contain a colon")
	case slices.Contains(cfg.Tokens, ""):
		return nil, errors.New("api: auth: an empty token")
	}
	g := &guard{AuthConfig: cfg}
	if cfg.JWT != nil {
		var err error
		if g.jwt, err = token.NewVerifier(*cfg.JWT); err != nil {
			return nil, fmt.Errorf("api: auth: %w", err)
		}
	}
	if g.any() && cfg.Anonymous {
		return nil, errors.New("api: auth: open to everybody, and with a credential: one of them is wrong")
	}
	return g, nil
}

// any tells whether there is a credential.
func (g *guard) any() bool { return g.Username != "" || len(g.Tokens) > 0 || g.jwt != nil }

// hint gives Hint, or what a Go program does.
func (g *guard) hint() string {
	if g.Hint != "" {
		return g.Hint
	}
	return "Set api.Config.Auth: a user name and password, tokens or JWT keys; or Anonymous, for everybody."
}

// tell logs who may use the API.
func (g *guard) tell(l *slog.Logger) {
	switch {
	case g.any():
		l.Info("api: needs a credential", "auth", g.AuthConfig.String())
	case g.Anonymous:
		l.Warn("api: open to everybody who can reach it, to look and to change: no credential is set", "how", g.hint())
	default:
		l.Info("api: answers this machine alone, others are refused until a credential is set", "how", g.hint())
	}
}

// setGuard puts a configuration in force, and tells of it. One that is the same changes nothing: keys
// that were fetched stay, and so do those who listen to events.
func (m *Module) setGuard(cfg AuthConfig) error {
	if old := m.op.guard.Load(); old != nil && reflect.DeepEqual(old.AuthConfig, cfg) {
		return nil
	}
	g, err := newGuard(cfg)
	if err != nil {
		return err
	}
	m.op.guard.Store(g)
	g.tell(m.host.Logger)
	return nil
}

// protect lets h answer those who may ask for a route of the kind.
func (m *Module) protect(kind authKind, h http.Handler) http.Handler {
	if kind == authNone {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.admit(w, r, kind) {
			h.ServeHTTP(w, r)
		}
	})
}

// admit tells whether a request may go on, and has answered it if not.
func (m *Module) admit(w http.ResponseWriter, r *http.Request, kind authKind) bool {
	g := m.op.guard.Load()
	if g.Anonymous && kind != authDebug || kind == authMetrics && m.cfg.Load().Metrics.public() {
		return true
	}
	if c, ok := given(r, kind == authEvents); ok && g.any() {
		return m.admitWith(w, r, g, c)
	}
	if kind == authMetrics || kind == authDebug || !g.any() {
		why := foreign(r)
		if why == "" {
			return true
		}
		if !g.any() {
			text(w, http.StatusForbidden, "This answers its own machine alone, and this is "+why+
				", until a credential is set. "+g.hint()+"\n")
			return false
		}
	}
	g.demand(w)
	return false
}

// admitWith is admit for a request with a credential.
func (m *Module) admitWith(w http.ResponseWriter, r *http.Request, g *guard, c credential) bool {
	if wait := m.op.throttle.Allow(r.RemoteAddr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		text(w, http.StatusTooManyRequests, "Too Many Requests")
		return false
	}
	p, err := g.check(r.Context(), c)
	if errors.Is(err, token.ErrKeys) { // which says nothing of the credential
		m.host.Logger.Warn("api: a token cannot be checked", "err", err)
		phrase(w, http.StatusServiceUnavailable)
		return false
	}
	if err != nil {
		m.op.throttle.Fail(r.RemoteAddr)
		m.op.wrong.tell(m.host.Logger, r.RemoteAddr, err)
		g.demand(w)
		return false
	}
	m.op.throttle.Succeed(r.RemoteAddr)
	change := changes(r)
	switch {
	case !p.read, change && !p.write:
		text(w, http.StatusForbidden, "The token's scope does not allow this\n")
		return false
	case change && c.basic && simple(r) && crossSite(r):
		// The browser adds Basic credentials that it remembers to whatever a page makes it load.
		text(w, http.StatusForbidden, "A page of another site cannot change anything in this way\n")
		return false
	}
	if change {
		m.host.Logger.Info("api: change", "method", r.Method, "path", r.URL.Path, "by", p.name, "remote", r.RemoteAddr)
	}
	return true
}

// simple tells whether a browser sends such a request for a page of another site without asking first.
func simple(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return true
	}
	return r.URL.Query().Has("method") // JSONP, which went by GET
}

// demand answers SRS's refusal: 401 with an empty body.
func (g *guard) demand(w http.ResponseWriter) {
	if g.Username != "" {
		w.Header().Add("WWW-Authenticate", "Basic")
	}
	if len(g.Tokens) > 0 || g.jwt != nil {
		w.Header().Add("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusUnauthorized)
}
