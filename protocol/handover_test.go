package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const hasAbstract = runtime.GOOS == "linux"

// beSuccessor makes the test's binary a successor of a kind: serve, fail, die or hang.
const beSuccessor = "BE_SUCCESSOR"

// runSuccessor is the whole program of a successor.
func runSuccessor(kind string) (status int) {
	in, err := Inherit()
	if err != nil {
		fmt.Println(err)
		return 4
	}
	switch kind {
	case "serve":
		return succeed(in)
	case "fail":
		in.Fail("the configuration is broken\n")
	case "hang":
		time.Sleep(time.Minute)
	}
	return 3
}

// succeed serves until a client says so.
func succeed(in *Inherited) int {
	m := &words{word: "new", addrs: strings.Fields(os.Getenv("ADDRS")), quit: make(chan struct{})}
	s := NewServer(Config{Inherited: in}, m)
	if err := s.Start(context.Background()); err != nil {
		in.Fail(err.Error())
		return 5
	}
	in.Ready()
	select {
	case <-m.quit:
	case <-time.After(time.Minute):
	}
	_ = s.Shutdown(context.Background())
	return 0
}

// words is a module that answers every connection and datagram with a word, except those
// that say quit.
type words struct {
	word  string
	addrs []string
	quit  chan struct{}
	once  sync.Once
	acc   *Acceptor
}

func (m *words) Info() Info { return Info{Name: "words"} }

func (m *words) Start(_ context.Context, h *Host) error {
	m.acc = h.Acceptor(func(_ context.Context, c net.Conn) {
		b := make([]byte, 4)
		_, _ = io.ReadFull(c, b)
		if string(b) == "quit" {
			m.once.Do(func() { close(m.quit) })
		}
		_, _ = io.WriteString(c, m.word)
	})
	for _, a := range m.addrs {
		if rest, ok := strings.CutPrefix(a, "udp:"); ok {
			p, err := h.ListenPacket(rest, ListenOptions{})
			if err != nil {
				return err
			}
			h.Go(func(context.Context) error { return m.packets(p) })
			continue
		}
		l, err := h.Listen(a, ListenOptions{})
		if err != nil {
			return err
		}
		h.Go(func(context.Context) error { return m.acc.Serve(l) })
	}
	return nil
}

func (m *words) packets(p net.PacketConn) error {
	b := make([]byte, 100)
	for {
		_, from, err := p.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		_, _ = p.WriteTo([]byte(m.word), from)
	}
}

func (m *words) Shutdown(ctx context.Context) error { return m.acc.Shutdown(ctx) }

