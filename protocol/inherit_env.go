package protocol

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The variables of sd_listen_fds(3): how many sockets there are from descriptor 3 on, for
// which process, and their names. A Server that hands over cannot know its successor's
// pid, so that it tells its own; the last one is the descriptor for readyWord.
const (
	envPID    = "LISTEN_PID"
	envFDs    = "LISTEN_FDS"
	envNames  = "LISTEN_FDNAMES"
	envParent = "LISTEN_PPID"
	envReady  = "LISTEN_READY_FD"
)

const (
	firstFD = 3
	// unnamed is systemd's word for a socket without a name.
	unnamed = "unknown"
	// maxInherited bounds the sockets, far above what a server listens on.
	maxInherited = 1024
)

// inheritance is what the environment says. The zero value is that of a process which has
// been left nothing.
type inheritance struct {
	names []string // one for each socket
	ready int      // 0: none
}

// parseInheritance reads the environment of a process.
func parseInheritance(getenv func(string) string, pid, parent int) (inheritance, error) {
	var in inheritance
	byParent := getenv(envParent) == strconv.Itoa(parent)
	if !byParent && getenv(envPID) != strconv.Itoa(pid) {
		return in, nil // meant for another process
	}
	text := getenv(envFDs)
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > maxInherited {
		return in, fmt.Errorf("protocol: inherited sockets: %s=%.20q is no number up to %d", envFDs, text, maxInherited)
	}
	if byParent {
		text := getenv(envReady)
		if in.ready, err = strconv.Atoi(text); err != nil || in.ready != firstFD+int(n) {
			return inheritance{}, fmt.Errorf("protocol: inherited sockets: %s=%.20q does not follow %d sockets", envReady, text, n)
		}
	}
	names := strings.Split(getenv(envNames), ":")
	switch {
	case n == 0:
		names = nil
	case !byParent && len(names) == 1 && names[0] == "": // systemd before version 227
		names = slices.Repeat([]string{unnamed}, int(n))
	case len(names) != int(n):
		return inheritance{}, fmt.Errorf("protocol: inherited sockets: %s has %d names for %d sockets", envNames, len(names), n)
	}
	in.names = names
	return in, nil
}

// environment is what parseInheritance reads, for a child of this process; base without
// what it had of the kind.
func (in inheritance) environment(base []string, pid int) []string {
	var env []string
	for _, kv := range base {
		if key, _, _ := strings.Cut(kv, "="); !strings.HasPrefix(key, "LISTEN_") {
			env = append(env, kv)
		}
	}
	return append(env,
		fmt.Sprintf("%s=%d", envFDs, len(in.names)), envNames+"="+strings.Join(in.names, ":"),
		fmt.Sprintf("%s=%d", envParent, pid), fmt.Sprintf("%s=%d", envReady, in.ready))
}
