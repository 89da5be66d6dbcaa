package peer_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

const patience = time.Minute

// side is a Mux with one socket.
type side struct {
	*peer.Mux
	socket *wire.Socket
}

func newSide(t testing.TB, addr string, cfg peer.MuxConfig) *side {
	t.Helper()
	pc, err := net.ListenPacket("udp", addr)
	require.NoError(t, err)
	return serve(t, cfg, pc)
}

// serve runs a Mux over sockets, of which side has the first.
func serve(t testing.TB, cfg peer.MuxConfig, list ...net.PacketConn) *side {
	t.Helper()
	m, err := peer.NewMux(cfg)
	require.NoError(t, err)
	done := make(chan error, len(list))
	var sockets []*wire.Socket
	for _, pc := range list {
		s := wire.Open(pc)
		sockets = append(sockets, s)
		go func() { done <- m.Serve(context.Background(), s) }()
	}
	t.Cleanup(func() {
		m.Close(nil)
		for _, s := range sockets {
			_ = s.Close()
		}
		for range sockets {
			require.NoError(t, <-done)
		}
	})
	return &side{m, sockets[0]}
}

// end is one end of a connection, and what it has seen.
type end struct {
	*peer.Peer
	mu        sync.Mutex
	rtp, rtcp [][]byte
	busy      atomic.Int32 // calls of OnRTP
	connected chan struct{}
	closed    chan error
}

func (e *end) config(x peer.Config) peer.Config {
	e.connected, e.closed = make(chan struct{}), make(chan error, 1)
	x.OnConnect = func() { close(e.connected) }
	x.OnRTP = func(b []byte, _ time.Time) {
		if e.busy.Add(1) > 1 {
			panic("two packets of a peer at once")
		}
		defer e.busy.Add(-1)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.rtp = append(e.rtp, append([]byte(nil), b...))
	}
	x.OnRTCP = func(b []byte, _ time.Time) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.rtcp = append(e.rtcp, append([]byte(nil), b...))
	}
	x.OnClose = func(err error) { e.closed <- err }
	return x
}

func (e *end) seen() (rtp, rtcp [][]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rtp, e.rtcp
}

func (e *end) await(t testing.TB) {
	t.Helper()
	select {
	case <-e.connected:
	case err := <-e.closed:
		require.FailNow(t, "closed", "%v", err)
	case <-time.After(patience):
		require.FailNow(t, "not connected")
	}
}

// credentials of both ends, the n-th pair.
func configs(n int, server, client *side) (s, c peer.Config) {
	su, cu := fmt.Sprintf("srv%05d", n), fmt.Sprintf("cli%05d", n)
	sp, cp := fmt.Sprintf("server-password-%08d", n), fmt.Sprintf("client-password-%08d", n)
	s = peer.Config{Ufrag: su, Pwd: sp, RemoteUfrag: cu, RemotePwd: cp, Fingerprints: []string{client.Fingerprint()}}
	c = peer.Config{Ufrag: cu, Pwd: cp, RemoteUfrag: su, RemotePwd: sp, Fingerprints: []string{server.Fingerprint()},
		Active: true, Socket: client.socket, Remote: server.socket.LocalAddr()}
	return s, c
}

// join connects a client to a server.
func join(t testing.TB, n int, server, client *side, change func(s, c *peer.Config)) (s, c *end) {
	t.Helper()
	s, c = &end{}, &end{}
	sc, cc := configs(n, server, client)
	if change != nil {
		change(&sc, &cc)
	}
	var err error
	s.Peer, err = server.New(s.config(sc))
	require.NoError(t, err)
	c.Peer, err = client.New(c.config(cc))
	require.NoError(t, err)
	// What they still send would be taken for that of others who use the sockets.
	t.Cleanup(func() { s.Peer.Close(nil); c.Peer.Close(nil) })
	return s, c
}

// packet is an RTP packet, as header and payload.
func packet(seq uint16, ssrc uint32, size int) (header, payload []byte) {
	header = make([]byte, 12)
	header[0], header[1] = 0x80, 96
	binary.BigEndian.PutUint16(header[2:], seq)
	binary.BigEndian.PutUint32(header[8:], ssrc)
	payload = make([]byte, size)
	for i := range payload {
		payload[i] = byte(i)
	}
	return header, payload
}

// rr is an empty receiver report.
func rr(ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 201, 0, 1}, ssrc)
}