// talk says four letters and gives the answer.
func talk(network, addr, text string) (string, error) {
	c, err := net.Dial(network, addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	if network == "udp" {
		b := make([]byte, 100)
		n, err := c.Read(b)
		return string(b[:n]), err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// freeAddr gives an address at which nobody listens.
func freeAddr(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// oldServer runs a server that answers "old" on TCP, UDP and a Unix socket.
func oldServer(t *testing.T) (s *Server, tcp, udp, unix string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("sockets cannot be handed over here")
	}
	unix = filepath.Join(t.TempDir(), "s")
	tcp, udp = freeAddr(t, "tcp"), freeAddr(t, "udp")
	s = NewServer(Config{}, &words{word: "old", addrs: []string{tcp, "udp:" + udp, "unix:" + unix}})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, tcp, udp, unix
}

func successor(kind string, addrs ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), beSuccessor+"="+kind, "ADDRS="+strings.Join(addrs, " "), "GORACE=atexit_sleep_ms=0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

// TestHandOver holds that nobody who connects while a server hands over is refused, and
// that all of its sockets go to the new one.
func TestHandOver(t *testing.T) {
	s, tcp, udp, unix := oldServer(t)
	var stop atomic.Bool
	var asked, byNew atomic.Int64
	var wg sync.WaitGroup
	for _, to := range [][2]string{{"tcp", tcp}, {"tcp", tcp}, {"unix", unix}} {
		wg.Go(func() {
			for !stop.Load() {
				word, err := talk(to[0], to[1], "word")
				if err != nil || word != "old" && word != "new" {
					t.Errorf("%v: %q, %v", to, word, err)
					return
				}
				asked.Add(1)
				if word == "new" {
					byNew.Add(1)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := successor("serve", tcp, "udp:"+udp, "unix:"+unix)
	if err := s.HandOver(ctx, cmd); err != nil {
		t.Fatal(err)
	}
	for _, f := range cmd.ExtraFiles {
		if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s stays open: %v", f.Name(), err)
		}
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	until := byNew.Load() + 100
	for byNew.Load() < until && ctx.Err() == nil && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	stop.Store(true)
	wg.Wait()
	for _, to := range [][2]string{{"tcp", tcp}, {"unix", unix}, {"udp", udp}} {
		if word, err := talk(to[0], to[1], "word"); word != "new" {
			t.Errorf("afterwards %v gives %q, %v", to, word, err)
		}
	}
	if asked.Load() == byNew.Load() {
		t.Error("the old one was never asked")
	}
	if _, err := talk("tcp", tcp, "quit"); err != nil {
		t.Error(err)
	}
}

// TestHandOverFails holds that a successor which does not come up changes nothing.
func TestHandOverFails(t *testing.T) {
	s, tcp, udp, unix := oldServer(t)
	before := openFiles()
	for kind, want := range map[string]string{
		"fail": "the new process says: the configuration is broken (exit status 3)",
		"die":  "the new process ended without a word (exit status 3)",
		"hang": "the new process is not ready: context deadline exceeded (signal: killed)",
		"serve": "the new process says: protocol: starting words: protocol: listen tcp 192.0.2.1:1: " +
			"bind: cannot assign requested address (exit status 5)",
	} {
		wait := 20 * time.Second
		if kind == "hang" {
			wait = 300 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		err := s.HandOver(ctx, successor(kind, tcp, "192.0.2.1:1"))
		cancel()
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	cmd := exec.Command(filepath.Join(t.TempDir(), "none"))
	if err := s.HandOver(t.Context(), cmd); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	cmd.ExtraFiles = []*os.File{os.Stdin}
	if err := s.HandOver(t.Context(), cmd); err == nil {
		t.Error("files of the command's own are lost")
	}
	for _, to := range [][2]string{{"tcp", tcp}, {"unix", unix}, {"udp", udp}} {
		if word, err := talk(to[0], to[1], "word"); word != "old" {
			t.Errorf("afterwards %v gives %q, %v", to, word, err)
		}
	}
	if after := openFiles(); after > before {
		t.Errorf("%d open files have become %d", before, after)
	}
}

// TestHandOverNeedsFiles: a listener that is no socket cannot go to another process.
func TestHandOverNeedsFiles(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Config{Listeners: map[string]net.Listener{"here": &flaky{Listener: inner}}},
		&words{word: "old", addrs: []string{"here"}})
	if err := s.HandOver(t.Context(), successor("die")); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	if err := s.HandOver(t.Context(), successor("die")); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "here") {
		t.Error(err)
	}
}

// TestStopsReading holds that a server that has handed over leaves datagrams alone, and
// may still send.
func TestStopsReading(t *testing.T) {
	h := testHost(t, Config{}, "a")
	p, err := h.ListenPacket("127.0.0.1:0", ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", p.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := make(chan error, 1)
	go func() {
		_, _, err := p.ReadFrom(make([]byte, 10))
		read <- err
	}()
	h.server.pool.stopReading() // without a successor it goes on
	h.server.pool.handedOver()
	h.server.pool.stopReading()
	// A read under way may still take what comes before it sees that it is over.
	for reading := 1; reading > 0; time.Sleep(time.Millisecond) {
		l := p.(*packetLease)
		l.mu.Lock()
		reading = l.sharedPackets.reading
		l.mu.Unlock()
	}
	mustWrite(t, c, []byte("x"))
	raw := p.(*packetLease).NetPacketConn() // as the other process has it
	_ = raw.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, _, err := raw.ReadFrom(make([]byte, 10)); n != 1 {
		t.Error(err)
	}
	if _, err := p.WriteTo([]byte("y"), c.LocalAddr()); err != nil {
		t.Error(err)
	}
	_ = p.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the read gave %v", err)
	}
}

// openFiles counts the process's descriptors, on Linux.
func openFiles() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

// TestInheritEnvironment: what the environment says of sockets is not for others.
func TestInheritEnvironment(t *testing.T) {
	t.Setenv(envPID, fmt.Sprint(os.Getpid()))
	t.Setenv(envFDs, "x")
	if _, err := Inherit(); err == nil {
		t.Error("no error")
	}
	if _, there := syscall.Getenv(envPID); there {
		t.Error("the variables stay")
	}
	if in, err := Inherit(); in != nil || err != nil || in.HandedOver() {
		t.Error(in, err)
	}
	in := (*Inherited)(nil)
	in.Ready()
	in.Close()
}
