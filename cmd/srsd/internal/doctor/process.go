package doctor

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
)

// checkProcess looks at who would run the server, and whether somebody does.
func checkProcess(_ context.Context, s *System, f *conf.File, r *report) {
	privileged := false
	for _, p := range ports(f) {
		privileged = privileged || portNumber(p.addr) < s.privileged()
	}
	switch {
	case s.UID != 0:
		r.ok("runs as user %d", s.UID)
	case s.docker() != "":
		r.ok("runs as root of a container")
	case privileged:
		r.warn("give the program cap_net_bind_service and run it as a user of its own", "runs as root, for ports below %d", s.privileged())
	default:
		r.warn("run it as a user of its own: nothing here needs root", "runs as root")
	}
	pid := inWorkDir(f, f.Root().String("pid"))
	b, err := s.ReadFile(pid)
	switch {
	case err != nil:
		r.ok("no pid file %s", pid)
	case s.Locked(pid):
		r.ok("pid file %s: process %s runs", pid, strings.TrimSpace(string(b)))
	default:
		r.ok("pid file %s is left from process %s, which has ended", pid, strings.TrimSpace(string(b)))
	}
}

// portNumber gives the port of an address that net.Listen takes.
func portNumber(addr string) uint64 {
	_, s, _ := net.SplitHostPort(addr)
	n, _ := strconv.ParseUint(s, 10, 16)
	return n
}
