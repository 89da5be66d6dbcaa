package srslog

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

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
	// NoPlace leaves out the line after an error that tells where the program told it, for people who
	// read a command's output.
	NoPlace bool
	// GOPCache tells whether a stream's GOP is cached for players, and for how many packets at
	// most, 0 for any number. nil: it is, for 2500.
	GOPCache func(stream.Key) (on bool, frames int)
	// Secrets gives what no line may have, besides what looks like a secret: the secrets of the
	// configuration. It is asked for each line. nil: none.
	Secrets func() []string
}

// fill sets what is left out.
func (o *Options) fill() {
	if o.Level == nil {
		o.Level = LevelInfo
	}
	if o.ID == "" {
		o.ID = NewID()
	}
	if o.PID == 0 {
		o.PID = os.Getpid()
	}
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
	mask   masker
	prefix string // of attribute names: the groups that are open
	attrs  string // attributes of WithAttrs, as written
}

// New makes a Handler that gives each record's lines to w in one call of Write; of WriteUrgent for
// errors, where w has that method.
func New(w io.Writer, o Options) *Handler {
	o.fill()
	return &Handler{w: w, o: o, pid: strconv.Itoa(o.PID), id: o.ID, mask: masker{o.Secrets}}
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
	l := line{id: n.id, mask: h.mask}
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
	n.prefix += string(appendEscaped(nil, name)) + "."
	return &n
}

// Handle writes a record: as one line, or as the lines that SRS has for it.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	known := events[r.Message]
	if h.prefix != "" {
		known = nil
	}
	level := h.o.Level.Level()
	if known == nil && r.Level < level {
		return nil
	}
	l := lines.Get().(*line)
	defer l.free()
	l.id, l.mask = h.id, h.mask
	l.b = append(appendEscaped(l.b, h.mask.text(r.Message)), h.attrs...)
	r.Attrs(func(a slog.Attr) bool { l.attr(h.prefix, a); return true })
	list := []entry{{r.Level, ""}}
	if known != nil {
		e := &event{h: h, attrs: make(map[string]slog.Value, r.NumAttrs()), level: r.Level, plain: string(l.b)}
		r.Attrs(func(a slog.Attr) bool { e.attrs[a.Key] = a.Value; return true })
		list = known(e)
	}
	worst := LevelTrace
	for _, x := range list {
		if x.level < level {
			continue
		}
		if known == nil {
			h.line(l, &r, x.level, l.b)
		} else {
			h.line(l, &r, x.level, []byte(x.text))
		}
		worst = max(worst, x.level)
	}
	if len(l.out) == 0 {
		return nil
	}
	return send(h.w, worst, l.out)
}

// send writes what must not be lost in another way, where there is one.
func send(w io.Writer, level slog.Level, b []byte) (err error) {
	if u, ok := w.(interface{ WriteUrgent([]byte) (int, error) }); ok && level >= LevelError {
		_, err = u.WriteUrgent(b)
	} else {
		_, err = w.Write(b)
	}
	return err
}

// line appends a line, and for an error where it was told.
func (h *Handler) line(l *line, r *slog.Record, level slog.Level, text []byte) {
	color := ""
	if level >= LevelWarn && h.o.Color != nil && h.o.Color() {
		color = "\x1b[33m"
		if level >= LevelError {
			color = "\x1b[31m"
		}
	}
	begin := len(l.out)
	l.out = append(l.out, color...)
	h.head(l, r.Time, level)
	l.out = append(l.out, text...)
	if level >= LevelError {
		if r.PC != 0 && !h.o.NoPlace {
			l.end(begin, "\n")
			begin = len(l.out)
			h.thread(l, r.PC)
		} else if l.errno != 0 {
			l.out = append(l.out, ' ')
		}
		if l.errno != 0 {
			l.out = append(append(append(l.out, '('), l.errno.Error()...), ')')
		}
	}
	tail := "\n"
	if color != "" {
		tail = "\x1b[0m\n"
	}
	l.end(begin, tail)
}

// head appends what is in brackets.
func (h *Handler) head(l *line, t time.Time, level slog.Level) {
	if t.IsZero() {
		t = time.Now()
	}
	if h.o.UTC {
		t = t.UTC()
	}
	out := t.AppendFormat(l.out, "[2006-01-02 15:04:05.000][")
	out = append(out, levelName(level)...)
	out = append(out, "]["...)
	out = append(out, h.pid...)
	out = append(out, "]["...)
	out = append(out, l.id...)
	if level >= LevelWarn {
		out = append(out, "]["...)
		out = strconv.AppendInt(out, int64(l.errno), 10)
	}
	l.out = append(out, "] "...)
}

// thread appends the line that follows an error: where the program told it. The file is named as in
// the module, whatever machine built it.
func (h *Handler) thread(l *line, pc uintptr) {
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	dir, name := path.Split(f.Function)
	pkg, _, _ := strings.Cut(name, ".")
	dir = strings.TrimPrefix(dir, "github.com/srsgo/srs/")
	if pkg == "main" {
		dir, pkg = "", ""
	}
	l.out = append(l.out, "thread ["+h.pid+"]["+l.id+"]: "+name+"() [./"...)
	l.out = append(l.out, path.Join(dir, pkg, path.Base(f.File))...)
	l.out = append(strconv.AppendInt(append(l.out, ':'), int64(f.Line), 10), "][errno="...)
	l.out = append(strconv.AppendInt(l.out, int64(l.errno), 10), ']')
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

// line collects the attributes of a record, and its lines.
type line struct {
	b, out []byte
	id     string
	errno  syscall.Errno
	mask   masker
}

// lines are kept for the next record.
var lines = sync.Pool{New: func() any { return &line{b: make([]byte, 0, 512), out: make([]byte, 0, 512)} }}

// free gives l back, unless it grew large.
func (l *line) free() {
	if cap(l.b)+cap(l.out) > 4*MaxLine {
		return
	}
	*l = line{b: l.b[:0], out: l.out[:0]}
	lines.Put(l)
}

// end ends the line that starts at begin.
func (l *line) end(begin int, tail string) {
	l.out = append(l.out[:begin], cut(l.out[begin:], MaxLine-len(tail))...)
	l.out = append(l.out, tail...)
}

func (l *line) attr(prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += string(appendEscaped(nil, a.Key)) + "."
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
		l.id = string(cut(appendEscaped(nil, l.mask.text(v.String())), maxID))
		return
	}
	if v.Kind() == slog.KindAny {
		var errno syscall.Errno
		if err, ok := v.Any().(error); ok && errors.As(err, &errno) {
			l.errno = errno
		}
	}
	l.b = append(l.b, ", "...)
	l.b = append(l.b, prefix...)
	l.b = appendEscaped(l.b, a.Key)
	l.b = append(l.b, '=')
	switch k := v.Kind(); {
	case k == slog.KindInt64 && !isSecret(a.Key):
		l.b = strconv.AppendInt(l.b, v.Int64(), 10)
	case k == slog.KindUint64 && !isSecret(a.Key):
		l.b = strconv.AppendUint(l.b, v.Uint64(), 10)
	default:
		l.b = appendEscaped(l.b, l.mask.attr(a.Key, text(v)))
	}
}

// maxID bounds an id, which a peer may have chosen.
const maxID = 64

// text gives a value as it is written.
func text(v slog.Value) string {
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().Format(time.RFC3339Nano)
	case slog.KindAny:
		if b, ok := v.Any().([]byte); ok {
			return string(b)
		}
	}
	return v.String()
}
