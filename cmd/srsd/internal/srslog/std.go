package srslog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/srsgo/srs/protocol/errcode"
)

// Formats are the words that NewFormat knows.
var Formats = []string{"srs", "text", "json"}

// NewFormat gives the handler of a format by name, one of Formats, which writes to w as New's does. An
// unknown name is "srs".
func NewFormat(name string, w io.Writer, o Options) slog.Handler {
	if name != "text" && name != "json" {
		return New(w, o)
	}
	o.fill()
	h := &stdHandler{o: o, out: &limited{w: w}}
	for _, limit := range [...]int{MaxLine / 2, 512, 48} {
		r := &replacer{masker{o.Secrets}, limit, o.UTC}
		std := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: r.replace}
		if name == "json" {
			h.tries = append(h.tries, slog.NewJSONHandler(h.out, std))
		} else {
			h.tries = append(h.tries, slog.NewTextHandler(h.out, std))
		}
	}
	h.bare = h.tries[len(h.tries)-1]
	return h
}

// stdHandler is one of package slog's handlers whose lines have the id, and for an error its code, as
// SRS's lines do, and are as short.
type stdHandler struct {
	o     Options
	out   *limited
	tries []slog.Handler // each cuts values shorter than the one before
	bare  slog.Handler   // for what none of them can write: it has no attributes
	id    bool           // there is one in the attributes of WithAttrs
	group bool
}

// Enabled tells whether a record of a level is written.
func (h *stdHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.o.Level.Level() }

// WithAttrs gives a handler whose lines have these attributes as well.
func (h *stdHandler) WithAttrs(list []slog.Attr) slog.Handler {
	n := h.with(func(t slog.Handler) slog.Handler { return t.WithAttrs(list) })
	for _, a := range list {
		n.id = n.id || a.Key == "id" && !h.group
	}
	return n
}

// WithGroup gives a handler whose later attributes are in a group. The process's id is then among the
// attributes before it, where a session's cannot come any more.
func (h *stdHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	if !h.id {
		h = h.WithAttrs([]slog.Attr{slog.String("id", h.o.ID)}).(*stdHandler)
	}
	n := h.with(func(t slog.Handler) slog.Handler { return t.WithGroup(string(cut([]byte(printable(name)), maxID))) })
	n.group = true
	return n
}

func (h *stdHandler) with(f func(slog.Handler) slog.Handler) *stdHandler {
	n := *h
	n.tries = make([]slog.Handler, len(h.tries))
	for i, t := range h.tries {
		n.tries[i] = f(t)
	}
	return &n
}

// Handle writes a record as one line.
func (h *stdHandler) Handle(ctx context.Context, r slog.Record) error {
	id := h.id
	var err error
	r.Attrs(func(a slog.Attr) bool {
		id = id || a.Key == "id"
		if e, ok := a.Value.Resolve().Any().(error); ok && a.Key == "err" {
			err = e
		}
		return true
	})
	r = r.Clone()
	if !id {
		r.AddAttrs(slog.String("id", h.o.ID))
	}
	if err != nil && r.Level >= LevelWarn {
		c := errcode.Of(err)
		r.AddAttrs(slog.Int("code", c.Number), slog.String("code_name", c.Name))
	}
	var werr error
	for _, t := range h.tries {
		if werr = h.out.handle(ctx, t, r); !errors.Is(werr, errLong) {
			return werr
		}
	}
	// So many attributes that none can be written: at least that something was said.
	return h.out.handle(ctx, h.bare, slog.NewRecord(r.Time, r.Level, r.Message, r.PC))
}

// errLong: a line exceeds MaxLine.
var errLong = errors.New("srslog: the line is too long")

// limited passes lines on that are short enough.
type limited struct {
	mu    sync.Mutex
	w     io.Writer
	level slog.Level // of the record under way
}

// handle has a handler, which writes to l, handle a record.
func (l *limited) handle(ctx context.Context, h slog.Handler, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level = r.Level
	return h.Handle(ctx, r)
}

// Write takes one line from a handler.
func (l *limited) Write(b []byte) (int, error) {
	if len(b) > MaxLine {
		return 0, errLong
	}
	return len(b), send(l.w, l.level, b)
}

// replacer is the ReplaceAttr of slog's handlers.
type replacer struct {
	mask  masker
	limit int // of a value, in bytes
	utc   bool
}

// replace masks and shortens values. What is no text or number becomes text: JSON would write what
// fields it has.
func (x *replacer) replace(groups []string, a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if len(groups) == 0 && v.Kind() == slog.KindTime && a.Key == slog.TimeKey && x.utc {
		return slog.Time(a.Key, v.Time().UTC())
	}
	a.Key = x.short(a.Key)
	switch v.Kind() {
	case slog.KindString, slog.KindAny:
		if l, ok := v.Any().(slog.Level); ok && a.Key == slog.LevelKey {
			return slog.String(a.Key, levelName(l))
		}
		if v.Kind() == slog.KindAny && v.Any() == nil {
			return a
		}
		return slog.String(a.Key, x.short(x.mask.attr(a.Key, text(v))))
	}
	if isSecret(a.Key) {
		return slog.String(a.Key, hidden)
	}
	return a
}

func (x *replacer) short(s string) string {
	if s = printable(s); len(s) > x.limit {
		return string(cut([]byte(s), x.limit))
	}
	return s
}
