package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// serve runs a server of the module.
func serve(t testing.TB, m *Module) *stream.Hub {
	t.Helper()
	s := protocol.NewServer(protocol.Config{}, m)
	require.NoError(t, s.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, s.Shutdown(context.Background())) })
	return s.Hub()
}

// empty waits until nothing counts any more: contexts tell of their end on goroutines of their own.
func empty(t testing.TB, m *Module) {
	t.Helper()
	left := func() int {
		m.limits.mu.Lock()
		defer m.limits.mu.Unlock()
		return len(m.limits.used) + len(m.limits.held)
	}
	require.Eventually(t, func() bool { return left() == 0 }, 30*time.Second, time.Millisecond)
}

// peer does things on a hub.
type peer struct {
	hub  *stream.Hub
	conn *stream.Conn
}

func request(addr string, k stream.Key) stream.Request {
	return stream.Request{Key: k, Protocol: "rtmp", Remote: addr}
}

func (p peer) do(a stream.Action, addr string, k stream.Key) (end func(), err error) {
	r := request(addr, k)
	r.Conn = p.conn
	switch a {
	case stream.ActionConnect:
		c, err := p.hub.Connect(context.Background(), r)
		return func() { c.Close(nil) }, err
	case stream.ActionPublish:
		c, err := p.hub.Publish(context.Background(), r)
		return func() { c.Close(nil) }, err
	case stream.ActionPlay:
		c, err := p.hub.Play(context.Background(), r)
		return func() { _ = c.Close() }, err
	}
	s, err := p.hub.View(context.Background(), r)
	return func() { p.hub.EndView(s, nil) }, err
}

