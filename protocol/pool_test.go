package protocol

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestParseAddr(t *testing.T) {
	for _, tt := range []struct {
		network, in string
		want        Addr
	}{
		{"tcp", "1935", Addr{"tcp", ":1935"}},
		{"tcp", " 1935 ", Addr{"tcp", ":1935"}},
		{"tcp", ":1935", Addr{"tcp", ":1935"}},
		{"tcp", "[::]:1935", Addr{"tcp", ":1935"}},
		{"tcp", "0.0.0.0:1935", Addr{"tcp4", "0.0.0.0:1935"}},
		{"udp", "0.0.0.0:8000", Addr{"udp4", "0.0.0.0:8000"}},
		{"tcp", "127.0.0.1:1935", Addr{"tcp", "127.0.0.1:1935"}},
		{"tcp", "[::1]:1935", Addr{"tcp", "[::1]:1935"}},
		{"tcp", "localhost:1935", Addr{"tcp", "localhost:1935"}},
		{"tcp", "unix:/run/x.sock", Addr{"unix", "/run/x.sock"}},
		{"udp", "unix:/run/x.sock", Addr{"unixgram", "/run/x.sock"}},
		{"tcp", "", Addr{}}, {"tcp", "x", Addr{}}, {"tcp", "65536", Addr{}}, {"tcp", "-1", Addr{}},
		{"tcp", "::1:1935", Addr{}}, {"tcp", "unix:", Addr{}}, {"tcp", "a\x00:1", Addr{}}, {"sctp", "1", Addr{}},
	} {
		a, err := ParseAddr(tt.network, tt.in)
		if a != tt.want || (err == nil) != (tt.want != Addr{}) {
			t.Errorf("%s %q: %v, %v", tt.network, tt.in, a, err)
		}
	}
	list := []string{"1935", "[::]:1935", "0.0.0.0:1935", "127.0.0.1:0", "127.0.0.1:0", "1936", "unix:/a", "unix:/a"}
	var got []string
	for i, s := range list {
		if !covered(list, i) {
			got = append(got, s)
		}
	}
	if want := []string{"1935", "127.0.0.1:0", "127.0.0.1:0", "1936", "unix:/a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("uncovered addresses: %q", got)
	}
}

// testHost gives a host outside of any start.
func testHost(t testing.TB, cfg Config, name string) *Host {
	t.Helper()
	s := NewServer(cfg)
	h := s.newHost(context.Background(), name, 0)
	t.Cleanup(func() {
		if err := h.end(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

func listen(t testing.TB, h *Host, addr string, o ListenOptions) net.Listener {
	t.Helper()
	l, err := h.Listen(addr, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answer serves a listener with one word.
func answer(l net.Listener, word string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, word)
		_ = c.Close()
	}
}

func ask(t testing.TB, a net.Addr) string {
	t.Helper()
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// The newest lease has the connections, and falling back loses none.
func TestLeases(t *testing.T) {
	h := testHost(t, Config{}, "a")
	l0 := listen(t, h, "127.0.0.1:0", ListenOptions{})
	addr := l0.Addr()
	_ = l0.Close()
	l1 := listen(t, h, addr.String(), ListenOptions{})
	go answer(l1, "one")
	if s := ask(t, addr); s != "one" {
		t.Fatal(s)
	}
	// A connection nobody accepts yet goes to the next holder.
	l2 := listen(t, h, addr.String(), ListenOptions{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if s := ask(t, addr); s != "three" {
			t.Errorf("pending connection got %q", s)
		}
	})
	time.Sleep(20 * time.Millisecond)
	l3 := listen(t, h, addr.String(), ListenOptions{})
	go answer(l3, "three")
	wg.Wait()
	_ = l3.Close()
	_ = l2.Close()
	if s := ask(t, addr); s != "one" {
		t.Errorf("after the newer ones closed: %q", s)
	}
	other := h.server.newHost(context.Background(), "b", 1)
	defer other.end(context.Background())
	if _, err := other.Listen(addr.String(), ListenOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another module on the address: %v", err)
	}
	_ = l1.Close()
	if _, err := l1.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	if _, err := net.Dial("tcp", addr.String()); err == nil {
		t.Error("the last lease closed and the port is open")
	}
	if len(h.leases) != 0 {
		t.Errorf("%d closed leases are kept", len(h.leases))
	}
}

func TestLeaseHandoverRefusesNobody(t *testing.T) {
	h := testHost(t, Config{}, "a")
	l := listen(t, h, "127.0.0.1:0", ListenOptions{})
	addr := l.Addr()
	_ = l.Close()
	cur := listen(t, h, addr.String(), ListenOptions{})
	go answer(cur, "x")
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				if s := ask(t, addr); s != "x" {
					t.Errorf("got %q", s)
					return
				}
			}
		})
	}
	for range 50 {
		next := listen(t, h, addr.String(), ListenOptions{})
		go answer(next, "x")
		_ = cur.Close()
		cur = next
	}
	stop.Store(true)
	wg.Wait()
}

func TestZeroPortsAreTheirOwn(t *testing.T) {
	h := testHost(t, Config{}, "a")
	a, b := listen(t, h, "127.0.0.1:0", ListenOptions{}), listen(t, h, "127.0.0.1:0", ListenOptions{})
	if a.Addr().String() == b.Addr().String() {
		t.Error("two listeners on port 0 are one")
	}
	next := h.server.newHost(context.Background(), "a", 0) // the same module after a reload
	defer next.end(context.Background())
	if c := listen(t, next, "127.0.0.1:0", ListenOptions{}); c.Addr().String() != a.Addr().String() {
		t.Error("a reload moves port 0")
	}
}

func TestInjectedListeners(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := testHost(t, Config{
		Listeners:   map[string]net.Listener{":1935": l},
		PacketConns: map[string]net.PacketConn{"media": p},
	}, "a")
	for range 2 { // it stays open for the next one
		got := listen(t, h, "1935", ListenOptions{})
		if got.Addr().String() != l.Addr().String() {
			t.Fatal("not the injected listener")
		}
		go answer(got, "x")
		if ask(t, l.Addr()) != "x" {
			t.Error("no answer")
		}
		_ = got.Close()
	}
	pc, err := h.ListenPacket("media", ListenOptions{})
	if err != nil || pc.LocalAddr().String() != p.LocalAddr().String() {
		t.Error("not the injected socket", err)
	}
}

func TestUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	h := testHost(t, Config{}, "a")
	l := listen(t, h, "unix:"+path, ListenOptions{})
	go answer(l, "x")
	if s := ask(t, l.Addr()); s != "x" {
		t.Error(s)
	}
	if err := removeStale("unix", path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a live socket: %v", err)
	}
	_ = l.Close()
	// One that a killed server left behind.
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = stale.Close()
	_ = listen(t, h, "unix:"+path, ListenOptions{}).Close()
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Listen("unix:"+path, ListenOptions{}); err == nil {
		t.Error("listening replaced a file")
	}
	if b, _ := os.ReadFile(path); string(b) != "data" {
		t.Error("a file that is no socket was removed")
	}
}

