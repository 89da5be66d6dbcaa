package protocol

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// windowRead is the reading half of a CoalescingConn. The low-water mark keeps the
// kernel from waking the reader; the socket's read deadline, moved up to the window's
// end while a Read waits, bounds that. FIN and RST wake a reader whatever the mark, or are found at the end of a short window.
//
// An expired deadline would give nothing even when bytes wait, so the socket is then
// read once more, through RawConn.Control, which knows no deadline.
type windowRead struct {
	raw  syscall.RawConn       // nil: not TCP, plain reads
	read func(fd uintptr) bool // method values, made once: a Read allocates nothing
	poll func(fd uintptr)

	readMu sync.Mutex // one Read at a time; it owns the next six
	buf    []byte
	n      int
	errno  syscall.Errno
	tried  bool
	waits  bool // this Read found nothing and waits
	short  bool // the last Read left nothing behind

	mu       sync.Mutex // the rest
	window   time.Duration
	deadline time.Time // the caller's
	end      time.Time // the window's end, set on the socket; zero when the caller's is
	lowat    int32
	blocked  bool // waits, for SetReadWindow and SetReadDeadline
}

func (c *CoalescingConn) initWindow() {
	t, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	c.raw, c.read, c.poll, c.lowat = raw, c.tryRead, c.pollRead, 1
}

// Read reads as net.Conn does, within the window that SetReadWindow set.
func (c *CoalescingConn) Read(b []byte) (int, error) {
	if c.raw == nil || len(b) == 0 {
		return c.plainRead(b)
	}
	c.readMu.Lock()
	defer c.readMu.Unlock()
	c.buf, c.waits = b, false
	defer func() { c.buf = nil }()
	for {
		c.tried = false
		err := c.raw.Read(c.read)
		if err == nil {
			c.unblock()
			return c.result()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			c.unblock()
			return 0, c.readError(errors.Unwrap(err))
		}
		expired := c.windowOver()
		if c.tried {
			if cerr := c.raw.Control(c.poll); cerr == nil && c.errno != syscall.EAGAIN {
				return c.result()
			}
		}
		if expired {
			return 0, c.readError(os.ErrDeadlineExceeded)
		}
	}
}

// tryRead reads without blocking; false tells the runtime's poller to wait.
func (c *CoalescingConn) tryRead(fd uintptr) bool {
	c.tried = true
	if c.short {
		// Nothing was left a moment ago, so that looking again would waste a call. Should
		// the mark be reached just now, or FIN come, the window's end finds it.
		c.short = false
		if c.block() {
			c.waits = true
			return false
		}
	}
	c.pollRead(fd)
	if c.errno != syscall.EAGAIN {
		return true
	}
	if !c.waits { // a spurious wake-up does not begin a new window
		c.waits = true
		c.block()
	}
	return false
}

func (c *CoalescingConn) pollRead(fd uintptr) {
	for {
		n, err := syscall.Read(int(fd), c.buf)
		switch e := err.(type) {
		case nil:
			c.n, c.errno = n, 0
		case syscall.Errno:
			if e == syscall.EINTR {
				continue
			}
			c.n, c.errno = 0, e
		default:
			c.n, c.errno = 0, syscall.EIO
		}
		return
	}
}

func (c *CoalescingConn) result() (int, error) {
	if c.errno != 0 {
		return 0, c.readError(os.NewSyscallError("read", c.errno))
	}
	if c.n == 0 {
		return 0, c.fail(io.EOF)
	}
	c.short = c.n < len(c.buf)
	return c.n, nil
}

// readError is what net.TCPConn.Read would have said.
func (c *CoalescingConn) readError(err error) error {
	l := c.Conn.LocalAddr()
	return c.fail(&net.OpError{Op: "read", Net: l.Network(), Source: l, Addr: c.Conn.RemoteAddr(), Err: err})
}

// block begins the wait of a Read: the window starts now. It tells whether there is one, short
// enough to be waited out without looking first.
func (c *CoalescingConn) block() (window bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked = true
	if c.window <= 0 {
		c.disarm()
		return false
	}
	c.arm(windowEnd(c.window))
	return !c.end.IsZero() && c.window <= blindWindow
}

// blindWindow is the longest window that may begin without a look at the socket.
const blindWindow = time.Second

// windowGrid is where windows end. That those of many connections end together saves
// waking an idle core for each.
const windowGrid = 10 * time.Millisecond

func windowEnd(window time.Duration) time.Time {
	end := time.Now().Add(window)
	if window < 2*windowGrid {
		return end
	}
	return end.Add(-time.Duration(end.UnixNano() % int64(windowGrid)))
}

func (c *CoalescingConn) unblock() {
	if !c.waits {
		return
	}
	c.mu.Lock()
	c.blocked = false
	c.mu.Unlock()
}

// windowOver puts the caller's deadline back on the socket after a deadline passed,
// and tells whether it was the caller's.
func (c *CoalescingConn) windowOver() (expired bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocked, c.waits = false, false
	expired = c.end.IsZero() || !c.deadline.IsZero() && !time.Now().Before(c.deadline)
	c.disarm()
	return expired
}

// arm sets the socket's deadline to the window's end unless the caller's is earlier.
// A window's deadline that no Read waits for stays until the next Read that does, or
// finds it expired: taking it off after each Read would cost more than that.
func (c *CoalescingConn) arm(end time.Time) {
	if !c.deadline.IsZero() && !end.Before(c.deadline) {
		c.disarm()
		return
	}
	if c.Conn.SetReadDeadline(end) == nil {
		c.end = end
	}
}

func (c *CoalescingConn) disarm() {
	if !c.end.IsZero() {
		c.end = time.Time{}
		_ = c.Conn.SetReadDeadline(c.deadline) // fails on a closed socket alone, as the Read will
	}
}

// SetReadDeadline sets the read deadline.
func (c *CoalescingConn) SetReadDeadline(t time.Time) error {
	if c.raw == nil {
		return c.Conn.SetReadDeadline(t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.blocked && !c.end.IsZero() && (t.IsZero() || c.end.Before(t)) {
		return nil // the window ends first; what waits then looks at t again
	}
	c.end = time.Time{}
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets the read and write deadlines.
func (c *CoalescingConn) SetDeadline(t time.Time) error {
	if err := c.Conn.SetWriteDeadline(t); err != nil {
		return err
	}
	return c.SetReadDeadline(t)
}

func (c *CoalescingConn) setWindow(n int, window time.Duration) error {
	if c.raw == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if int32(n) != c.lowat {
		if err := setsockopt(c.raw, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, n); err != nil {
			return fmt.Errorf("protocol: setting a read window of %d bytes: %w", n, err)
		}
		c.lowat = int32(n)
	}
	c.window = window
	switch {
	case window == 0:
		c.disarm()
	case c.blocked:
		c.arm(windowEnd(window))
	}
	return nil
}
