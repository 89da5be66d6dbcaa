package rtmp_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/rtmp/handshake"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestHostilePeers: each is ended, with a logged reason, and nothing is left.
func TestHostilePeers(t *testing.T) {
	streamtest.CheckLeaks(t)
	srv := runServer(t, serverConfig{
		rtmp:     rtmp.Config{CommandTimeout: 300 * time.Millisecond, RepublishTimeout: 200 * time.Millisecond},
		settings: stream.Settings{Stall: 300 * time.Millisecond},
	})
	before := heap()

	connected := func(do func(*rawConn)) func(testing.TB, net.Conn) {
		return func(t testing.TB, nc net.Conn) {
			c := newRaw(t, nc)
			c.connect("rtmp://127.0.0.1/live")
			do(c)
			c.drain()
		}
	}
	published := func(do func(*rawConn)) func(testing.TB, net.Conn) {
		return func(t testing.TB, nc net.Conn) {
			c := newRaw(t, nc)
			c.publish(strings.ReplaceAll(t.Name(), "/", "_"))
			do(c)
			c.drain()
		}
	}
	object := func(depth int) []byte {
		b := amf.AppendAll(nil, "connect", 1.0)
		for range depth {
			b = append(b, 3, 0, 1, 'a')
		}
		return b
	}
	for name, x := range map[string]struct {
		do  func(testing.TB, net.Conn)
		log string
	}{
		"says nothing":             {func(_ testing.TB, c net.Conn) { wait(c) }, "i/o timeout"},
		"another protocol":         {func(_ testing.TB, c net.Conn) { fmt.Fprint(c, "GET / HTTP/1.1\r\n\r\n"); wait(c) }, "version"},
		"half a handshake":         {func(_ testing.TB, c net.Conn) { c.Write(append([]byte{3}, make([]byte, 1000)...)); wait(c) }, "i/o timeout"},
		"handshake without end":    {func(_ testing.TB, c net.Conn) { c.Write(append([]byte{3}, make([]byte, 1536)...)); wait(c) }, "i/o timeout"},
		"silent after a handshake": {func(t testing.TB, c net.Conn) { newRaw(t, c); wait(c) }, "no command came in time"},
		"silent after connect":     {connected(func(c *rawConn) {}), "no command came in time"},
		"slow command": {connected(func(c *rawConn) {
			b := c.message(chunk.Command0, 3, 0, 0, amf.AppendAll(nil, "createStream", 2.0, nil))
			for _, x := range b {
				if _, err := c.Write([]byte{x}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}), "no command came in time"},
		"silent after closeStream": {connected(func(c *rawConn) { c.command("closeStream", 2, 0) }), "no command came in time"},
		"chunk size 0":             {connected(func(c *rawConn) { c.control(chunk.SetChunkSize, 0) }), "chunk size 0"},
		"chunk size 2^31":          {connected(func(c *rawConn) { c.control(chunk.SetChunkSize, 1<<31) }), "chunk size 2147483648"},
		"largest chunk size": {published(func(c *rawConn) {
			c.control(chunk.SetChunkSize, 1<<31-1)
			for i := range 64 { // messages begun and not continued
				h := chunk.AppendHeader(nil, chunk.Header{Type: chunk.Video, ChunkStream: uint32(3 + i), StreamID: 1}, 1<<24-1)
				if _, err := c.Write(h); err != nil {
					return
				}
			}
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		}), ""},
		"nesting without end": {func(t testing.TB, nc net.Conn) {
			c := newRaw(t, nc)
			_, _ = c.Write(c.message(chunk.Command0, 3, 0, 0, object(10_000)))
			c.drain()
		}, "command: amf"},
		"command is not AMF":                  {connected(func(c *rawConn) { c.send(chunk.Command0, 3, 0, 0, []byte{0xff, 1, 2}) }), "command: amf"},
		"command without name":                {connected(func(c *rawConn) { c.send(chunk.Command0, 3, 0, 0, amf.AppendAll(nil, 1.0, 2.0)) }), "the name is a float64"},
		"empty command":                       {connected(func(c *rawConn) { c.send(chunk.Command3, 3, 0, 0, nil) }), "empty"},
		"first command differs":               {func(t testing.TB, nc net.Conn) { c := newRaw(t, nc); c.command("play", 1, 0, "s"); c.drain() }, "not connect"},
		"connects twice":                      {connected(func(c *rawConn) { c.sendConnect("rtmp://127.0.0.1/live") }), "connect came twice"},
		"plays twice":                         {connected(func(c *rawConn) { c.replay("s"); c.command("play", 4, 1, "s") }), "play while a stream is in use"},
		"publishes as a player":               {connected(func(c *rawConn) { c.replay("s"); c.command("publish", 4, 1, "t", "live") }), "publish while a stream is in use"},
		"plays as a publisher":                {published(func(c *rawConn) { c.command("play", 4, 1, "t") }), "play while a stream is in use"},
		"large command":                       {connected(func(c *rawConn) { _, _ = c.Write(c.message(chunk.Command0, 3, 0, 0, make([]byte, 65<<10))) }), "limit is 65536"},
		"large messages on all chunk streams": {connected(func(c *rawConn) { flood(c, 60<<10) }), "more than"},
		"largest messages on all chunk streams of a publisher": {published(func(c *rawConn) { flood(c, 1<<24-1) }), "more than"},
		"a timestamp too many":                                 {published(func(c *rawConn) { _, _ = c.Write([]byte{0xc0 | 9}) }), "begins with a type 3 chunk"},
		"garbage for media": {published(func(c *rawConn) {
			for i := range 100 {
				if _, err := c.Write(c.message(chunk.Video, 6, 1, uint32(i), []byte{0x17, 0, 0, 0, 0, 1, 2, 3})); err != nil {
					return
				}
			}
		}), "malformed messages in a row"},
		"garbage in aggregates": {published(func(c *rawConn) {
			for i := range 100 {
				if _, err := c.Write(c.message(chunk.Aggregate, 6, 1, uint32(i), []byte{8, 0, 1, 0, 1})); err != nil {
					return
				}
			}
		}), "malformed messages in a row"},
		"player that reads nothing": {func(t testing.TB, nc net.Conn) {
			_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
			c := newRaw(t, nc)
			c.play("s")
			pub := srv.dial(t)
			pub.publish("s")
			pub.media(live[1:]...)
			srv.pourUntilLogged(t, pub, "rtmp connection ended", "reads too slowly")
			_ = pub.Close()
		}, "reads too slowly"},
		"player that floods pings": {func(t testing.TB, nc net.Conn) {
			c := newRaw(t, nc)
			c.play("quiet")
			var b []byte
			for range 1000 {
				b = append(b, c.message(chunk.UserControl, 2, 0, 0, []byte{0, 6, 0, 0, 0, 0})...)
			}
			for {
				_ = c.SetWriteDeadline(time.Now().Add(patience))
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		}, "reads too slowly"},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := net.Dial("tcp", srv.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			mark := len(srv.log.String())
			x.do(t, nc)
			waitFor(t, fmt.Sprintf("the end, logged with %q", x.log), func() bool {
				for line := range strings.Lines(srv.log.String()[mark:]) {
					if strings.Contains(line, "rtmp connection ended") && strings.Contains(line, x.log) {
						return true
					}
				}
				return false
			})
			if m := int64(heap()) - int64(before); m > 24<<20 {
				t.Errorf("%d MB of heap in use", m>>20)
			}
		})
	}
	srv.emptied(t)
	waitFor(t, "sessions to end", func() bool {
		for range srv.Hub().Sessions() {
			return false
		}
		return true
	})
}

// pourUntilLogged publishes media without end until the log has a line with the texts.
func (s *testServer) pourUntilLogged(t testing.TB, pub *rawConn, texts ...string) {
	t.Helper()
	frame := testPacket(stream.KindVideo, 0, 1) // a key frame: no more than it is cached
	frame.Payload = append(frame.Payload, make([]byte, 50_000)...)
	binary.BigEndian.PutUint32(frame.Payload, uint32(len(frame.Payload)-4))
	b := publishBytes(pub.out, []*stream.Packet{frame})
	mark := len(s.log.String())
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if log := s.log.String()[mark:]; strings.Contains(log, texts[0]) && strings.Contains(log, texts[1]) {
			return
		}
		pub.write(b)
	}
	t.Fatalf("no log line with %q", texts)
}

// flood begins messages of n bytes on all chunk streams, as far as it gets.
func flood(c *rawConn, n int) {
	part := make([]byte, c.out)
	for cs := uint32(3); cs <= chunk.MaxStream; cs++ {
		b := chunk.AppendHeader(nil, chunk.Header{Type: chunk.Video, ChunkStream: cs, StreamID: 1}, n)
		if _, err := c.Write(append(b, part[:min(len(part), n)]...)); err != nil {
			return
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// wait reads until the server ends the connection.
func wait(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, c)
}

// TestStuckCloseStream: a player that does not read what it is in the middle of cannot be
// told of anything else.
func TestStuckCloseStream(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	nc, err := net.Dial("tcp", srv.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
	c := newRaw(t, nc)
	c.await("s")
	pub := srv.dial(t)
	pub.publish("s")
	frame := testPacket(stream.KindVideo, 0, 1)
	frame.Payload = append(frame.Payload, make([]byte, 8<<20)...)
	binary.BigEndian.PutUint32(frame.Payload, uint32(len(frame.Payload)-4))
	pub.media(frame)
	if err := c.readFull(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	// Inside that frame: what is asked for now could only be answered in its middle.
	c.command("closeStream", 4, 1)
	c.command("play", 5, 1, "s", -2000.0)
	srv.logged(t, "rtmp connection ended", "reads too slowly")
}

// TestManyConnections: connections that come and go in any state leave nothing.
func TestManyConnections(t *testing.T) {
	streamtest.CheckLeaks(t)
	srv := runServer(t, serverConfig{settings: patient})
	var all sync.WaitGroup
	var n atomic.Int32
	for range 16 {
		all.Go(func() {
			for i := n.Add(1); i <= 200; i = n.Add(1) {
				nc, err := net.Dial("tcp", srv.addr)
				if err != nil {
					t.Error(err)
					return
				}
				quick(nc, int(i))
				_ = nc.Close()
			}
		})
	}
	all.Wait()
	srv.emptied(t)
	waitFor(t, "sessions to end", func() bool {
		for range srv.Hub().Sessions() {
			return false
		}
		return true
	})
}

// quick goes through a conversation up to a step that differs from i to i.
func quick(nc net.Conn, i int) {
	_ = nc.SetDeadline(time.Now().Add(patience))
	if i%8 == 0 {
		return
	}
	if _, err := handshake.Client(nc, handshake.Options{Simple: i%2 == 0}); err != nil || i%8 == 1 {
		return
	}
	w := chunk.NewWriter(nc)
	send := func(vs ...any) {
		m := chunk.Message{Header: chunk.Header{Type: chunk.Command0, ChunkStream: 3}, Payload: amf.AppendAll(nil, vs...)}
		_ = w.WriteMessage(&m)
		_ = w.Flush()
	}
	send("connect", 1.0, connectObject("live", "rtmp://127.0.0.1/live"))
	name := fmt.Sprint("s", i/8%5)
	switch i % 8 {
	case 2:
		return
	case 3, 4:
		send("publish", 2.0, nil, name, "live")
		_, _ = nc.Write(publishBytes(chunk.DefaultSize, live))
	case 5, 6:
		send("play", 2.0, nil, name)
	case 7:
		send("play", 2.0, nil, name)
		send("pause", 3.0, nil, true, 0.0)
		send("closeStream", 0.0, nil)
		send("play", 4.0, nil, name)
	}
	if i%3 == 0 {
		_, _ = io.ReadFull(nc, make([]byte, 100))
	}
}
