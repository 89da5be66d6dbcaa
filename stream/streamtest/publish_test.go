package streamtest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

type sinkFunc func(*stream.Packet) error

func (f sinkFunc) WritePacket(p *stream.Packet) error { return f(p) }

func TestPublishPaces(t *testing.T) {
	for _, speed := range []float64{1, 2, 0.5} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			// The second round starts above DTS 0 and must still start at once.
			src := H264BFramesAAC().Loop(2)
			for range H264BFramesAAC().Packets() {
				_, err := src.ReadPacket()
				require.NoError(t, err)
			}
			err := Publish(t.Context(), sinkFunc(func(p *stream.Packet) error {
				want := float64(p.DTS-H264BFramesAAC().Duration()) / speed
				require.Equal(t, time.Duration(want), time.Since(start))
				return nil
			}), src, speed)
			require.NoError(t, err)
			require.Greater(t, time.Since(start), time.Duration(float64(3*time.Second)/speed))
		})
	}
}

func TestPublishAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var rec Recorder
		require.NoError(t, Publish(t.Context(), &rec, H264AAC().Source(), 0))
		require.Zero(t, time.Since(start))
		Equal(t, H264AAC().Packets(), rec.Packets(), Compare{})
	})
}

func TestPublishEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("cause")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(1010*time.Millisecond, func() { cancel(cause) })
		start := time.Now()
		var rec Recorder
		require.ErrorIs(t, Publish(ctx, &rec, AACOnly().Source(), 1), cause)
		require.Equal(t, 1010*time.Millisecond, time.Since(start))
		require.ErrorIs(t, Publish(ctx, &rec, AACOnly().Source(), 0), cause)

		broken := sinkFunc(func(*stream.Packet) error { return stream.ErrClosed })
		require.ErrorIs(t, Publish(t.Context(), broken, AACOnly().Source(), 1), stream.ErrClosed)
	})
}

func TestRecorderWait(t *testing.T) {
	var rec Recorder
	synctest.Test(t, func(t *testing.T) {
		done := make(chan error, 1)
		go func() { done <- Publish(t.Context(), &rec, H264AAC().Source(), 1) }()
		require.NoError(t, rec.Wait(t.Context(), 100))
		require.InDelta(t, 100, rec.Len(), 1, "one more may share the instant")
		require.NoError(t, rec.Wait(t.Context(), 50), "already there")
		require.NoError(t, <-done)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := rec.Wait(ctx, 1000)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "for 1000 packets, got 274")
	})
	// What was waited for in vain inside the bubble is forgotten outside of it.
	require.NoError(t, rec.WritePacket(H264AAC().Packets()[0]))
	rec.Reset()
	require.Zero(t, rec.Len())
	require.Empty(t, rec.Packets())
}
