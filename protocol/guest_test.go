package protocol

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// framed is a module that takes framed connections at an HTTP listener's address.
type framed struct {
	Module
	l   net.Listener
	got chan net.Conn
}

func (m *framed) Info() Info { return Info{Name: "framed"} }

func (m *framed) Start(_ context.Context, h *Host) (err error) {
	if m.l, err = h.Listen("web", ListenOptions{Framed: true}); err != nil {
		return err
	}
	h.HTTP("http").Handle("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	h.Go(func(context.Context) error {
		for {
			c, err := m.l.Accept()
			if err != nil {
				close(m.got)
				return nil
			}
			m.got <- c
		}
	})
	return nil
}

func (m *framed) Shutdown(context.Context) error { return nil }

// TestFramed holds that connections of an HTTP listener that begin with a framed packet are the module's that
// has asked for them, whole, and that all others, and all once it has left, are HTTP's.
func TestFramed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &framed{got: make(chan net.Conn, 1)}
	s := NewServer(Config{HTTP: []HTTPListener{{Name: "http", Listen: []string{"web"}}}, Listeners: map[string]net.Listener{"web": l}}, m)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	dial := func(b []byte) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		mustWrite(t, c, b)
		return c
	}
	ask := func() {
		t.Helper()
		b, _ := io.ReadAll(dial([]byte("GET / HTTP/1.0\r\n\r\n")))
		if !bytes.HasSuffix(b, []byte("hello")) {
			t.Errorf("HTTP gives %q", b)
		}
	}
	ask()
	packet := append([]byte{1, 44}, bytes.Repeat([]byte("x"), 300)...)
	c := dial(packet)
	mustWrite(t, c, packet)
	theirs := <-m.got
	_ = theirs.SetDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, 2*len(packet))
	if _, err := io.ReadFull(theirs, got); err != nil || !bytes.Equal(got, append(packet, packet...)) {
		t.Errorf("%q, %v", got, err)
	}
	if theirs.RemoteAddr().String() != c.LocalAddr().String() || TCP(theirs) == nil || Coalescing(theirs) == nil {
		t.Error("not the client's connection")
	}
	ask()
	mustWrite(t, theirs, []byte("answer"))
	_ = theirs.Close()
	if b, err := io.ReadAll(c); string(b) != "answer" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_ = m.l.Close()
	_ = m.l.Close()
	if c, open := <-m.got; open {
		t.Error("accepted after Close:", c)
	}
	if b, _ := io.ReadAll(dial(append(packet, "\r\n\r\n"...))); !bytes.HasPrefix(b, []byte("HTTP/1.1 400")) {
		t.Errorf("without the module: %q", b)
	}
	ask()
}
