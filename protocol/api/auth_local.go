package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/srsgo/srs/protocol/token"
)

// forwards are the headers by which a reverse proxy gives itself away.
var forwards = [...]string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Forwarded-Host", "X-Forwarded-Proto", "Via"}

// foreign tells why a request does not come from a program on this machine; empty: it does.
func foreign(r *http.Request) string {
	switch {
	case !onMachine(r):
		return "another one"
	case proxied(r):
		return "a proxy"
	case !plainHost(r.Host):
		// A page whose name was made to mean 127.0.0.1 (DNS rebinding) still says its name here.
		return "asked by a name that is not localhost"
	case crossSite(r):
		return "a page of another site"
	}
	return ""
}

// onMachine tells whether the peer is on loopback, or on a Unix socket.
func onMachine(r *http.Request) bool {
	if a := token.Addr(r.RemoteAddr); a.IsValid() {
		return a.IsLoopback()
	}
	l, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return l != nil && l.Network() == "unix"
}

func proxied(r *http.Request) bool {
	for _, k := range forwards {
		if r.Header.Get(k) != "" {
			return true
		}
	}
	return false
}

// plainHost tells whether a Host header, or an Origin's host, names what no name server can lead
// elsewhere: an IP address, localhost, or nothing.
func plainHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// crossSite tells whether a browser says that a page of another site asks. Other ports of the same
// host are the same site: a console may be there.
func crossSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return r.Header.Get("Sec-Fetch-Site") == "cross-site"
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" { // "null": a file, a sandboxed frame
		return true
	}
	own := r.Host
	if h, _, err := net.SplitHostPort(own); err == nil {
		own = h
	}
	if strings.EqualFold(u.Hostname(), strings.Trim(own, "[]")) {
		return false
	}
	return !localName(u.Hostname())
}

// localName tells whether a host is this machine by name or address.
func localName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
