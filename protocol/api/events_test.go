package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

const patience = 30 * time.Second

// withSocket has the API on a socket of its own, whose address it gives.
func withSocket(addr *string) func(*protocol.Config) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	*addr = l.Addr().String()
	return func(c *protocol.Config) {
		c.HTTP = []protocol.HTTPListener{{Name: "api", Listen: []string{"127.0.0.1:1985"}}}
		c.Listeners = map[string]net.Listener{"127.0.0.1:1985": l}
	}
}

// sse is one event as a browser takes it.
type sse struct {
	id, event, data string
	fact            fact
}

// listener reads events as the standard says (WHATWG HTML, 9.2.6).
type listener struct {
	t    *testing.T
	resp *http.Response
	scan *bufio.Scanner
}

func listen(t *testing.T, addr, query, lastID string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+addr+"/api/v1/events"+query, nil)
	require.NoError(t, err)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	return &listener{t, resp, bufio.NewScanner(resp.Body)}
}

// next gives the next event; ok is false at the end.
func (l *listener) next() (e sse, ok bool) {
	for l.scan.Scan() {
		field, value, _ := strings.Cut(l.scan.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			e.data = value
		case "":
			if e.event != "" {
				require.NoError(l.t, json.Unmarshal([]byte(e.data), &e.fact))
				return e, true
			}
		case "retry":
		default:
			require.Empty(l.t, field, "no such field")
		}
	}
	return e, false
}

func (l *listener) want(events ...string) (out []sse) {
	l.t.Helper()
	for _, want := range events {
		e, ok := l.next()
		require.True(l.t, ok, "ended before %s", want)
		require.Equal(l.t, want, e.event)
		out = append(out, e)
	}
	return out
}

func TestEvents(t *testing.T) {
	streamtest.CheckLeaks(t)
	var addr string
	o := operate(t, Config{}, withSocket(&addr))
	all := listen(t, addr, "", "")
	some := listen(t, addr, "?event=publish,stop&stream=/live/*", "")
	key := stream.Key{Vhost: "__defaultVhost__", App: "live", Name: "livestream"}
	p := o.publish(t, key)
	v, err := o.srv.Hub().Play(t.Context(), stream.Request{Key: key, Protocol: "flv", Type: "flv-play", Remote: "[2001:db8::7]:1"})
	require.NoError(t, err)
	v.Session().Kick(nil)
	require.NoError(t, v.Close())
	require.NoError(t, p.Close(errors.New("reading rtmp://user:planted@example.com: refused")))
	require.NoError(t, o.module.Emit("reload", map[string]any{"applied": []string{"listen"}}))

	got := all.want("publish", "play", "stop", "unpublish", "reload")
	e := got[0].fact
	require.Equal(t, fact{Event: "publish", Time: e.Time, ClientID: p.ID, Protocol: "rtmp", Type: "fmle-publish", IP: "192.0.2.7",
		Vhost: "__defaultVhost__", App: "live", Stream: "livestream", StreamID: o.srv.Identity().StreamID(key)}, e)
	_, err = time.Parse(time.RFC3339, e.Time)
	require.NoError(t, err)
	require.Equal(t, "2001:db8::7", got[1].fact.IP)
	require.Equal(t, "kicked", got[2].fact.Reason)
	require.NotNil(t, got[2].fact.Seconds)
	require.Equal(t, "error", got[3].fact.Reason, "the text of an error is for the log")
	require.NotContains(t, got[3].data, "planted")
	require.NotContains(t, got[0].data, "planted", "no parameters")
	require.JSONEq(t, fmt.Sprintf(`{"event":"reload","time":%q,"data":{"applied":["listen"]}}`, got[4].fact.Time), got[4].data)
	for i, e := range got {
		require.Equal(t, fmt.Sprintf("%s-%d", o.module.op.events.epoch, i+1), e.id)
	}
	some.want("publish", "stop")

	// A client that comes back gets what it missed, and then what comes.
	back := listen(t, addr, "", got[2].id)
	require.Equal(t, got[3:], back.want("unpublish", "reload"))
	other := listen(t, addr, "", "abcdefgh-3")
	require.Equal(t, got, other.want("publish", "play", "stop", "unpublish", "reload"), "the id is of another log")
	o.module.Drain()
	for _, l := range []*listener{all, some, back, other} {
		_, ok := l.next()
		require.False(t, ok, "the server drains")
	}
}

