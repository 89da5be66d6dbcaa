package protocol

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

const testWindow = 150 * time.Millisecond

func windowed(t testing.TB, n int, w time.Duration) (*CoalescingConn, *net.TCPConn) {
	t.Helper()
	s, c := tcpPair(t)
	cc := NewCoalescingConn(s)
	if err := cc.SetReadWindow(n, w); err != nil {
		t.Fatal(err)
	}
	return cc, c
}

func TestWindowWaitsForBytes(t *testing.T) {
	s, c := windowed(t, 1000, 5*time.Second)
	go func() {
		for range 10 {
			time.Sleep(5 * time.Millisecond)
			mustWrite(t, c, make([]byte, 100))
		}
	}()
	b := make([]byte, 4096)
	var n int
	d := timed(func() { n, _ = s.Read(b) })
	if n != 1000 {
		t.Errorf("read %d bytes, want all 1000 at once", n)
	}
	within(t, "the read", d, 40*time.Millisecond, 2*time.Second)
}

func TestWindowBoundsLatency(t *testing.T) {
	s, c := windowed(t, 1000, testWindow)
	b := make([]byte, 4096)
	for range 3 {
		time.AfterFunc(20*time.Millisecond, func() { mustWrite(t, c, []byte("x")) })
		var n int
		var err error
		d := timed(func() { n, err = s.Read(b) })
		if n != 1 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
		within(t, "a lone byte", d, 0, 20*time.Millisecond+testWindow+time.Second)
	}
	// Nothing for several windows is no error.
	time.AfterFunc(3*testWindow, func() { mustWrite(t, c, []byte("y")) })
	if n, err := s.Read(b); n != 1 || err != nil {
		t.Fatalf("read after idle windows: %d, %v", n, err)
	}
}

// What waits already is returned without waiting for more.
func TestWindowGivesWhatWaits(t *testing.T) {
	s, c := windowed(t, 1000, 5*time.Second)
	mustWrite(t, c, []byte("abc"))
	time.Sleep(20 * time.Millisecond)
	b := make([]byte, 2)
	within(t, "a read of waiting bytes", timed(func() {
		for _, want := range []int{2, 1} {
			if n, err := s.Read(b); n != want || err != nil {
				t.Errorf("read %d, %v, want %d", n, err, want)
			}
		}
	}), 0, time.Second)
}

func TestWindowDeadline(t *testing.T) {
	s, c := windowed(t, 1000, time.Second)
	b := make([]byte, 10)
	timeout := func(what string, low, high time.Duration) {
		t.Helper()
		var err error
		d := timed(func() { _, err = s.Read(b) })
		var ne net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Fatalf("%s: %v, want a timeout", what, err)
		}
		within(t, what, d, low, high)
	}
	_ = s.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	timeout("a deadline before the window's end", 40*time.Millisecond, 950*time.Millisecond)
	timeout("an expired deadline", 0, 500*time.Millisecond)

	_ = s.SetReadWindow(1000, 30*time.Millisecond)
	_ = s.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	timeout("a deadline after some windows", 190*time.Millisecond, 2*time.Second)

	_ = s.SetReadDeadline(time.Time{})
	time.AfterFunc(100*time.Millisecond, func() { _ = s.SetDeadline(time.Now()) })
	timeout("a deadline set during the read", 90*time.Millisecond, 2*time.Second)

	// Bytes that came before the deadline are not kept back by the mark.
	_ = s.SetReadWindow(1000, time.Second)
	_ = s.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
	time.AfterFunc(20*time.Millisecond, func() { mustWrite(t, c, []byte("x")) })
	if n, err := s.Read(b); n != 1 || err != nil {
		t.Fatalf("a byte before the deadline: %d, %v", n, err)
	}
	timeout("the deadline after it", 0, 2*time.Second)

	// A deadline that is moved on during the read holds nothing back, either.
	_ = s.SetReadWindow(1000, 50*time.Millisecond)
	_ = s.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
	time.AfterFunc(20*time.Millisecond, func() { _ = s.SetReadDeadline(time.Now().Add(time.Minute)) })
	time.AfterFunc(600*time.Millisecond, func() { mustWrite(t, c, []byte("x")) })
	if n, err := s.Read(b); n != 1 || err != nil {
		t.Fatalf("a byte after the deadline moved: %d, %v", n, err)
	}
}

