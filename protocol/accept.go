package protocol

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Acceptor serves the connections of listeners: a goroutine for each, in which a panic
// ends that connection alone. [Host.Acceptor] makes one.
type Acceptor struct {
	handle  func(context.Context, net.Conn)
	logger  *slog.Logger
	panics  *atomic.Int64
	ctx     context.Context
	cancel  context.CancelFunc
	serving tracker // Serve calls
	work    tracker

	mu        sync.Mutex
	stopping  bool
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]struct{}
}

func newAcceptor(logger *slog.Logger, panics *atomic.Int64, handle func(context.Context, net.Conn)) *Acceptor {
	a := &Acceptor{
		handle: handle, logger: logger, panics: panics,
		listeners: map[net.Listener]struct{}{}, conns: map[net.Conn]struct{}{},
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Serve accepts from l until l is closed or the Acceptor shuts down; both give nil. The
// handler owns its connection, which is closed after it returns. Its ctx ends when
// Shutdown's does. It sets its own deadlines; a TLS handshake is its first Read.
func (a *Acceptor) Serve(l net.Listener) error {
	a.mu.Lock()
	if a.stopping {
		a.mu.Unlock()
		return l.Close()
	}
	a.listeners[l] = struct{}{}
	a.serving.add()
	a.mu.Unlock()
	defer a.serving.done()
	err := acceptLoop(l, a.logger, a.ctx.Done(), a.start)
	a.mu.Lock()
	delete(a.listeners, l)
	a.mu.Unlock()
	_ = l.Close()
	return err
}

func (a *Acceptor) start(c net.Conn) {
	a.mu.Lock()
	if a.ctx.Err() != nil {
		a.mu.Unlock()
		_ = c.Close()
		return
	}
	a.conns[c] = struct{}{}
	a.work.add()
	a.mu.Unlock()
	go func() {
		defer a.work.done()
		defer func() {
			_ = c.Close()
			a.mu.Lock()
			delete(a.conns, c)
			a.mu.Unlock()
		}()
		_ = guard(a.logger, a.panics, "connection", func() error { a.handle(a.ctx, c); return nil })
	}()
}

// Len gives how many connections are open.
func (a *Acceptor) Len() int { return a.work.count() }

// Shutdown closes the listeners, serves what they had accepted, and waits until all
// connections are gone. When ctx ends it ends the handlers' ctx, gives them a second for
// their last words, closes what is left, waits for the handlers, and gives nil: that is
// the usual end of live streams.
func (a *Acceptor) Shutdown(ctx context.Context) error {
	a.mu.Lock()
	a.stopping = true
	for l := range a.listeners {
		_ = l.Close()
	}
	a.mu.Unlock()
	a.serving.wait(ctx)
	gone := a.work.wait(ctx)
	a.cancel()
	if gone || a.farewell(ctx) {
		return nil
	}
	a.mu.Lock()
	for c := range a.conns {
		_ = c.Close()
	}
	a.mu.Unlock()
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), stuckAfter)
	defer stop()
	if !a.work.wait(late) {
		return fmt.Errorf("protocol: shutdown: %d connections' handlers did not return", a.Len())
	}
	return nil
}

// lastWords is how long a connection whose handler's ctx has ended may go on.
const lastWords = time.Second

// farewell waits for handlers that were told to end; it tells whether all have.
func (a *Acceptor) farewell(ctx context.Context) bool {
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer stop()
	return a.work.wait(late)
}

// stuckAfter is how long what was told to end may take before it is reported as stuck.
const stuckAfter = 5 * time.Second

// The pauses of an accept loop that runs into trouble which may pass.
const (
	acceptPause    = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// acceptLoop accepts until l is closed, which gives nil, or fails for good. Trouble
// that may pass (no file descriptors, no memory) is told once and waited out.
func acceptLoop(l net.Listener, logger *slog.Logger, done <-chan struct{}, deliver func(net.Conn)) error {
	var pause time.Duration
	for {
		c, err := l.Accept()
		if err == nil {
			if pause > 0 {
				logger.Info("accepting again", "listen", l.Addr())
				pause = 0
			}
			deliver(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if !temporary(err) {
			return fmt.Errorf("protocol: accepting on %v: %w", l.Addr(), err)
		}
		if pause == 0 {
			logger.Warn("accepting is held up", "listen", l.Addr(), "err", err)
		}
		pause = min(max(2*pause, acceptPause), acceptPauseMax)
		select {
		case <-time.After(pause):
		case <-done:
		}
	}
}

// temporary tells the errors after which accept may work again: those of one
// connection, and those of a lack of descriptors or memory.
func temporary(err error) bool {
	for _, e := range []syscall.Errno{
		syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EINTR,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
