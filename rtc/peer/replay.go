package peer

const (
	replayWindow = 1024 // packets; retransmissions are old
	replayWords  = replayWindow/64 + 1
)

// replays tells which packets of an SSRC came already (RFC 3711 3.3.2). Its bits are a ring, of which nothing
// is moved as the window does (RFC 6479).
type replays struct {
	bits    [replayWords]uint64
	highest uint64 // index
	began   bool
}

// fresh tells whether a packet has not come yet, as far as the window tells.
func (r *replays) fresh(index uint64) bool {
	if !r.began || index > r.highest {
		return true
	}
	return r.highest-index < replayWindow && r.bits[index/64%replayWords]>>(index%64)&1 == 0
}

// mark notes a fresh packet that is genuine.
func (r *replays) mark(index uint64) {
	if !r.began || index > r.highest {
		from, to := r.highest/64, index/64
		if !r.began || to-from >= replayWords {
			r.bits = [replayWords]uint64{}
		} else {
			for w := from + 1; w <= to; w++ {
				r.bits[w%replayWords] = 0
			}
		}
		r.highest, r.began = index, true
	}
	r.bits[index/64%replayWords] |= 1 << (index % 64)
}
