package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// port is an address that the server is to listen on.
type port struct {
	network, addr string // as net.Listen takes them
	what          string // the directive
}

// ports lists what a configuration listens on, each address once.
func ports(f *conf.File) []port {
	var list []port
	seen := map[string]bool{}
	add := func(what, network string, addrs ...string) {
		for _, a := range addrs {
			if a != "" && !seen[network+a] {
				seen[network+a] = true
				list = append(list, port{network, a, what})
			}
		}
	}
	r := f.Root()
	add("listen", "tcp", r.Addrs("listen")...)
	if r.Bool("rtmps.enabled") {
		add("rtmps.listen", "tcp", r.Addrs("rtmps.listen")...)
	}
	for _, name := range [...]string{"http_api", "http_server"} {
		if r.Bool(name + ".enabled") {
			add(name+".listen", "tcp", r.Addr(name+".listen"))
			if r.Bool(name + ".https.enabled") {
				add(name+".https.listen", "tcp", r.Addr(name+".https.listen"))
			}
		}
	}
	if r.Bool("exporter.enabled") {
		add("exporter.listen", "tcp", r.Addr("exporter.listen"))
	}
	if r.Bool("rtc_server.enabled") {
		add("rtc_server.listen", "udp", r.Addr("rtc_server.listen"))
		if r.Bool("rtc_server.tcp.enabled") {
			add("rtc_server.tcp.listen", "tcp", r.Addr("rtc_server.tcp.listen"))
		}
	}
	if r.Bool("srt_server.enabled") {
		add("srt_server.listen", "udp", r.Addr("srt_server.listen"))
	}
	for _, c := range r.Blocks("stream_caster") {
		if !c.Bool("enabled") {
			continue
		}
		network := "tcp"
		if c.String("caster") == "mpegts_over_udp" {
			network = "udp"
		}
		add("stream_caster.listen", network, c.Addr("listen"))
		if c.String("caster") == "gb28181" && c.Bool("sip.enabled") {
			add("stream_caster.sip.listen", "tcp", c.Addr("sip.listen"))
		}
	}
	return list
}

// checkPorts tries to listen on all that the configuration names.
func checkPorts(_ context.Context, s *System, f *conf.File, r *report) {
	list := ports(f)
	if len(list) == 0 {
		r.warn("set listen, or enable a server", "nothing is listened on")
	}
	local, _ := s.Addresses()
	for _, p := range list {
		host, number, _ := net.SplitHostPort(p.addr)
		n, _ := strconv.Atoi(number)
		name := fmt.Sprintf("%s %s (%s)", p.network, p.addr, p.what)
		if ip, err := netip.ParseAddr(host); err == nil && !ip.IsUnspecified() && !ip.IsLoopback() && !contains(local, ip) {
			r.fail("name an address of an interface that is up, or leave the address out", "%s: no interface has the address", name)
			continue
		}
		err := s.Listen(p.network, p.addr)
		switch {
		case err == nil:
			r.ok("%s is free", name)
		case errors.Is(err, syscall.EADDRINUSE):
			s.taken(f, r, p.network, n, name)
		case errors.Is(err, syscall.EACCES):
			r.fail(fmt.Sprintf("take a port above %d, or allow it: setcap cap_net_bind_service=+ep on the program, or sysctl net.ipv4.ip_unprivileged_port_start", s.privileged()),
				"%s: this user may not listen there", name)
		default:
			r.fail("correct the address", "%s: %v", name, err)
		}
	}
}

// taken tells who has a port: the very server that was looked for is no fault.
func (s *System) taken(f *conf.File, r *report, network string, n int, name string) {
	who := s.Owner(network, n)
	if pid, err := s.ReadFile(inWorkDir(f, f.Root().String("pid"))); err == nil && who != "" && strings.HasPrefix(who, "pid "+strings.TrimSpace(string(pid))+" ") {
		r.ok("%s is held by %s, which has the pid file: the server runs", name, who)
		return
	}
	if who == "" {
		who = "a process that cannot be seen: of another user, or outside of this container"
	}
	r.fail("end that process or take another port", "%s is held by %s", name, who)
}

// privileged gives the port from which on everybody may listen.
func (s *System) privileged() uint64 {
	if n, ok := s.number("/proc/sys/net/ipv4/ip_unprivileged_port_start"); ok {
		return n
	}
	return 1024
}

func contains(list []netip.Addr, ip netip.Addr) bool {
	for _, a := range list {
		if a.WithZone("") == ip.Unmap().WithZone("") {
			return true
		}
	}
	return false
}

// owner finds who has a port in /proc: "pid 12 (nginx)". readlink reads a link by its whole name.
func owner(proc fs.FS, readlink func(string) (string, error), network string, number int) string {
	inodes := map[string]bool{}
	for _, table := range [...]string{network, network + "6"} {
		b, err := fs.ReadFile(proc, "net/"+table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			// sl, local address, remote address, state, …, inode: proc_pid_net(5).
			w := strings.Fields(line)
			if len(w) < 10 || network == "tcp" && w[3] != "0A" { // TCP_LISTEN
				continue
			}
			_, hex, _ := strings.Cut(w[1], ":")
			if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == number {
				inodes["socket:["+w[9]+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return ""
	}
	links, _ := fs.Glob(proc, "[0-9]*/fd/*")
	for _, l := range links {
		if to, err := readlink("/proc/" + l); err == nil && inodes[to] {
			pid, _, _ := strings.Cut(l, "/")
			name, _ := fs.ReadFile(proc, pid+"/comm")
			return fmt.Sprintf("pid %s (%s)", pid, strings.TrimSpace(string(name)))
		}
	}
	return ""
}
