package streamtest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/srsgo/srs/stream"
)

// Publish writes the packets of src to sink at the time that their DTS says, counted
// from the first packet: a live encoder. With speed 2 it takes half the time, with 0
// none. It keeps to the clock of the call's start, so a slow sink is caught up with.
// Inside a testing/synctest bubble it goes by the bubble's clock.
//
// A clean end of src gives nil, the end of ctx its cause, else the first error of
// either side. A call of src or sink that blocks is not interrupted.
func Publish(ctx context.Context, sink stream.Sink, src stream.Source, speed float64) error {
	var pace pacer
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p, err := src.ReadPacket()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if speed > 0 {
			if err := pace.wait(ctx, p.DTS, speed); err != nil {
				return err
			}
		}
		if err := sink.WritePacket(p); err != nil {
			return err
		}
	}
}

type pacer struct {
	started bool
	start   time.Time
	first   time.Duration
}

func (c *pacer) wait(ctx context.Context, dts time.Duration, speed float64) error {
	if !c.started {
		c.started, c.start, c.first = true, time.Now(), dts
	}
	d := time.Until(c.start.Add(time.Duration(float64(dts-c.first) / speed)))
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
