package flv

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// dialWS connects a WebSocket client.
func dialWS(t testing.TB, url string) net.Conn {
	t.Helper()
	d := ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}, Timeout: 5 * time.Second}
	c, br, _, err := d.Dial(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	if br != nil { // what came with the handshake's answer
		c = &buffered{c, io.MultiReader(io.LimitReader(br, int64(br.Buffered())), c)}
	}
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

type buffered struct {
	net.Conn
	r io.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// messages reads binary messages as one stream, up to the close frame.
type messages struct {
	t     testing.TB
	c     net.Conn
	left  []byte
	code  ws.StatusCode
	pongs []string
}

func (m *messages) Read(p []byte) (int, error) {
	for len(m.left) == 0 {
		f, err := ws.ReadFrame(m.c)
		if err != nil {
			return 0, err
		}
		require.False(m.t, f.Header.Masked)
		require.True(m.t, f.Header.Fin)
		switch f.Header.OpCode {
		case ws.OpBinary:
			m.left = f.Payload
		case ws.OpPong:
			m.pongs = append(m.pongs, string(f.Payload))
		case ws.OpClose:
			m.code = ws.StatusCode(binary.BigEndian.Uint16(f.Payload))
			return 0, io.EOF
		default:
			m.t.Errorf("opcode %v", f.Header.OpCode)
		}
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

func send(t testing.TB, c net.Conn, f ws.Frame) {
	t.Helper()
	require.NoError(t, ws.WriteFrame(c, ws.MaskFrame(f)))
}

func TestWebSocketPlay(t *testing.T) {
	r := newRig(t, Config{})
	for _, base := range []string{"ws://" + r.addr, "wss://" + r.secure} {
		f := r.publish(t, liveKey, streamtest.H264AAC())
		m := &messages{t: t, c: dialWS(t, base+"/live/av.flv")}
		waitFor(t, "it plays", func() bool { return r.played() > 0 })
		send(t, m.c, ws.NewPingFrame([]byte("hello")))
		f.finish()
		requirePlayed(t, f.all, m)
		require.Equal(t, ws.StatusNormalClosure, m.code)
		require.Equal(t, []string{"hello"}, m.pongs)
		waitFor(t, "the stream is gone", func() bool { return r.streams() == 0 })
	}
}

// played gives the bytes written to all players.
func (r *rig) played() (n uint64) {
	for s := range r.hub.Sessions() {
		if s.Action == stream.ActionPlay {
			n += s.Stats().Bytes
		}
	}
	return n
}

// TestWebSocketWaits holds that a client that waits for a stream is answered, and that
// the stream then comes.
func TestWebSocketWaits(t *testing.T) {
	r := newRig(t, Config{})
	m := &messages{t: t, c: dialWS(t, "ws://"+r.addr+"/live/av.flv")}
	send(t, m.c, ws.NewPingFrame([]byte("1")))
	f, err := ws.ReadFrame(m.c)
	require.NoError(t, err)
	require.Equal(t, ws.OpPong, f.Header.OpCode)
	send(t, m.c, ws.NewTextFrame([]byte("ignored")))
	p := r.publish(t, liveKey, streamtest.HEVCAAC())
	waitFor(t, "it plays", func() bool { return r.played() > 0 })
	p.finish()
	requirePlayed(t, p.all, m)
}

func TestWebSocketEnds(t *testing.T) {
	r := newRig(t, Config{MaxWait: 300 * time.Millisecond})
	r.publish(t, liveKey, streamtest.H264AAC())
	kick := func(err error) func(net.Conn) {
		return func(net.Conn) {
			for s := range r.hub.Sessions() {
				if s.Action == stream.ActionPlay {
					s.Kick(err)
				}
			}
		}
	}
	raw := func(b ...byte) func(net.Conn) { return func(c net.Conn) { _, _ = c.Write(b) } }
	frame := func(f ws.Frame) func(net.Conn) { return func(c net.Conn) { send(t, c, f) } }
	for _, c := range []struct {
		name, path string
		do         func(net.Conn)
		code       ws.StatusCode
	}{
		{"late", "none", func(net.Conn) {}, statusTryAgain},
		{"kicked", "av", kick(nil), ws.StatusPolicyViolation},
		{"shutdown", "av", kick(stream.ErrShutdown), ws.StatusGoingAway},
		{"closed", "av", frame(ws.NewCloseFrame(ws.NewCloseFrameBody(3456, "bye"))), 3456},
		{"closed without a code", "av", frame(ws.NewCloseFrame(nil)), ws.StatusNormalClosure},
		{"closed with a bad code", "av", frame(ws.NewCloseFrame([]byte{0, 1})), ws.StatusProtocolError},
		{"not masked", "av", raw(0x89, 0), ws.StatusProtocolError},
		{"reserved bit", "av", raw(0xc9, 0x80, 0, 0, 0, 0), ws.StatusProtocolError},
		{"reserved opcode", "av", raw(0x83, 0x80, 0, 0, 0, 0), ws.StatusProtocolError},
		{"long control frame", "av", raw(0x89, 0xfe, 0, 126, 0, 0, 0, 0), ws.StatusProtocolError},
		{"fragmented control frame", "av", raw(0x09, 0x80, 0, 0, 0, 0), ws.StatusProtocolError},
		{"impossible length", "av", raw(0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), ws.StatusProtocolError},
		{"too much", "av", raw(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0), ws.StatusMessageTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &messages{t: t, c: dialWS(t, "ws://"+r.addr+"/live/"+c.path+".flv")}
			if c.path == "av" {
				_, err := m.Read(make([]byte, 9))
				require.NoError(t, err)
			}
			c.do(m.c)
			_, err := io.Copy(io.Discard, m)
			require.NoError(t, err)
			require.Equal(t, c.code, m.code)
			waitFor(t, "it is gone", func() bool { return r.sessions() == 1 })
		})
	}
}

func TestWebSocketRefusals(t *testing.T) {
	r := newRig(t, Config{})
	r.hub.AddGate(gate(func(s *stream.Session) error {
		return &stream.DeniedError{Public: s.Request.Param}
	}))
	_, _, _, err := ws.Dial(context.Background(), "ws://"+r.addr+"/live/av.flv?token=1")
	var status ws.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, 403, int(status))
	for name, c := range map[string]struct {
		change func(http.Header)
		code   int
	}{
		"version":    {func(h http.Header) { h.Set("Sec-WebSocket-Version", "8") }, 426},
		"key":        {func(h http.Header) { h.Set("Sec-WebSocket-Key", "x") }, 400},
		"connection": {func(h http.Header) { h.Set("Connection", "close") }, 400},
	} {
		req, err := http.NewRequest("GET", r.url("/live/av.flv"), nil)
		require.NoError(t, err)
		req.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"},
			"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {strings.Repeat("x", 24)}}
		c.change(req.Header)
		resp, err := httpClient(t, false).Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, c.code, resp.StatusCode, name)
	}
	require.Zero(t, r.sessions())
	r.module.cfg.Store(&Config{NoWebSocket: true})
	_, _, _, err = ws.Dial(context.Background(), "ws://"+r.addr+"/live/av.flv")
	require.ErrorAs(t, err, &status)
	require.Equal(t, 404, int(status))
}

func TestFrameHeaders(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		b := appendFrame(nil, ws.OpBinary, n)
		h, err := ws.ReadHeader(bytes.NewReader(b))
		require.NoError(t, err)
		require.Equal(t, ws.Header{Fin: true, OpCode: ws.OpBinary, Length: int64(n)}, h)
		require.Equal(t, ws.HeaderSize(h), len(b))
	}
}

