package rtmp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/rtmp/handshake"
	"github.com/srsgo/srs/stream"
)

// patience is how long a test waits for what must come. Nothing is ever waited for to
// see that it does not come: a ping's answer tells that.
const patience = 5 * time.Second

// logLines collects a server's log.
type logLines struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

// testServer is a server with the RTMP module, on loopback.
type testServer struct {
	*protocol.Server
	addr, addrTLS string
	log           *logLines
}

type serverConfig struct {
	rtmp     rtmp.Config
	settings stream.Settings
	vhosts   protocol.VhostSet
	listener net.Listener // nil: loopback
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// runServer starts a server, which the test's end shuts down. It fails the test if a
// panic was caught.
func runServer(t testing.TB, c serverConfig) *testServer {
	t.Helper()
	s := &testServer{log: &logLines{}}
	if c.listener == nil {
		c.listener = listen(t)
	}
	s.addr = c.listener.Addr().String()
	given := map[string]net.Listener{"plain": c.listener}
	c.rtmp.Listen = []string{"plain"}
	if c.rtmp.TLS != nil {
		given["tls"] = listen(t)
		s.addrTLS = given["tls"].Addr().String()
		c.rtmp.ListenTLS = []string{"tls"}
	}
	s.Server = protocol.NewServer(protocol.Config{
		Logger:    slog.New(slog.NewTextHandler(s.log, nil)),
		Vhosts:    c.vhosts,
		Listeners: given,
	}, rtmp.New(c.rtmp))
	s.Hub().SetSettings(func(stream.Key) (stream.Settings, error) { return c.settings, nil })
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if n := s.Panics(); n > 0 {
			t.Errorf("%d panics", n)
		}
		if t.Failed() {
			t.Logf("server log:\n%s", tail(s.log.String(), 8<<10))
		}
	})
	return s
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// logged waits for a line of the log that has all the texts.
func (s *testServer) logged(t testing.TB, texts ...string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("a log line with %q", texts), func() bool {
		for line := range strings.Lines(s.log.String()) {
			n := 0
			for _, x := range texts {
				if strings.Contains(line, x) {
					n++
				}
			}
			if n == len(texts) {
				return true
			}
		}
		return false
	})
}

// emptied waits until no connection is open.
func (s *testServer) emptied(t testing.TB) {
	t.Helper()
	waitFor(t, "all connections to end", func() bool {
		open, _ := s.Conns()
		return open == 0
	})
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// rawConn is a client made of the wire formats alone. Its reading side takes nothing
// but what SRS sends: messages that begin with a full header.
type rawConn struct {
	net.Conn
	t       testing.TB
	in, out int // chunk sizes
	open    map[uint32]*rawMessage
	acked   []uint32      // acknowledgements, which come at any time
	loose   *chunk.Reader // if set, reads instead: other servers compress headers
}

type rawMessage struct {
	chunk.Message
	left     int
	extended bool
}

// dial connects and shakes hands.
func (s *testServer) dial(t testing.TB) *rawConn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, c)
}