func TestMaxConns(t *testing.T) {
	h := testHost(t, Config{MaxConns: 2}, "a")
	l := listen(t, h, "127.0.0.1:0", ListenOptions{})
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	first := <-accepted
	release, ok := h.AcquireConn()
	if !ok {
		t.Fatal("the second is refused")
	}
	_ = dial().SetReadDeadline(time.Now().Add(5 * time.Second))
	third := dial()
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the third: %v, want closed", err)
	}
	release()
	release()
	dial()
	<-accepted
	_ = first.Close()
	_ = first.Close()
	dial()
	<-accepted
	if open, refused := h.server.Conns(); open != 2 || refused == 0 {
		t.Errorf("open %d, refused %d", open, refused)
	}
}

func TestProxiedListener(t *testing.T) {
	h := testHost(t, Config{}, "a")
	conf := testTLS(t)
	l := listen(t, h, "127.0.0.1:0", ListenOptions{TLS: conf, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	type got struct {
		remote string
		body   string
		w      bool
	}
	res := make(chan got, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 5)
			_, _ = io.ReadFull(c, b)
			res <- got{c.RemoteAddr().String(), string(b), Coalescing(c) != nil}
			_ = c.Close()
		}
	}()
	// A proxy that says nothing holds up nobody, and a bad header reaches nobody.
	silent, _ := net.Dial("tcp", l.Addr().String())
	defer silent.Close()
	bad, _ := net.Dial("tcp", l.Addr().String())
	defer bad.Close()
	_, _ = io.WriteString(bad, "GET / HTTP/1.1\r\n\r\n")
	if b, _ := io.ReadAll(bad); len(b) > 0 {
		t.Errorf("answer to a bad header: %q", b)
	}
	c, _ := net.Dial("tcp", l.Addr().String())
	_, _ = io.WriteString(c, "PROXY TCP4 192.0.2.1 10.0.0.2 8080 1935\r\n")
	tc := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	_, _ = io.WriteString(tc, "hello")
	if g := <-res; g != (got{"192.0.2.1:8080", "hello", true}) {
		t.Errorf("got %+v", g)
	}
	_ = tc.Close()

	far := listen(t, h, "127.0.0.1:0", ListenOptions{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	go answer(far, "plain")
	if s := ask(t, far.Addr()); s != "plain" {
		t.Errorf("a client that is no proxy got %q", s)
	}
}

func TestPacketLeases(t *testing.T) {
	h := testHost(t, Config{}, "a")
	p0, err := h.ListenPacket("127.0.0.1:0", ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	next := h.server.newHost(context.Background(), "a", 0)
	defer next.end(context.Background())
	c, err := net.Dial("udp", p0.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	reads := func(p net.PacketConn, out chan<- string) {
		b := make([]byte, 100)
		for {
			n, _, err := p.ReadFrom(b)
			if err != nil {
				out <- err.Error()
				close(out)
				return
			}
			out <- string(b[:n])
		}
	}
	old, cur := make(chan string, 10), make(chan string, 10)
	go reads(p0, old)
	mustWrite(t, c, []byte("1"))
	if s := <-old; s != "1" {
		t.Fatal(s)
	}
	p1, err := next.ListenPacket("127.0.0.1:0", ListenOptions{})
	if err != nil || p1.LocalAddr().String() != p0.LocalAddr().String() {
		t.Fatal("not the same socket", err)
	}
	go reads(p1, cur)
	for i := 0; i < 20; {
		mustWrite(t, c, []byte("2"))
		select {
		case s := <-cur:
			if s != "2" {
				t.Fatal(s)
			}
			i++
		case <-old: // a read under way at the change may still get one
			if i > 0 {
				t.Fatal("the old lease goes on reading")
			}
		}
	}
	if _, err := p0.WriteTo([]byte("w"), c.LocalAddr()); err != nil {
		t.Errorf("the old lease cannot write: %v", err)
	}
	_ = p1.Close()
	if _, open := <-cur; open {
		if _, open = <-cur; open {
			t.Error("the closed lease goes on reading")
		}
	}
	mustWrite(t, c, []byte("3"))
	if s := <-old; s != "3" {
		t.Errorf("after the newer one closed: %q", s)
	}
	_ = p0.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if s := <-old; s == "" {
		t.Error("no timeout")
	}
	_ = p0.Close()
	_ = p0.Close()
	if _, _, err := p0.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestCertReloader(t *testing.T) {
	d := t.TempDir()
	cert, key := d+"/c.pem", d+"/k.pem"
	if _, err := NewCertReloader(cert, key, nil); err == nil {
		t.Fatal("no files and no error")
	}
	writePair(t, cert, key, "one")
	r, err := NewCertReloader(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		pair, err := r.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := x509.ParseCertificate(pair.Certificate[0])
		return x.Subject.CommonName
	}
	if name() != "one" {
		t.Fatal(name())
	}
	if err := os.WriteFile(cert, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err == nil || name() != "one" {
		t.Errorf("broken file: %v, serving %s", err, name())
	}
	if err := r.Reload(); err != nil {
		t.Errorf("told twice: %v", err)
	}
	writePair(t, cert, key, "two")
	_ = os.Chtimes(cert, time.Now(), time.Now().Add(time.Minute))
	r.mu.Lock()
	r.checked = time.Time{}
	r.mu.Unlock()
	if name() != "two" {
		t.Errorf("the new pair is not served: %s", name())
	}
	_ = os.Remove(key)
	if err := r.Reload(); err == nil || name() != "two" {
		t.Errorf("missing file: %v, serving %s", err, name())
	}
}

// flaky fails a number of times before it accepts.
type flaky struct {
	net.Listener
	left atomic.Int32
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return f.Listener.Accept()
}

func TestAcceptor(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &flaky{Listener: inner}
	l.left.Store(3)
	h := testHost(t, Config{}, "a")
	released := make(chan struct{})
	a := h.Acceptor(func(ctx context.Context, c net.Conn) {
		b := make([]byte, 1)
		_, _ = io.ReadFull(c, b)
		switch b[0] {
		case 'p':
			panic("a bad peer")
		case 'w':
			<-ctx.Done()
			close(released)
		}
	})
	h.Go(func(context.Context) error { return a.Serve(l) })
	dial := func(b string) net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, b)
		return c
	}
	p := dial("p")
	if _, err := p.Read(make([]byte, 1)); err == nil {
		t.Error("the connection of a panic stays open")
	}
	_ = p.Close()
	w := dial("w")
	r := dial("") // reads for ever
	defer w.Close()
	defer r.Close()
	for a.Len() != 2 {
		time.Sleep(time.Millisecond)
	}
	if n := h.server.Panics(); n != 1 {
		t.Errorf("%d panics counted", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	d := timed(func() {
		if err := a.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	within(t, "shutdown", d, 40*time.Millisecond, 2*time.Second)
	<-released
	if a.Len() != 0 {
		t.Error("connections are left")
	}
}
