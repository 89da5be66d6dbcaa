package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func push(r *Ring[int], n int, key bool) { r.Push(&n, key) }

func TestRingOrderAndFlush(t *testing.T) {
	r := NewRing[int](16)
	c := r.Cursor(Oldest)
	push(r, 1, false)
	v, err := c.Try()
	require.NoError(t, err)
	require.Nil(t, v, "not flushed")
	r.Flush()
	for i := 2; i <= 10; i++ {
		push(r, i, i == 4 || i == 7)
	}
	r.Flush()
	for i := 1; i <= 10; i++ {
		v, err := c.Try()
		require.NoError(t, err)
		require.Equal(t, i, *v)
	}
	for start, want := range map[Start]int{FromKey: 7, Oldest: 1} {
		v, _ := r.Cursor(start).Try()
		require.Equal(t, want, *v)
	}
	live, next := r.Cursor(Live), r.Cursor(NextKey)
	push(r, 11, false)
	push(r, 12, true)
	push(r, 13, true)
	r.Flush()
	v, _ = live.Try()
	require.Equal(t, 11, *v)
	v, _ = next.Try()
	require.Equal(t, 12, *v)
	r.Forget()
	c = r.Cursor(FromKey)
	v, _ = c.Try()
	require.Nil(t, v)
}

func TestRingLapped(t *testing.T) {
	r := NewRing[int](16)
	c := r.Cursor(Oldest)
	for i := range 40 {
		push(r, i, i == 30)
	}
	r.Flush()
	require.Equal(t, 16, r.Len())
	_, err := c.Try()
	require.ErrorIs(t, err, ErrLapped)
	c.SkipToKey()
	v, err := c.Try()
	require.NoError(t, err)
	require.Equal(t, 30, *v)
	r.Trim(35)
	_, err = c.Try()
	require.ErrorIs(t, err, ErrLapped)
	c.SkipToKey() // the key is behind: the next one that comes
	push(r, 40, false)
	push(r, 41, true)
	r.Close(ErrKicked)
	v, err = c.Try()
	require.NoError(t, err)
	require.Equal(t, 41, *v)
	_, err = c.Try()
	require.ErrorIs(t, err, ErrKicked)
}

// TestRingConcurrent has readers of all speeds check that they see every entry in order,
// or are told that they were lapped.
func TestRingConcurrent(t *testing.T) {
	r := NewRing[int](1024)
	const total = 200_000
	var wg sync.WaitGroup
	for i := range 8 {
		c := r.Cursor(Oldest)
		wg.Go(func() {
			last, lapped := -1, 0
			for {
				v, err := c.Next(context.Background())
				switch {
				case errors.Is(err, ErrLapped):
					lapped++
					c.SkipToKey()
					last = -1
				case err != nil:
					if !errors.Is(err, ErrClosed) {
						t.Errorf("reader %d: %v", i, err)
					}
					return
				case last >= 0 && *v != last+1:
					t.Errorf("reader %d: %d after %d", i, *v, last)
					return
				default:
					if last < 0 && lapped > 0 && *v%50 != 0 {
						t.Errorf("reader %d goes on at %d, which is no key", i, *v)
					}
					last = *v
				}
				if i%2 == 1 && rand.IntN(1000) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for i := range total {
		push(r, i, i%50 == 0)
		if i%3 == 0 {
			r.Flush()
		}
		if i%5000 == 0 {
			time.Sleep(time.Millisecond)
			r.Trim(uint64(max(i-500, 0)))
		}
	}
	r.Close(ErrClosed)
	wg.Wait()
}

// TestRingSleepersThatLeave checks that readers which come and go while nothing is
// flushed leave nothing behind.
func TestRingSleepersThatLeave(t *testing.T) {
	r := NewRing[int](16)
	for range 10_000 {
		ctx, cancel := context.WithCancel(t.Context())
		c := r.Cursor(Live)
		cancel()
		_, err := c.Next(ctx)
		require.Error(t, err)
		c.wait(ctx.Done())
		c.Close()
	}
	n := 0
	for c := r.waiting.Load(); c != nil; c = c.next {
		n++
	}
	require.Less(t, n, 200)
}

func BenchmarkRingPush(b *testing.B) {
	r := NewRing[int](1024)
	v := 1
	b.ReportAllocs()
	for b.Loop() {
		r.Push(&v, false)
		r.Flush()
	}
}

func BenchmarkRingFanOut(b *testing.B) {
	r := NewRing[int](1024)
	var wg sync.WaitGroup
	for range 1000 {
		c := r.Cursor(Live)
		wg.Go(func() {
			for {
				if _, err := c.Next(context.Background()); errors.Is(err, ErrClosed) {
					return
				}
			}
		})
	}
	runtime.Gosched()
	v := 1
	b.ReportAllocs()
	for b.Loop() {
		r.Push(&v, false)
		r.Flush()
		runtime.Gosched()
	}
	r.Close(ErrClosed)
	wg.Wait()
}
