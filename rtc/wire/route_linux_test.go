package wire_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
)

// TestLocal: on a socket of all addresses each peer is answered from the one that it has asked, one by one and
// in trains, whatever the family of the socket.
func TestLocal(t *testing.T) {
	for name, x := range map[string]struct {
		network, addr string
		hosts         []string
	}{
		"IPv4":       {"udp4", "0.0.0.0:0", []string{"127.0.0.1", "127.0.0.2", "127.1.2.3"}},
		"dual stack": {"udp", ":0", []string{"127.0.0.2", "127.0.0.1", "::1"}},
		"IPv6":       {"udp6", "[::]:0", []string{"::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, x.network, x.addr)
			batch := s.NewBatch()
			var peers []*wire.Socket
			var want []netip.Addr
			for _, h := range x.hosts {
				host := netip.MustParseAddr(h)
				client := netip.AddrPortFrom(netip.IPv6Loopback(), 0)
				if host.Is4() {
					client = netip.MustParseAddrPort("127.0.0.1:0")
				}
				peer := open(t, "udp", client.String())
				require.NoError(t, peer.WriteTo([]byte("question"), wire.Route{Remote: netip.AddrPortFrom(host, s.LocalAddr().Port())}))
				_, from := collect(t, s, 1)
				require.Equal(t, wire.Route{Remote: peer.LocalAddr(), Local: host}, from[0])
				require.NoError(t, s.WriteTo([]byte("answer"), from[0]))
				for range 3 { // a train
					copy(batch.Space(from[0], 900), bytes.Repeat([]byte{7}, 900))
					batch.Add(900)
				}
				peers, want = append(peers, peer), append(want, host)
			}
			require.NoError(t, batch.Flush())
			require.Zero(t, batch.Counts().Failed)
			for i, peer := range peers {
				got, from := collect(t, peer, 4)
				require.Equal(t, "answer", string(got[0]))
				for j, r := range from {
					require.Equal(t, wire.Route{Remote: netip.AddrPortFrom(want[i], s.LocalAddr().Port())}, r, "datagram %d of peer %d", j, i)
				}
			}
		})
	}
	s, peer := open(t, "udp4", "127.0.0.1:0"), open(t, "udp4", "127.0.0.1:0")
	require.NoError(t, peer.WriteTo([]byte("question"), to(s)))
	_, from := collect(t, s, 1)
	require.Equal(t, to(peer), from[0], "a socket of one address")
	require.NoError(t, s.WriteTo([]byte("answer"), wire.Route{Remote: peer.LocalAddr(), Local: netip.IPv6Loopback()}), "of another family: the system's choice")
}

// TestGone: an address that the machine does not have is no way out, and harms no other datagram.
func TestGone(t *testing.T) {
	s, peer := open(t, "udp4", "0.0.0.0:0"), open(t, "udp4", "127.0.0.1:0")
	bad := wire.Route{Remote: peer.LocalAddr(), Local: netip.MustParseAddr("198.51.100.77")}
	require.Error(t, s.WriteTo([]byte("no"), bad))
	b := s.NewBatch()
	for _, r := range []wire.Route{bad, bad, to(peer)} {
		copy(b.Space(r, 3), "yes")
		b.Add(3)
	}
	require.NoError(t, b.Flush())
	require.EqualValues(t, 2, b.Counts().Failed)
	got, _ := collect(t, peer, 1)
	require.Equal(t, "yes", string(got[0]))
}