// A window that ends between two reads must not fail the second.
func TestWindowStaleDeadline(t *testing.T) {
	s, c := windowed(t, 10, 20*time.Millisecond)
	b := make([]byte, 100)
	time.AfterFunc(5*time.Millisecond, func() { mustWrite(t, c, make([]byte, 10)) })
	if n, err := s.Read(b); n != 10 || err != nil {
		t.Fatalf("first: %d, %v", n, err)
	}
	time.Sleep(60 * time.Millisecond)
	time.AfterFunc(20*time.Millisecond, func() { mustWrite(t, c, make([]byte, 10)) })
	if n, err := s.Read(b); n != 10 || err != nil {
		t.Fatalf("second: %d, %v", n, err)
	}
}

func TestWindowChangesDuringRead(t *testing.T) {
	s, c := windowed(t, 1, 0)
	b := make([]byte, 100)
	time.AfterFunc(20*time.Millisecond, func() {
		_ = s.SetReadWindow(1000, testWindow)
		mustWrite(t, c, []byte("x"))
	})
	within(t, "a window set during the read", timed(func() {
		if n, err := s.Read(b); n != 1 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
	}), testWindow, testWindow+2*time.Second)

	_ = s.SetReadWindow(1000, time.Minute)
	time.AfterFunc(20*time.Millisecond, func() {
		mustWrite(t, c, []byte("x"))
		time.Sleep(20 * time.Millisecond)
		_ = s.SetReadWindow(0, 0)
	})
	within(t, "a window lifted during the read", timed(func() {
		if n, err := s.Read(b); n != 1 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
	}), 0, time.Second)
}

func TestWindowEndSeenAtOnce(t *testing.T) {
	b := make([]byte, 100)
	t.Run("FIN", func(t *testing.T) {
		s, c := windowed(t, 1000, time.Minute)
		time.AfterFunc(20*time.Millisecond, func() { mustWrite(t, c, []byte("bye")); _ = c.CloseWrite() })
		within(t, "FIN", timed(func() {
			if n, err := s.Read(b); n != 3 || err != nil {
				t.Errorf("read: %d, %v", n, err)
			}
			if _, err := s.Read(b); err != io.EOF {
				t.Errorf("end: %v, want io.EOF", err)
			}
		}), 0, time.Second)
	})
	t.Run("RST", func(t *testing.T) {
		s, c := windowed(t, 1000, time.Minute)
		time.AfterFunc(20*time.Millisecond, func() { _ = c.SetLinger(0); _ = c.Close() })
		within(t, "RST", timed(func() {
			if _, err := s.Read(b); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("end: %v, want ECONNRESET", err)
			}
		}), 0, time.Second)
	})
	t.Run("Close", func(t *testing.T) {
		s, _ := windowed(t, 1000, time.Minute)
		time.AfterFunc(20*time.Millisecond, func() { _ = s.Close() })
		within(t, "Close", timed(func() {
			if _, err := s.Read(b); !errors.Is(err, net.ErrClosed) {
				t.Errorf("end: %v, want net.ErrClosed", err)
			}
		}), 0, time.Second)
	})
}

