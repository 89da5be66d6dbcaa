package srslog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Rotation keeps a log file from growing. A file that would exceed MaxSize is renamed to have ".1" after
// its name, the one that had that to ".2", and so on.
type Rotation struct {
	MaxSize  int64 // bytes; 0: the file grows
	MaxFiles int   // how many old files are kept
}

// logFile is an open log file.
type logFile interface {
	io.Writer
	io.Closer
}

// opened is a file that takes the place of another.
type opened struct {
	file logFile
	size int64
}

// dest is where a writer writes. All but next and rotation are the writer's.
type dest struct {
	w    io.Writer
	file logFile // nil for a stream
	size int64
	path string
	open func(path string) (logFile, int64, error)

	mu       sync.Mutex             // one opens a file at a time
	next     atomic.Pointer[opened] // opened anew
	rotation atomic.Pointer[Rotation]
	pause    time.Time // no rotation before this: the last one failed
}

// rotatePause is the time between two tries to rotate. Until one succeeds the file grows, since a log
// that stops is worse.
const rotatePause = 10 * time.Second

// write writes b from off on and tells how far it came. A line is in one file as a whole.
func (d *dest) write(b []byte, off int) (int, error) {
	for off < len(b) {
		if n := d.next.Swap(nil); n != nil {
			_ = d.file.Close()
			d.w, d.file, d.size = n.file, n.file, n.size
			off = bytes.LastIndexByte(b[:off], '\n') + 1
		}
		end := d.fit(b, off)
		if end == off {
			if err := d.rotate(); err != nil {
				d.pause = time.Now().Add(rotatePause)
				return off, err
			}
			continue
		}
		n, err := d.w.Write(b[off:end])
		off += n
		d.size += int64(n)
		if err != nil {
			return off, err
		}
	}
	return off, nil
}

// fit tells up to where the lines from off on go into the file. A line that began there, and one that
// would not fit into an empty file, does.
func (d *dest) fit(b []byte, off int) int {
	r := d.rotation.Load()
	if r == nil || r.MaxSize <= 0 || d.size+int64(len(b)-off) <= r.MaxSize || time.Now().Before(d.pause) {
		return len(b)
	}
	room := max(r.MaxSize-d.size, 0)
	end := off + bytes.LastIndexByte(b[off:off+int(room)], '\n') + 1
	if end == off && (d.size == 0 || off > 0 && b[off-1] != '\n') {
		if end = off + bytes.IndexByte(b[off:], '\n') + 1; end == off {
			end = len(b)
		}
	}
	return end
}

// rotate moves the file away and begins a new one.
func (d *dest) rotate() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next.Load() != nil {
		return nil // the file was moved away by somebody else
	}
	keep := d.rotation.Load().MaxFiles
	name := func(i int) string { return fmt.Sprintf("%s.%d", d.path, i) }
	for i := keep - 1; i > 0; i-- {
		if err := os.Rename(name(i), name(i+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("srslog: rotating the log: %w", err)
		}
	}
	away := os.Remove
	if keep > 0 {
		away = func(path string) error { return os.Rename(path, name(1)) }
	}
	if err := away(d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("srslog: rotating the log: %w", err)
	}
	f, size, err := d.open(d.path)
	if err != nil {
		return err
	}
	_ = d.file.Close()
	d.w, d.file, d.size = f, f, size
	return nil
}

// reopen opens the file anew, for the lines to come.
func (d *dest) reopen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, size, err := d.open(d.path)
	if err != nil {
		return err
	}
	if old := d.next.Swap(&opened{f, size}); old != nil {
		_ = old.file.Close()
	}
	return nil
}

// close closes the file.
func (d *dest) close() error {
	if n := d.next.Swap(nil); n != nil {
		_ = n.file.Close()
	}
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}
