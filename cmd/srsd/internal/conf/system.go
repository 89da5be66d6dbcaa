package conf

import (
	"net"
	"net/netip"
)

// LocalIPs lists the addresses that stats.network chooses from, as SRS does: those of all interfaces
// that are up, loopback only where there is nothing else.
func LocalIPs() []netip.Addr {
	var list, loopback []netip.Addr
	interfaces, _ := net.Interfaces() // without an answer there are none
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			switch {
			case err != nil:
			case i.Flags&net.FlagLoopback != 0:
				loopback = append(loopback, p.Addr())
			default:
				list = append(list, p.Addr())
			}
		}
	}
	if len(list) == 0 {
		return loopback
	}
	return list
}

func countLocalIPs() int { return max(len(LocalIPs()), 1) }