// Under TLS a timeout would end the connection; none may show.
func TestWindowUnderTLS(t *testing.T) {
	sc, cc := tcpPair(t)
	server := tls.Server(NewCoalescingConn(sc), testTLS(t))
	client := tls.Client(cc, &tls.Config{InsecureSkipVerify: true})
	w := Coalescing(server)
	if w == nil || TCP(server) != sc {
		t.Fatal("the connection below TLS is not found")
	}
	if err := w.SetReadWindow(2000, 30*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() {
		defer client.Close()
		for i := range 40 {
			b := bytes.Repeat([]byte{byte(i)}, rand.IntN(1500)+1)
			sent.Write(b)
			mustWrite(t, client, b)
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond * time.Duration(1+i/35*5))
		}
	})
	got, err := io.ReadAll(server)
	wg.Wait()
	if err != nil || !bytes.Equal(got, sent.Bytes()) {
		t.Fatalf("read %d of %d bytes, %v", len(got), sent.Len(), err)
	}
}

// Deadlines and windows change from other goroutines while bytes flow.
func TestWindowRace(t *testing.T) {
	s, c := windowed(t, 100, time.Millisecond)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = s.SetReadWindow(i%300, time.Duration(i%3)*time.Millisecond)
			_ = s.SetReadDeadline(time.Now().Add(time.Duration(i%5) * time.Millisecond))
			time.Sleep(100 * time.Microsecond)
		}
	})
	const total = 200_000
	wg.Go(func() {
		for sent := 0; sent < total; sent += 100 {
			mustWrite(t, c, make([]byte, 100))
			time.Sleep(50 * time.Microsecond)
		}
		_ = c.CloseWrite()
	})
	b := make([]byte, 700)
	got := 0
	for {
		n, err := s.Read(b)
		got += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if got != total {
		t.Errorf("read %d bytes of %d", got, total)
	}
}

func TestCoalescingSmall(t *testing.T) {
	if n := unsafe.Sizeof(CoalescingConn{}); n > 250 {
		t.Errorf("a CoalescingConn takes %d bytes", n)
	}
	s, c := windowed(t, 64, time.Second)
	b, msg := make([]byte, 64), make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		mustWrite(t, c, msg)
		if _, err := io.ReadFull(s, b); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a read", n)
	}
	if Coalescing(c) != nil {
		t.Error("found a wrapper on a bare connection")
	}
}

func TestSocketOptions(t *testing.T) {
	s, c := tcpPair(t)
	w := NewCoalescingConn(s)
	for _, err := range []error{
		SetSendBuffer(w, 65536), SetNoDelay(w, false), SetNoDelay(w, true), SetUserTimeout(w, 10*time.Second),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	_ = c.SetReadBuffer(4096)
	_ = w.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = w.Write(make([]byte, 4<<20))
	if n, err := UnsentBytes(w); err != nil || n == 0 {
		t.Errorf("UnsentBytes: %d, %v", n, err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := SetSendBuffer(a, 1); err != nil {
		t.Error(err)
	}
	if _, err := UnsentBytes(a); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("UnsentBytes of a pipe: %v", err)
	}
}

// BenchmarkReadWindow reads a publisher's small messages: the figure to look at is how
// many reads (each a wake-up) a megabyte takes.
func BenchmarkReadWindow(b *testing.B) {
	for _, bench := range []struct {
		name  string
		lowat int
	}{{"plain", 0}, {"4KiB", 4 << 10}, {"26KiB", 26 << 10}} {
		b.Run(bench.name, func(b *testing.B) {
			s, c := windowed(b, bench.lowat, 350*time.Millisecond)
			const message = 1100
			go func() {
				msg := make([]byte, message)
				for range b.N {
					_, _ = c.Write(msg)
					time.Sleep(20 * time.Microsecond)
				}
				_ = c.CloseWrite()
			}()
			buf := make([]byte, 64<<10)
			reads := 0
			b.SetBytes(message)
			b.ReportAllocs()
			b.ResetTimer()
			for {
				if _, err := s.Read(buf); err != nil {
					break
				}
				reads++
			}
			b.ReportMetric(float64(reads)*1e6/float64(b.N*message), "reads/MB")
		})
	}
}
