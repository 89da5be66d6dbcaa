package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ErrProxyHeader: a connection from a trusted proxy does not begin with a PROXY header.
var ErrProxyHeader = errors.New("protocol: bad PROXY header")

// The limits of a PROXY header: the specification's for version 1; for version 2, what
// leaves room for any TLV in use.
const (
	proxyV1Max = 107
	proxyV2Max = 4096
)

const proxyV2Signature = "\r\n\r\n\x00\r\nQUIT\n"

// proxied are the addresses of a proxied connection.
type proxied struct{ src, dst *net.TCPAddr }

// readProxyHeader reads a header of the PROXY protocol, version 1 or 2, and no byte
// after it. Without an address in it (the proxy's own health checks, UNKNOWN, Unix
// sockets) the result is nil.
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
func readProxyHeader(r io.Reader) (*proxied, error) {
	var buf [proxyV1Max]byte
	head := buf[:len(proxyV2Signature)] // shorter than the shortest header of version 1
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	if string(head) == proxyV2Signature {
		return readProxyV2(r)
	}
	if !bytes.HasPrefix(head, []byte("PROXY ")) {
		return nil, fmt.Errorf("%w: neither version 1 nor 2", ErrProxyHeader)
	}
	for n := len(head); n < len(buf); n++ { // one by one: what follows is the client's
		if _, err := io.ReadFull(r, buf[n:n+1]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProxyHeader, err)
		}
		if buf[n] == '\n' {
			return parseProxyV1(string(buf[:n+1]))
		}
	}
	return nil, fmt.Errorf("%w: version 1 line is too long", ErrProxyHeader)
}

// parseProxyV1 parses a whole line (section 2.1).
func parseProxyV1(line string) (*proxied, error) {
	line, ok := strings.CutSuffix(line, "\r\n")
	f := strings.Split(line, " ")
	if !ok || len(f) < 2 || f[0] != "PROXY" {
		return nil, fmt.Errorf("%w: version 1", ErrProxyHeader)
	}
	if f[1] == "UNKNOWN" {
		return nil, nil
	}
	if len(f) != 6 || f[1] != "TCP4" && f[1] != "TCP6" {
		return nil, fmt.Errorf("%w: version 1 fields", ErrProxyHeader)
	}
	var at [2]netip.AddrPort
	for i := range at {
		ip, err := netip.ParseAddr(f[2+i])
		port, perr := strconv.ParseUint(f[4+i], 10, 16)
		if err != nil || perr != nil || ip.Zone() != "" || ip.Is4() != (f[1] == "TCP4") {
			return nil, fmt.Errorf("%w: version 1 address", ErrProxyHeader)
		}
		at[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return &proxied{net.TCPAddrFromAddrPort(at[0]), net.TCPAddrFromAddrPort(at[1])}, nil
}

// readProxyV2 reads what follows the signature (section 2.2). TLVs are skipped.
func readProxyV2(r io.Reader) (*proxied, error) {
	var h [4]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	size := int(binary.BigEndian.Uint16(h[2:]))
	if h[0]>>4 != 2 || h[0]&15 > 1 || size > proxyV2Max {
		return nil, fmt.Errorf("%w: version, command or length", ErrProxyHeader)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProxyHeader, err)
	}
	if h[0]&15 == 0 {
		return nil, nil // LOCAL
	}
	n := 4
	switch h[1] >> 4 {
	case 1:
	case 2:
		n = 16
	default:
		return nil, nil // AF_UNSPEC, AF_UNIX
	}
	if len(b) < 2*n+4 {
		return nil, fmt.Errorf("%w: version 2 address is cut short", ErrProxyHeader)
	}
	src, _ := netip.AddrFromSlice(b[:n])
	dst, _ := netip.AddrFromSlice(b[n : 2*n])
	ports := b[2*n:]
	return &proxied{
		net.TCPAddrFromAddrPort(netip.AddrPortFrom(src.Unmap(), binary.BigEndian.Uint16(ports))),
		net.TCPAddrFromAddrPort(netip.AddrPortFrom(dst.Unmap(), binary.BigEndian.Uint16(ports[2:]))),
	}, nil
}

// trusts tells whether a socket's peer may say who the client is. Who reaches a Unix
// socket is for its file permissions to say.
func trusts(list []netip.Prefix, a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return len(list) > 0 && a.Network() == "unix"
	}
	return contains(list, t.AddrPort().Addr())
}

// contains tells whether one of the networks has an address.
func contains(list []netip.Prefix, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}
