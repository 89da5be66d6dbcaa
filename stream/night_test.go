package stream

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStallIsCountedFromTheLastByte: bytes that still moved after a viewer began to
// stall do not earn it the time twice, and while it takes nothing it has no part in
// the write budget.
func TestStallIsCountedFromTheLastByte(t *testing.T) {
	const stall = time.Second
	h := NewHub(HubConfig{})
	closeHub(t, h)
	h.SetSettings(func(Key) (Settings, error) { return Settings{Stall: stall}, nil })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	srv, err := l.Accept()
	require.NoError(t, err)
	defer srv.Close()
	require.NoError(t, c.(*net.TCPConn).SetReadBuffer(64<<10))
	require.NoError(t, srv.(*net.TCPConn).SetWriteBuffer(64<<10))
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pl.Close()
	done := make(chan error, 1)
	go func() { done <- pl.Serve(srv, lineFormat) }()
	p := video(0, true)
	p.Payload = bytes.Repeat([]byte("x"), 20<<20) // more than any socket holds
	require.NoError(t, pub.WritePacket(p))

	time.Sleep(stall / 2) // the write is stuck now
	_, err = io.ReadFull(c, make([]byte, 2<<20))
	require.NoError(t, err)
	last := time.Now()
	stuck := false
	s := pub.Stream()
	for {
		select {
		case err := <-done:
			require.ErrorIs(t, err, ErrSlow)
			took := time.Since(last)
			require.Greater(t, took, stall*3/4)
			require.Less(t, took, stall*7/4, "since the last byte")
			require.True(t, stuck, "the viewer counted in the write budget to its end")
			require.EqualValues(t, 1, s.demand().viewers, "counted again")
			return
		case <-time.After(20 * time.Millisecond):
			stuck = stuck || s.demand().viewers == 0
		}
	}
}