// exchange sends packets from one end to the other, and checks that they arrive as they were.
func exchange(t testing.TB, from *side, a, b *end) {
	t.Helper()
	batch := from.socket.NewBatch()
	before, reports := b.seen()
	for i := range 10 {
		h, p := packet(uint16(len(before)+i), 7, 1000)
		require.NoError(t, a.AppendRTP(batch, h, p))
	}
	require.NoError(t, batch.Flush())
	require.NoError(t, a.WriteRTCP(rr(7)))
	require.Eventually(t, func() bool {
		rtp, rtcp := b.seen()
		return len(rtp) == len(before)+10 && len(rtcp) == len(reports)+1
	}, patience, time.Millisecond)
	rtp, rtcp := b.seen()
	h, p := packet(uint16(len(before)), 7, 1000)
	require.Equal(t, append(h, p...), rtp[len(before)])
	require.Equal(t, rr(7), rtcp[len(reports)])
}

// TestConnect: both ends get what the other one sends, whoever is the DTLS client, with each kind of
// certificate, over IPv4 and IPv6, or without encryption.
func TestConnect(t *testing.T) {
	rsa, err := peer.NewCertificate(true)
	require.NoError(t, err)
	for name, x := range map[string]struct {
		addr   string
		cfg    peer.MuxConfig
		change func(s, c *peer.Config)
	}{
		"IPv4":  {addr: "127.0.0.1:0"},
		"IPv6":  {addr: "[::1]:0"},
		"RSA":   {addr: "127.0.0.1:0", cfg: peer.MuxConfig{Certificate: rsa}},
		"roles": {addr: "127.0.0.1:0", change: func(s, c *peer.Config) { s.Active, c.Active = true, false }},
		"plain": {addr: "127.0.0.1:0", change: func(s, c *peer.Config) { s.Plain, c.Plain, c.Active = true, true, false }},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := newSide(t, x.addr, x.cfg), newSide(t, x.addr, peer.MuxConfig{})
			s, c := join(t, 1, server, client, x.change)
			require.Zero(t, s.Stats().Sent)
			s.await(t)
			c.await(t)
			require.True(t, s.Connected())
			require.Equal(t, client.socket.LocalAddr().String(), s.Remote())
			exchange(t, client, c, s)
			exchange(t, server, s, c)
			require.NotZero(t, s.Stats().Sent)
			require.NotZero(t, s.Stats().Received)
			c.Peer.Close(nil)
			if name != "plain" { // where nothing says farewell
				require.NoError(t, <-s.closed)
				require.Zero(t, server.Len())
			}
		})
	}
}

// TestLocal: on a machine with several addresses a client is answered, and sent to, from the one that it has
// checked: it takes nothing from others.
func TestLocal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell which address a datagram came to")
	}
	for _, addr := range []string{"0.0.0.0:0", ":0"} {
		server, client := newSide(t, addr, peer.MuxConfig{}), newSide(t, "127.0.0.1:0", peer.MuxConfig{})
		second := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), server.socket.LocalAddr().Port())
		s, c := join(t, 1, server, client, func(_, c *peer.Config) { c.Remote = second })
		s.await(t)
		c.await(t)
		exchange(t, client, c, s)
		exchange(t, server, s, c)
	}
}

// TestRefused: who is not the one that signalling has told of does not get in.
func TestRefused(t *testing.T) {
	server, client := newSide(t, "127.0.0.1:0", peer.MuxConfig{}), newSide(t, "127.0.0.1:0", peer.MuxConfig{})
	other, err := peer.NewMux(peer.MuxConfig{})
	require.NoError(t, err)
	defer other.Close(nil)
	quick := func(s *peer.Config) { s.ConnectTimeout = 2 * time.Second }
	for name, x := range map[string]struct {
		change func(s, c *peer.Config)
		want   string
	}{
		"fingerprint": {func(s, c *peer.Config) { s.Fingerprints = []string{other.Fingerprint()} }, "DTLS with 127.0.0.1"},
		"password": {func(s, c *peer.Config) { quick(s); c.RemotePwd = "another-password-than-that" },
			"udp " + client.socket.LocalAddr().String() + " to " + server.socket.LocalAddr().String() + ": a check with wrong integrity"},
		"ufrag":         {func(s, c *peer.Config) { quick(s); c.RemoteUfrag = "nobody" }, "no check came"},
		"DTLS is never": {func(s, c *peer.Config) { quick(s); c.Active = false }, ": checked; no DTLS came"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := join(t, len(name), server, client, x.change)
			select {
			case err := <-s.closed:
				require.ErrorContains(t, err, x.want)
			case <-time.After(patience):
				require.FailNow(t, "not refused")
			}
		})
	}
	for _, f := range []string{"", "sha-1 AA:BB", "sha-256 AA", "md5 1"} {
		_, err := server.New(peer.Config{Ufrag: "abcd", Pwd: "0123456789012345678901", Fingerprints: []string{f}})
		require.ErrorContains(t, err, "fingerprint", f)
	}
	_, err = server.New(peer.Config{Ufrag: "abc", Pwd: "short"})
	require.Error(t, err)
}