func FuzzFrames(f *testing.F) {
	for _, x := range []ws.Frame{
		ws.NewPingFrame([]byte("ping")), ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")), ws.NewBinaryFrame(make([]byte, 300)),
	} {
		b, _ := ws.CompileFrame(ws.MaskFrame(x))
		f.Add(b)
	}
	f.Add([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		x := frames{r: bytes.NewReader(b)}
		for range len(b) + 1 {
			op, p, err := x.next()
			if err != nil {
				var c closeError
				if errors.As(err, &c) && c.Error() == "" {
					t.Fatal("no text")
				}
				return
			}
			if !op.IsControl() || op.IsReserved() || len(p) > ws.MaxControlFramePayloadSize || x.data > clientBytes {
				t.Fatalf("%v, %d bytes, %d of data", op, len(p), x.data)
			}
		}
		t.Fatal("more frames than bytes")
	})
}

func FuzzMount(f *testing.F) {
	for _, pattern := range []string{"/[app]/[stream].flv", "/x-[stream]-[app]/[stream].flv", "/[app][app][stream].flv", "/[stream].flv"} {
		f.Add(pattern, "/live/av.flv")
	}
	f.Fuzz(func(t *testing.T, mount, path string) {
		if len(mount) > 100 || len(path) > 200 || strings.Count(mount, "[") > 4 {
			return // mounts are the operator's
		}
		pattern, ok := mountPath(mount, extension, stream.DefaultVhost, "example.com:80")
		if !ok {
			return
		}
		for _, deep := range []bool{false, true} {
			app, name, ok := matchPath(pattern, path, deep)
			if !ok {
				continue
			}
			if strings.Contains(name, "/") || !deep && strings.Contains(app, "/") {
				t.Fatalf("app %q, stream %q", app, name)
			}
			if got := strings.NewReplacer("[app]", app, "[stream]", name).Replace(pattern); got != path {
				t.Fatalf("%q is %q", path, got)
			}
		}
	})
}

