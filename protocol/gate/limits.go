package gate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// Limits bounds what is used at once, of a server or of a vhost. Both count.
type Limits struct {
	// Total is for all together, PerIP for each client's address (IPv6: each /64), PerStream for
	// each stream.
	Total, PerIP, PerStream Limit
	// Ingest ends a publisher that sends more bits a second than this for 5 s; 0: no limit.
	Ingest int64
}

// Limit is a limit of each kind; 0 is none.
type Limit struct {
	// Connections are those of RTMP and SRT, and sessions of protocols without any, HTTP among
	// them. Per stream there is no limit of them.
	Connections int
	// Publishers and Players are sessions.
	Publishers, Players int
	// Bitrate, in bits a second, is that of all players: the sum of what their streams' publishers
	// send. A player with whom it would be more is refused.
	Bitrate int64
}

// scope is what something is counted for: the server, or parts of what a session is, as far as they
// are set.
type scope struct {
	vhost  string
	stream stream.Key
	ip     netip.Prefix
}

func (c scope) String() string {
	what := "the server"
	switch {
	case c.stream != stream.Key{}:
		what = "stream " + c.stream.String()
	case c.vhost != "":
		what = "vhost " + c.vhost
	}
	if c.ip.IsValid() {
		return c.ip.String() + " on " + what
	}
	return what
}

// use is what is used of each kind.
type use struct {
	connections, publishers, players int
	bitrate                          int64 // as it was measured last, and of those who came since
}

// limiter counts what is used.
type limiter struct {
	mu    sync.Mutex
	used  map[scope]use
	held  map[*stream.Conn][]*hold // by the connection they are on
	rates map[stream.Key]int64     // bits a second, as measured last
}

func newLimiter() *limiter {
	return &limiter{used: map[scope]use{}, held: map[*stream.Conn][]*hold{}}
}

// hold is what a session uses while it lives.
type hold struct {
	session *stream.Session
	use     use
	ended   bool
}

// limited is a scope with its limit.
type limited struct {
	scope
	limit Limit
}

// scopes gives what a session is counted for. A stream counts once, under the lower of both limits.
func scopes(r *stream.Request, server, vhost *Limits) []limited {
	ip := token.Network(r.Remote)
	list := []limited{{scope{}, server.Total}}
	if ip.IsValid() {
		list = append(list, limited{scope{ip: ip}, server.PerIP})
	}
	if v := r.Key.Vhost; v != "" {
		list = append(list, limited{scope{vhost: v}, vhost.Total})
		if ip.IsValid() {
			list = append(list, limited{scope{vhost: v, ip: ip}, vhost.PerIP})
		}
	}
	if r.Key.Name != "" {
		limit := lower(server.PerStream, vhost.PerStream)
		limit.Connections = 0
		list = append(list, limited{scope{stream: r.Key}, limit})
	}
	return list
}

func lower(a, b Limit) Limit {
	return Limit{lowerOf(a.Connections, b.Connections), lowerOf(a.Publishers, b.Publishers),
		lowerOf(a.Players, b.Players), lowerOf(a.Bitrate, b.Bitrate)}
}

func lowerOf[T int | int64](a, b T) T {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// cost gives what a session uses.
func (l *limiter) cost(s *stream.Session) (u use) {
	switch actionOf(s.Action) {
	case Publish:
		u.publishers = 1
	case Play:
		u.players, u.bitrate = 1, l.rates[s.Request.Key]
	}
	if s.Request.Conn == nil { // a connection itself, or who has none
		u.connections = 1
	}
	return u
}

// admit counts a session until its context ends, or refuses it.
func (l *limiter) admit(s *stream.Session, server, vhost *Limits) error {
	list := scopes(&s.Request, server, vhost)
	l.mu.Lock()
	defer l.mu.Unlock()
	conn := s.Request.Conn
	for _, h := range slices.Clone(l.held[conn]) {
		if h.session.Err() != nil { // who changes streams is not one more; that it has ended may be told late
			l.release(h)
		}
	}
	c := l.cost(s)
	for _, x := range list {
		if what := x.limit.exceeded(l.used[x.scope], c); what != "" {
			return deny(codeLimit, "Too many "+whom(c)+".", "limit of %s of %v is reached", what, x.scope)
		}
	}
	l.add(list, c)
	h := &hold{session: s, use: c}
	if conn != nil {
		l.held[conn] = append(l.held[conn], h)
	}
	context.AfterFunc(s.Context(), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.release(h)
	})
	return nil
}

// release takes back, once, what a session used. Its bit rate was measured since, and goes with the
// next measurement.
func (l *limiter) release(h *hold) {
	if h.ended {
		return
	}
	h.ended = true
	u, r, none := h.use, &h.session.Request, &Limits{}
	l.add(scopes(r, none, none), use{-u.connections, -u.publishers, -u.players, 0})
	conn := r.Conn
	rest := slices.DeleteFunc(l.held[conn], func(x *hold) bool { return x == h })
	if l.held[conn] = rest; len(rest) == 0 {
		delete(l.held, conn)
	}
}

func whom(c use) string {
	switch {
	case c.publishers > 0:
		return "publishers"
	case c.players > 0:
		return "viewers"
	}
	return "connections"
}

// exceeded names the limit that one more session would exceed; empty: none.
func (m Limit) exceeded(u, more use) string {
	over := func(limit, have, n int) bool { return limit > 0 && n > 0 && have+n > limit }
	switch {
	case over(m.Connections, u.connections, more.connections):
		return fmt.Sprintf("%d connections", m.Connections)
	case over(m.Publishers, u.publishers, more.publishers):
		return fmt.Sprintf("%d publishers", m.Publishers)
	case over(m.Players, u.players, more.players):
		return fmt.Sprintf("%d players", m.Players)
	case m.Bitrate > 0 && more.players > 0 && u.bitrate+more.bitrate > m.Bitrate:
		return fmt.Sprintf("%d kb/s for players", m.Bitrate/1000)
	}
	return ""
}

// add adds to the counts, and forgets those that are nothing any more.
func (l *limiter) add(list []limited, c use) {
	for _, x := range list {
		u := l.used[x.scope]
		u.connections, u.publishers, u.players = u.connections+c.connections, u.publishers+c.publishers, u.players+c.players
		u.bitrate += c.bitrate
		if u.connections == 0 && u.publishers == 0 && u.players == 0 {
			delete(l.used, x.scope)
			continue
		}
		l.used[x.scope] = u
	}
}
