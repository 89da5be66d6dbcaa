package conf

import "net"

// countLocalIPs counts as SRS lists them: the addresses of all interfaces that are up, loopback
// only where there is nothing else.
func countLocalIPs() int {
	interfaces, err := net.Interfaces()
	if err != nil {
		return 1
	}
	n := 0
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if addrs, err := i.Addrs(); err == nil {
			n += len(addrs)
		}
	}
	return max(n, 1)
}
