package peer_test

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/peer"
)

// opener is a module that has several sockets at one address.
type opener struct{ list []net.PacketConn }

func (o *opener) Info() protocol.Info            { return protocol.Info{Name: "opener"} }
func (o *opener) Shutdown(context.Context) error { return nil }

func (o *opener) Start(_ context.Context, h *protocol.Host) (err error) {
	o.list, err = h.ListenPackets("127.0.0.1:0", 4, protocol.ListenOptions{})
	return err
}

// network is what a client is behind: it has addresses that change. Checks go out by all, other packets by
// one after the other.
type network struct {
	t      testing.TB
	inside net.PacketConn // to the client
	client net.Addr
	server net.Addr
	work   sync.WaitGroup

	mu  sync.Mutex
	out []net.PacketConn
	n   int // packets
}

func newNetwork(t testing.TB, server, client *side) *network {
	n := &network{t: t, server: net.UDPAddrFromAddrPort(server.socket.LocalAddr()), client: net.UDPAddrFromAddrPort(client.socket.LocalAddr())}
	var err error
	n.inside, err = net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	n.join()
	n.join()
	n.work.Go(func() {
		n.copy(n.inside, func(b []byte) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.n++
			for i, pc := range n.out {
				if b[0] < 4 || n.n%len(n.out) == i {
					_, _ = pc.WriteTo(b, n.server)
				}
			}
		})
	})
	t.Cleanup(func() {
		_ = n.inside.Close()
		n.leave(0)
		n.work.Wait()
	})
	return n
}

func (n *network) copy(from net.PacketConn, to func(b []byte)) {
	b := make([]byte, 2000)
	for {
		k, _, err := from.ReadFrom(b)
		if err != nil {
			return
		}
		to(b[:k])
	}
}

// join adds an address.
func (n *network) join() string {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(n.t, err)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out = append(n.out, pc)
	n.work.Go(func() { n.copy(pc, func(b []byte) { _, _ = n.inside.WriteTo(b, n.client) }) })
	return pc.LocalAddr().String()
}

// leave gives up all addresses but the last few.
func (n *network) leave(keep int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.out) > keep {
		_ = n.out[0].Close()
		n.out = n.out[1:]
	}
}

// TestRoam: media follows clients that change their address, whichever of the server's sockets hears of it,
// and packets of a client that come through several sockets are taken one at a time.
func TestRoam(t *testing.T) {
	o := &opener{}
	host := protocol.NewServer(protocol.Config{Logger: slog.New(slog.DiscardHandler)}, o)
	require.NoError(t, host.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, host.Shutdown(context.Background())) })
	server := serve(t, peer.MuxConfig{}, o.list...)
	var work sync.WaitGroup
	for i := range 6 {
		client := newSide(t, "127.0.0.1:0", peer.MuxConfig{})
		n := newNetwork(t, server, client)
		s, c := join(t, i, server, client, func(_, c *peer.Config) {
			c.Remote = netip.MustParseAddrPort(n.inside.LocalAddr().String())
		})
		work.Go(func() { roam(t, server, client, n, s, c) })
	}
	work.Wait()
}

func roam(t *testing.T, server, client *side, n *network, s, c *end) {
	for _, e := range []*end{s, c} {
		select {
		case <-e.connected:
		case <-time.After(patience):
			t.Error("not connected")
			return
		}
	}
	trade(t, client, c, s)
	trade(t, server, s, c)
	now := n.join()
	n.leave(1)
	if !soon(func() bool { return s.Remote() == now }) {
		t.Error("no check tells where it is")
		return
	}
	trade(t, client, c, s)
	trade(t, server, s, c)
}

// trade sends many packets from one end to the other, and checks that all arrive.
func trade(t *testing.T, from *side, a, b *end) {
	batch := from.socket.NewBatch()
	before, _ := b.seen()
	for i := range 50 {
		h, p := packet(uint16(len(before)+i), 7, 100)
		if err := a.AppendRTP(batch, h, p); err != nil {
			t.Error(err)
			return
		}
	}
	_ = batch.Flush()
	if !soon(func() bool { rtp, _ := b.seen(); return len(rtp) == len(before)+50 }) {
		rtp, _ := b.seen()
		t.Errorf("%d packets of 50 have arrived", len(rtp)-len(before))
	}
}

func soon(f func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if f() {
			return true
		}
	}
	return f()
}
