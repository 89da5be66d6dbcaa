package gate

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"slices"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// Rules are permissions: the first rule that is for a session decides. Where there are rules and
// none is for it, it is refused; no rules let in all. By itself, as a gate, it knows no claims: rules
// that ask for some are for nobody then.
type Rules []Rule

// Rule is one permission. What is not set is for all.
type Rule struct {
	// Deny refuses, else it lets in.
	Deny    bool
	Actions Actions
	// Vhost, App and Stream are patterns of path.Match: * is any text without a slash. The
	// default vhost is __defaultVhost__.
	Vhost, App, Stream string
	// From lists networks, of which the client's address is in one.
	From []netip.Prefix
	// Claims are patterns for claims of the client's JWT, all of which have to match: the claim
	// itself, or one of its elements if it is an array.
	Claims map[string]string
}

// Check tells whether a rule has a pattern that is none.
func (r Rules) Check() error {
	for i, x := range r {
		all := []string{x.Vhost, x.App, x.Stream}
		for _, p := range x.Claims {
			all = append(all, p)
		}
		for _, p := range all {
			if _, err := path.Match(p, ""); err != nil {
				return fmt.Errorf("gate: rule %d: pattern %.100q: %w", i+1, p, err)
			}
		}
	}
	return nil
}

// Admit decides for publishers and players.
func (r Rules) Admit(_ context.Context, s *stream.Session) error { return r.check(s, nil) }

func (r Rules) check(s *stream.Session, claims *token.Claims) error {
	if len(r) == 0 || actionOf(s.Action) == 0 {
		return nil
	}
	refuse := func(format string, args ...any) error {
		return deny(codeDenied, "Not permitted.", "permissions: %v of %v by %s: "+format,
			append([]any{actionOf(s.Action), s.Request.Key, s.Request.Remote}, args...)...)
	}
	if err := r.Check(); err != nil { // such a rule might have denied
		return refuse("%w", err)
	}
	for i, x := range r {
		switch {
		case !x.covers(s, claims):
		case x.Deny:
			return refuse("rule %d denies it", i+1)
		default:
			return nil
		}
	}
	return refuse("no rule permits it")
}

// covers tells whether a rule, whose patterns are good, is for a session.
func (r Rule) covers(s *stream.Session, claims *token.Claims) bool {
	if ok, _ := r.names(s.Request.Key); !ok || !r.Actions.cover(s.Action) {
		return false
	}
	if ip := token.Addr(s.Request.Remote); len(r.From) > 0 &&
		!slices.ContainsFunc(r.From, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return false
	}
	if len(r.Claims) == 0 {
		return true
	}
	if claims == nil {
		return false
	}
	m := claims.Map()
	for name, pattern := range r.Claims {
		if v, ok := m[name]; !ok || !claimMatches(v, pattern) {
			return false
		}
	}
	return true
}

// names tells whether the patterns are for a stream.
func (r Rule) names(k stream.Key) (bool, error) {
	for _, x := range [...]struct{ pattern, name string }{{r.Vhost, k.Vhost}, {r.App, k.App}, {r.Stream, k.Name}} {
		if x.pattern == "" {
			continue
		}
		if ok, err := path.Match(x.pattern, x.name); !ok {
			return false, err
		}
	}
	return true, nil
}

// claimMatches holds a claim, or the elements of it, against a pattern.
func claimMatches(v any, pattern string) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool {
			_, array := e.([]any)
			return !array && claimMatches(e, pattern)
		})
	case string:
		ok, _ := path.Match(pattern, v)
		return ok
	case bool, float64:
		return fmt.Sprint(v) == pattern
	}
	return false
}