// numbered is an error with a number of SRS's.
type numbered int

func (numbered) Error() string { return "numbered" }
func (n numbered) Code() int   { return int(n) }

func TestEventsTellTheCodeOfAnError(t *testing.T) {
	o := operate(t, Config{})
	p := o.publish(t, stream.Key{Vhost: "v", App: "live", Name: "s"})
	require.NoError(t, p.Close(fmt.Errorf("a gate: %w", &stream.DeniedError{Err: numbered(1053)})))
	cursor := o.module.op.events.ring.Cursor(stream.Oldest)
	_, err := cursor.Try()
	require.NoError(t, err)
	e, err := cursor.Try()
	require.NoError(t, err)
	require.Regexp(t, `"reason":"denied","code":1053,`, string(e.data()))
}

// TestEventsCannotBreakTheirFrames publishes names with all that ends a line, or a field.
func TestEventsCannotBreakTheirFrames(t *testing.T) {
	streamtest.CheckLeaks(t)
	var addr string
	o := operate(t, Config{}, withSocket(&addr))
	l := listen(t, addr, "", "")
	for _, name := range []string{"a\n\nevent: kicked\ndata: {}\n\n", "a\r\rb", "\u2028\u2029\x85", "\x00\xff", "<script>", strings.Repeat("ü", 10_000)} {
		p := o.publish(t, stream.Key{Vhost: "v\n", App: "a\r\n", Name: name})
		require.NoError(t, p.Close(nil))
		got := l.want("publish", "unpublish")
		require.Equal(t, strings.ToValidUTF8(cut(name), "\ufffd"), got[0].fact.Stream)
		require.NotContains(t, got[0].data, "<")
		require.Less(t, len(got[0].data), 5000)
	}
	require.Error(t, o.module.Emit("a\nb", nil))
	require.Error(t, o.module.Emit("", nil))
	require.Error(t, o.module.Emit("x", strings.Repeat("x", maxEventData)))
	require.Error(t, o.module.Emit("x", func() {}))
}

func TestEventsAreBounded(t *testing.T) {
	streamtest.CheckLeaks(t)
	var addr string
	o := operate(t, Config{Events: EventsConfig{Clients: 2}}, withSocket(&addr))
	for _, x := range []struct {
		method, query string
		want          int
	}{
		{"POST", "", 405}, {"GET", "?stream=[", 400}, {"GET", "?stream=" + strings.Repeat("*", 300), 400},
		{"GET", "?event=" + strings.Repeat(",", 200), 400},
	} {
		require.Equal(t, x.want, o.ask(x.method, "/api/v1/events"+x.query).Code, x.query)
	}
	one := listen(t, addr, "", "")
	listen(t, addr, "", "")
	w := o.ask("GET", "/api/v1/events")
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	_ = one.resp.Body.Close()
	require.Eventually(t, func() bool { return o.module.op.events.clients.Load() == 1 }, patience, time.Millisecond)
	listen(t, addr, "", "")

	o = operate(t, Config{Events: EventsConfig{Off: true}})
	require.Equal(t, 404, o.ask("GET", "/api/v1/events").Code)
}

// TestSlowEventClient stops reading. The server goes on, drops the client, and tells it how much it
// has missed when it comes back.
func TestSlowEventClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := operate(t, Config{})
		near, far := net.Pipe() // which holds nothing
		defer near.Close()
		srv := &http.Server{Handler: o.srv.Handler("api")}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(&oneConn{conn: far, over: make(chan struct{})}) }()
		_, err := near.Write([]byte("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		require.NoError(t, err)
		synctest.Wait()
		for i := range 3 * keptEvents {
			require.NoError(t, o.module.Emit("tick", i))
		}
		time.Sleep(2 * eventWrite)
		require.Zero(t, o.module.op.events.clients.Load(), "dropped")
		require.NoError(t, srv.Close())
		<-served

		c := &eventClient{log: o.module.op.events}
		c.back, c.seen = true, c.log.seen(c.log.epoch+"-1")
		for cursor := c.log.ring.Cursor(stream.Oldest); ; {
			e, err := cursor.Try()
			require.NoError(t, err)
			if e == nil {
				break
			}
			c.take(e)
		}
		require.Contains(t, string(c.buf), fmt.Sprintf("data: {\"event\":\"lost\",\"count\":%d}\n\n", 2*keptEvents-1))
		require.Equal(t, keptEvents, strings.Count(string(c.buf), "event: tick\n"))
	})
}

