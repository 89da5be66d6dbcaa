package protocol

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Inherited are the sockets that were open when the process began: those of systemd, or of
// the server whose place this one takes. [Inherit] gives them, Config.Inherited takes them.
//
// What a module listens on is taken from there first, by the socket's address: the same
// one, or for a port alone (which means IPv6 and IPv4) the socket for both, else those for
// either. A socket never serves for an address that is narrower than its own. Failing
// that, it is taken by its name (FileDescriptorName= of systemd): that of the module, rtmp
// say, or of the HTTP listener, each with an s appended for TLS.
type Inherited struct {
	sockets []*inheritedSocket
	ready   *os.File // to who handed the sockets over; nil for systemd
}

// inheritedSocket is one of them. What is of no use is neither listener nor packets.
type inheritedSocket struct {
	name     string // given by systemd, and passed on; empty for one that a Server opened
	addr     Addr
	only6    bool // a wildcard of IPv6 without IPv4
	listener net.Listener
	packets  net.PacketConn
}

func (s *inheritedSocket) String() string {
	if s.name == "" {
		return s.addr.String()
	}
	return fmt.Sprintf("%s (%s)", s.addr, s.name)
}

func (s *inheritedSocket) close() {
	if s.listener != nil {
		_ = s.listener.Close()
	}
	if s.packets != nil {
		_ = s.packets.Close()
	}
}

// HandedOver tells whether the sockets come from a Server that waits for Ready, and not
// from systemd.
func (in *Inherited) HandedOver() bool { return in != nil && in.ready != nil }

// readyWord is what a successor says once it serves. Anything else is why it does not.
const readyWord = "ready\n"

// Ready tells the server that handed the sockets over that this one serves; it then stops
// accepting. It does nothing for systemd's sockets, on a nil Inherited, and after the
// first call of Ready or Fail.
func (in *Inherited) Ready() { in.tell(readyWord) }

// Fail tells the server that handed the sockets over why this one does not start. It is
// for the log there; a process that just ends fails too.
func (in *Inherited) Fail(why string) { in.tell(why) }

func (in *Inherited) tell(text string) {
	if in.HandedOver() {
		_, _ = io.WriteString(in.ready, text) // the other one may be gone
		_ = in.ready.Close()
		in.ready = nil
	}
}

// Close closes what no Server has taken. It is for a program that does not start one; a
// Server does it at its end.
func (in *Inherited) Close() {
	in.tell("")
	for _, s := range in.take(func(*inheritedSocket) bool { return true }) {
		s.close()
	}
}

// take removes and gives the sockets for which which holds.
func (in *Inherited) take(which func(*inheritedSocket) bool) (taken []*inheritedSocket) {
	if in == nil {
		return nil
	}
	in.sockets = slices.DeleteFunc(in.sockets, func(s *inheritedSocket) bool {
		if !which(s) {
			return false
		}
		taken = append(taken, s)
		return true
	})
	return taken
}

// first is take for one socket at most.
func (in *Inherited) first(which func(*inheritedSocket) bool) []*inheritedSocket {
	found := false
	return in.take(func(s *inheritedSocket) bool {
		ok := !found && which(s)
		found = found || ok
		return ok
	})
}

// listeners gives the sockets for connections to an address, on which role wants to
// listen; none if there are none. Two are the IPv4 and the IPv6 one of a port.
func (in *Inherited) listeners(role string, a Addr) []*inheritedSocket {
	return in.find(role, a, func(s *inheritedSocket) bool { return s.listener != nil })
}

// datagrams is listeners for datagrams; of IPv4 and IPv6 it gives one alone.
func (in *Inherited) datagrams(role string, a Addr) []*inheritedSocket {
	return in.find(role, a, func(s *inheritedSocket) bool { return s.packets != nil })
}

func (in *Inherited) find(role string, a Addr, kind func(*inheritedSocket) bool) []*inheritedSocket {
	if in == nil || len(in.sockets) == 0 {
		return nil
	}
	a = a.resolved()
	if l := in.first(func(s *inheritedSocket) bool { return kind(s) && !s.only6 && s.addr == a }); l != nil {
		return l
	}
	if port, ok := strings.CutPrefix(a.Address, ":"); ok && !a.zeroPort() {
		four := Addr{a.Network + "4", "0.0.0.0:" + port}
		l := in.first(func(s *inheritedSocket) bool { return kind(s) && s.addr == four })
		if l == nil || l[0].listener != nil {
			l = append(l, in.first(func(s *inheritedSocket) bool { return kind(s) && s.only6 && s.addr == a })...)
		}
		if l != nil {
			return l
		}
	}
	return in.first(func(s *inheritedSocket) bool { return kind(s) && s.name != "" && s.name == role })
}

// dropUnasked closes what nobody has asked for.
func (in *Inherited) dropUnasked(logger *slog.Logger) {
	for _, s := range in.take(func(*inheritedSocket) bool { return true }) {
		logger.Warn("inherited socket closed: nothing listens there", "socket", s.String())
		s.close()
	}
}

// resolved gives the form in which sockets tell their address: a name becomes the IP
// address at which package net would listen.
func (a Addr) resolved() Addr {
	if strings.HasPrefix(a.Network, "unix") {
		return Addr{a.Network, filepath.Clean(a.Address)}
	}
	host, port, err := net.SplitHostPort(a.Address)
	if err != nil || host == "" {
		return a
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return Addr{a.Network, net.JoinHostPort(ip.Unmap().String(), port)}
	}
	if t, err := net.ResolveTCPAddr("tcp", a.Address); err == nil {
		return Addr{a.Network, t.String()}
	}
	return a
}

// addrOf gives the address of a socket in ParseAddr's terms; only6 is what
// Inherited makes of IPV6_V6ONLY.
func addrOf(l net.Addr, only6 bool) Addr {
	a, network := netip.AddrPort{}, "tcp"
	switch t := l.(type) {
	case *net.UnixAddr:
		return Addr{t.Net, filepath.Clean(t.Name)}
	case *net.UDPAddr:
		a, network = t.AddrPort(), "udp"
	case *net.TCPAddr:
		a = t.AddrPort()
	default:
		return Addr{l.Network(), l.String()}
	}
	ip, port := a.Addr().Unmap(), strconv.Itoa(int(a.Port()))
	switch {
	case ip == netip.IPv4Unspecified() && !only6:
		return Addr{network + "4", "0.0.0.0:" + port}
	case ip.IsUnspecified():
		return Addr{network, ":" + port}
	}
	return Addr{network, net.JoinHostPort(ip.String(), port)}
}
