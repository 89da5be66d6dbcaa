package peer

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// Kinds of what is dropped.
const (
	unknown   = iota // checks for a ufrag that nobody has
	forged           // what has no valid integrity, or was said before
	strange          // what is no check, from where no valid one has come
	malformed        // what is of no protocol that is spoken here, or more of it than there should be
	busy             // handshakes beyond those that may go on at once
	kinds
)

// tellEvery is how often the log is told of what was dropped, at most.
const tellEvery = 10 * time.Second

// refusals count what is dropped.
type refusals struct {
	counts [kinds]atomic.Uint64
	from   atomic.Pointer[path] // of the first since the log was told
	told   uint64               // by the goroutine of the timers, as at
	at     time.Time
}

// count counts one.
func (r *refusals) count(kind int, from path) {
	r.counts[kind].Add(1)
	if r.from.Load() == nil {
		r.from.CompareAndSwap(nil, &path{socket: from.socket, route: from.route, tcp: from.tcp}) // from stays off the heap
	}
}

// tell tells the log if there is something new.
func (r *refusals) tell(log *slog.Logger, now time.Time) {
	var n [kinds]uint64
	var sum uint64
	for i := range n {
		n[i] = r.counts[i].Load()
		sum += n[i]
	}
	if sum == r.told || now.Sub(r.at) < tellEvery {
		return
	}
	r.told, r.at = sum, now
	one := ""
	if from := r.from.Swap(nil); from != nil {
		one = from.String()
	}
	log.Warn("datagrams are refused: totals", "unknown_ufrag", n[unknown], "wrong_integrity", n[forged], "strange_address", n[strange],
		"malformed", n[malformed], "handshakes", n[busy], "one_from", one)
}
