package stream

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxWindow   = 350 * time.Millisecond // where FlushAuto ends
	audioWindow = 40 * time.Millisecond  // how long audio waits for the next video frame
)

// flusher decides when a stream's wires show their bytes to the viewers. It lives
// under the stream's lock.
type flusher struct {
	set    Flush
	manual bool // the publisher says when a burst of packets is complete

	video  bool          // flush with video; audio waits at most window
	window time.Duration // 0: at once

	waiting int  // packets not yet shown
	ripe    bool // they are due, and wait for the end of a burst alone
	timer   *time.Timer
	armed   bool
}

// configure takes the stream's policy; FlushAuto starts at its first step.
func (f *flusher) configure(set Flush) {
	f.set, f.video, f.window = set, false, 0
	if set.Mode == FlushWindow {
		f.window = cmp.Or(max(set.Window, 0), maxWindow)
	}
}

// due is told of each packet and says whether to flush at once; else when to, at the
// latest.
func (f *flusher) due(video bool) (now bool, within time.Duration) {
	f.waiting++
	if f.window == 0 || f.video && video ||
		f.set.Mode == FlushWindow && f.set.Window <= 0 && f.waiting > f.set.Messages {
		f.ripe = true
	}
	return f.ripe && !f.manual, f.window
}

// demand is what one stream would need of the write budget.
type demand struct {
	stream                  *Stream
	viewers, packets, video float64 // packets and video frames a second
}

// share deals out the write budget. Each stream gets a write per viewer and maxWindow in
// any case. What that leaves, and a quarter of the budget if it leaves less, goes to the
// streams with the fewest viewers first, to each as far as its next steps go: a crowd on
// one stream costs another one's few viewers nothing.
func share(budget float64, ds []demand) {
	slices.SortFunc(ds, func(a, b demand) int { return cmp.Compare(a.viewers, b.viewers) })
	least := budget / 4
	for _, d := range ds {
		budget -= d.viewers / maxWindow.Seconds()
	}
	budget = max(budget, least)
	for _, d := range ds {
		least := d.viewers / maxWindow.Seconds()
		have := least + max(budget, 0)
		video, window := false, maxWindow
		frames := d.video
		if frames == 0 {
			frames = min(d.packets, 1/audioWindow.Seconds())
		}
		switch {
		case d.viewers*d.packets <= have:
			window, have = 0, d.viewers*d.packets
		case d.viewers*frames <= have:
			video, window, have = d.video > 0, audioWindow, d.viewers*frames
		default:
			window = min(max(time.Duration(d.viewers/have*float64(time.Second)), audioWindow), maxWindow)
			have = d.viewers / window.Seconds()
		}
		budget -= have - least
		d.stream.setAuto(video, window)
	}
}
