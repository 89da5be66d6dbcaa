package protocol

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Addr is where to listen.
type Addr struct {
	// Network is tcp, tcp4, tcp6, udp, udp4, udp6, unix or unixgram.
	Network string
	// Address is host:port, or a path.
	Address string
}

func (a Addr) String() string { return a.Network + " " + a.Address }

// maxAddr bounds the text of an address.
const maxAddr = 512

// ParseAddr reads an address to listen on, for network "tcp" or "udp": 1935, :1935,
// 0.0.0.0:1935, [::]:1935, 127.0.0.1:1935, name:1935, unix:/path. A port alone, and
// [::], listen on IPv6 and IPv4; 0.0.0.0 on IPv4.
func ParseAddr(network, s string) (Addr, error) {
	bad := func(why string) (Addr, error) {
		return Addr{}, fmt.Errorf("protocol: listen address %.100q: %s", s, why)
	}
	if network != "tcp" && network != "udp" {
		return bad("network is neither tcp nor udp")
	}
	t := strings.TrimSpace(s)
	if len(t) > maxAddr || strings.ContainsFunc(t, isControl) {
		return bad("too long, or has control characters")
	}
	if path, ok := strings.CutPrefix(t, "unix:"); ok {
		if path == "" {
			return bad("no path")
		}
		if network == "udp" {
			return Addr{"unixgram", path}, nil
		}
		return Addr{"unix", path}, nil
	}
	host, port := "", t
	if strings.Contains(t, ":") {
		var err error
		if host, port, err = net.SplitHostPort(t); err != nil {
			return bad("not host:port")
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return bad("the port is not a number up to 65535")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		switch {
		case ip == netip.IPv4Unspecified():
			network += "4" // with "tcp", package net would listen on IPv6 too
		case ip == netip.IPv6Unspecified():
			host = ""
		}
	}
	return Addr{network, net.JoinHostPort(host, strconv.FormatUint(n, 10))}, nil
}

// covered tells whether list[i] needs no listener because another entry listens there:
// it was named before, or a port alone covers 0.0.0.0. What is no address is not
// covered.
func covered(list []string, i int) bool {
	a, err := ParseAddr("tcp", list[i])
	if err != nil || a.zeroPort() {
		return false
	}
	_, port, _ := net.SplitHostPort(a.Address)
	for k, s := range list {
		b, err := ParseAddr("tcp", s)
		if err != nil || k == i {
			continue
		}
		if a == b && k < i || a == (Addr{"tcp4", "0.0.0.0:" + port}) && b == (Addr{"tcp", ":" + port}) {
			return true
		}
	}
	return false
}

// zeroPort tells an address at which the system chooses the port: two listeners on
// such an address are two.
func (a Addr) zeroPort() bool {
	return !strings.HasPrefix(a.Network, "unix") && strings.HasSuffix(a.Address, ":0")
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
