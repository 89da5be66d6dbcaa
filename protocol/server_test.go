package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/srsgo/srs/stream"
)

// toy answers every connection with a word, and records what is done to it.
type toy struct {
	name, addr string
	word       atomic.Pointer[string]
	fail       error
	inPlace    bool
	log        *journal
	taps       chan string

	host *Host
	acc  *Acceptor
	l    net.Listener
}

type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, a ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, a...))
}

func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := strings.Join(j.lines, ", ")
	j.lines = nil
	return s
}

func (j *journal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.lines)
}

func newToy(j *journal, name, addr, word string) *toy {
	m := &toy{name: name, addr: addr, log: j}
	m.word.Store(&word)
	return m
}

func (m *toy) Info() Info { return Info{Name: m.name} }

func (m *toy) Start(_ context.Context, h *Host) error {
	m.log.add("start %s %s", m.name, *m.word.Load())
	m.host = h
	l, err := h.Listen(m.addr, ListenOptions{})
	if err != nil {
		return err
	}
	m.l = l
	m.acc = h.Acceptor(func(ctx context.Context, c net.Conn) {
		_, _ = io.WriteString(c, *m.word.Load())
		if *m.word.Load() == "stay" {
			<-ctx.Done()
		}
	})
	h.Go(func(context.Context) error { return m.acc.Serve(l) })
	h.HTTP("http").Handle("/word", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, *m.word.Load())
	}))
	return m.fail
}

func (m *toy) Shutdown(ctx context.Context) error {
	m.log.add("stop %s %s", m.name, *m.word.Load())
	return m.acc.Shutdown(ctx)
}

// reloadable is a toy that may reload in place.
type reloadable struct{ *toy }

func (m reloadable) Reload(next Module) error {
	n := next.(reloadable)
	if !m.inPlace {
		return errors.New("the address changed")
	}
	m.log.add("reload %s %s", m.name, *n.word.Load())
	m.word.Store(n.word.Load())
	return nil
}

// tapping is a toy that takes part in publications.
type tapping struct{ *toy }

func (m tapping) Tap(ctx context.Context, s *stream.Stream) error {
	m.taps <- "tap " + *m.word.Load() + " " + s.Key().String()
	<-ctx.Done()
	m.taps <- "end " + *m.word.Load()
	return ctx.Err()
}

