package ffmpeg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	maxPending = 4 << 20         // bytes that a child gave and nobody took
	maxSaid    = 4 << 10         // bytes of what it complains
	patience   = 5 * time.Second // for a child that takes nothing
)

// child is a running ffmpeg.
type child struct {
	r   *runner
	cmd *exec.Cmd
	in  *os.File

	mu   sync.Mutex
	out  []byte // what it gave, not yet taken
	said tail
	err  error // why nothing follows
	done chan struct{}
}

// start runs ffmpeg between two pipes.
func (r *runner) start(args ...string) (_ *child, err error) {
	if r.running.Add(1) > r.limit {
		r.running.Add(-1)
		return nil, fmt.Errorf("ffmpeg: %d run already, the limit", r.limit)
	}
	var files []*os.File
	defer func() {
		if err != nil {
			for _, f := range files {
				_ = f.Close()
			}
			r.running.Add(-1)
			err = fmt.Errorf("ffmpeg: starting: %w", err)
		}
	}()
	pipe := func() (rd, wr *os.File, err error) {
		rd, wr, err = os.Pipe()
		files = append(files, rd, wr)
		return rd, wr, err
	}
	theirIn, in, err := pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := pipe()
	if err != nil {
		return nil, err
	}
	c := &child{r: r, in: in, done: make(chan struct{})}
	c.cmd = exec.Command(r.path, append([]string{"-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1",
		"-protocol_whitelist", "pipe"}, args...)...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirIn, theirOut, &c.said
	if err = c.cmd.Start(); err != nil {
		return nil, err
	}
	_, _ = theirIn.Close(), theirOut.Close()
	go c.read(out)
	return c, nil
}

// read collects what the child gives until it ends.
func (c *child) read(out *os.File) {
	defer close(c.done)
	defer c.r.running.Add(-1)
	buf := make([]byte, 32<<10)
	var err error
	for err == nil {
		var n int
		n, err = out.Read(buf)
		c.mu.Lock()
		c.out = append(c.out, buf[:n]...)
		if len(c.out) > maxPending {
			err = fmt.Errorf("more than %d bytes wait", maxPending)
		}
		c.mu.Unlock()
	}
	_, _ = out.Close(), c.cmd.Process.Kill()
	ended := c.cmd.Wait()
	if errors.Is(err, io.EOF) {
		err = ended
	}
	if err == nil {
		err = io.EOF
	}
	c.mu.Lock()
	c.err = fmt.Errorf("ffmpeg: ended: %w: %s", err, c.said.String())
	c.mu.Unlock()
}

// write gives the child what it reads.
func (c *child) write(b []byte) error {
	_ = c.in.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.in.Write(b); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err != nil {
			return c.err
		}
		return fmt.Errorf("ffmpeg: writing: %w", err)
	}
	return nil
}

// take gives what the child gave, up to max bytes and in multiples of unit.
func (c *child) take(dst []byte, max, unit int) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.out), max)
	n -= n % unit
	dst = append(dst, c.out[:n]...)
	c.out = c.out[:copy(c.out, c.out[n:])]
	if n == 0 {
		return dst, c.err
	}
	return dst, nil
}

// close ends the child and waits for that.
func (c *child) close() {
	_, _ = c.in.Close(), c.cmd.Process.Kill()
	<-c.done
}

// tail keeps the beginning of what is written to it: the first complaint tells most.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[:min(len(b), maxSaid-len(t.b))]...)
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
