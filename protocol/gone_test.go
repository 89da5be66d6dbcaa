//go:build unix

package protocol

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUntilGone(t *testing.T) {
	for name, leave := range map[string]func(net.Conn){
		"close": func(c net.Conn) { _ = c.Close() },
		"reset": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"half":  func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
	} {
		server, client := tcpPair(t)
		ctx, stop := UntilGone(context.Background(), server)
		leave(client)
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), ErrGone, name)
		stop()
	}
}

// TestUntilGoneStays: what the peer sent meanwhile is still there, however late stop comes.
func TestUntilGoneStays(t *testing.T) {
	for _, wait := range []time.Duration{0, 2 * goneAfter} {
		server, client := tcpPair(t)
		ctx, stop := UntilGone(context.Background(), server)
		time.Sleep(wait)
		_, err := client.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, ctx.Err())
		stop()
		b := make([]byte, 4)
		n, err := server.Read(b)
		require.NoError(t, err)
		require.Equal(t, "x", string(b[:n]))
		require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	ctx, stop := UntilGone(context.Background(), a) // not TCP: no matter
	stop()
	require.NoError(t, ctx.Err())
}