func TestLimits(t *testing.T) {
	const connect, publish, play, view = stream.ActionConnect, stream.ActionPublish, stream.ActionPlay, stream.ActionView
	key := func(vhost, name string) stream.Key { return stream.Key{Vhost: vhost, App: "live", Name: name} }
	x, y, ax, ay := key(stream.DefaultVhost, "x"), key(stream.DefaultVhost, "y"), key("a", "x"), key("a", "y")
	type step struct {
		a    stream.Action
		addr string
		key  stream.Key
		want string // part of the refusal; empty: let in
	}
	const one, two, lan = "192.0.2.1:1", "192.0.2.2:1", "192.0.2.1:2"
	for _, tt := range []struct {
		name   string
		server Limits
		a      Limits // of vhost a
		steps  []step
	}{
		{"none", Limits{}, Limits{}, []step{{connect, one, x, ""}, {publish, one, x, ""}, {play, one, x, ""}, {view, one, x, ""}}},
		{"connections", Limits{Total: Limit{Connections: 2}}, Limits{}, []step{
			{connect, one, x, ""}, {connect, two, stream.Key{}, ""}, {connect, two, x, "2 connections of the server"}}},
		{"who has none is one", Limits{Total: Limit{Connections: 2}}, Limits{}, []step{
			{connect, one, x, ""}, {view, two, y, ""}, {play, two, y, "2 connections"}, {publish, two, y, "2 connections"}}},
		{"connections of an address", Limits{PerIP: Limit{Connections: 1}}, Limits{}, []step{
			{connect, one, x, ""}, {connect, two, x, ""}, {connect, lan, ax, "1 connections of 192.0.2.1/32 on the server"}}},
		{"of an IPv6 network", Limits{PerIP: Limit{Connections: 1}}, Limits{}, []step{
			{connect, "[2001:db8::1]:1", x, ""}, {connect, "[2001:db8::2]:1", x, "of 2001:db8::/64"}, {connect, "[2001:db8:0:1::2]:1", x, ""}}},
		{"no address", Limits{PerIP: Limit{Connections: 1}}, Limits{}, []step{{connect, "@", x, ""}, {connect, "@", x, ""}}},
		{"connections of a vhost", Limits{}, Limits{Total: Limit{Connections: 1}}, []step{
			{connect, one, x, ""}, {connect, one, x, ""}, {connect, one, ax, ""}, {connect, two, ay, "of vhost a is reached"}}},
		{"of an address in a vhost", Limits{}, Limits{PerIP: Limit{Players: 1}}, []step{
			{play, one, x, ""}, {play, one, x, ""}, {play, one, ax, ""}, {play, two, ax, ""}, {view, lan, ay, "1 players of 192.0.2.1/32 on vhost a"}}},
		{"publishers", Limits{Total: Limit{Publishers: 1}}, Limits{}, []step{
			{publish, one, x, ""}, {publish, one, y, "1 publishers of the server"}, {play, one, x, ""}}},
		{"players", Limits{Total: Limit{Players: 2}}, Limits{}, []step{
			{play, one, x, ""}, {view, one, x, ""}, {play, two, y, "2 players"}, {view, two, y, "2 players"}, {publish, one, y, ""}}},
		{"players of a stream", Limits{PerStream: Limit{Players: 1, Connections: 1}}, Limits{PerStream: Limit{Players: 2}}, []step{
			{play, one, x, ""}, {play, one, x, "1 players of stream /live/x"}, {play, one, ax, ""}, {play, one, ax, "1 players of stream a/live/x"}, {publish, one, x, ""}}},
		{"the lower counts", Limits{PerStream: Limit{Players: 2}}, Limits{PerStream: Limit{Players: 1}}, []step{
			{play, one, x, ""}, {play, one, x, ""}, {play, one, x, "2 players"}, {play, one, ax, ""}, {play, one, ax, "1 players"}}},
		{"server and vhost", Limits{Total: Limit{Players: 2}}, Limits{Total: Limit{Players: 1}}, []step{
			{play, one, ax, ""}, {play, one, ax, "of vhost a"}, {play, one, x, ""}, {play, one, x, "of the server"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Config{Limits: tt.server, Vhost: func(name string) Vhost {
				if name == "a" {
					return Vhost{Limits: tt.a}
				}
				return Vhost{}
			}})
			p := peer{hub: serve(t, m)}
			for round := range 2 { // what has ended makes room again
				var ends []func()
				for i, s := range tt.steps {
					end, err := p.do(s.a, s.addr, s.key)
					if s.want == "" {
						require.NoError(t, err, "round %d, step %d", round, i)
						ends = append(ends, end)
						continue
					}
					require.Equal(t, 1074, codeOf(t, err), "round %d, step %d: %v", round, i, err)
					require.ErrorContains(t, err, s.want, "round %d, step %d", round, i)
				}
				for _, end := range ends {
					end()
				}
				empty(t, m)
			}
		})
	}
}

// A session on a connection is not one more; its end is its own.
func TestLimitsOnConnection(t *testing.T) {
	m := New(Config{Limits: Limits{Total: Limit{Connections: 1, Players: 1}}})
	hub := serve(t, m)
	conn, err := hub.Connect(t.Context(), request("192.0.2.1:1", stream.Key{Vhost: stream.DefaultVhost, App: "live"}))
	require.NoError(t, err)
	p := peer{hub, conn}
	end, err := p.do(stream.ActionPlay, "192.0.2.1:1", live)
	require.NoError(t, err)
	_, err = p.do(stream.ActionPlay, "192.0.2.1:1", stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "other"})
	require.Equal(t, 1074, codeOf(t, err))
	for range 100 { // at once, each time
		end()
		end, err = p.do(stream.ActionPlay, "192.0.2.1:1", live)
		require.NoError(t, err)
	}
	conn.Close(nil) // with what is on it
	end()
	empty(t, m)
}

