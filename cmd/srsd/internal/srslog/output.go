package srslog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueSize bounds the bytes that wait to be written: some 8,000 lines.
	queueSize = 1 << 20
	// urgentWait is how long an error may hold up who tells it: until it is written.
	urgentWait = 100 * time.Millisecond
	// flushWait bounds the wait for what is queued before the log is closed or another file taken.
	flushWait = 3 * time.Second
	// retryWait is the pause between two tries to write to what takes nothing, a full disk.
	retryWait = time.Second
)

// Output is where lines go: a file, which can be opened anew after it was moved away and be kept from
// growing, or a stream that stands open. Lines are queued and written by a goroutine of the Output's
// own: who logs does not wait for a disk. It is safe for use by several goroutines.
//
// What does not fit into the queue is dropped and counted; the function of OnLoss hears of it once
// lines can be written again.
type Output struct {
	path string
	tty  bool
	dest *dest

	limit         int // of the queue
	urgent, retry time.Duration
	onLoss        atomic.Pointer[func(int64, error)]

	mu      sync.Mutex
	queue   []byte
	spare   []byte        // the writer's last batch, to be the next queue
	asleep  bool          // the writer waits for wake
	late    bool          // an urgent line was not written in time: no other one waits until a write succeeds
	closed  bool          // takes no more
	in, out int64         // bytes that were queued and written
	lost    int64         // calls of Write that were dropped, not told yet
	waiters int           // for changed
	changed chan struct{} // closed when bytes were written

	wake chan struct{}
	stop chan struct{} // the end: a last try, no retries
	done chan struct{}
}

func newOutput(d *dest) *Output {
	return &Output{
		dest: d, limit: queueSize, urgent: urgentWait, retry: retryWait,
		changed: make(chan struct{}), wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

func (o *Output) start() *Output {
	go o.run()
	return o
}

// NewOutput gives an Output to a stream: os.Stdout.
func NewOutput(w io.Writer) *Output {
	o := newOutput(&dest{w: w})
	o.tty = Terminal(w)
	return o.start()
}

// Terminal tells whether lines that are written to w go to a terminal, which shows colours.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// OpenFile gives an Output that appends to a file, which is made if need be, with the directories
// above it.
func OpenFile(path string, r Rotation) (*Output, error) {
	f, size, err := openLog(path)
	if err != nil {
		return nil, err
	}
	o := newOutput(&dest{w: f, file: f, size: size, path: path, open: openLog})
	o.path = path
	o.dest.rotation.Store(&r)
	return o.start(), nil
}

// openLog opens a log file and tells its size.
func openLog(path string) (logFile, int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, 0, fmt.Errorf("srslog: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, 0, fmt.Errorf("srslog: opening the log: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("srslog: %w", err)
	}
	// What the runtime has to say at a crash goes there too: the process may have no stderr.
	_ = debug.SetCrashOutput(f, debug.CrashOptions{})
	return f, st.Size(), nil
}

// Terminal tells whether lines go to a terminal, which shows colours.
func (o *Output) Terminal() bool { return o.tty }

// IsFile tells whether lines go to a file.
func (o *Output) IsFile() bool { return o.path != "" }

// SetRotation sets how a file is kept from growing, from the next line on.
func (o *Output) SetRotation(r Rotation) { o.dest.rotation.Store(&r) }

// OnLoss sets what is told, once lines can be written again, how many were dropped and why writing
// had failed; 0 lines where all could wait, and a nil error where writing was merely slow. f may log
// what is no error: an error waits for the goroutine that f runs on.
func (o *Output) OnLoss(f func(lines int64, err error)) { o.onLoss.Store(&f) }

// Write queues a line, or several that belong together.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put(b)
	return len(b), nil
}

// WriteUrgent queues lines that should not be lost: it waits, shortly, for room and until they are
// written.
func (o *Output) WriteUrgent(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.late {
		o.put(b)
		return len(b), nil
	}
	until := time.NewTimer(o.urgent)
	defer until.Stop()
	o.await(until.C, func() bool { return o.fits(b) })
	o.put(b)
	end := o.in
	o.late = !o.await(until.C, func() bool { return o.out >= end })
	return len(b), nil
}

// fits tells whether there is room. An empty queue takes all.
func (o *Output) fits(b []byte) bool { return len(o.queue) == 0 || len(o.queue)+len(b) <= o.limit }

// put queues b or drops it.
func (o *Output) put(b []byte) {
	if o.closed || !o.fits(b) {
		o.lost++
		return
	}
	o.queue = append(o.queue, b...)
	o.in += int64(len(b))
	o.rouse()
}

// rouse wakes the writer.
func (o *Output) rouse() {
	if o.asleep {
		o.asleep = false
		o.wake <- struct{}{} // has room: the writer sleeps
	}
}

// await waits, with mu held, until ok holds or the time is over.
func (o *Output) await(until <-chan time.Time, ok func() bool) bool {
	for !ok() {
		if o.closed {
			return false
		}
		changed := o.changed
		o.waiters++
		o.mu.Unlock()
		var over bool
		select {
		case <-changed:
		case <-until:
			over = true
		case <-o.done:
			over = true
		}
		o.mu.Lock()
		o.waiters--
		if over {
			return ok()
		}
	}
	return true
}

// flush waits until what is queued now is written.
func (o *Output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	timer := time.NewTimer(flushWait)
	defer timer.Stop()
	end := o.in
	o.await(timer.C, func() bool { return o.out >= end })
}

// Reopen opens the file anew, so that lines go to a new file once the old one was moved away. On an
// error the old one stays in use. It does nothing for a stream.
func (o *Output) Reopen() error {
	if o.path == "" {
		return nil
	}
	o.flush() // what was told before belongs into the old one
	return o.dest.reopen()
}

// Close writes what is queued, unless that takes too long, and closes the file. Later lines are lost.
func (o *Output) Close() error {
	o.flush()
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	o.rouse()
	o.mu.Unlock()
	close(o.stop)
	select {
	case <-o.done:
		return o.dest.close()
	case <-time.After(flushWait):
		return fmt.Errorf("srslog: the log takes no lines")
	}
}