func (s *testServer) dialTLS(t testing.TB) *rawConn {
	t.Helper()
	c, err := tls.Dial("tcp", s.addrTLS, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	return newRaw(t, c)
}

func newRaw(t testing.TB, nc net.Conn) *rawConn {
	t.Helper()
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	_ = nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := handshake.Client(nc, handshake.Options{}); err != nil {
		t.Fatal(err)
	}
	return &rawConn{Conn: nc, t: t, in: chunk.DefaultSize, out: chunk.DefaultSize, open: map[uint32]*rawMessage{}}
}

// write sends bytes as they are.
func (c *rawConn) write(b []byte) {
	c.t.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// send sends a message.
func (c *rawConn) send(typ uint8, cs, stream, ts uint32, payload []byte) {
	c.t.Helper()
	c.write(c.message(typ, cs, stream, ts, payload))
}

func (c *rawConn) message(typ uint8, cs, stream, ts uint32, payload []byte) []byte {
	m := chunk.Message{Header: chunk.Header{Type: typ, ChunkStream: cs, StreamID: stream, Timestamp: ts}, Payload: payload}
	return chunk.AppendMessage(nil, &m, c.out)
}

// command sends a command whose object is null.
func (c *rawConn) command(name string, tid float64, stream uint32, args ...any) {
	c.t.Helper()
	c.send(chunk.Command0, 3, stream, 0, amf.AppendAll(nil, append([]any{name, tid, nil}, args...)...))
}

func (c *rawConn) control(typ uint8, n uint32) {
	c.t.Helper()
	c.send(typ, 2, 0, 0, binary.BigEndian.AppendUint32(nil, n))
	if typ == chunk.SetChunkSize {
		c.out = int(n)
	}
}

func (c *rawConn) ping(n uint32) {
	c.t.Helper()
	c.send(chunk.UserControl, 2, 0, 0, binary.BigEndian.AppendUint32([]byte{0, 6}, n))
}

// sendConnect sends the connect command of the reference conversations.
func (c *rawConn) sendConnect(tcURL string, more ...amf.Field) {
	c.t.Helper()
	_, app, _ := strings.Cut(tcURL, "//")
	_, app, _ = strings.Cut(app, "/")
	c.send(chunk.Command0, 3, 0, 0, amf.AppendAll(nil, "connect", 1.0, connectObject(app, tcURL, more...)))
}

func connectObject(app, tcURL string, more ...amf.Field) amf.Object {
	return append(amf.Object{
		{Name: "app", Value: app}, {Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: "FMLE/3.0 (compatible; cap)"}, {Name: "swfUrl", Value: "http://page.test/p.swf"},
		{Name: "tcUrl", Value: tcURL}, {Name: "pageUrl", Value: "http://page.test/p.html"}, {Name: "fpad", Value: false},
		{Name: "capabilities", Value: 239.0}, {Name: "audioCodecs", Value: 3575.0}, {Name: "videoCodecs", Value: 252.0},
		{Name: "videoFunction", Value: 1.0},
	}, more...)
}

func (c *rawConn) readFull(b []byte) error {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(c.Conn, b)
	return err
}

// recv reads the next message, io.EOF at the end.
func (c *rawConn) recv() (chunk.Message, error) {
	if c.loose != nil {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		return c.loose.ReadMessage()
	}
	for {
		m, err := c.recvChunk()
		if err != nil {
			return chunk.Message{}, err
		}
		if m == nil {
			continue
		}
		switch m.Type {
		case chunk.SetChunkSize:
			c.in = int(binary.BigEndian.Uint32(m.Payload))
		case chunk.Acknowledgement:
			c.acked = append(c.acked, binary.BigEndian.Uint32(m.Payload))
			continue
		}
		return m.Message, nil
	}
}

func (c *rawConn) recvChunk() (*rawMessage, error) {
	var h [15]byte
	if err := c.readFull(h[:1]); err != nil {
		return nil, err
	}
	format, cs := h[0]>>6, uint32(h[0]&63)
	if cs < 2 {
		return nil, fmt.Errorf("chunk stream id in the form of %d", cs)
	}
	m := c.open[cs]
	switch {
	case m == nil && format == 0:
		if err := c.readFull(h[:11]); err != nil {
			return nil, err
		}
		m = &rawMessage{left: int(h[3])<<16 | int(h[4])<<8 | int(h[5])}
		m.Timestamp = uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
		m.Type, m.ChunkStream, m.StreamID = h[6], cs, binary.LittleEndian.Uint32(h[7:])
		m.extended = m.Timestamp == 0xffffff
	case m == nil || format != 3:
		return nil, fmt.Errorf("a chunk of type %d on chunk stream %d, message open: %t", format, cs, m != nil)
	}
	if m.extended {
		if err := c.readFull(h[:4]); err != nil {
			return nil, err
		}
		m.Timestamp = binary.BigEndian.Uint32(h[:])
	}
	part := make([]byte, min(c.in, m.left))
	if err := c.readFull(part); err != nil {
		return nil, err
	}
	m.Payload = append(m.Payload, part...)
	if m.left -= len(part); m.left > 0 {
		c.open[cs] = m
		return nil, nil
	}
	delete(c.open, cs)
	return m, nil
}

// next is recv for what must come.
func (c *rawConn) next() chunk.Message {
	c.t.Helper()
	m, err := c.recv()
	if err != nil {
		c.t.Fatalf("waiting for a message: %v", err)
	}
	return m
}

// say describes a message in one line: "csid stream type content".
func say(m chunk.Message) string {
	s := fmt.Sprintf("%d/%d ", m.ChunkStream, m.StreamID)
	n := uint32(0)
	if len(m.Payload) >= 4 {
		n = binary.BigEndian.Uint32(m.Payload)
	}
	switch m.Type {
	case chunk.WindowAckSize:
		return s + fmt.Sprint("WindowAckSize ", n)
	case chunk.SetPeerBandwidth:
		return s + fmt.Sprint("SetPeerBandwidth ", n, " ", m.Payload[4])
	case chunk.SetChunkSize:
		return s + fmt.Sprint("SetChunkSize ", n)
	case chunk.UserControl:
		return s + fmt.Sprintf("UserControl %d %d", binary.BigEndian.Uint16(m.Payload), binary.BigEndian.Uint32(m.Payload[2:]))
	case chunk.Command0, chunk.Data0:
		vs, err := amf.DecodeAll(m.Payload)
		if err != nil {
			return s + err.Error()
		}
		for i, v := range vs {
			if i > 0 {
				s += " "
			}
			s += sayValue(v)
		}
		return s
	case chunk.Audio, chunk.Video:
		return s + fmt.Sprintf("type %d at %d: %x", m.Type, m.Timestamp, m.Payload[:min(len(m.Payload), 2)])
	}
	return s + fmt.Sprintf("type %d, %d bytes", m.Type, len(m.Payload))
}

func sayValue(v any) string {
	fields := func(fs []amf.Field, braces string) string {
		var b []string
		for _, f := range fs {
			b = append(b, f.Name+":"+sayValue(f.Value))
		}
		return braces[:1] + strings.Join(b, " ") + braces[1:]
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case amf.Undefined:
		return "undefined"
	case string:
		return fmt.Sprintf("%q", v)
	case amf.Object:
		return fields(v, "{}")
	case amf.ECMAArray:
		return fields(v, "[]")
	}
	return fmt.Sprint(v)
}

// expect reads messages and compares them with their descriptions. In these, "*" stands
// for what differs from run to run.
func (c *rawConn) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := say(c.next()); !matches(w, got) {
			c.t.Fatalf("message\n got  %s\n want %s", got, w)
		}
	}
}

