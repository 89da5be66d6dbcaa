//go:build unix

package protocol

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// inherit makes sockets the process has what one would be that was started with them.
func inherit(t *testing.T, sockets ...any) *Inherited {
	t.Helper()
	in := &Inherited{}
	t.Cleanup(in.Close)
	name := ""
	for _, s := range sockets {
		if text, ok := s.(string); ok { // the next one's name
			name = text
			continue
		}
		f, err := s.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		got, err := inheritSocket(fd, name)
		if err != nil {
			t.Fatal(err)
		}
		in.sockets, name = append(in.sockets, got), ""
	}
	return in
}

// open gives a socket of the network at an address.
func open(t *testing.T, network, addr string) any {
	t.Helper()
	if strings.HasPrefix(network, "udp") || network == "unixgram" {
		c, err := net.ListenPacket(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// portOf gives a socket's port, nothing for a Unix one.
func portOf(socket any) string {
	a := ""
	switch s := socket.(type) {
	case net.Listener:
		a = s.Addr().String()
	case net.PacketConn:
		a = s.LocalAddr().String()
	}
	_, port, _ := net.SplitHostPort(a)
	return port
}

// TestInheritedFind holds which socket serves what is asked for: PORT is that of the
// first.
func TestInheritedFind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		name, network, addr string // of the socket
		role, ask           string
		takes               bool
	}{
		{"", "tcp", ":0", "rtmp", "PORT", true},
		{"", "tcp", ":0", "rtmp", "[::]:PORT", true},
		{"", "tcp", ":0", "rtmp", "0.0.0.0:PORT", false}, // it would serve IPv6 too
		{"", "tcp", ":0", "rtmp", "127.0.0.1:PORT", false},
		{"", "tcp4", ":0", "rtmp", "PORT", true},
		{"", "tcp4", ":0", "rtmp", "0.0.0.0:PORT", true},
		{"", "tcp4", ":0", "rtmp", "127.0.0.1:PORT", false},
		{"", "tcp6", ":0", "rtmp", "PORT", true}, // IPv6 alone: better than none
		{"", "tcp", "127.0.0.1:0", "rtmp", "127.0.0.1:PORT", true},
		{"", "tcp", "127.0.0.1:0", "rtmp", "localhost:PORT", true},
		{"", "tcp", "127.0.0.1:0", "rtmp", "127.0.0.2:PORT", false},
		{"", "tcp", "127.0.0.1:0", "rtmp", "PORT", false},
		{"", "tcp", "127.0.0.1:0", "rtmp", "1", false},
		{"", "tcp", "[::1]:0", "rtmp", "[0::1]:PORT", true},
		{"rtmp", "tcp", "127.0.0.1:0", "rtmp", "1", true},
		{"rtmp", "tcp", "127.0.0.1:0", "rtmp", "127.0.0.1:0", true},
		{"rtmp", "tcp", "127.0.0.1:0", "rtmps", "1", false},
		{"other", "tcp", "127.0.0.1:0", "rtmp", "127.0.0.1:PORT", true},
		{"", "udp", ":0", "rtc", "udp PORT", true},
		{"", "udp4", ":0", "rtc", "udp PORT", true},
		{"", "udp", "127.0.0.1:0", "rtc", "udp 127.0.0.1:PORT", true},
		{"", "udp", ":0", "rtc", "PORT", false},
		{"", "tcp", ":0", "rtc", "udp PORT", false},
		{"rtc", "udp", "127.0.0.1:0", "rtc", "udp 8000", true},
		{"", "unix", path, "rtmp", "unix:" + path, true},
		{"", "unix", path, "rtmp", "unix:" + filepath.Dir(path) + "/./s", true},
		{"", "unix", path, "rtmp", "unix:" + path + "2", false},
		{"", "unix", "@srs-test-inherit", "rtmp", "unix:@srs-test-inherit", true},
		{"", "unixgram", path + "g", "rtc", "udp unix:" + path + "g", true},
	} {
		t.Run(c.network+" "+c.addr+" for "+c.ask, func(t *testing.T) {
			if strings.HasPrefix(c.addr, "@") && !hasAbstract {
				t.Skip("this system has no abstract sockets")
			}
			s := open(t, c.network, c.addr)
			ask := strings.Replace(c.ask, "PORT", portOf(s), 1)
			in := inherit(t, c.name, s)
			find, network := in.listeners, "tcp"
			if rest, ok := strings.CutPrefix(ask, "udp "); ok {
				find, network, ask = in.datagrams, "udp", rest
			}
			a, err := ParseAddr(network, ask)
			if err != nil {
				t.Fatal(err)
			}
			got := find(c.role, a)
			for _, s := range got {
				s.close()
			}
			if (len(got) == 1) != c.takes {
				t.Errorf("got %v", got)
			}
			if left := len(in.sockets); left != 1-len(got) {
				t.Errorf("%d sockets are left", left)
			}
		})
	}
}

// TestInheritedPair holds that a port alone is served by an IPv4 and an IPv6 socket.
func TestInheritedPair(t *testing.T) {
	four := open(t, "tcp4", ":0").(net.Listener)
	port := portOf(four)
	six, err := net.Listen("tcp6", ":"+port)
	if err != nil {
		t.Skip("no IPv6, or the port is taken:", err)
	}
	defer six.Close()
	log := &lockedBuffer{}
	h := testHost(t, Config{Inherited: inherit(t, four, six), Logger: slog.New(slog.NewTextHandler(log, nil))}, "a")
	_, _ = four.Close(), six.Close()
	l := listen(t, h, port, ListenOptions{})
	go answer(l, "x")
	for _, a := range []string{"127.0.0.1:" + port, "[::1]:" + port} {
		c, err := net.Dial("tcp", a)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); string(b) != "x" {
			t.Errorf("%s: %q, %v", a, b, err)
		}
		_ = c.Close()
	}
	if n := strings.Count(log.String(), "listening on an inherited socket"); n != 2 {
		t.Error(log.String())
	}
}

// TestInheritedUnasked holds that what no module wants is closed, and named.
func TestInheritedUnasked(t *testing.T) {
	l := open(t, "tcp", "127.0.0.1:0").(net.Listener)
	u := open(t, "udp", "127.0.0.1:0").(net.PacketConn)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	in := inherit(t, "web", l, u, pipeEnd{w})
	_ = l.Close()
	log := &lockedBuffer{}
	s := NewServer(Config{Inherited: in, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	for _, want := range []string{"tcp " + l.Addr().String() + " (web)", "udp " + u.LocalAddr().String(), "descriptor "} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no word on %s in %s", want, log.String())
		}
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("it is open")
	}
}

// pipeEnd is a file as inherit wants one.
type pipeEnd struct{ f *os.File }

func (p pipeEnd) File() (*os.File, error) {
	fd, err := syscall.Dup(int(p.f.Fd()))
	return os.NewFile(uintptr(fd), "pipe"), err
}
