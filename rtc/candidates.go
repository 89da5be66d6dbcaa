package rtc

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Family says which of the machine's addresses clients are told.
type Family uint8

// The families.
const (
	IPv4 Family = iota
	IPv6
	AllFamilies
)

// Candidates are the addresses that clients are told to send to (rtc_server of srs.conf). The zero value
// tells the address by which the client has reached signalling, and those of the machine's interfaces.
type Candidates struct {
	// Hosts are addresses, or names that are looked up; "*", 0.0.0.0 and [::] stand for those of the
	// interfaces, as no entry does.
	Hosts []string
	// NoInterfaces leaves those of the interfaces out (use_auto_detect_network_ip off), but for one if there
	// is nothing else to tell.
	NoInterfaces bool
	Family       Family
	// NoAPIHost leaves out the host of the signalling request (api_as_candidates off).
	NoAPIHost bool
	// NoResolve does not look up that host where it is a name (resolve_api_domain off), and KeepName tells
	// the name itself too (keep_api_domain).
	NoResolve, KeepName bool
	// STUN lists servers (RFC 8489), host or host:port, that are asked at which address and port they see those
	// that the module listens on, which is told too. It helps behind a NAT that keeps to one port for all peers.
	STUN []string
	// NoUDP and NoTCP leave out one transport (protocol tcp, udp).
	NoUDP, NoTCP bool
}

// maxCandidates bounds what one answer tells.
const maxCandidates = 16

// lookupTimeout is how long an answer waits for names, together.
const lookupTimeout = 2 * time.Second

// hosts gives addresses and names to tell, without ports, the most likely first, and one at least if the
// machine has any. extra are what the request has asked for.
func (c *Candidates) hosts(ctx context.Context, apiHost string, extra []string, local func() []netip.Addr, lookup func(context.Context, string) []netip.Addr) []string {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var list []string
	add := func(a netip.Addr) {
		if s := a.Unmap().WithZone("").String(); len(list) < maxCandidates && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	name := func(host string, keep, resolve bool) {
		if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			add(a)
			return
		}
		if resolve {
			for _, a := range c.ofFamily(lookup(ctx, host)) {
				add(a)
			}
		}
		if keep && validName(host) && len(list) < maxCandidates && !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	if !c.NoAPIHost && apiHost != "" {
		name(apiHost, c.KeepName, !c.NoResolve)
	}
	for _, h := range extra {
		name(h, false, true)
	}
	auto := len(c.Hosts) == 0
	for _, h := range c.Hosts {
		if h == "*" || h == "0.0.0.0" || h == "[::]" || h == "::" {
			auto = true
		} else {
			name(h, false, true)
		}
	}
	if auto && !c.NoInterfaces {
		for _, a := range c.interfaces(local()) {
			add(a)
		}
	}
	if all := local(); len(list) == 0 && len(all) > 0 {
		add(slices.MinFunc(all, func(a, b netip.Addr) int { return c.rank(a) - c.rank(b) }))
	}
	return list
}

// rank orders addresses of the machine for when no other is to be told: IPv4 first, as SRS has it, those of
// loopback last.
func (c *Candidates) rank(a netip.Addr) int {
	switch a = a.Unmap(); {
	case a.IsLoopback() && a.Is4() == (c.Family == IPv6):
		return 4
	case a.IsLoopback():
		return 3
	case a.IsLinkLocalUnicast():
		return 2
	case !a.Is4():
		return 1
	}
	return 0
}

// ofFamily gives the addresses of the family.
func (c *Candidates) ofFamily(all []netip.Addr) (list []netip.Addr) {
	for _, a := range all {
		if a = a.Unmap(); c.Family == AllFamilies || a.Is4() == (c.Family == IPv4) {
			list = append(list, a)
		}
	}
	return list
}

// interfaces gives the addresses of the family that others can reach.
func (c *Candidates) interfaces(all []netip.Addr) (list []netip.Addr) {
	for _, a := range c.ofFamily(all) {
		if !a.IsLinkLocalUnicast() && !a.IsLoopback() {
			list = append(list, a)
		}
	}
	return list
}

// localAddrs gives the addresses of the machine.
func localAddrs() (list []netip.Addr) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				list = append(list, ip.Unmap())
			}
		}
	}
	return list
}

// lookupName asks the system for the addresses of a name; none if there are none.
func lookupName(ctx context.Context, host string) []netip.Addr {
	if !validName(host) {
		return nil
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return list
}

// validName tells whether a host that a client has named is one that may be looked up and written into an
// answer.
func validName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	})
}

// splitPort takes the port from what a request names as candidate: ip, ip:port, [ip6]:port or ip6.
func splitPort(s string, port int) (host string, _ int) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, port
	}
	h, p, err := net.SplitHostPort(s)
	if err != nil {
		return strings.Trim(s, "[]"), port
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return h, port
	}
	return h, cmp.Or(int(n), port)
}