// Whoever is refused by a later gate, or by the hub, counts no longer; and at no time are there more
// than the limit.
func TestLimitsConcurrent(t *testing.T) {
	const limit = 5
	m := New(Config{Limits: Limits{Total: Limit{Connections: 40, Publishers: limit, Players: limit}, PerIP: Limit{Players: 3}}})
	hub := serve(t, m)
	no := errors.New("no")
	var asked atomic.Int64
	defer hub.AddGate(stream.GateFunc(func(context.Context, *stream.Session) error {
		if asked.Add(1)%3 == 0 {
			return &stream.DeniedError{Public: "no", Err: no}
		}
		return nil
	}))()
	var players, most, publishers atomic.Int64
	var work sync.WaitGroup
	for i := range 16 {
		work.Go(func() {
			p := peer{hub: hub}
			for k := range 60 {
				a := []stream.Action{stream.ActionPlay, stream.ActionPublish, stream.ActionView, stream.ActionConnect}[(i+k)%4]
				// Some publish what another publishes: the hub refuses them.
				end, err := p.do(a, fmt.Sprintf("192.0.2.%d:1", i%3), stream.Key{Vhost: "v", App: "live", Name: fmt.Sprint(k % 3)})
				if err != nil {
					if codeless := errors.Is(err, no) || errors.Is(err, stream.ErrBusy); !codeless && codeOf(t, err) != 1074 {
						t.Errorf("%v", err)
					}
					continue
				}
				count := &players
				if a == stream.ActionPublish {
					count = &publishers
				}
				if a != stream.ActionConnect {
					n := count.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					count.Add(-1)
				}
				end()
			}
		})
	}
	work.Wait()
	require.LessOrEqual(t, most.Load(), int64(limit))
	require.Positive(t, most.Load())
	empty(t, m)
}

// A new configuration counts who is there already.
func TestReload(t *testing.T) {
	m := New(Config{})
	s := protocol.NewServer(protocol.Config{}, m)
	require.NoError(t, s.Start(context.Background()))
	defer s.Shutdown(context.Background())
	p := peer{hub: s.Hub()}
	end, err := p.do(stream.ActionPlay, "192.0.2.1:1", live)
	require.NoError(t, err)
	closed := New(Config{Limits: Limits{Total: Limit{Players: 1}}, Vhost: func(string) Vhost {
		return Vhost{Security: Security{Enabled: true, Rules: rules(t, "deny publish all")}}
	}})
	require.NoError(t, s.Reload(t.Context(), protocol.Config{}, closed))
	_, err = p.do(stream.ActionPlay, "192.0.2.1:1", live)
	require.Equal(t, 1074, codeOf(t, err))
	_, err = p.do(stream.ActionPublish, "192.0.2.1:1", live)
	require.Equal(t, 1053, codeOf(t, err))
	require.NoError(t, s.Reload(t.Context(), protocol.Config{}, New(Config{})))
	again, err := p.do(stream.ActionPlay, "192.0.2.1:1", live)
	require.NoError(t, err)
	end()
	again()
	empty(t, m)
	require.Error(t, m.Reload(nil))
	require.NoError(t, s.Reload(t.Context(), protocol.Config{}, New(Config{Name: "other", Vhost: func(string) Vhost {
		return Vhost{Refer: Refer{Enabled: true, All: []string{"a.com"}}}
	}})))
	conn, err := s.Hub().Connect(t.Context(), request("192.0.2.1:1", live))
	require.NoError(t, err)
	_, err = peer{s.Hub(), conn}.do(stream.ActionPlay, "192.0.2.1:1", live)
	require.Equal(t, 2015, codeOf(t, err), "refer for all is asked when the stream is named")
	conn.Close(nil)
}

// send publishes bytes a second until the publisher is ended, or for a time. It keeps out of the
// moments at which rates are measured.
func send(p *stream.Publisher, bytes int, d time.Duration) {
	time.Sleep(50 * time.Millisecond)
	tracks := &stream.Tracks{List: []stream.Track{{Codec: stream.MP3}}}
	for at := time.Duration(0); at < d && p.Context().Err() == nil; at += 100 * time.Millisecond {
		_ = p.WritePacket(&stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: make([]byte, bytes/10)})
		time.Sleep(100 * time.Millisecond)
	}
}

