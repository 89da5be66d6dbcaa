package doctor

import (
	"context"
	"net/netip"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// checkAddresses looks at what clients can be told: WebRTC's candidates above all.
func checkAddresses(_ context.Context, s *System, f *conf.File, r *report) {
	local, err := s.Addresses()
	if err != nil {
		r.warn("look at the interfaces", "the addresses cannot be listed: %v", err)
		return
	}
	var outside []netip.Addr
	public := false
	for _, a := range local {
		if a.IsLoopback() || a.IsLinkLocalUnicast() {
			continue
		}
		outside = append(outside, a)
		public = public || !a.IsPrivate()
	}
	if len(outside) == 0 {
		r.warn("bring an interface up", "there is no address but loopback: only this machine can connect")
	} else {
		r.ok("%s", join(outside))
	}
	root := f.Root()
	if !root.Bool("rtc_server.enabled") {
		return
	}
	const set = "set rtc_server.candidate (or CANDIDATE in the environment) to the address by which clients reach this host"
	candidate := root.String("rtc_server.candidate")
	if candidate != "*" && candidate != "0.0.0.0" {
		r.ok("WebRTC clients are told to send to %s (rtc_server.candidate)", candidate)
		if ip, err := netip.ParseAddr(candidate); err == nil && ip.IsLoopback() {
			r.warn(set, "that is a loopback address: only this machine can use WebRTC")
		}
		return
	}
	var told []netip.Addr
	family := root.String("rtc_server.ip_family")
	for _, a := range outside {
		if family == "all" || a.Unmap().Is4() == (family != "ipv6") {
			told = append(told, a)
		}
	}
	switch in := s.docker(); {
	case len(told) == 0:
		r.fail(set, "WebRTC clients would be told no address (rtc_server.candidate %s, ip_family %s)", candidate, family)
	case in != "":
		r.warn(set, "WebRTC clients are told %s, which are a container's (%s)", join(told), in)
	case !public:
		r.warn(set, "WebRTC clients are told %s, which are private: nobody outside reaches them", join(told))
	default:
		r.ok("WebRTC clients are told %s", join(told))
	}
}

func join(list []netip.Addr) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
