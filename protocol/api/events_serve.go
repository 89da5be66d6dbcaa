package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/stream"
)

const (
	heartbeat  = 15 * time.Second
	eventWrite = 10 * time.Second // for a client to take a burst of events
	eventBurst = 64 << 10         // bytes, about
	retryAfter = 2 * time.Second  // for a client that was cut off
	eventTime  = time.Hour        // for a client to listen: then it shows once more that it may
)

// serveEvents answers with events until the client, or the server, ends.
func (m *Module) serveEvents(w http.ResponseWriter, r *http.Request) {
	cfg := m.cfg.Load().Events
	if cfg.Off {
		phrase(w, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet {
		phrase(w, http.StatusMethodNotAllowed)
		return
	}
	filter, err := parseFilter(r.URL.Query())
	if err != nil {
		text(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	limit := cfg.Clients
	if limit == 0 {
		limit = 100
	}
	l := m.op.events
	defer l.clients.Add(-1)
	if int(l.clients.Add(1)) > limit {
		w.Header().Set("Retry-After", "10")
		text(w, http.StatusServiceUnavailable, "Too many listen to events already\n")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events
	guard := m.op.guard.Load()
	c := &eventClient{log: l, filter: filter, w: w, control: http.NewResponseController(w),
		may: func() bool { return m.op.guard.Load() == guard }}
	defer func() { _ = c.control.SetWriteDeadline(time.Time{}) }()
	ctx, cancel := context.WithTimeout(r.Context(), eventTime)
	defer cancel()
	c.run(ctx, r.Header.Get("Last-Event-ID"))
}

// eventClient is one who listens.
type eventClient struct {
	log     *eventLog
	filter  eventFilter
	w       http.ResponseWriter
	control *http.ResponseController
	may     func() bool // the credentials are those that it was let in with
	buf     []byte
	back    bool   // it was here before,
	seen    uint64 // and has had the events up to this one
}

// run sends events until ctx, the log or the connection ends, or the client is too slow: it may come
// back for what it missed.
func (c *eventClient) run(ctx context.Context, lastID string) {
	at := stream.Live
	if lastID != "" {
		at, c.back, c.seen = stream.Oldest, true, c.log.seen(lastID)
	}
	cursor := c.log.ring.Cursor(at)
	defer cursor.Close()
	c.buf = fmt.Appendf(c.buf, "retry: %d\n\n", retryAfter.Milliseconds())
	var err error
	for c.send() && err == nil {
		var e *logged
		e, err = c.next(ctx, cursor)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			c.buf, err = append(c.buf, ": still here\n\n"...), nil
		}
		for e != nil && len(c.buf) < eventBurst {
			c.take(e)
			e, err = cursor.Try()
		}
		if e != nil {
			c.take(e)
		}
	}
}

func (c *eventClient) next(ctx context.Context, cursor *stream.Cursor[logged]) (*logged, error) {
	ctx, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	return cursor.Next(ctx)
}

// take has an event sent, if it is wanted. A client that has missed some is told how many.
func (c *eventClient) take(e *logged) {
	if e.n <= c.seen {
		return
	}
	if lost := e.n - c.seen - 1; c.back && lost > 0 {
		c.buf = fmt.Appendf(c.buf, "event: lost\ndata: {\"event\":\"lost\",\"count\":%d}\n\n", lost)
	}
	c.back, c.seen = false, e.n
	if c.filter.wants(e) {
		// Neither part can contain a line break: names are checked, and JSON escapes them.
		c.buf = fmt.Appendf(c.buf, "id: %s-%d\nevent: %s\ndata: %s\n\n", c.log.epoch, e.n, e.event, e.data())
	}
}

// send writes what there is, and tells whether the client took it and may go on.
func (c *eventClient) send() bool {
	if len(c.buf) == 0 || !c.may() {
		return c.may()
	}
	_ = c.control.SetWriteDeadline(time.Now().Add(eventWrite)) // where there are none, the server's timeouts hold
	if _, err := c.w.Write(c.buf); err != nil {
		return false
	}
	c.buf = c.buf[:0]
	return c.control.Flush() == nil
}

// seen gives the number in an id; 0 if it is of another log, as before the last start.
func (l *eventLog) seen(id string) uint64 {
	epoch, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || epoch != l.epoch || n > l.last {
		return 0
	}
	return n
}

// eventFilter is what a client wants to know of.
type eventFilter struct {
	events []string // empty: all
	stream string   // a pattern of path.Match; empty: all
}

// parseFilter reads ?event=publish,unpublish and ?stream=/live/*, a pattern of a stream's path:
// /app/stream, or vhost/app/stream in any vhost but the default one.
func parseFilter(q url.Values) (eventFilter, error) {
	f := eventFilter{stream: q.Get("stream")}
	for _, v := range q["event"] {
		f.events = append(f.events, strings.Split(v, ",")...)
	}
	if len(f.events) > 100 {
		return f, errors.New("event: too many names")
	}
	if _, err := path.Match(f.stream, ""); err != nil || len(f.stream) > 256 {
		return f, errors.New("stream: not a pattern of 256 bytes at most")
	}
	return f, nil
}

func (f *eventFilter) wants(e *logged) bool {
	if len(f.events) > 0 && !slices.Contains(f.events, e.event) {
		return false
	}
	if f.stream == "" {
		return true
	}
	ok, _ := path.Match(f.stream, e.name) // parseFilter has looked at the pattern
	return ok
}