func shutdownNow(t testing.TB, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestServerLifecycle(t *testing.T) {
	j := &journal{}
	a, b := newToy(j, "a", "127.0.0.1:0", "one"), newToy(j, "b", "127.0.0.1:0", "stay")
	s := NewServer(Config{}, a, b)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	for len(s.Modules()) != 2 {
		time.Sleep(time.Millisecond)
	}
	if got := ask(t, a.l.Addr()); got != "one" {
		t.Error(got)
	}
	c, err := net.Dial("tcp", b.l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a.host.Go(func(context.Context) error { panic("in a goroutine") })
	a.host.Go(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	if err := s.Start(ctx); !errors.Is(err, ErrState) {
		t.Errorf("second start: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := j.take(); got != "start a one, start b stay, stop b stay, stop a one" {
		t.Error(got)
	}
	if s.Panics() != 1 {
		t.Errorf("%d panics", s.Panics())
	}
	if _, err := a.host.Listen("127.0.0.1:0", ListenOptions{}); err == nil {
		t.Error("listening after the end")
	}
	if err := s.Reload(context.Background(), Config{}); !errors.Is(err, ErrState) {
		t.Errorf("reload after the end: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	j := &journal{}
	a, b := newToy(j, "a", "127.0.0.1:0", "one"), newToy(j, "b", "127.0.0.1:0", "two")
	b.fail = errors.New("no luck")
	s := NewServer(Config{}, a, b)
	if err := s.Start(context.Background()); !errors.Is(err, b.fail) {
		t.Error(err)
	}
	if got := j.take(); got != "start a one, start b two, stop a one" {
		t.Error(got)
	}
	for _, m := range []*toy{a, b} {
		if _, err := net.Dial("tcp", m.l.Addr().String()); err == nil {
			t.Errorf("%s still listens", m.name)
		}
	}
	shutdownNow(t, s)
	for _, bad := range [][]Module{{newToy(j, "", "", "")}, {a, a}} {
		s := NewServer(Config{}, bad...)
		if err := s.Start(context.Background()); err == nil {
			t.Error("bad names start")
		}
		shutdownNow(t, s)
	}
}

func TestReload(t *testing.T) {
	j := &journal{}
	ctx := context.Background()
	a := newToy(j, "a", "127.0.0.1:0", "a1")
	b := reloadable{newToy(j, "b", "127.0.0.1:0", "b1")}
	b.inPlace = true
	s := NewServer(Config{}, a, b)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	j.take()
	expect := func(what, want string) {
		t.Helper()
		for i := 0; i < 500 && j.len() < strings.Count(want, ",")+1; i++ {
			time.Sleep(10 * time.Millisecond) // what is replaced stops in the background
			if want == "" && i > 2 {
				break
			}
		}
		got := strings.Split(j.take(), ", ")
		slices.SortStableFunc(got, func(a, b string) int { // stops come in any order, after the starts
			if strings.HasPrefix(a, "stop") && strings.HasPrefix(b, "stop") {
				return strings.Compare(a, b)
			}
			return 0
		})
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	addrA, addrB := a.l.Addr(), b.l.Addr()
	a2, b2 := newToy(j, "a", "127.0.0.1:0", "a2"), reloadable{newToy(j, "b", "127.0.0.1:0", "b2")}
	if err := s.Reload(ctx, Config{}, a2, b2); err != nil {
		t.Fatal(err)
	}
	expect("reload", "start a a2, reload b b2, stop a a1")
	if x, y := ask(t, addrA), ask(t, addrB); x != "a2" || y != "b2" {
		t.Errorf("answers %s %s", x, y)
	}
	if got := s.Modules(); got[0] != Module(a2) || got[1] != Module(b) {
		t.Error("modules", got)
	}
	if err := s.Reload(ctx, Config{}, a2, b); err != nil {
		t.Fatal(err)
	}
	expect("reload with what runs", "")
	// A failing start leaves everything as it was.
	a3, c3 := newToy(j, "a", "127.0.0.1:0", "a3"), newToy(j, "c", "127.0.0.1:0", "c3")
	c3.fail = errors.New("no luck")
	if err := s.Reload(ctx, Config{}, b2, a3, c3); !errors.Is(err, c3.fail) {
		t.Error(err)
	}
	expect("failed reload", "start a a3, start c c3, stop a a3")
	if x, y := ask(t, addrA), ask(t, addrB); x != "a2" || y != "b2" {
		t.Errorf("answers after a failed reload %s %s", x, y)
	}
	// What cannot reload in place is started anew; addresses change hands; what is
	// removed stops accepting at once while its connections go on.
	b.inPlace = false
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	addrB = free.Addr()
	b4 := reloadable{newToy(j, "b", addrB.String(), "stay")}
	if err := s.Reload(ctx, Config{}, b4); err != nil {
		t.Fatal(err)
	}
	expect("restart", "start b stay, stop a a2, stop b b2")
	if _, err := net.Dial("tcp", addrA.String()); err == nil {
		t.Error("a removed module still listens")
	}
	c, err := net.Dial("tcp", addrB.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatal(err)
	}
	d5 := newToy(j, "d", addrB.String(), "d5")
	if err := s.Reload(ctx, Config{}, d5); err != nil {
		t.Fatal(err)
	}
	if x := ask(t, addrB); x != "d5" {
		t.Errorf("the address did not change hands: %s", x)
	}
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var ne net.Error
	if _, err := c.Read(buf); !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("a connection of a replaced module ended: %v", err)
	}
}

func TestReloadRefusesNobody(t *testing.T) {
	j := &journal{}
	s := NewServer(Config{}, newToy(j, "a", "127.0.0.1:0", "x"))
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	addr := s.Modules()[0].(*toy).l.Addr()
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			if got := ask(t, addr); got != "x" {
				t.Errorf("got %q", got)
				return
			}
		}
	})
	for range 30 {
		if err := s.Reload(context.Background(), Config{}, newToy(j, "a", "127.0.0.1:0", "x")); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

func TestTaps(t *testing.T) {
	j := &journal{}
	ctx := context.Background()
	m := tapping{newToy(j, "hls", "127.0.0.1:0", "one")}
	m.taps = make(chan string, 10)
	s := NewServer(Config{}, m)
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	publish := func(name string) *stream.Publisher {
		p, err := s.Hub().Publish(ctx, stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name}, Protocol: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-m.taps:
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no %s", want)
		}
	}
	p := publish("x")
	expect("tap one /live/x")
	_ = p.Close(nil)
	expect("end one")
	p = publish("y")
	expect("tap one /live/y")
	next := tapping{newToy(j, "hls", "127.0.0.1:0", "two")}
	next.taps = m.taps
	if err := s.Reload(ctx, Config{}, next); err != nil {
		t.Fatal(err)
	}
	a, b := <-m.taps, <-m.taps
	if a != "end one" || b != "tap two /live/y" {
		t.Errorf("a reload gave %q, %q", a, b)
	}
	_ = p.Close(nil)
	expect("end two")
	if len(m.taps) > 0 {
		t.Error("tapped twice:", <-m.taps)
	}
}

type dialing struct{ *toy }

func (dialing) Schemes() []string { return []string{"toy"} }

func (dialing) Pull(context.Context, *url.URL) (SourceCloser, error) { return nil, io.EOF }

func (dialing) Push(context.Context, *url.URL) (SinkCloser, error) { return nil, io.ErrShortWrite }

func TestDialers(t *testing.T) {
	m := dialing{newToy(&journal{}, "a", "127.0.0.1:0", "x")}
	s := NewServer(Config{}, m)
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	for scheme, want := range map[string][2]error{"toy": {io.EOF, io.ErrShortWrite}, "x": {stream.ErrUnsupported, stream.ErrUnsupported}} {
		u := &url.URL{Scheme: scheme, Host: "h"}
		_, pull := m.host.Pull(context.Background(), u)
		_, push := m.host.Push(context.Background(), u)
		if !errors.Is(pull, want[0]) || !errors.Is(push, want[1]) {
			t.Errorf("%s: %v, %v", scheme, pull, push)
		}
	}
}
