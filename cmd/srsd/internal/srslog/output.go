package srslog

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
)

// Output is where lines go: a file, which can be opened anew after it was moved away, or a stream
// that stands open. It is safe for use by several goroutines.
type Output struct {
	mu   sync.Mutex
	path string
	file *os.File // nil for a stream
	w    io.Writer
	tty  bool
}

// NewOutput gives an Output to a stream: os.Stdout.
func NewOutput(w io.Writer) *Output {
	o := &Output{w: w}
	if f, ok := w.(*os.File); ok {
		st, err := f.Stat()
		o.tty = err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return o
}

// OpenFile gives an Output that appends to a file, which is made if need be, with the directories
// above it.
func OpenFile(path string) (*Output, error) {
	o := &Output{path: path}
	if err := o.Reopen(); err != nil {
		return nil, err
	}
	return o, nil
}

// Terminal tells whether lines go to a terminal, which shows colours.
func (o *Output) Terminal() bool { return o.tty }

// IsFile tells whether lines go to a file.
func (o *Output) IsFile() bool { return o.path != "" }

// Reopen opens the file anew, so that lines go to a new file once the old one was moved away. On an
// error the old one stays in use. It does nothing for a stream.
func (o *Output) Reopen() error {
	if o.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(o.path), 0o755); err != nil {
		return fmt.Errorf("srslog: %w", err)
	}
	f, err := os.OpenFile(o.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("srslog: opening the log: %w", err)
	}
	// What the runtime has to say at a crash goes there too: the process may have no stderr.
	_ = debug.SetCrashOutput(f, debug.CrashOptions{})
	o.mu.Lock()
	old := o.file
	o.file, o.w = f, f
	o.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
	return nil
}

// Write writes a line.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// Close closes the file. Later lines are lost.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = io.Discard
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// Formats are the words that NewFormat knows.
var Formats = []string{"srs", "text", "json"}

// NewFormat gives the handler of a format by name, one of Formats, which writes to w. An unknown
// name is "srs".
func NewFormat(name string, w io.Writer, o Options) slog.Handler {
	level := o.Level
	if level == nil {
		level = LevelInfo
	}
	replace := func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 && o.UTC {
			return slog.Time(a.Key, a.Value.Time().UTC())
		}
		return Replace(groups, a)
	}
	switch std := (&slog.HandlerOptions{Level: level, ReplaceAttr: replace}); name {
	case "text":
		return slog.NewTextHandler(w, std)
	case "json":
		return slog.NewJSONHandler(w, std)
	}
	return New(w, o)
}

// ParseLevel gives the level of srs_log_level_v2 or, where that is empty or no word of it, of
// srs_log_level. SRS writes nothing at all for a misspelt word; here it counts as the default.
func ParseLevel(level, v2 string) slog.Level {
	switch v2 {
	case "trace":
		return LevelTrace
	case "debug":
		return LevelDebug
	case "info":
		return LevelInfo
	case "warn":
		return LevelWarn
	case "error":
		return LevelError
	}
	switch level {
	case "verbose":
		return LevelTrace
	case "info":
		return LevelDebug
	case "warn":
		return LevelWarn
	case "error":
		return LevelError
	}
	return LevelInfo
}