func TestMounts(t *testing.T) {
	for _, c := range []struct{ mount, vhost, path, app, name string }{
		{DefaultMount, stream.DefaultVhost, "/live/av.flv", "live", "av"},
		{DefaultMount, "v.com", "/live/av.flv", "live", "av"},
		{DefaultMount, "v.com", "/a/b/av.flv", "", ""},
		{DefaultMount, "v.com", "/av.flv", "", ""},
		{DefaultMount, "v.com", "/live/.flv", "", ""},
		{"/[vhost]/[app]/[stream].flv", "v.com", "/v.com/live/av.flv", "live", "av"},
		{"/[vhost]/[app]/[stream].flv", stream.DefaultVhost, "/live/av.flv", "live", "av"},
		{"host.com/[app]/[stream].flv", "v.com", "/live/av.flv", "live", "av"},
		{"other.com/[app]/[stream].flv", "v.com", "/live/av.flv", "", ""},
		{"/flv/[app]-[stream].flv", "v.com", "/flv/a-b-c.flv", "a-b", "c"},
		{"/[app]/[stream]/[stream].flv", "v.com", "/a/s/s.flv", "a", "s"},
		{"/[app]/[stream]/[stream].flv", "v.com", "/a/s/t.flv", "", ""},
		{"/[app]/[stream].ts", "v.com", "/a/s.ts", "", ""},
		{"/all/[stream].flv", "v.com", "/all/s.flv", "", "s"},
	} {
		pattern, ok := mountPath(c.mount, extension, c.vhost, "host.com:8080")
		var app, name string
		if ok {
			app, name, _ = matchPath(pattern, c.path, false)
		}
		require.Equal(t, [2]string{c.app, c.name}, [2]string{app, name}, "%s %s", c.mount, c.path)
	}
}

func TestGather(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var in net.Buffers
		var want []byte
		for range 1 + r.IntN(5) {
			b := bytes.Repeat([]byte{byte(len(want))}, 1+r.IntN(3*gatherSize)/(1+r.IntN(9)))
			in, want = append(in, b), append(want, b...)
		}
		var out sizes
		m := New(Config{})
		for len(in) > 0 {
			_, err := m.writeGathered(&out, &in)
			require.NoError(t, err)
		}
		require.Equal(t, want, out.Bytes())
		require.LessOrEqual(t, out.max, gatherSize)
	}
}

type sizes struct {
	bytes.Buffer
	max int
}

func (s *sizes) Write(b []byte) (int, error) {
	s.max = max(s.max, len(b))
	return s.Buffer.Write(b)
}
