package rtmp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/rtmp/chunk"
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

// TestManyNames: streams that are asked for and never published leave nothing.
func TestManyNames(t *testing.T) {
	streamtest.CheckLeaks(t)
	const conns, names = 4, 2000
	srv := runServer(t, serverConfig{})
	ask := func(from, to int) {
		nc, err := net.Dial("tcp", srv.addr)
		require.NoError(t, err)
		defer nc.Close()
		c := newRaw(t, nc)
		c.connect("rtmp://127.0.0.1/live")
		go func() {
			for i := from; i < to; i++ {
				_, _ = c.Write(append(
					c.message(chunk.Command0, 3, 1, 0, amf.AppendAll(nil, "play", 3.0, nil, fmt.Sprint("name", i))),
					c.message(chunk.Command0, 3, 1, 0, amf.AppendAll(nil, "closeStream", 0.0, nil))...))
			}
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		said, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Equal(t, to-from, bytes.Count(said, []byte("NetStream.Play.Start")), "each is answered")
	}
	left := func() {
		t.Helper()
		srv.emptied(t)
		srv.log.mu.Lock() // its lines are no memory of the server's
		srv.log.lines = bytes.Buffer{}
		srv.log.mu.Unlock()
		for range srv.Hub().Sessions() {
			t.Fatal("a session is left")
		}
		for s := range srv.Hub().Streams() {
			t.Fatal("a stream is left: ", s.Key())
		}
	}
	ask(0, 100)
	left()
	before := heap()
	for i := range conns {
		ask(i*names, (i+1)*names)
	}
	left()
	require.Less(t, int64(heap())-int64(before), int64(1<<20), "bytes of heap for %d names", conns*names)
}

// emptiedTo waits until n connections are open.
func (s *testServer) emptiedTo(t testing.TB, n int64) {
	t.Helper()
	waitFor(t, "connections to end", func() bool {
		open, _ := s.Conns()
		return open == n
	})
}
