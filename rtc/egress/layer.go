package egress

import (
	"cmp"
	"slices"
	"time"
)

const (
	// startRate is the rate of the best layer that a viewer begins with whose path is not known yet, in bits/s.
	startRate = 2_500_000
	// A better layer is tried when the path was not congested for so long; at each failure for twice as long.
	tryAfter, tryAfterMost = 5 * time.Second, 2 * time.Minute
	chooseEvery            = 200 * time.Millisecond
	startFor               = 3 * time.Second // the layers and their rates become known, if nobody had watched before
	drain                  = 2 * time.Second // what waits on the path is that of the better layer before
	keyDrain               = time.Second     // or the key frame that a better layer begins with
	layerGap               = 2 * time.Second // a layer that brings nothing for so long is not there
)

// layers chooses among those of a simulcast for a viewer. It belongs to the shard's goroutine.
type layers struct {
	current *track // that is sent
	target  *track // that is to be, from its next key frame on
	chosen  time.Time
	began   time.Time // when the first did
	from    time.Time // when current did
	fell    bool      // the layer before was a better one
	patient time.Duration
	failed  time.Time // when the path was last too narrow
	rates   []layerRate
}

type layerRate struct {
	track *track
	bits  int64
}

// accept tells whether a frame is sent.
func (v *Viewer) accept(f *Frame, now time.Time) bool {
	l := &v.layers
	all := *f.track.origin.layers.Load()
	if len(all) > 1 {
		v.judge()
		v.choose(all, f.track.origin, now)
	} else {
		l.target = f.track
	}
	switch {
	case v.key:
		if !f.Key {
			return false
		}
	case f.track == l.current:
		return true
	case f.track != l.target || !f.Key:
		return false
	}
	v.key = false
	if l.current != f.track {
		l.current, l.from = f.track, now
	}
	if l.began.IsZero() {
		l.began = now
	}
	return true
}

// judge has the viewer tell how its path does, from now on. Where packets are repeated as they were
// they cannot tell when they were sent, and the viewer's loss is all there is.
func (v *Viewer) judge() {
	w := v.video
	if w.judged {
		return
	}
	w.judged = true
	if w.rtx == nil && w.media.Codecs[0].NACK && !v.cfg.NoNACK {
		return
	}
	w.head.judge(w.media)
	w.rtx.judge(w.media)
	if w.head.transport > 0 {
		v.path.sent.Store(new(departures))
	}
}

// choose finds the layer that the viewer's path carries.
func (v *Viewer) choose(all []*track, o *origin, now time.Time) {
	l := &v.layers
	if now.Sub(l.chosen) < chooseEvery {
		return
	}
	l.chosen = now
	l.rates = l.rates[:0]
	for _, t := range all {
		if o.newest.Load()-t.rate.last.Load() < int64(layerGap) {
			l.rates = append(l.rates, layerRate{t, t.rate.bits.Load()})
		}
	}
	if len(l.rates) == 0 {
		return
	}
	slices.SortFunc(l.rates, func(a, b layerRate) int { return cmp.Compare(a.bits, b.bits) })
	at := slices.IndexFunc(l.rates, func(r layerRate) bool { return r.track == l.current })
	narrow := time.Time{}
	if at >= 0 {
		narrow = v.path.narrow(l.rates[at].bits, now)
	}
	if at < 0 || now.Sub(l.began) < startFor && narrow.IsZero() {
		l.target = l.best(startRate)
	} else {
		l.step(at, v.path.rate.Load(), narrow, now)
	}
	if l.target != l.current {
		v.askKeyFrame(now)
	}
}

// best gives the layer with the highest rate that is not above a limit, else the lowest.
func (l *layers) best(limit int64) *track {
	t := l.rates[0].track
	for _, r := range l.rates[1:] {
		if r.bits > 0 && r.bits <= limit {
			t = r.track
		}
	}
	return t
}

// step goes down at once when the path was congested by the present layer, and up by one layer when the
// path carries it or when it has been quiet for long. How long is forgotten when a layer that was climbed to
// holds: the path has become wider since.
func (l *layers) step(at int, rate int64, congested, now time.Time) {
	holds := now.Sub(l.from)
	if l.patient == 0 || l.failed.Before(l.from) && (holds > 6*tryAfter || holds > tryAfter && !l.fell) {
		l.patient = tryAfter
	}
	grace := keyDrain
	if l.fell {
		grace = drain
	}
	if congested.After(l.from.Add(grace)) && congested.After(l.failed) {
		l.failed, l.fell = now, true
		if at > 0 && l.target == l.current {
			l.target = l.best(min(rate, l.rates[at].bits-1))
			l.patient = min(2*l.patient, tryAfterMost)
		}
		return
	}
	if l.target != l.current || at == len(l.rates)-1 {
		return
	}
	next := l.rates[at+1]
	quiet := now.Sub(l.from)
	if l.failed.After(l.from) {
		quiet = now.Sub(l.failed)
	}
	if next.bits > 0 && (rate > next.bits*5/4 && quiet > chooseEvery || quiet > l.patient) {
		l.target, l.fell = next.track, false
	}
}
