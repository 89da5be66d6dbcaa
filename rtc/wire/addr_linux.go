package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// name is room for a socket address, of either family.
type name [unix.SizeofSockaddrInet6]byte

// putAddr writes an address as the socket's family has it, and gives its length: 0 for one of another family.
func (s *Socket) putAddr(n *name, a netip.AddrPort) uint32 {
	if s.is4 {
		ip4 := a.Addr().Unmap()
		if !ip4.Is4() {
			return 0
		}
		binary.NativeEndian.PutUint16(n[0:], unix.AF_INET)
		binary.BigEndian.PutUint16(n[2:], a.Port())
		ip := ip4.As4()
		copy(n[4:], ip[:])
		return unix.SizeofSockaddrInet4
	}
	binary.NativeEndian.PutUint16(n[0:], unix.AF_INET6)
	binary.BigEndian.PutUint16(n[2:], a.Port())
	binary.NativeEndian.PutUint32(n[4:], 0)
	ip := a.Addr().As16()
	copy(n[8:], ip[:])
	binary.NativeEndian.PutUint32(n[24:], zone(a.Addr().Zone()))
	return unix.SizeofSockaddrInet6
}

// zone gives the number of an interface; a link-local address is useless without.
func zone(s string) uint32 {
	if s == "" {
		return 0
	}
	if i, err := net.InterfaceByName(s); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// addr reads an address.
func (n *name) addr() netip.AddrPort {
	port := binary.BigEndian.Uint16(n[2:])
	if binary.NativeEndian.Uint16(n[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[4:8])), port)
	}
	ip := netip.AddrFrom16([16]byte(n[8:24])).Unmap()
	if z := binary.NativeEndian.Uint32(n[24:]); z != 0 && ip.Is6() {
		if i, err := net.InterfaceByIndex(int(z)); err == nil {
			ip = ip.WithZone(i.Name)
		}
	}
	return netip.AddrPortFrom(ip, port)
}

// control is room for the control messages of one datagram or train: IP_PKTINFO or IPV6_PKTINFO, and
// UDP_SEGMENT.
type control [64]byte

// segment adds how long the pieces of a train are at n, and gives where that ends.
func (c *control) segment(n int, size uint16) int {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], size)
	return n + c.put(n, unix.IPPROTO_UDP, unix.UDP_SEGMENT, b[:])
}

// put adds a message at n, and gives its length.
func (c *control) put(n int, level, typ int32, data []byte) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c[n]))
	h.Level, h.Type = level, typ
	h.SetLen(unix.CmsgLen(len(data)))
	copy(c[n+unix.CmsgLen(0):], data)
	return unix.CmsgSpace(len(data))
}

// leave adds the address that a datagram leaves from, and gives the length: 0 for the system's choice.
func (c *control) leave(is4 bool, from netip.Addr) int {
	var info [unix.SizeofInet6Pktinfo]byte
	switch {
	case !from.IsValid() || is4 && !from.Unmap().Is4():
		return 0
	case is4:
		ip := from.As4()
		copy(info[4:], ip[:]) // ipi_spec_dst, behind the interface's number
		return c.put(0, unix.IPPROTO_IP, unix.IP_PKTINFO, info[:unix.SizeofInet4Pktinfo])
	default: // which has IPv4's as ::ffff:192.0.2.1
		ip := from.As16()
		copy(info[:], ip[:])
		return c.put(0, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, info[:])
	}
}

// came reads, from what the system has put into n bytes, the address that a datagram has come to. It gives
// none that nothing can be sent from, or, as IPv6's of one link, not without knowing the interface.
func (c *control) came(n int) netip.Addr {
	h, data := (*unix.Cmsghdr)(unsafe.Pointer(&c[0])), c[unix.CmsgLen(0):]
	var a netip.Addr
	switch {
	case n < unix.CmsgLen(0):
	case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && n >= unix.CmsgLen(unix.SizeofInet4Pktinfo):
		a = netip.AddrFrom4([4]byte(data[4:8]))
	case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && n >= unix.CmsgLen(unix.SizeofInet6Pktinfo):
		a = netip.AddrFrom16([16]byte(data[:16])).Unmap()
	}
	if a.IsGlobalUnicast() || a.IsLoopback() || a.Is4() && a.IsLinkLocalUnicast() {
		return a
	}
	return netip.Addr{}
}

// controls are those of single datagrams.
var controls = sync.Pool{New: func() any { return new(control) }}

// writeFrom sends one datagram from an address.
func (s *Socket) writeFrom(b []byte, to Route) error {
	c := controls.Get().(*control)
	defer controls.Put(c)
	_, _, err := s.udp.WriteMsgUDPAddrPort(b, c[:c.leave(s.is4, to.Local)], to.Remote)
	return err
}
