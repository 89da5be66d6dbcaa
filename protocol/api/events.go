package api

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// EventsConfig configures /api/v1/events, which tells what happens on the server as Server-Sent
// Events (WHATWG HTML, 9.2): connect, close, publish, unpublish, play, stop, and what Module.Emit is
// given.
type EventsConfig struct {
	// Off answers 404.
	Off bool
	// Clients bounds how many listen at once; 0: 100.
	Clients int
}

const (
	// keptEvents is how many events are retained: a client that comes back gets those that it missed,
	// and one that falls behind by more is dropped.
	keptEvents = 1024
	// maxEventText bounds the texts of an event, in bytes; maxEventData, what Emit takes as JSON.
	maxEventText = 1 << 10
	maxEventData = 64 << 10
)

// eventLog is the last events, in which each client has a cursor.
type eventLog struct {
	epoch   string // of the numbers: another log has another
	clients atomic.Int32

	mu   sync.Mutex // of those who write
	ring *stream.Ring[logged]
	last uint64
	over bool
}

// logged is an event with its number, from 1.
type logged struct {
	n     uint64
	event string
	name  string // of the stream, as a key's text
	body  any
	once  sync.Once
	json  []byte
}

func newEventLog() *eventLog {
	return &eventLog{epoch: rand.Text()[:8], ring: stream.NewRing[logged](keptEvents)}
}

// add appends an event. It waits for nobody.
func (l *eventLog) add(e *logged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.last++
	e.n = l.last
	l.ring.Push(e, false)
	l.ring.Flush()
}

// close ends the clients.
func (l *eventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over = true
		l.ring.Close(io.EOF)
	}
}

// data gives the event as one line of JSON. It is made for the first client that wants it, not on the
// session's goroutine.
func (e *logged) data() []byte {
	e.once.Do(func() { e.json = encode(e.body) })
	return e.json
}

// fact is the JSON of a session's event.
type fact struct {
	Event    string `json:"event"`
	Time     string `json:"time"`
	ClientID string `json:"client_id"`
	Protocol string `json:"protocol"`
	Type     string `json:"type"`
	IP       string `json:"ip"`
	Vhost    string `json:"vhost"`
	App      string `json:"app"`
	Stream   string `json:"stream"`
	StreamID string `json:"stream_id,omitempty"`
	// Of an end:
	Reason  string `json:"reason,omitempty"`
	Code    int    `json:"code,omitempty"`
	Seconds *float `json:"duration,omitempty"`
}

// observe takes an event of the hub.
func (m *Module) observe(ev stream.Event) {
	s := ev.Session
	q, k := &s.Request, s.Request.Key
	f := &fact{
		Event: ev.Type.String(), Time: stamp(ev.Time), ClientID: s.ID, Protocol: q.Protocol, Type: cut(q.Type),
		Vhost: cut(k.Vhost), App: cut(k.App), Stream: cut(k.Name),
	}
	if a := token.Addr(q.Remote); a.IsValid() {
		f.IP = a.String()
	}
	e := &logged{event: f.Event, body: f}
	if k.Name != "" {
		e.name, f.StreamID = cut(k.String()), m.host.Identity().StreamID(k)
	}
	switch ev.Type {
	case stream.EventClose, stream.EventUnpublish, stream.EventStop:
		d := float(ev.Time.Sub(s.Start).Seconds())
		f.Seconds, f.Reason, f.Code = &d, reason(ev.Err), code(ev.Err)
	}
	m.op.events.add(e)
}

// Emit tells the clients of /api/v1/events of something else that has happened: {"event":…, "time":…,
// "data":…}. The event's name is made of letters, digits, ".", "_" and "-", 64 at most; data can be
// encoded as JSON in 64 KB.
func (m *Module) Emit(event string, data any) error {
	if event == "" || len(event) > 64 || strings.ContainsFunc(event, func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c)
	}) {
		return fmt.Errorf("api: event %.80q: not a name of 1 to 64 letters, digits, dots, underscores and dashes", event)
	}
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("api: event %s: %w", event, err)
	}
	if len(b) > maxEventData {
		return fmt.Errorf("api: event %s: %d bytes are too many", event, len(b))
	}
	m.op.events.add(&logged{event: event, body: struct {
		Event string          `json:"event"`
		Time  string          `json:"time"`
		Data  json.RawMessage `json:"data"`
	}{event, stamp(time.Now()), b}})
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// cut bounds a text.
func cut(s string) string {
	if len(s) <= maxEventText {
		return s
	}
	return strings.ToValidUTF8(s[:maxEventText], "") + "…"
}

// reason says in a word why a session ended. Errors have more to say, addresses and URLs with secrets
// among it: that is for the log.
func reason(err error) string {
	for _, x := range [...]struct {
		is   error
		name string
	}{
		{stream.ErrKicked, "kicked"}, {stream.ErrTakenOver, "taken over"}, {stream.ErrShutdown, "shutdown"},
		{stream.ErrSlow, "slow"}, {stream.ErrLapped, "slow"}, {stream.ErrIdle, "idle"}, {stream.ErrBusy, "busy"},
		{stream.ErrNotFound, "not found"}, {stream.ErrUnsupported, "unsupported"},
	} {
		if errors.Is(err, x.is) {
			return x.name
		}
	}
	var denied *stream.DeniedError
	var redirect *stream.RedirectError
	switch {
	case err == nil:
		return "end"
	case errors.As(err, &denied):
		return "denied"
	case errors.As(err, &redirect):
		return "redirected"
	}
	return "error"
}

// code gives SRS's number of an error that has one.
func code(err error) int {
	var c interface{ Code() int }
	if errors.As(err, &c) {
		return c.Code()
	}
	return 0
}