func TestEventsEndWhenCredentialsChange(t *testing.T) {
	streamtest.CheckLeaks(t)
	var addr string
	socket := withSocket(&addr)
	o := operate(t, Config{Auth: AuthConfig{Tokens: []string{"first"}}}, socket)
	l := listen(t, addr, "?access_token=first", "")
	reload := func(token string) {
		t.Helper()
		cfg := protocol.Config{HTTP: []protocol.HTTPListener{{Name: "api", Listen: []string{"127.0.0.1:1985"}}}}
		require.NoError(t, o.srv.Reload(t.Context(), cfg, New(Config{Auth: AuthConfig{Tokens: []string{token}}})))
	}
	reload("first")
	require.NoError(t, o.module.Emit("one", nil))
	l.want("one")
	reload("second")
	require.NoError(t, o.module.Emit("two", nil))
	_, ok := l.next()
	require.False(t, ok)
}

func TestEventClientsGetHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := operate(t, Config{})
		near, far := net.Pipe()
		srv := &http.Server{Handler: o.srv.Handler("api")}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(&oneConn{conn: far, over: make(chan struct{})}) }()
		_, err := near.Write([]byte("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		require.NoError(t, err)
		begin, beats := time.Now(), 0
		for scan := bufio.NewScanner(near); time.Since(begin) < eventTime && scan.Scan(); {
			if strings.HasPrefix(scan.Text(), ":") {
				beats++
			}
			if scan.Text() == "0" { // the end of a chunked body
				break
			}
		}
		require.Equal(t, eventTime, time.Since(begin), "it has to come again")
		require.InDelta(t, int(eventTime/heartbeat), beats, 1) // the last one and the end are at one time
		_ = near.Close()
		synctest.Wait()
		require.Zero(t, o.module.op.events.clients.Load())
		require.NoError(t, srv.Close())
		<-served
	})
}

// oneConn is a listener of one connection, which is this machine's.
type oneConn struct {
	conn net.Conn
	over chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return localConn{c}, nil
	}
	<-l.over
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	close(l.over)
	return nil
}

func (l *oneConn) Addr() net.Addr { return localConn{}.RemoteAddr() }

type localConn struct{ net.Conn }

func (localConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func FuzzFilter(f *testing.F) {
	f.Add("event=a,b&stream=/live/*", "/live/x")
	f.Add("stream=[", "")
	f.Fuzz(func(t *testing.T, query, name string) {
		r, err := http.NewRequest("GET", "http://a/?x", nil)
		require.NoError(t, err)
		r.URL.RawQuery = query
		if fl, err := parseFilter(r.URL.Query()); err == nil {
			fl.wants(&logged{event: "play", name: name})
		}
	})
}

// BenchmarkObserve is what an event costs the session that it is about, with a hundred clients.
func BenchmarkObserve(b *testing.B) {
	o := operate(b, Config{})
	p := o.publish(b, stream.Key{Vhost: "v", App: "live", Name: "s"})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for range 100 {
		cursor := o.module.op.events.ring.Cursor(stream.Live)
		go func() {
			for ctx.Err() == nil {
				if _, err := cursor.Next(ctx); err != nil {
					cursor.SkipToKey()
				}
			}
		}()
	}
	ev := stream.Event{Type: stream.EventPlay, Time: time.Now(), Session: p.Session}
	b.ReportAllocs()
	for b.Loop() {
		o.module.observe(ev)
	}
}
