package protocol

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// ErrGone is why a context of UntilGone ended: the peer closed its connection.
var ErrGone = errors.New("protocol: the peer left")

// goneAfter is how long a peer is left alone before its connection is watched: most
// answers come sooner, and cost nothing then.
const goneAfter = 100 * time.Millisecond

// UntilGone gives a context that also ends when the peer of a TCP connection closes it,
// for the time in which nobody reads from the connection: while a Gate is asked. A peer that sends
// before it leaves is not noticed. The caller calls stop before it reads again; the
// connection's read deadline is cleared then.
func UntilGone(ctx context.Context, c net.Conn) (_ context.Context, stop func()) {
	t := TCP(c)
	if t == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Add(1)
	timer := time.AfterFunc(goneAfter, func() {
		defer watch.Done()
		if awaitGone(t) {
			cancel(ErrGone)
		}
	})
	return ctx, func() {
		if !timer.Stop() {
			_ = t.SetReadDeadline(time.Unix(1, 0))
			watch.Wait()
			_ = t.SetReadDeadline(time.Time{})
		}
		cancel(context.Canceled)
	}
}