func matches(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !strings.HasPrefix(s, first) || !star {
		return s == pattern
	}
	for s = s[len(first):]; ; s = s[1:] {
		if matches(rest, s) {
			return true
		}
		if s == "" {
			return false
		}
	}
}

// quiet checks that nothing came that was not expected: a ping is answered next.
func (c *rawConn) quiet() {
	c.t.Helper()
	c.ping(4711)
	c.expect("2/0 UserControl 7 4711")
}

// ended checks that the server closes now.
func (c *rawConn) ended() {
	c.t.Helper()
	if m, err := c.recv(); err == nil {
		c.t.Fatalf("message %s, want the end of the connection", say(m))
	} else if !gone(err) {
		c.t.Fatalf("%v, want the end of the connection", err)
	}
}

// gone tells errors of a connection that the other side ended.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

func isReset(err error) bool {
	return strings.Contains(err.Error(), "reset by peer") || strings.Contains(err.Error(), "broken pipe") ||
		strings.Contains(err.Error(), "closed pipe")
}

// drain reads to the end and gives the descriptions of what came.
func (c *rawConn) drain() []string {
	var all []string
	for {
		m, err := c.recv()
		if err != nil {
			return all
		}
		all = append(all, say(m))
	}
}

// until reads up to a message that matches.
func (c *rawConn) until(pattern string) {
	c.t.Helper()
	for {
		m, err := c.recv()
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", pattern, err)
		}
		if matches(pattern, say(m)) {
			return
		}
	}
}

const (
	publishStart = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Publish.Start" description:"Started publishing stream." clientid:"ASAICiss"}`
	bwDone       = `3/0 "onBWDone" 0 null`
)

// connect connects and reads the answer.
func (c *rawConn) connect(tcURL string, more ...amf.Field) {
	c.t.Helper()
	c.sendConnect(tcURL, more...)
	c.until(bwDone)
}

// publish connects to app live and publishes, in the way of Flash.
func (c *rawConn) publish(name string, more ...amf.Field) {
	c.t.Helper()
	c.connect("rtmp://127.0.0.1/live", more...)
	c.republish(name)
}

func (c *rawConn) republish(name string) {
	c.t.Helper()
	if c.out == chunk.DefaultSize {
		c.control(chunk.SetChunkSize, 60000)
	}
	c.command("createStream", 2, 0)
	c.command("publish", 3, 1, name, "live")
	c.until(publishStart)
}

// play connects to app live and plays, up to where media begins.
func (c *rawConn) play(name string, more ...amf.Field) {
	c.t.Helper()
	c.connect("rtmp://127.0.0.1/live", more...)
	c.replay(name)
}

// await plays what is not published yet, and waits until the server serves the player: it
// answers pings between media then.
func (c *rawConn) await(name string, more ...amf.Field) {
	c.t.Helper()
	c.play(name, more...)
	c.quiet()
}

func (c *rawConn) replay(name string) {
	c.t.Helper()
	c.command("createStream", 2, 0)
	c.command("play", 3, 1, name, -2000.0)
	c.until(`5/1 "|RtmpSampleAccess" true true`)
}

// media sends packets as a publisher.
func (c *rawConn) media(packets ...*stream.Packet) {
	c.t.Helper()
	c.write(publishBytes(c.out, packets))
}

// publishBytes encodes packets with what goes before them.
func publishBytes(size int, packets []*stream.Packet) []byte {
	e := &rtmp.Encoder{ChunkSize: size, Publish: true, Multitrack: true}
	var b []byte
	var tracks *stream.Tracks
	for _, p := range packets {
		if p.Tracks != tracks {
			tracks = p.Tracks
			b = e.AppendTracks(b, tracks, p.DTS)
		}
		b = e.AppendPacket(b, p)
	}
	return b
}

// received decodes what a player gets until there are n packets.
func (c *rawConn) received(n int) []*stream.Packet {
	c.t.Helper()
	var d flv.Decoder
	return c.receivedBy(&d, n)
}

func (c *rawConn) receivedBy(d *flv.Decoder, n int) []*stream.Packet {
	c.t.Helper()
	var all []*stream.Packet
	for len(all) < n {
		m, err := c.recv()
		if err != nil {
			c.t.Fatalf("after %d of %d packets: %v", len(all), n, err)
		}
		typ := m.Type
		switch typ {
		case chunk.Audio, chunk.Video:
		case chunk.Data0:
			typ = flv.TagScript
		default:
			continue
		}
		if all, err = d.Decode(all, typ, time.Duration(m.Timestamp)*time.Millisecond, m.Payload); err != nil {
			c.t.Fatal(err)
		}
	}
	return all
}
