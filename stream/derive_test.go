package stream

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sizes derives the length of each packet.
type sizes struct {
	give  func(*int, bool)
	ended *atomic.Int32
}

func (s sizes) WritePacket(p *Packet) error {
	switch n := len(p.Payload); n {
	case 13:
		return errors.New("thirteen")
	case 14:
		panic("fourteen")
	default:
		s.give(&n, p.Key())
		return nil
	}
}

func (s sizes) EndPublication() error { s.ended.Add(1); return nil }

type sizesRig struct {
	hub         *Hub
	made, ended atomic.Int32
	form        *Derived[int, string]
}

func newSizesRig(t *testing.T) *sizesRig {
	r := &sizesRig{hub: NewHub(HubConfig{})}
	r.form = &Derived[int, string]{Name: "sizes", New: func(_ string, give func(*int, bool)) Sink {
		r.made.Add(1)
		return sizes{give, &r.ended}
	}, Size: func(n *int) int { return *n }}
	t.Cleanup(func() { require.NoError(t, r.hub.Close(context.Background())) })
	return r
}

func (r *sizesRig) publish(t *testing.T) *Publisher {
	t.Helper()
	p, err := r.hub.Publish(t.Context(), Request{Key: Key{"v", "a", "s"}})
	require.NoError(t, err)
	return p
}

func writeSize(t *testing.T, p *Publisher, at time.Duration, n int, f Flags) {
	t.Helper()
	require.NoError(t, p.WritePacket(&Packet{Tracks: oneVideo, DTS: at, PTS: at, Flags: f, Payload: make([]byte, n)}))
}

var oneVideo = &Tracks{List: []Track{{ID: 1, Codec: H264}}}

func readSize(t *testing.T, c *Cursor[int], want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n, err := c.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, want, *n)
}

// TestDerive: one form serves all readers of a configuration, over publications, and ends when
// nobody reads it.
func TestDerive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSizesRig(t)
		p := r.publish(t)
		c := Derive(p.Stream(), r.form, "x")
		writeSize(t, p, 0, 1, KeyFrame)
		writeSize(t, p, 1, 2, 0)
		readSize(t, c, 1)
		readSize(t, c, 2)
		late := Derive(p.Stream(), r.form, "x")
		other := Derive(p.Stream(), r.form, "y")
		readSize(t, late, 1) // from the newest key
		synctest.Wait()
		require.EqualValues(t, 2, r.made.Load())
		require.NoError(t, p.Close(nil))
		_, err := c.Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
		synctest.Wait()
		require.EqualValues(t, 2, r.ended.Load())

		p = r.publish(t)
		writeSize(t, p, 0, 3, KeyFrame)
		readSize(t, c, 3) // on the same cursor
		readSize(t, late, 2)
		_, err = late.Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
		readSize(t, late, 3)
		s := p.Stream()
		for _, c := range []*Cursor[int]{c, late, other} {
			c.Close()
		}
		time.Sleep(time.Minute) // Linger
		synctest.Wait()
		require.Empty(t, s.derived)
		require.NoError(t, p.Close(nil))
		time.Sleep(time.Minute)
		require.Nil(t, r.hub.Stream(s.Key()), "the form does not keep the stream")
	})
}

// TestDeriveFails: a form that fails or panics tells its readers and disturbs nobody; asked for
// again it begins anew.
func TestDeriveFails(t *testing.T) {
	for _, bad := range []int{13, 14} {
		synctest.Test(t, func(t *testing.T) {
			r := newSizesRig(t)
			p := r.publish(t)
			c := Derive(p.Stream(), r.form, "x")
			writeSize(t, p, 0, 1, KeyFrame)
			readSize(t, c, 1)
			writeSize(t, p, 1, bad, 0)
			_, err := c.Next(t.Context())
			require.ErrorContains(t, err, map[int]string{13: "thirteen", 14: "panicked: fourteen"}[bad])
			writeSize(t, p, 2, 5, KeyFrame)
			again := Derive(p.Stream(), r.form, "x")
			readSize(t, again, 5)
			c.Close()
			again.Close()
		})
	}
}

// TestDeriveShutdown: a form of a stream whose hub has closed ends at once.
func TestDeriveShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSizesRig(t)
		s := r.publish(t).Stream()
		require.NoError(t, r.hub.Close(t.Context()))
		for range 2 {
			c := Derive(s, r.form, "x")
			_, err := c.Next(t.Context())
			require.ErrorIs(t, err, ErrShutdown)
			c.Close()
		}
	})
}

// TestDeriveSlow: a reader that does not read holds a bounded number of bytes.
func TestDeriveSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSizesRig(t)
		r.hub.SetSettings(func(Key) (Settings, error) { return Settings{CacheBytes: 1000}, nil })
		p := r.publish(t)
		c := Derive(p.Stream(), r.form, "x")
		writeSize(t, p, 0, 100, KeyFrame)
		readSize(t, c, 100)
		for i := range 100 {
			writeSize(t, p, time.Duration(i), 100, KeyFrame)
			synctest.Wait()
		}
		require.LessOrEqual(t, c.ring.Len(), 10)
		_, err := c.Next(t.Context())
		require.ErrorIs(t, err, ErrLapped)
		c.SkipToKey()
		readSize(t, c, 100)
		c.Close()
	})
}

// TestView: a viewer without a connection counts as one of the stream, with what it was sent.
func TestView(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(t.Context())
	k := Key{"v", "a", "s"}
	early, err := h.View(t.Context(), Request{Key: k})
	require.NoError(t, err)
	require.Nil(t, early.Stream())
	require.Nil(t, h.Stream(k), "a view makes no stream")
	p, err := h.Publish(t.Context(), Request{Key: k})
	require.NoError(t, err)
	v, err := h.View(t.Context(), Request{Key: k})
	require.NoError(t, err)
	v.AddSent(1000)
	require.Equal(t, 1, p.Stream().Stats().Viewers)
	require.EqualValues(t, 1000, p.Stream().Stats().Sent)
	require.EqualValues(t, 1000, v.Stats().Sent)
	h.EndView(v, nil)
	h.EndView(v, nil)
	h.EndView(early, nil)
	require.Equal(t, 0, p.Stream().Stats().Viewers)
	require.EqualValues(t, 1000, p.Stream().Stats().Sent)
	require.EqualValues(t, 1000, h.Stats().Sent)
	require.NoError(t, p.Close(nil))
}
