package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/stretchr/testify/require"
)

// now is the time of the tests' machine.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// machine is one where all is well; the files are those of ReadFile and Stat.
func machine(files map[string]string) *System {
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &System{
		OS: "linux", UID: 1000, CPUs: 4, Now: func() time.Time { return now },
		Getenv: func(string) string { return "" }, ReadFile: read,
		Stat: func(name string) (fs.FileInfo, error) {
			if _, err := read(name); err != nil {
				return nil, err
			}
			return fstest.MapFS{"x": {Mode: fs.ModeDir}}.Stat("x")
		},
		Listen:    func(string, string) error { return nil },
		Owner:     func(string, int) string { return "" },
		Addresses: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("203.0.113.5")}, nil },
		LookPath:  func(name string) (string, error) { return path.Join("/usr/bin", path.Base(name)), nil },
		Run: func(context.Context, string, ...string) ([]byte, error) {
			return []byte("ffmpeg 7\n V....D libx264 y"), nil
		},
		Try:      func(string) (time.Time, error) { return now, nil },
		Free:     func(string) (uint64, uint64, error) { return 50 << 30, 100 << 30, nil },
		MaxFiles: func() uint64 { return 1 << 20 },
		Synced:   func() (bool, bool) { return true, true },
		Locked:   func(string) bool { return false },
	}
}

// examine gives the findings of one check as lines.
func examine(t *testing.T, s *System, check, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "listen ") {
		text = "listen 1935; " + text
	}
	text = "max_connections 100; " + text

	var b strings.Builder
	for _, f := range Examine(t.Context(), s, conf.Options{
		Path: "srs.conf", Environ: []string{}, Docker: func() bool { return false },
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
	}) {
		if check == "" || f.Check == check {
			require.Equal(t, f.Level == OK, f.Mend == "", "what is wrong can be mended: %v", f)
			fmt.Fprintln(&b, f)
		}
	}
	return b.String()
}

