package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// What a peer is told of its credential.
const (
	publicNone     = "A token is needed."
	publicBad      = "The token is not valid."
	publicTooOften = "Too many wrong tokens. Try later."
	publicElse     = "The token is not for this."
)

// SignedURL asks for a signed URL, as package token describes it. The zero value asks for nothing.
type SignedURL struct {
	// Keys are those that sign; several for a time of change. None: off.
	Keys []string
	// Actions says for what one is needed.
	Actions Actions
	// RequireIP takes only URLs that are signed for one address.
	RequireIP bool
	// Leeway is by how much clocks may differ; 0: 60 s, negative: not at all.
	Leeway time.Duration
}

func (c SignedURL) asks(s *stream.Session) bool {
	return len(c.Keys) > 0 && actionOf(s.Action) != 0 && c.Actions.cover(s.Action)
}

// String tells nothing of the keys.
func (c SignedURL) String() string { return fmt.Sprintf("signed URL, %d keys", len(c.Keys)) }

// GoString is String: %#v shows no key either.
func (c SignedURL) GoString() string { return c.String() }

// Admit decides for publishers and players.
func (c SignedURL) Admit(_ context.Context, s *stream.Session) error {
	if !c.asks(s) {
		return nil
	}
	return c.check(s)
}

func (c SignedURL) check(s *stream.Session) error {
	if param(s, "sign") == "" {
		return deny(codeDenied, publicNone, "signed URL: %v of %v: none", actionOf(s.Action), s.Request.Key)
	}
	now := time.Now().Add(-leeway(c.Leeway))
	g, err := token.VerifySigned(c.Keys, s.Request.Key.String(), s.Request.Param, now)
	if err == nil && c.RequireIP && !g.IP.IsValid() {
		err = fmt.Errorf("%w: it is for no address", token.ErrClaims)
	}
	if err == nil {
		err = g.Allows(actionOf(s.Action).String(), s.Request.Remote)
	}
	if err != nil {
		return deny(codeDenied, public(err), "signed URL: %v of %v: %w", actionOf(s.Action), s.Request.Key, err)
	}
	return nil
}

func leeway(d time.Duration) time.Duration { return max(cmp.Or(d, time.Minute), 0) }

// JWT asks for a JSON Web Token in the query of the stream's URL, or in the Authorization header where the
// protocol has one (WHIP, WHEP). The zero value asks for nothing.
//
// What it permits is in these claims; each may be missing:
//
//	actions  "publish", "play", or an array of them; missing: play
//	vhost    pattern of the vhost's name, __defaultVhost__ for the default one; missing: any
//	app      pattern of the app; missing: any
//	stream   pattern of the stream's name; missing: any
//
// Patterns are those of [path.Match]: cam* is every name that begins so, and has no slash.
type JWT struct {
	// Verifier checks tokens; nil: off.
	Verifier *token.Verifier
	// Param names the query's parameter; empty: token.
	Param string
	// Actions says for what one is needed.
	Actions Actions
}

func (c JWT) asks(s *stream.Session) bool {
	return c.Verifier != nil && actionOf(s.Action) != 0 && c.Actions.cover(s.Action)
}

func (c JWT) param() string { return cmp.Or(c.Param, "token") }

// Admit decides for publishers and players.
func (c JWT) Admit(ctx context.Context, s *stream.Session) error {
	if !c.asks(s) {
		return nil
	}
	_, err := c.check(ctx, s)
	return err
}

func (c JWT) check(ctx context.Context, s *stream.Session) (*token.Claims, error) {
	raw := cmp.Or(param(s, c.param()), s.Request.Bearer)
	if raw == "" {
		return nil, unauthorized(deny(codeDenied, publicNone, "token: %v of %v: none", actionOf(s.Action), s.Request.Key))
	}
	claims, err := c.Verifier.Verify(ctx, raw)
	bad := err != nil && !errors.Is(err, token.ErrClaims)
	if err == nil {
		err = permits(claims, s)
	}
	if err != nil {
		err = deny(codeDenied, public(err), "token: %v of %v: %w", actionOf(s.Action), s.Request.Key, err)
		if bad {
			err = unauthorized(err)
		}
		return nil, err
	}
	return &claims, nil
}

// unauthorized has a refusal ask for a token.
func unauthorized(err error) error {
	if d := (*stream.DeniedError)(nil); errors.As(err, &d) {
		d.Unauthorized = true
	}
	return err
}

// permits holds what a session asks for against a token's claims.
func permits(c token.Claims, s *stream.Session) error {
	m := c.Map()
	var r Rule
	for name, to := range map[string]*string{"vhost": &r.Vhost, "app": &r.App, "stream": &r.Stream} {
		v, given := m[name]
		if !given {
			continue
		}
		if *to, _ = v.(string); *to == "" { // in a Rule that would be for all
			return fmt.Errorf("%w: claim %s is no pattern", token.ErrClaims, name)
		}
	}
	actions, given := m["actions"]
	if !given {
		actions = token.Play
	}
	if !claimMatches(actions, actionOf(s.Action).String()) {
		return fmt.Errorf("%w: another action", token.ErrClaims)
	}
	ok, err := r.names(s.Request.Key)
	if err != nil || !ok {
		return fmt.Errorf("%w: another stream", token.ErrClaims)
	}
	return nil
}

// credentials asks for what the vhost asks, one of both, and gives the claims if there are any.
func (v Vhost) credentials(ctx context.Context, s *stream.Session) (*token.Claims, error) {
	signed, jwt := v.SignedURL.asks(s), v.JWT.asks(s)
	if !signed && !jwt {
		return nil, nil
	}
	remote := s.Request.Remote
	if v.Throttle != nil {
		if wait := v.Throttle.Allow(remote); wait > 0 {
			return nil, deny(codeDenied, publicTooOften, "too many wrong tokens from %s: refused for %v", remote, wait.Round(time.Second))
		}
	}
	var claims *token.Claims
	var err error
	if signed && (!jwt || param(s, "sign") != "") {
		err = v.SignedURL.check(s)
	} else {
		claims, err = v.JWT.check(ctx, s)
	}
	if v.Throttle != nil {
		switch {
		case err == nil:
			v.Throttle.Succeed(remote)
		case errors.Is(err, token.ErrSignature), errors.Is(err, token.ErrMalformed), errors.Is(err, token.ErrAlgorithm):
			v.Throttle.Fail(remote)
		}
	}
	return claims, err
}

// public gives what the peer is told of an error of package token.
func public(err error) string {
	switch {
	case errors.Is(err, token.ErrExpired):
		return "The token is expired."
	case errors.Is(err, token.ErrClaims):
		return publicElse
	}
	return publicBad
}

// param gives a parameter of the stream's URL. What RTMP clients send may have several "?".
func param(s *stream.Session, name string) string {
	for p := range strings.FieldsFuncSeq(s.Request.Param, func(r rune) bool { return r == '?' || r == '&' || r == '#' }) {
		if n, v, ok := strings.Cut(p, "="); ok && n == name && v != "" {
			if u, err := url.QueryUnescape(v); err == nil {
				return u
			}
		}
	}
	return ""
}
