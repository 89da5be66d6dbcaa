package audience

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

var key = stream.Key{Vhost: "v", App: "live", Name: "s"}

type rig struct {
	*Table
	hub     *stream.Hub
	mu      sync.Mutex
	play    int
	stopped []error
	asked   atomic.Int32
}

func newRig(t *testing.T) *rig {
	r := &rig{hub: stream.NewHub(stream.HubConfig{})}
	r.hub.Observe(func(e stream.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch e.Type {
		case stream.EventPlay:
			r.play++
		case stream.EventStop:
			r.stopped = append(r.stopped, e.Err)
		}
	})
	r.hub.AddGate(stream.GateFunc(func(ctx context.Context, s *stream.Session) error {
		r.asked.Add(1)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.Request.Param == "?bad" {
			return &stream.DeniedError{Public: "no"}
		}
		return nil
	}))
	r.Table = New(r.hub)
	t.Cleanup(func() { r.Close(); require.NoError(t, r.hub.Close(context.Background())) })
	return r
}

// TestBegin: requests of one viewer at the same time are one session, admitted once.
func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var first atomic.Pointer[stream.Session]
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				s, err := r.Begin(t.Context(), "a", stream.Request{Key: key}, 10*time.Second)
				if err != nil || !first.CompareAndSwap(nil, s) && first.Load() != s {
					t.Errorf("another session: %v, %v", s, err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, r.asked.Load())
		require.Equal(t, 1, r.play)
		for range 10 { // requests keep it
			time.Sleep(9 * time.Second)
			s, ok := r.Touch("a", key)
			require.True(t, ok)
			require.NoError(t, s.Err())
		}
		time.Sleep(12 * time.Second)
		synctest.Wait()
		require.Equal(t, []error{nil}, r.stopped)
		_, ok := r.Touch("a", key)
		require.False(t, ok)
		require.Zero(t, r.Len())
		require.Empty(t, r.hub.Stats().Clients)
	})
}

// TestRefused: a refusal is told to all who wait and leaves nothing; one who gives up does not refuse
// the others.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var denied *stream.DeniedError
		_, err := r.Begin(t.Context(), "a", stream.Request{Key: key, Param: "?bad"}, time.Second)
		require.ErrorAs(t, err, &denied)
		require.Zero(t, r.Len())

		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = r.Begin(ctx, "b", stream.Request{Key: key}, time.Second) }()
		synctest.Wait()
		got := make(chan error)
		go func() { _, err := r.Begin(t.Context(), "b", stream.Request{Key: key}, time.Second); got <- err }()
		synctest.Wait()
		cancel()
		require.NoError(t, <-got)
		require.Equal(t, 1, r.play)
	})
}

// TestKick: a viewer that was kicked is refused until its session would have ended.
func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s, err := r.Begin(t.Context(), "a", stream.Request{Key: key}, 5*time.Second)
		require.NoError(t, err)
		s.Kick(nil)
		for range 4 {
			time.Sleep(time.Second)
			same, err := r.Begin(t.Context(), "a", stream.Request{Key: key}, 5*time.Second)
			require.NoError(t, err)
			require.ErrorIs(t, same.Err(), stream.ErrKicked)
		}
		synctest.Wait()
		require.Len(t, r.stopped, 1)
		require.ErrorIs(t, r.stopped[0], stream.ErrKicked)
		time.Sleep(3 * time.Second)
		again, err := r.Begin(t.Context(), "a", stream.Request{Key: key}, 5*time.Second)
		require.NoError(t, err)
		require.NoError(t, again.Err())
	})
}

// TestFullAndClosed: the table is bounded, and its end is that of all.
func TestFullAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.Max = 3
		for i := range 3 {
			_, err := r.Begin(t.Context(), strconv.Itoa(i), stream.Request{Key: key}, time.Hour)
			require.NoError(t, err)
		}
		_, err := r.Begin(t.Context(), "x", stream.Request{Key: key}, time.Hour)
		require.ErrorIs(t, err, ErrFull)
		r.Close()
		require.Len(t, r.stopped, 3)
		require.ErrorIs(t, errors.Join(r.stopped...), stream.ErrShutdown)
		_, err = r.Begin(t.Context(), "0", stream.Request{Key: key}, time.Hour)
		require.ErrorIs(t, err, stream.ErrShutdown)
		require.Zero(t, r.hub.Stats().Clients)
	})
}

func BenchmarkTouch(b *testing.B) {
	t := New(stream.NewHub(stream.HubConfig{}))
	for i := range 1000 {
		if _, err := t.Begin(b.Context(), strconv.Itoa(i), stream.Request{Key: key}, time.Hour); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		t.Touch("500", key)
	}
	t.Close()
}
