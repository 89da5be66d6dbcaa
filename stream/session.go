package stream

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"
)

// Action is what a session does, and the stage at which a Gate is asked.
type Action uint8

// The actions of a session.
const (
	ActionConnect Action = iota // a connection, before it says which stream
	ActionPublish
	ActionPlay
	ActionView // a viewer without a connection of its own: HLS, DASH
	// ActionOpen is a stage only, no session has it: a connection has said which stream
	// it wants and what for (Request.Type), and is asked for ActionPublish or ActionPlay
	// next. It is where SRS calls on_connect. Peers without a connection (Request.Conn is
	// nil) do not pass it.
	ActionOpen
)

func (a Action) String() string {
	return [...]string{"connect", "publish", "play", "view", "open"}[min(a, ActionOpen)]
}

// Request is what a peer asks for. A Gate reads it; it does not change afterwards.
type Request struct {
	Key Key
	// ID is what the log called the peer before it asked; the session gets it unless another one
	// has it. Empty: a new one. Sessions on a Conn have that one's.
	ID string
	// Protocol is the module's name: rtmp, flv, …
	Protocol string
	// Type is SRS's name of the client's kind: fmle-publish, rtmp-play, flv-play, …
	Type string
	// Remote and Local are host:port texts.
	Remote, Local string
	TLS           bool
	// Param is the query of the stream's URL with its "?", or empty.
	Param string
	// Bearer is the token of a request's Authorization header (RFC 6750 2.1), where the protocol has one. It is a
	// secret: nothing logs it.
	Bearer string
	// URL is the tcUrl of RTMP, else the request's URL.
	URL             string
	PageURL, SwfURL string
	UserAgent       string
	Conn            *Conn // the connection the session belongs to; nil for none
	// Persist keeps a player when its publisher leaves: it waits for the next one.
	Persist bool
}

// Gate admits or refuses sessions.
type Gate interface {
	// Admit is asked before anything is allocated for a session, with Session.Action
	// telling the stage: once, or for sessions on a connection twice, first with
	// ActionOpen. It refuses with a *DeniedError or *RedirectError. Several calls run at
	// once; ctx ends when the peer is gone. What a gate holds for a session it gives back
	// when Session.Context ends, which is also when a later gate refuses.
	Admit(ctx context.Context, s *Session) error
}

// GateFunc is a function as a Gate.
type GateFunc func(ctx context.Context, s *Session) error

// Admit calls f.
func (f GateFunc) Admit(ctx context.Context, s *Session) error { return f(ctx, s) }

// EventType is what happened.
type EventType uint8

// The events. Each start has one end.
const (
	EventConnect EventType = iota
	EventClose
	EventPublish
	EventUnpublish
	EventPlay
	EventStop
)

func (e EventType) String() string {
	return [...]string{"connect", "close", "publish", "unpublish", "play", "stop"}[min(int(e), 5)]
}

// Event is a fact about a session, told to observers in order per session.
type Event struct {
	Type    EventType
	Time    time.Time
	Session *Session
	Err     error // why it ended; nil for a start and a clean end
}

// Session is one admitted use of the server: a connection, a publication, a viewer.
type Session struct {
	ID      string
	Action  Action
	Request Request
	Start   time.Time

	hub    *Hub
	stream atomic.Pointer[Stream]
	ctx    context.Context
	cancel context.CancelCauseFunc
	once   sync.Once

	player atomic.Pointer[Player] // of a player's session
	booked atomic.Bool            // its traffic is part of the totals

	bytes, packets, dropped, lapped atomic.Uint64
	traffic                         traffic
	base                            point // what the connection had when this began
}

// Context ends with the session; its cause says why.
func (s *Session) Context() context.Context { return s.ctx }

// Err gives why the session ended, nil while it lives.
func (s *Session) Err() error { return context.Cause(s.ctx) }

// Kick ends the session: its protocol closes the peer, and tells it the cause where it
// can. A nil cause is ErrKicked.
func (s *Session) Kick(cause error) {
	if cause == nil {
		cause = ErrKicked
	}
	s.cancel(cause)
}

// AddSent counts bytes of media that were sent to a viewer that [Hub.View] admitted.
func (s *Session) AddSent(n int) {
	s.bytes.Add(uint64(n))
	if st := s.stream.Load(); st != nil {
		st.total.sent.Add(uint64(n))
	}
}

// Stream gives what a session publishes or plays; nil for a connection, and for a view that
// began when its stream was not there.
func (s *Session) Stream() *Stream { return s.stream.Load() }

// NewID gives 8 random characters, enough to find a session's lines in a log.
func NewID() string {
	const chars = "0123456789abcdefghijklmnopqrstuvwxyz"
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = chars[int(b[i])%len(chars)]
	}
	return string(b[:])
}

// Conn is a connection that was let in, the frame of the sessions on it.
type Conn struct{ *Session }

// SetReceived tells how many bytes the connection has brought so far, all of them: the
// figures of its publications then are those of the wire.
func (c *Conn) SetReceived(n uint64) { c.traffic.received.Store(n) }

// AddSent counts bytes that were sent besides what players on the connection write.
func (c *Conn) AddSent(n int) { c.traffic.sent.Add(uint64(n)) }

// Close ends the connection's session; cause nil means a clean end.
func (c *Conn) Close(cause error) { c.hub.end(c.Session, EventClose, cause) }