func TestBitrate(t *testing.T) {
	for name, tt := range map[string]struct {
		limits  Limits
		vhost   Limits
		let     int // of players of one address
		message string
	}{
		"server":  {Limits{Total: Limit{Bitrate: 300_000}}, Limits{}, 3, "300 kb/s for players of the server"},
		"address": {Limits{PerIP: Limit{Bitrate: 200_000}}, Limits{}, 2, "of 192.0.2.1/32 on the server"},
		"stream":  {Limits{PerStream: Limit{Bitrate: 250_000}}, Limits{}, 2, "of stream /live/livestream"},
		"vhost":   {Limits{}, Limits{Total: Limit{Bitrate: 100_000}}, 1, "of vhost " + stream.DefaultVhost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := New(Config{Limits: tt.limits, Vhost: func(string) Vhost { return Vhost{Limits: tt.vhost} }})
				s := protocol.NewServer(protocol.Config{}, m)
				require.NoError(t, s.Start(context.Background()))
				p, err := s.Hub().Publish(t.Context(), request("192.0.2.9:1", live))
				require.NoError(t, err)
				var work sync.WaitGroup
				work.Go(func() { send(p, 12_000, time.Hour) }) // 96 kb/s
				time.Sleep(3500 * time.Millisecond)
				var ends []func()
				join := func() error {
					end, err := peer{hub: s.Hub()}.do(stream.ActionPlay, "192.0.2.1:1", live)
					if err == nil {
						ends = append(ends, end)
					}
					return err
				}
				for range 2 { // before they are measured, and after
					for len(ends) < tt.let {
						require.NoError(t, join())
					}
					err = join()
					require.Equal(t, 1074, codeOf(t, err))
					require.ErrorContains(t, err, tt.message)
					time.Sleep(2 * time.Second)
				}
				ends[0]()
				ends = ends[1:]
				time.Sleep(2 * time.Second)
				require.NoError(t, join(), "there is room again")
				for _, end := range ends {
					end()
				}
				p.Close(nil)
				work.Wait()
				require.NoError(t, s.Shutdown(context.Background()))
				synctest.Wait()
				require.Empty(t, m.limits.used)
			})
		})
	}
}

func TestIngestBitrate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{Limits: Limits{Ingest: 1_000_000}, Vhost: func(name string) Vhost {
			if name == "a" {
				return Vhost{Limits: Limits{Ingest: 100_000}}
			}
			return Vhost{}
		}})
		s := protocol.NewServer(protocol.Config{}, m)
		require.NoError(t, s.Start(context.Background()))
		publish := func(vhost string) *stream.Publisher {
			p, err := s.Hub().Publish(t.Context(), request("192.0.2.9:1", stream.Key{Vhost: vhost, App: "live", Name: "x"}))
			require.NoError(t, err)
			return p
		}
		free, tight, burst := publish("b"), publish("a"), publish("c")
		began := time.Now()
		var work sync.WaitGroup
		work.Go(func() { send(free, 100_000, time.Minute) }) // 800 kb/s
		work.Go(func() {
			send(burst, 1_000_000, 3*time.Second)
			send(burst, 10_000, time.Minute)
		})
		send(tight, 20_000, time.Minute) // 160 kb/s
		require.InDelta(t, 6, time.Since(began).Seconds(), 2)
		err := context.Cause(tight.Context())
		require.Equal(t, 1074, codeOf(t, err))
		require.ErrorContains(t, err, "the limit is 100")
		time.Sleep(20 * time.Second)
		require.NoError(t, free.Context().Err())
		require.NoError(t, burst.Context().Err(), "a burst is no more than a moment's")
		for _, p := range []*stream.Publisher{free, tight, burst} {
			p.Close(nil)
		}
		work.Wait()
		require.NoError(t, s.Shutdown(context.Background()))
	})
}
