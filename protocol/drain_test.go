package protocol

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// pages is a module with one page, and a listener behind a proxy.
type pages struct {
	words
	proxied net.Addr
	drained chan struct{}
}

func (m *pages) Start(_ context.Context, h *Host) error {
	h.HTTP("http").Handle("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }))
	m.acc = h.Acceptor(func(_ context.Context, c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, 4))
		_, _ = io.WriteString(c, c.RemoteAddr().String())
	})
	l, err := h.Listen("127.0.0.1:0", ListenOptions{Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		return err
	}
	m.proxied = l.Addr()
	h.Go(func(context.Context) error { return m.acc.Serve(l) })
	return nil
}

func (m *pages) Drain() { close(m.drained) }

// TestDrain holds that what was accepted before a shutdown is served, that idle HTTP
// connections are closed at once, and that players without a publisher are ended.
func TestDrain(t *testing.T) {
	m := &pages{drained: make(chan struct{})}
	s := NewServer(Config{HTTP: []HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}}}, m)
	require.NoError(t, s.Start(t.Context()))
	web := s.HTTPAddrs("http")[0].String()
	dial := func(addr string) (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		return c, bufio.NewReader(c)
	}
	get := func(c net.Conn, r *bufio.Reader) *http.Response {
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		return resp
	}
	idle, idleIn := dial(web)
	require.False(t, get(idle, idleIn).Close)
	late, lateIn := dial(web)
	behind, behindIn := dial(m.proxied.String())
	player, err := s.Hub().Play(t.Context(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "s"}})
	require.NoError(t, err)
	defer player.Close()
	for open, _ := s.Conns(); open < 3; open, _ = s.Conns() {
		time.Sleep(time.Millisecond)
	}

	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	<-player.Context().Done()
	require.ErrorIs(t, context.Cause(player.Context()), stream.ErrShutdown)
	_, err = io.WriteString(behind, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nword")
	require.NoError(t, err)
	b, err := io.ReadAll(behindIn)
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1:1", string(b))
	<-m.drained
	_, err = idleIn.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	resp := get(late, lateIn)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, resp.Close)
	require.NoError(t, <-stopped)
	_, err = net.Dial("tcp", web)
	require.Error(t, err)
}
