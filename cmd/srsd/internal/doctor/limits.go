package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// ownFiles are the files that a server has open besides its connections, as SRS counts them.
const ownFiles = 128

// checkFiles holds the limit of open files against max_connections.
func checkFiles(_ context.Context, s *System, f *conf.File, r *report) {
	limit, need := s.MaxFiles(), uint64(f.Root().Int("max_connections"))+ownFiles
	switch {
	case limit == 0:
		r.ok("there is no limit of open files")
	case limit < need:
		r.fail("raise it (ulimit -n, LimitNOFILE of systemd, --ulimit of docker) or lower max_connections",
			"%d files may be open, max_connections needs %d", limit, need)
	default:
		r.ok("%d files may be open, max_connections needs %d", limit, need)
	}
}

const mib = 1 << 20

// checkMemory looks for the lowest limit there is.
func checkMemory(_ context.Context, s *System, _ *conf.File, r *report) {
	var total, left uint64
	b, err := s.ReadFile("/proc/meminfo")
	if err != nil {
		r.ok("this system does not tell")
		return
	}
	for line := range strings.Lines(string(b)) {
		var n uint64
		if _, err := fmt.Sscanf(line, "MemTotal: %d kB", &n); err == nil {
			total = n << 10
		}
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &n); err == nil {
			left = n << 10
		}
	}
	by := "the machine"
	for _, name := range [...]string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if n, ok := s.number(name); ok && n < total {
			total, by = n, name
			left = min(left, n)
		}
	}
	text := fmt.Sprintf("%d MB by %s, %d MB available", total/mib, by, left/mib)
	switch {
	case left < 256*mib:
		r.warn("give it more memory: each 1,000 players take some 100 MB of socket buffers", "%s", text)
	case by != "the machine" && s.Getenv("GOMEMLIMIT") == "":
		r.warn(fmt.Sprintf("set GOMEMLIMIT=%dMiB in the environment, so that it is collected before the limit ends the process", total/mib*9/10), "%s", text)
	default:
		r.ok("%s", text)
	}
}

// checkCPU holds what Go uses against what a container may use.
func checkCPU(_ context.Context, s *System, _ *conf.File, r *report) {
	quota, period := "", 0.0
	if b, err := s.ReadFile("/sys/fs/cgroup/cpu.max"); err == nil {
		_, _ = fmt.Sscan(string(b), &quota, &period)
	}
	var us float64
	if _, err := fmt.Sscan(quota, &us); err != nil || period <= 0 {
		r.ok("%d CPUs", s.CPUs)
		return
	}
	cpus := us / period
	switch {
	case float64(s.CPUs) > max(cpus, 2)+0.99: // Go itself takes at least two
		r.warn(fmt.Sprintf("set GOMAXPROCS=%d, or leave it out of the environment", max(int(cpus+0.5), 1)),
			"%d CPUs are used, the container may use %.1f: it is throttled in bursts", s.CPUs, cpus)
	default:
		r.ok("%d CPUs, the container may use %.1f", s.CPUs, cpus)
	}
}

// The sizes that the kernel should allow.
const (
	udpBuffer = 2 << 20 // of a datagram socket: some 300 ms of 50 Mbit/s
	backlog   = 1024
	localFree = 20_000 // ports for connections to other servers
)

// checkKernel looks at the kernel's own limits of sockets.
func checkKernel(_ context.Context, s *System, f *conf.File, r *report) {
	if s.OS != "linux" {
		r.ok("not looked at on %s", s.OS)
		return
	}
	root := f.Root()
	if root.Bool("rtc_server.enabled") || root.Bool("srt_server.enabled") {
		for _, name := range [...]string{"rmem_max", "wmem_max"} {
			if n, ok := s.number("/proc/sys/net/core/" + name); ok && n < udpBuffer {
				r.warn(fmt.Sprintf("sysctl -w net.core.%s=%d", name, udpBuffer), "net.core.%s is %d: bursts of WebRTC and SRT are lost", name, n)
			} else if ok {
				r.ok("net.core.%s is %d", name, n)
			}
		}
	}
	if n, ok := s.number("/proc/sys/net/core/somaxconn"); ok && n < backlog {
		r.warn(fmt.Sprintf("sysctl -w net.core.somaxconn=%d", backlog), "net.core.somaxconn is %d: connections that come at once are refused", n)
	} else if ok {
		r.ok("net.core.somaxconn is %d", n)
	}
	var low, high uint64
	if b, err := s.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(b), &low, &high)
	}
	if high > low && high-low < localFree {
		r.warn(`sysctl -w net.ipv4.ip_local_port_range="10240 65535"`, "only ports %d to %d are for connections to other servers", low, high)
	} else if high > low {
		r.ok("ports %d to %d are for connections to other servers", low, high)
		for _, p := range ports(f) {
			if n := portNumber(p.addr); n >= low && n <= high {
				r.warn(fmt.Sprintf("sysctl -w net.ipv4.ip_local_reserved_ports=%d", n),
					"%s %s (%s) is among them: an outgoing connection may have it when the server starts", p.network, p.addr, p.what)
			}
		}
	}
	s.checkTimeWait(r, high-low)
}

// checkTimeWait counts the connections that wait for their end.
func (s *System) checkTimeWait(r *report, local uint64) {
	b, err := s.ReadFile("/proc/net/sockstat")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(b)) {
		var inuse, orphan, waiting uint64
		if _, err := fmt.Sscanf(line, "TCP: inuse %d orphan %d tw %d", &inuse, &orphan, &waiting); err != nil {
			continue
		}
		if local > 0 && waiting > local/2 {
			r.warn("use keep-alive connections to callbacks and origins; sysctl -w net.ipv4.tcp_tw_reuse=1",
				"%d connections are in TIME_WAIT: ports for new ones run out", waiting)
		} else {
			r.ok("%d connections are in TIME_WAIT", waiting)
		}
	}
}
