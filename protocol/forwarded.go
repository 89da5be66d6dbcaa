package protocol

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many proxies of a request are looked at.
const maxHops = 64

// forwarded gives the RemoteAddr of a request: that of the client for whom a trusted proxy asks, or
// the peer's own.
func forwarded(r *http.Request, proxies []netip.Prefix) string {
	if len(proxies) == 0 || !fromProxy(r, proxies) {
		return r.RemoteAddr
	}
	at, ok := forwardedFor(r.Header, proxies)
	if !ok {
		return r.RemoteAddr
	}
	return at.String()
}

// fromProxy tells whether the peer may say who the client is. What it trusts is what
// ListenOptions.Proxies trust.
func fromProxy(r *http.Request, proxies []netip.Prefix) bool {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return contains(proxies, at.Addr())
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}

// forwardedFor gives the client's address that the headers tell, with port 0 where they tell none.
//
// Each proxy adds its peer at the end of X-Forwarded-For. What trusted proxies added is true, what
// stands before that is whatever a client wrote: so the last one that is not a trusted proxy is the
// client. If all are, the first one is. X-Real-IP counts where there is no X-Forwarded-For.
func forwardedFor(h http.Header, proxies []netip.Prefix) (at netip.AddrPort, ok bool) {
	list := h.Values("X-Forwarded-For")
	if len(list) == 0 {
		return parseHop(h.Get("X-Real-IP"))
	}
	hops := 0
	for i := len(list) - 1; i >= 0; i-- {
		for rest, more := list[i], true; more; hops++ {
			var hop string
			if hop, more = rest, false; strings.Contains(rest, ",") {
				n := strings.LastIndexByte(rest, ',')
				rest, hop, more = rest[:n], rest[n+1:], true
			}
			if at, ok = parseHop(hop); !ok || hops == maxHops {
				return netip.AddrPort{}, false
			}
			if !contains(proxies, at.Addr()) {
				return at, true
			}
		}
	}
	return at, true
}

// parseHop reads an address as proxies write it: an IP address, with or without a port and brackets.
func parseHop(s string) (netip.AddrPort, bool) {
	s = strings.Trim(s, " \t")
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		if inner, ok := strings.CutPrefix(s, "["); ok {
			if s, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(s, ":") {
				return netip.AddrPort{}, false
			}
		}
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return netip.AddrPort{}, false
		}
		at = netip.AddrPortFrom(ip, 0)
	}
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port()), true
}
