package srslog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/srsgo/srs/stream"
)

// The levels of SRS are five. Its names for them in a file differ from those in the lines:
//
//	srs_log_level     verbose  info   trace  warn  error
//	srs_log_level_v2  trace    debug  info   warn  error
//	in the line       TRACE    DEBUG  INFO   WARN  ERROR
const (
	LevelTrace = slog.LevelDebug - 4
	LevelDebug = slog.LevelDebug
	LevelInfo  = slog.LevelInfo
	LevelWarn  = slog.LevelWarn
	LevelError = slog.LevelError
)

// MaxLine is how long a line may be, in bytes with its end.
const MaxLine = 8192

// Options configure a Handler. The zero value writes INFO and above in local time.
type Options struct {
	Level slog.Leveler // nil: LevelInfo
	UTC   bool         // times in UTC
	Color func() bool  // whether warnings are yellow and errors red now; nil: never
	ID    string       // stands where a line has no session; empty: a new one
	PID   int          // 0: this process
	// GOPCache tells whether a stream's GOP is cached for players, and for how many packets at
	// most, 0 for any number. nil: it is, for 2500.
	GOPCache func(stream.Key) (on bool, frames int)
}

// gopCache gives the setting in numbers, as lines have it.
func (o *Options) gopCache(k stream.Key) (on, frames int) {
	if o.GOPCache == nil {
		return 1, 2500
	}
	cached, frames := o.GOPCache(k)
	if cached {
		on = 1
	}
	return on, frames
}

// Handler is a slog.Handler that writes lines of SRS's form.
type Handler struct {
	w      io.Writer
	o      Options
	pid    string
	id     string
	prefix string // of attribute names: the groups that are open
	attrs  string // attributes of WithAttrs, as written
}

// New makes a Handler that gives each line to w in one call of Write.
func New(w io.Writer, o Options) *Handler {
	if o.Level == nil {
		o.Level = LevelInfo
	}
	if o.ID == "" {
		o.ID = NewID()
	}
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
	return &Handler{w: w, o: o, pid: strconv.Itoa(o.PID), id: o.ID}
}

// NewID makes 8 random characters, the form of the ids of sessions.
func NewID() string { return strings.ToLower(rand.Text()[:8]) }

// Enabled tells whether a record of a level may be written. Those of INFO and above always may: SRS
// has a warning or an error for some of what is information to the library.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= min(h.o.Level.Level(), LevelInfo)
}

// WithAttrs gives a Handler whose lines have these attributes as well.
func (h *Handler) WithAttrs(list []slog.Attr) slog.Handler {
	n := *h
	l := line{id: n.id}
	for _, a := range list {
		l.attr(h.prefix, a)
	}
	n.id, n.attrs = l.id, n.attrs+string(l.b)
	return &n
}

// WithGroup gives a Handler that writes "name." before the names of attributes.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	n := *h
	n.prefix += name + "."
	return &n
}

// Handle writes a record: as one line, or as the lines that SRS has for it.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	l := line{id: h.id, b: make([]byte, 0, 256)}
	r.Attrs(func(a slog.Attr) bool { l.attr(h.prefix, a); return true })
	plain := string(appendEscaped(nil, Mask(r.Message))) + h.attrs + string(l.b)
	list := []entry{{r.Level, plain}}
	if known := events[r.Message]; known != nil && h.prefix == "" {
		e := &event{h: h, record: &r, attrs: make(map[string]slog.Value, r.NumAttrs()), plain: plain}
		r.Attrs(func(a slog.Attr) bool { e.attrs[a.Key] = a.Value; return true })
		list = known(e)
	}
	for _, x := range list {
		if x.level < h.o.Level.Level() {
			continue
		}
		if err := h.write(r.Time, x, &l); err != nil {
			return err
		}
	}
	return nil
}

// write writes a line.
func (h *Handler) write(at time.Time, x entry, l *line) error {
	color := ""
	if x.level >= LevelWarn && h.o.Color != nil && h.o.Color() {
		color = "\x1b[33m"
		if x.level >= LevelError {
			color = "\x1b[31m"
		}
	}
	out := make([]byte, 0, 128+len(x.text))
	out = append(out, color...)
	out = h.head(out, at, x.level, l)
	out = append(out, x.text...)
	if l.errno != 0 && x.level >= LevelError {
		out = fmt.Appendf(out, " (%s)", l.errno.Error())
	}
	tail := "\n"
	if color != "" {
		tail = "\x1b[0m\n"
	}
	_, err := h.w.Write(append(cut(out, MaxLine-len(tail)), tail...))
	return err
}

// head appends what is in brackets.
func (h *Handler) head(out []byte, t time.Time, level slog.Level, l *line) []byte {
	if t.IsZero() {
		t = time.Now()
	}
	if h.o.UTC {
		t = t.UTC()
	}
	out = t.AppendFormat(out, "[2006-01-02 15:04:05.000][")
	out = append(out, levelName(level)...)
	out = append(out, "]["...)
	out = append(out, h.pid...)
	out = append(out, "]["...)
	out = append(out, l.id...)
	if level >= LevelWarn {
		out = append(out, "]["...)
		out = strconv.AppendInt(out, int64(l.errno), 10)
	}
	return append(out, "] "...)
}

func levelName(l slog.Level) string {
	switch {
	case l < LevelDebug:
		return "TRACE"
	case l < LevelInfo:
		return "DEBUG"
	case l < LevelWarn:
		return "INFO"
	case l < LevelError:
		return "WARN"
	}
	return "ERROR"
}

// line collects the attributes of one line.
type line struct {
	b     []byte
	id    string
	errno syscall.Errno
}

func (l *line) attr(prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, x := range v.Group() {
			l.attr(prefix, x)
		}
		return
	}
	if a.Key == "" && v.Any() == nil {
		return
	}
	if a.Key == "id" && prefix == "" {
		l.id = string(appendEscaped(nil, v.String()))
		return
	}
	if err, ok := v.Any().(error); ok {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			l.errno = errno
		}
	}
	l.b = append(l.b, ", "...)
	l.b = append(l.b, prefix...)
	l.b = appendEscaped(l.b, a.Key)
	l.b = append(l.b, '=')
	l.b = appendEscaped(l.b, maskAttr(a.Key, text(v)))
}

// text gives a value as it is written.
func text(v slog.Value) string {
	if v.Kind() == slog.KindTime {
		return v.Time().Format(time.RFC3339Nano)
	}
	return v.String()
}

// appendEscaped appends s with control characters, which could end the line or steer a terminal, and
// broken UTF-8 written as in a Go string.
func appendEscaped(b []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			b = fmt.Appendf(b, `\x%02x`, s[0])
		case r >= 0x80 && !strconv.IsPrint(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return b
}

// cut ends b after at most n bytes, not inside of a character.
func cut(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	const more = "…"
	n -= len(more)
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return append(b[:n], more...)
}
