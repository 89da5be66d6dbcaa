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
	// NoInterfaces leaves those of the interfaces out (use_auto_detect_network_ip off).
	NoInterfaces bool
	Family       Family
	// NoAPIHost leaves out the host of the signalling request (api_as_candidates off).
	NoAPIHost bool
	// NoResolve does not look up that host where it is a name (resolve_api_domain off), and KeepName tells
	// the name itself too (keep_api_domain).
	NoResolve, KeepName bool
	// NoUDP and NoTCP leave out one transport (protocol tcp, udp).
	NoUDP, NoTCP bool
}

// maxCandidates bounds what one answer tells.
const maxCandidates = 16

// lookupTimeout is how long an answer waits for names, together.
const lookupTimeout = 2 * time.Second

// hosts gives addresses and names to tell, without ports, the most likely first. extra, if any, are told by
// the request and alone count beside the host of the API.
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
			for _, a := range lookup(ctx, host) {
				if c.Family == AllFamilies || a.Unmap().Is4() == (c.Family == IPv4) {
					add(a)
				}
			}
		}
		if keep && validName(host) && len(list) < maxCandidates && !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	if !c.NoAPIHost && apiHost != "" {
		name(apiHost, c.KeepName, !c.NoResolve)
	}
	hosts := c.Hosts
	if len(extra) > 0 {
		hosts = extra
	}
	auto := len(hosts) == 0
	for _, h := range hosts {
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
	return list
}

// interfaces gives the addresses of the family that others can reach; those of loopback only where there is
// no other.
func (c *Candidates) interfaces(all []netip.Addr) (list []netip.Addr) {
	var loopback []netip.Addr
	for _, a := range all {
		switch a = a.Unmap(); {
		case c.Family != AllFamilies && a.Is4() != (c.Family == IPv4), a.IsLinkLocalUnicast():
		case a.IsLoopback():
			loopback = append(loopback, a)
		default:
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return loopback
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
