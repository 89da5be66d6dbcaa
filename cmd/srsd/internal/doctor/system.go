package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// System is the machine as the checks see it. Tests put others in the place of its functions.
type System struct {
	OS   string // as runtime.GOOS
	UID  int
	CPUs int // that Go uses
	Now  func() time.Time
	// Getenv gives a variable of the environment.
	Getenv func(string) string
	// ReadFile reads a whole file.
	ReadFile func(name string) ([]byte, error)
	// Stat tells what a file is like.
	Stat func(name string) (fs.FileInfo, error)
	// Listen tries to listen on an address of "tcp" or "udp", and stops at once.
	Listen func(network, addr string) error
	// Owner says who has a port, empty if that cannot be found out.
	Owner func(network string, port int) string
	// Addresses gives those of the interfaces that are up.
	Addresses func() ([]netip.Addr, error)
	// LookPath finds a program.
	LookPath func(name string) (string, error)
	// Run runs a program and gives its output.
	Run func(ctx context.Context, name string, args ...string) ([]byte, error)
	// Try makes a file in a directory and removes it. Its time is the file's, by the clock of the disk.
	Try func(dir string) (at time.Time, err error)
	// Free gives the bytes that are free on a directory's disk and how many there are.
	Free func(dir string) (free, total uint64, err error)
	// MaxFiles gives how many files the process may open, 0 for any number.
	MaxFiles func() uint64
	// Synced tells whether the clock follows a time server; known is false where nobody can tell.
	Synced func() (synced, known bool)
	// Locked tells whether another process has the pid file.
	Locked func(path string) bool
}

// This gives the machine that the program runs on.
func This() *System {
	s := &System{
		OS: runtime.GOOS, UID: os.Getuid(), CPUs: runtime.GOMAXPROCS(0), Now: time.Now,
		Getenv: os.Getenv, ReadFile: os.ReadFile, Stat: os.Stat, Listen: listen, Addresses: addresses,
		LookPath: exec.LookPath, Run: run, Try: try,
		Free: free, MaxFiles: maxFiles, Synced: synced, Locked: locked,
	}
	s.Owner = func(network string, port int) string { return owner(os.DirFS("/proc"), os.Readlink, network, port) }
	return s
}

func listen(network, addr string) error {
	if network == "udp" {
		c, err := net.ListenPacket(network, addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		return err
	}
	return l.Close()
}

func addresses() ([]netip.Addr, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, i := range list {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, p.Addr())
			}
		}
	}
	return out, nil
}

// outputLimit bounds what is read of a program.
const outputLimit = 1 << 20

func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	out := &head{}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.b, err
}

// head keeps the beginning of what is written.
type head struct{ b []byte }

func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), outputLimit-len(h.b))]...)
	return len(p), nil
}

func try(dir string) (time.Time, error) {
	f, err := os.CreateTemp(dir, ".srsd-doctor-*")
	if err != nil {
		return time.Time{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return st.ModTime(), nil
}

// existing gives the directory, or the nearest one above it that is there.
func (s *System) existing(dir string) string {
	for {
		if st, err := s.Stat(dir); err == nil && st.IsDir() {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return dir
		}
		dir = up
	}
}

// number reads a file that has a number first; ok is false if there is none.
func (s *System) number(name string) (n uint64, ok bool) {
	b, err := s.ReadFile(name)
	if err != nil {
		return 0, false
	}
	_, err = fmt.Sscan(string(b), &n)
	return n, err == nil
}

// docker says whether the process runs in a container, and how that is known.
func (s *System) docker() string {
	for _, name := range [...]string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := s.Stat(name); err == nil {
			return name
		}
	}
	if s.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return "KUBERNETES_SERVICE_HOST"
	}
	if b, err := s.ReadFile("/proc/1/cgroup"); err == nil && strings.Contains(string(b), "/docker") {
		return "/proc/1/cgroup"
	}
	return ""
}