// pemOf makes a certificate and its key.
func pemOf(t *testing.T, from, until time.Time, names ...string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: from, NotAfter: until, DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	require.NoError(t, err)
	b, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

const vhost = "vhost __defaultVhost__ { }"

// TestAllWell: where nothing is wrong, nothing is said to be.
func TestAllWell(t *testing.T) {
	out := examine(t, machine(map[string]string{"/proc/sys/net/core/somaxconn": "4096\n"}), "", vhost)
	require.NotContains(t, out, "warn")
	require.NotContains(t, out, "fail")
	for _, c := range checks {
		require.Contains(t, out, "ok    "+c.name+": ")
	}
}

// TestChecks has what each check finds, where it is wrong and where it is not.
func TestChecks(t *testing.T) {
	const rtc = "rtc_server { enabled on; } " + vhost
	const ingest = "vhost a { ingest x { enabled on; ffmpeg /opt/ffmpeg; engine { enabled on; vcodec libx264; acodec copy; } } }"
	const https = "http_server { enabled on; listen 8080; https { enabled on; listen 8088; cert /c; key /k; } } " + vhost
	day := 24 * time.Hour
	good, goodKey := pemOf(t, now.Add(-day), now.Add(90*day), "a.test")
	soon, soonKey := pemOf(t, now.Add(-day), now.Add(3*day), "a.test")
	old, oldKey := pemOf(t, now.Add(-9*day), now.Add(-day), "a.test")
	young, youngKey := pemOf(t, now.Add(day), now.Add(9*day), "a.test")
	bare, bareKey := pemOf(t, now.Add(-day), now.Add(90*day))
	for _, c := range []struct {
		check, text string
		files       map[string]string
		set         func(*System)
		want        string
	}{
		{check: "configuration", text: "nothing on; " + vhost, want: `fail  configuration: srs.conf:1: unknown directive "nothing"`},
		{check: "configuration", text: "stream_caster { enabled on; caster x; listen 1; } " + vhost, want: "fail  configuration: "},

		{check: "ports", text: rtc, want: "ok    ports: udp :8000 (rtc_server.listen) is free"},
		{check: "ports", text: vhost, want: "fail  ports: tcp :1935 (listen) is held by pid 7 (nginx) -> end that process",
			set: func(s *System) {
				s.Listen = func(string, string) error { return syscall.EADDRINUSE }
				s.Owner = func(string, int) string { return "pid 7 (nginx)" }
			}},
		{check: "ports", text: "pid /p; " + vhost, files: map[string]string{"/p": "7\n"}, want: "ok    ports: tcp :1935 (listen) is held by pid 7 (srsd), which has the pid file",
			set: func(s *System) {
				s.Listen = func(string, string) error { return syscall.EADDRINUSE }
				s.Owner = func(string, int) string { return "pid 7 (srsd)" }
			}},
		{check: "ports", text: vhost, want: "is held by a process that cannot be seen",
			set: func(s *System) { s.Listen = func(string, string) error { return syscall.EADDRINUSE } }},
		{check: "ports", text: vhost, want: "this user may not listen there -> take a port above 1024",
			set: func(s *System) { s.Listen = func(string, string) error { return syscall.EACCES } }},
		{check: "ports", text: vhost, want: "fail  ports: tcp :1935 (listen): strange",
			set: func(s *System) { s.Listen = func(string, string) error { return errors.New("strange") } }},
		{check: "ports", text: "listen 192.0.2.9:1935; listen 1936; " + vhost, want: "no interface has the address"},
		{check: "ports", text: "listen 203.0.113.5:1935; " + vhost, want: "ok    ports: tcp 203.0.113.5:1935 (listen) is free"},

		{check: "files", text: vhost, want: "ok    files: 1048576 files may be open, max_connections needs 228"},
		{check: "files", text: vhost, want: "fail  files: 200 files may be open, max_connections needs 228", set: func(s *System) { s.MaxFiles = func() uint64 { return 200 } }},
		{check: "files", text: vhost, want: "ok    files: there is no limit", set: func(s *System) { s.MaxFiles = func() uint64 { return 0 } }},

		{check: "addresses", text: rtc, want: "ok    addresses: WebRTC clients are told 203.0.113.5"},
		{check: "addresses", text: rtc, want: "which are private", set: private("10.0.0.1")},
		{check: "addresses", text: rtc, want: "which are a container's (/.dockerenv)", files: map[string]string{"/.dockerenv": ""}},
		{check: "addresses", text: rtc, want: "fail  addresses: WebRTC clients would be told no address", set: private("fd00::2")},
		{check: "addresses", text: vhost, want: "warn  addresses: there is no address but loopback", set: private("127.0.0.1")},
		{check: "addresses", text: "rtc_server { enabled on; candidate 127.0.0.1; } " + vhost, want: "warn  addresses: that is a loopback address"},
		{check: "addresses", text: "rtc_server { enabled on; candidate 1.2.3.4; } " + vhost, want: "told to send to 1.2.3.4", set: private("10.0.0.1")},
		{check: "addresses", text: vhost, want: "warn  addresses: the addresses cannot be listed", set: func(s *System) {
			s.Addresses = func() ([]netip.Addr, error) { return nil, errors.New("x") }
		}},

		{check: "ffmpeg", text: vhost, want: "ok    ffmpeg: no ingest or transcode uses it; there is /usr/bin/ffmpeg"},
		{check: "ffmpeg", text: ingest, want: "with the encoders that are used"},
		{check: "ffmpeg", text: ingest, want: "has no encoder libx264", set: output("ffmpeg 7\n V....D h264 y", nil)},
		{check: "ffmpeg", text: ingest, want: "does not tell its version: context deadline exceeded", set: output("", context.DeadlineExceeded)},
		{check: "ffmpeg", text: ingest, want: "fail  ffmpeg: /opt/ffmpeg: not there -> set ffmpeg in the ingest or transcode block to /usr/bin/ffmpeg",
			set: func(s *System) {
				s.LookPath = func(name string) (string, error) {
					if name == "ffmpeg" {
						return "/usr/bin/ffmpeg", nil
					}
					return "", errors.New("not there")
				}
			}},

		{check: "certificates", text: vhost, want: "ok    certificates: nothing uses TLS"},
		{check: "certificates", text: https, files: map[string]string{"/c": good, "/k": goodKey}, want: "ok    certificates: /c for a.test, until 2027-02-20"},
		{check: "certificates", text: https, files: map[string]string{"/c": soon, "/k": soonKey}, want: "warn  certificates: /c for a.test expires on 2026-11-25"},
		{check: "certificates", text: https, files: map[string]string{"/c": old, "/k": oldKey}, want: "fail  certificates: /c expired on 2026-11-21"},
		{check: "certificates", text: https, files: map[string]string{"/c": young, "/k": youngKey}, want: "fail  certificates: /c is valid from 2026-11-23"},
		{check: "certificates", text: https, files: map[string]string{"/c": bare, "/k": bareKey}, want: "warn  certificates: /c names no host"},
		{check: "certificates", text: https, files: map[string]string{"/c": good, "/k": oldKey}, want: "fail  certificates: /c and /k: tls: private key does not match"},
		{check: "certificates", text: https, files: map[string]string{"/c": good}, want: "fail  certificates: open /k"},
		{check: "certificates", text: https, want: "fail  certificates: open /c"},

		{check: "disk", text: "pid /run/x.pid; vhost a { hls { enabled on; hls_path /hls; } dvr { enabled on; dvr_path /dvr/[app]/[stream].flv; } }",
			files: map[string]string{"/hls": "", "/dvr": "", "/run": ""}, want: "ok    disk: hls.hls_path: /hls can be written, 51200 MB left\nok    disk: dvr.dvr_path: /dvr can"},
		{check: "disk", text: vhost, want: "warn  disk: pid: ", set: func(s *System) {
			s.Free = func(string) (uint64, uint64, error) { return 100 << 20, 100 << 30, nil }
		}},
		{check: "disk", text: vhost, want: "fail  disk: pid: permission denied", set: func(s *System) {
			s.Try = func(string) (time.Time, error) { return now, syscall.EACCES }
		}},

		{check: "clock", text: vhost, want: "ok    clock: the clock follows a time server"},
		{check: "clock", text: vhost, want: "warn  clock: the clock follows no time server -> run chrony", set: func(s *System) { s.Synced = func() (bool, bool) { return false, true } }},
		{check: "clock", text: vhost, want: "this system does not tell", set: func(s *System) { s.Synced = func() (bool, bool) { return false, false } }},
		{check: "clock", text: vhost, want: "are 1m0s off", set: func(s *System) { s.Try = func(string) (time.Time, error) { return now.Add(-time.Minute), nil } }},
		{check: "clock", text: vhost, want: "fail  clock: it is said to be 1970", set: func(s *System) { s.Now = func() time.Time { return time.Unix(0, 0).UTC() } }},

		{check: "memory", text: vhost, files: map[string]string{"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n"}, want: "ok    memory: 8192 MB by the machine, 4096 MB available"},
		{check: "memory", text: vhost, files: map[string]string{"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n", "/sys/fs/cgroup/memory.max": "1073741824\n"},
			want: "warn  memory: 1024 MB by /sys/fs/cgroup/memory.max, 1024 MB available -> set GOMEMLIMIT=921MiB"},
		{check: "memory", text: vhost, files: map[string]string{"/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 102400 kB\n", "/sys/fs/cgroup/memory.max": "max\n"}, want: "warn  memory: 8192 MB by the machine, 100 MB"},

		{check: "cpu", text: vhost, files: map[string]string{"/sys/fs/cgroup/cpu.max": "400000 100000\n"}, want: "ok    cpu: 4 CPUs, the container may use 4.0"},
		{check: "cpu", text: vhost, files: map[string]string{"/sys/fs/cgroup/cpu.max": "100000 100000\n"}, want: "warn  cpu: 4 CPUs are used, the container may use 1.0"},
		{check: "cpu", text: vhost, files: map[string]string{"/sys/fs/cgroup/cpu.max": "max 100000\n"}, want: "ok    cpu: 4 CPUs\n"},

		{check: "kernel", text: rtc, files: map[string]string{"/proc/sys/net/core/rmem_max": "212992\n"}, want: "warn  kernel: net.core.rmem_max is 212992"},
		{check: "kernel", text: rtc, files: map[string]string{"/proc/sys/net/core/wmem_max": "4194304\n"}, want: "ok    kernel: net.core.wmem_max is 4194304"},
		{check: "kernel", text: vhost, files: map[string]string{"/proc/sys/net/core/somaxconn": "128\n"}, want: "warn  kernel: net.core.somaxconn is 128"},
		{check: "kernel", text: vhost, files: map[string]string{"/proc/sys/net/ipv4/ip_local_port_range": "40000 41000"}, want: "warn  kernel: only ports 40000 to 41000"},
		{check: "kernel", text: "listen 19350; " + vhost, files: map[string]string{"/proc/sys/net/ipv4/ip_local_port_range": "10000\t60000"},
			want: "warn  kernel: tcp :19350 (listen) is among them: an outgoing connection may have it when the server starts -> sysctl -w net.ipv4.ip_local_reserved_ports=19350"},
		{check: "kernel", text: vhost, files: map[string]string{"/proc/sys/net/ipv4/ip_local_port_range": "10000 60000", "/proc/net/sockstat": "sockets: used 1\nTCP: inuse 5 orphan 0 tw 30000 alloc 9 mem 1\n"},
			want: "warn  kernel: 30000 connections are in TIME_WAIT"},
		{check: "kernel", text: vhost, set: func(s *System) { s.OS = "darwin" }, want: "ok    kernel: not looked at on darwin"},

		{check: "process", text: vhost, want: "ok    process: runs as user 1000"},
		{check: "process", text: vhost, want: "warn  process: runs as root ->", set: func(s *System) { s.UID = 0 }},
		{check: "process", text: "http_server { enabled on; listen 80; } " + vhost, want: "warn  process: runs as root, for ports below 1024", set: func(s *System) { s.UID = 0 }},
		{check: "process", text: "pid /p; " + vhost, files: map[string]string{"/p": "7"}, want: "pid file /p is left from process 7"},
		{check: "process", text: "pid /p; " + vhost, files: map[string]string{"/p": "7"}, want: "pid file /p: process 7 runs", set: func(s *System) { s.Locked = func(string) bool { return true } }},
	} {
		s := machine(c.files)
		if c.set != nil {
			c.set(s)
		}
		require.Contains(t, examine(t, s, c.check, c.text), c.want)
	}
}

func private(addr string) func(*System) {
	return func(s *System) {
		s.Addresses = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr(addr)}, nil }
	}
}

