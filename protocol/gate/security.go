package gate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// Security is SRS's security of a vhost: lists of who is allowed and who is denied to publish and to
// play. All that deny are asked first, then all that allow; their order among themselves does not
// matter. Whom no rule is for is let in if there are rules that deny, and none that allows. SRS asks
// it for the socket's peer where it plays over HTTP; here it is the client's address throughout.
type Security struct {
	Enabled bool
	// Rules of nil, or none, deny all; with nil the error is that of SRS without any (1052).
	Rules []SecurityRule
}

// SecurityRule allows or denies. The zero value denies all to do anything.
type SecurityRule struct {
	Allow   bool
	Actions Actions
	// Net is for whom it is, one address or a network; the zero value: all.
	Net netip.Prefix
}

// ParseSecurityRule reads a rule as srs.conf has it, without the semicolon: "allow" or "deny", then
// "publish" or "play", then "all", an address or a network as 10.0.0.0/8 or 2001:db8::/32. SRS knows
// networks of IPv4 only, and takes a rule for what is none of these, which then is for nobody: here
// it is an error.
func ParseSecurityRule(text string) (SecurityRule, error) {
	bad := func(why string) (SecurityRule, error) {
		return SecurityRule{}, fmt.Errorf("gate: security rule %.100q: %s", text, why)
	}
	f := strings.Fields(text)
	if len(f) != 3 {
		return bad("not allow|deny publish|play all|IP|CIDR")
	}
	var r SecurityRule
	switch f[0] {
	case "allow":
		r.Allow = true
	case "deny":
	default:
		return bad("neither allow nor deny")
	}
	switch f[1] {
	case "publish":
		r.Actions = Publish
	case "play":
		r.Actions = Play
	default:
		return bad("neither publish nor play")
	}
	if f[2] == "all" {
		return r, nil
	}
	if ip, err := netip.ParseAddr(f[2]); err == nil {
		ip = ip.Unmap().WithZone("")
		r.Net = netip.PrefixFrom(ip, ip.BitLen())
		return r, nil
	}
	p, err := netip.ParsePrefix(f[2])
	if err != nil {
		return bad("neither all, an IP address nor a network")
	}
	if p.Addr().Is4In6() { // no client's address is of this form
		return bad("an IPv4 network in the form of IPv6")
	}
	r.Net = p.Masked()
	return r, nil
}

// Admit decides for publishers and players.
func (c Security) Admit(_ context.Context, s *stream.Session) error {
	if !c.Enabled || actionOf(s.Action) == 0 {
		return nil
	}
	const public = "The client's address is not allowed."
	refuse := func(code int, why string) error {
		return deny(code, public, "security: %v of %v by %s: %s", actionOf(s.Action), s.Request.Key, s.Request.Remote, why)
	}
	if c.Rules == nil {
		return refuse(codeSecurity, "no rules")
	}
	ip := token.Addr(s.Request.Remote)
	matches := func(allow bool) bool {
		return slices.ContainsFunc(c.Rules, func(r SecurityRule) bool {
			return r.Allow == allow && r.Actions.cover(s.Action) && (r.Net == netip.Prefix{} || r.Net.Contains(ip))
		})
	}
	allows := func(r SecurityRule) bool { return r.Allow }
	switch {
	case matches(false):
		return refuse(codeSecurityDeny, "a rule denies it")
	case matches(true):
		return nil
	case len(c.Rules) == 0 || slices.ContainsFunc(c.Rules, allows):
		return refuse(codeSecurityAllow, "no rule allows it")
	}
	return nil
}
