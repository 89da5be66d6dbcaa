package hook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// patience is how long a test waits for anything.
const patience = 30 * time.Second

// got is a request that a callee has seen.
type got struct {
	hook   string // the last element of the path
	method string
	uri    string
	header http.Header
	body   string
}

// callee is an application's HTTP server. It says 0 to everything, or what answer has.
type callee struct {
	url string

	mu     sync.Mutex
	seen   []got
	answer func(w http.ResponseWriter, g got) // nil: 0
	grown  chan struct{}
}

func newCallee(t testing.TB, answer func(http.ResponseWriter, got)) *callee {
	c := &callee{answer: answer, grown: make(chan struct{})}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	c.url = s.URL + "/"
	return c
}

func (c *callee) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g := got{path.Base(r.URL.Path), r.Method, r.RequestURI, r.Header, string(body)}
	g.header.Set("Host", r.Host)
	c.mu.Lock()
	c.seen = append(c.seen, g)
	close(c.grown)
	c.grown = make(chan struct{})
	c.mu.Unlock()
	if c.answer == nil {
		_, _ = io.WriteString(w, "0")
		return
	}
	c.answer(w, g)
}

// hooks lists what was called so far.
func (c *callee) hooks() (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.seen {
		list = append(list, g.hook)
	}
	return list
}

// wait gives the calls once there are so many.
func (c *callee) wait(t testing.TB, n int) []got {
	t.Helper()
	late := time.After(patience)
	for {
		c.mu.Lock()
		seen, grown := slices.Clone(c.seen), c.grown
		c.mu.Unlock()
		if len(seen) >= n {
			return seen
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("%d calls, want %d: %v", len(seen), n, c.hooks())
		}
	}
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// all has every callback call one URL, with the hook's name behind it.
func all(url string) Vhost {
	u := func(hook string) []string { return []string{url + hook} }
	return Vhost{
		OnConnect: u(onConnect), OnClose: u(onClose), OnPublish: u(onPublish), OnUnpublish: u(onUnpublish),
		OnPlay: u(onPlay), OnStop: u(onStop), OnDVR: u(onDVR), OnHLS: u(onHLS), OnForward: url + onForward,
	}
}

// same gives every vhost the same callbacks.
func same(v Vhost) Config { return Config{Vhost: func(string) Vhost { return v }} }

// logs keeps the log's lines.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is a server with the module alone.
type rig struct {
	*protocol.Server
	t    testing.TB
	m    *Module
	logs *logs
}

func run(t testing.TB, cfg Config) *rig {
	t.Helper()
	l := &logs{}
	m := New(cfg)
	s := protocol.NewServer(protocol.Config{
		ServerID: "vid-5481ey2", Logger: slog.New(slog.NewTextHandler(l, nil)),
	}, m)
	require.NoError(t, s.Start(context.Background()))
	r := &rig{s, t, m, l}
	t.Cleanup(func() { r.shutdown() })
	return r
}

// shutdown ends the server, and lets the facts go out.
func (r *rig) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil && !errors.Is(err, protocol.ErrState) {
		r.t.Errorf("shutdown: %v", err)
	}
}

func request(protocol, name string) stream.Request {
	return stream.Request{
		Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name}, Protocol: protocol,
		Remote: "127.0.0.1:5000", URL: protocol + "://127.0.0.1/live",
	}
}

// connect makes the connection on which r is asked for.
func (r *rig) connect(q *stream.Request) *stream.Conn {
	r.t.Helper()
	first := *q
	first.Key.Name, first.Param = "", ""
	c, err := r.Hub().Connect(context.Background(), first)
	require.NoError(r.t, err)
	q.Conn = c
	return c
}

// publish connects, publishes, and leaves.
func (r *rig) publish(q stream.Request) error {
	c := r.connect(&q)
	defer c.Close(nil)
	p, err := r.Hub().Publish(context.Background(), q)
	if err == nil {
		err = p.Close(nil)
	}
	return err
}

// play plays without a connection, and leaves.
func (r *rig) play(q stream.Request) error {
	p, err := r.Hub().Play(context.Background(), q)
	if err == nil {
		err = p.Close()
	}
	return err
}

// protocolConfig is for reloads.
var protocolConfig protocol.Config

// closedAddr gives an address at which nobody listens.
func closedAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