func output(text string, err error) func(*System) {
	return func(s *System) {
		s.Run = func(context.Context, string, ...string) ([]byte, error) { return []byte(text), err }
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	require.False(t, Write(&b, []Finding{{OK, "a", "b", ""}, {Warn, "c", "d\ne", "f"}, {Fail, "g", "h", "i"}}))
	require.Equal(t, "ok    a: b\nwarn  c: d e -> f\nfail  g: h -> i\n1 ok, 1 warnings, 1 failures\n", b.String())
	require.True(t, Write(&b, []Finding{{Warn, "c", "d", "f"}}))
}

func TestOwner(t *testing.T) {
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	proc := fstest.MapFS{
		"net/tcp": {Data: []byte(head + "   0: 0100007F:078F 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 77 1\n" +
			"   1: 0100007F:078F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 42 1\nbroken\n")},
		"net/udp6": {Data: []byte(head + "   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 43 1\n")},
		"12/fd/3":  {}, "12/fd/4": {}, "12/comm": {Data: []byte("nginx\n")},
	}
	readlink := func(name string) (string, error) {
		return map[string]string{"/proc/12/fd/3": "socket:[42]", "/proc/12/fd/4": "socket:[43]"}[name], nil
	}
	require.Equal(t, "pid 12 (nginx)", owner(proc, readlink, "tcp", 1935))
	require.Equal(t, "pid 12 (nginx)", owner(proc, readlink, "udp", 8000))
	require.Empty(t, owner(proc, readlink, "tcp", 8000))
	require.Empty(t, owner(fstest.MapFS{}, readlink, "tcp", 1935))
}

// TestThis asks the real machine.
func TestThis(t *testing.T) {
	s := This()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	require.ErrorIs(t, s.Listen("tcp", l.Addr().String()), syscall.EADDRINUSE)
	require.NoError(t, s.Listen("udp", "127.0.0.1:0"))
	if runtime.GOOS == "linux" {
		require.Contains(t, s.Owner("tcp", l.Addr().(*net.TCPAddr).Port), fmt.Sprintf("pid %d ", os.Getpid()))
	}
	list, err := s.Addresses()
	require.NoError(t, err)
	require.True(t, contains(list, netip.MustParseAddr("127.0.0.1")))
	dir := t.TempDir()
	at, err := s.Try(dir)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Hour)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	_, total, err := s.Free(dir)
	require.NoError(t, err)
	require.Positive(t, total)
	require.False(t, s.Locked(dir+"/none"))
	out, err := s.Run(t.Context(), "go", "version")
	require.NoError(t, err)
	require.Contains(t, string(out), "go version")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Run(ended, "go", "version")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, dir, s.existing(dir+"/a/b"))
}