// TestTCP: media over a TCP connection, and its end.
func TestTCP(t *testing.T) {
	server, client := newSide(t, "127.0.0.1:0", peer.MuxConfig{}), newSide(t, "127.0.0.1:0", peer.MuxConfig{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	defer work.Wait()
	defer l.Close()
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { server.HandleTCP(c) })
		}
	})
	// The client's datagrams go through a TCP connection.
	relay, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	defer relay.Close()
	work.Go(func() {
		b := make([]byte, 2000)
		for {
			n, _, err := relay.ReadFrom(b[2:])
			if err != nil {
				return
			}
			binary.BigEndian.PutUint16(b, uint16(n))
			if _, err := conn.Write(b[:n+2]); err != nil {
				return
			}
		}
	})
	work.Go(func() {
		for {
			var head [2]byte
			if _, err := readFull(conn, head[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint16(head[:]))
			if _, err := readFull(conn, b); err != nil {
				return
			}
			_, _ = relay.WriteTo(b, net.UDPAddrFromAddrPort(client.socket.LocalAddr()))
		}
	})
	s, c := join(t, 1, server, client, func(_, c *peer.Config) {
		c.Remote = netip.MustParseAddrPort(relay.LocalAddr().String())
	})
	s.await(t)
	c.await(t)
	exchange(t, client, c, s)
	exchange(t, server, s, c)
	s.Peer.Close(nil)
	require.NoError(t, <-c.closed)
}

func readFull(c net.Conn, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		k, err := c.Read(b[n:])
		if err != nil {
			return n, err
		}
		n += k
	}
	return n, nil
}

// TestForgedRecords: DTLS that is not protected ends no session, nor does more of it than anybody needs; the
// peer's own farewell does, after both.
func TestForgedRecords(t *testing.T) {
	server, client := newSide(t, "127.0.0.1:0", peer.MuxConfig{}), newSide(t, "127.0.0.1:0", peer.MuxConfig{})
	s, c := join(t, 1, server, client, nil)
	s.await(t)
	c.await(t)
	record := func(kind, seq byte, body ...byte) {
		b := append([]byte{kind, 254, 253, 0, 0, 0, 0, 0, 0, 77, seq}, byte(len(body)>>8), byte(len(body)))
		require.NoError(t, client.socket.WriteTo(append(b, body...), wire.Route{Remote: server.socket.LocalAddr()}))
	}
	record(21, 1, 2, 40) // a fatal alert: handshake failure
	record(21, 2, 1, 0)  // close notify
	record(23, 3, 1, 2, 3)
	record(60, 4, 1, 2, 3)
	for i := range 200 {
		record(22, byte(i), make([]byte, 1200)...)
	}
	exchange(t, client, c, s)
	exchange(t, server, s, c)
	c.Peer.Close(nil)
	require.NoError(t, <-s.closed)
}

// TestMany: many peers at one socket, all of which connect.
func TestMany(t *testing.T) {
	server, client := newSide(t, "127.0.0.1:0", peer.MuxConfig{MaxHandshakes: 8}), newSide(t, "127.0.0.1:0", peer.MuxConfig{MaxPeers: 20})
	// One address is one peer's: each client has a socket of its own.
	for i := range 20 {
		c := newSide(t, "127.0.0.1:0", peer.MuxConfig{})
		s, e := join(t, i, server, c, nil)
		defer func() { s.await(t); e.await(t) }()
	}
	for i := range 20 {
		_, err := client.New(peer.Config{Ufrag: fmt.Sprintf("many%d", i), Pwd: "0123456789012345678901", Plain: true})
		require.NoError(t, err)
	}
	_, err := client.New(peer.Config{Ufrag: "many20", Pwd: "0123456789012345678901", Plain: true})
	require.ErrorIs(t, err, peer.ErrFull)
}
