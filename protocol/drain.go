package protocol

import (
	"context"
	"time"

	"github.com/srsgo/srs/stream"
)

// Drainer is a Module that asks its peers to leave before the server ends.
type Drainer interface {
	// Drain is called once, after the server has stopped accepting and before any module's
	// Shutdown: those wait for one another. It does not block.
	Drain()
}

// drainLook is how often a drain looks for players that wait in vain. Those whose stream
// has had no publisher for one to two of these are ended.
const drainLook = 100 * time.Millisecond

// endWaiting ends players whose stream nobody publishes, until ctx ends: a publisher that
// comes back does so at another server, and the players should go there too.
func (s *Server) endWaiting(ctx context.Context) {
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	waiting := map[*stream.Session]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := map[*stream.Session]bool{}
		for ses := range s.hub.Sessions() {
			if ses.Action != stream.ActionPlay || ses.Stream() == nil || ses.Stream().Publisher() != nil {
				continue
			}
			if now[ses] = true; waiting[ses] {
				ses.Kick(stream.ErrShutdown)
			}
		}
		waiting = now
	}
}

// drainAll stops accepting, asks peers to leave, and has the HTTP listeners answer what
// has reached them. A connection that was accepted is served as any other.
func (s *Server) drainAll(ctx context.Context, list []*running) {
	s.pool.stopAccepting()
	s.pool.stopReading()
	if ctx.Err() == nil {
		for _, r := range list {
			if d, ok := r.module.(Drainer); ok {
				d.Drain()
			}
		}
	}
	if s.front != nil {
		s.front.drain(ctx)
	}
}
