package rtmp_test

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// TestSlowPlayerIsReset: what the kernel holds for a player that reads nothing goes with
// the connection. A plain close would keep it for as long as the player's host answers.
func TestSlowPlayerIsReset(t *testing.T) {
	streamtest.CheckLeaks(t)
	srv := runServer(t, serverConfig{rtmp: rtmp.Config{}, settings: stream.Settings{Stall: 300 * time.Millisecond}})
	nc, err := net.Dial("tcp", srv.addr)
	require.NoError(t, err)
	defer nc.Close()
	_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
	c := newRaw(t, nc)
	c.play("s")
	pub := srv.dial(t)
	pub.publish("s")
	pub.media(live[1:]...)
	srv.pourUntilLogged(t, pub, "rtmp connection ended", "reads too slowly")
	srv.emptiedTo(t, 1)
	require.NoError(t, nc.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.Copy(io.Discard, nc)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_ = pub.Close()
	srv.emptied(t)
}

// emptiedTo waits until n connections are open.
func (s *testServer) emptiedTo(t testing.TB, n int64) {
	t.Helper()
	waitFor(t, "connections to end", func() bool {
		open, _ := s.Conns()
		return open == n
	})
}
