package wire_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
)

// open binds a socket, which is closed at the test's end.
func open(t testing.TB, network, addr string) *wire.Socket {
	t.Helper()
	pc, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Skipf("%s %s: %v", network, addr, err)
	}
	s := wire.Open(pc)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// to is the way to a socket.
func to(s *wire.Socket) wire.Route { return wire.Route{Remote: s.LocalAddr()} }

// plain hides that a connection is UDP's.
type plain struct{ net.PacketConn }

// collect gives the next n datagrams.
func collect(t testing.TB, s *wire.Socket, n int) (list [][]byte, from []wire.Route) {
	t.Helper()
	for len(list) < n {
		require.NoError(t, s.Read(func(b []byte, a wire.Route) {
			list = append(list, bytes.Clone(b))
			from = append(from, a)
		}))
	}
	require.Len(t, list, n)
	return list, from
}

// TestBatch: datagrams of all sizes arrive whole and in order, each at its address.
func TestBatch(t *testing.T) {
	for _, x := range [][2]string{{"udp4", "127.0.0.1:0"}, {"udp6", "[::1]:0"}, {"udp", ":0"}, {"plain", "127.0.0.1:0"}} {
		t.Run(x[0], func(t *testing.T) {
			network := x[0]
			if network == "plain" {
				network = "udp4"
			}
			var s *wire.Socket
			if x[0] == "plain" {
				pc, err := net.ListenPacket("udp4", x[1])
				require.NoError(t, err)
				s = wire.Open(plain{pc})
				defer s.Close()
			} else {
				s = open(t, network, x[1])
			}
			host := "127.0.0.1:0"
			if network == "udp6" {
				host = x[1]
			}
			peers := []*wire.Socket{open(t, "udp", host), open(t, "udp", host), open(t, "udp", host)}
			want := make([][][]byte, len(peers))
			b := s.NewBatch()
			add := func(peer, size int) {
				p := bytes.Repeat([]byte{byte(len(want[peer]))}, size)
				want[peer] = append(want[peer], p)
				copy(b.Space(to(peers[peer]), size+20), p)
				b.Add(size)
			}
			for range 70 { // longer than a train
				add(0, 1200)
			}
			for range 3 {
				add(1, 900)
			}
			add(1, 100) // ends a train
			add(1, 900)
			add(2, 50)
			add(2, 60)                // longer than the one before
			b.Space(to(peers[2]), 10) // taken back
			add(2, 60)
			add(1, 1)
			other := open(t, "udp", host) // sends one of them
			copy(b.SpaceOn(other, to(peers[2]), 3), "abc")
			b.Add(3)
			want[2] = append(want[2], []byte("abc"))
			require.NoError(t, b.Flush())
			total := 0
			for i, p := range peers {
				got, from := collect(t, p, len(want[i]))
				require.Equal(t, want[i], got, "peer %d", i)
				require.Equal(t, s.LocalAddr().Port(), from[0].Remote.Port())
				require.False(t, from[0].Remote.Addr().Is4In6())
				total += len(got)
			}
			require.EqualValues(t, total, b.Counts().Datagrams)
			require.Zero(t, b.Counts().Failed)
			require.NoError(t, b.Flush(), "empty")
			require.NoError(t, s.WriteTo([]byte("one"), to(peers[0])))
			got, _ := collect(t, peers[0], 1)
			require.Equal(t, "one", string(got[0]))
		})
	}
}

// TestUnreachable: who cannot be reached costs nobody else a datagram.
func TestUnreachable(t *testing.T) {
	s, peer := open(t, "udp4", "127.0.0.1:0"), open(t, "udp4", "127.0.0.1:0")
	gone := open(t, "udp4", "127.0.0.1:0")
	require.NoError(t, gone.Close())
	b := s.NewBatch()
	send := func(to netip.AddrPort, size int) {
		b.Space(wire.Route{Remote: to}, size)
		b.Add(size)
	}
	for range 3 {
		for range 2 {
			send(netip.MustParseAddrPort("[::1]:9"), 100) // of another family
		}
		send(gone.LocalAddr(), 100)
		send(netip.MustParseAddrPort("255.255.255.255:9"), 100) // not allowed
		send(peer.LocalAddr(), 100)
		require.NoError(t, b.Flush())
	}
	got, _ := collect(t, peer, 3)
	require.Len(t, got, 3)
	require.NotZero(t, b.Counts().Failed)
	require.NoError(t, s.Close())
	send(peer.LocalAddr(), 100)
	require.Error(t, b.Flush())
	require.Error(t, s.Read(func([]byte, wire.Route) {}))
}

// TestLarge: what is too large is dropped, not cut.
func TestLarge(t *testing.T) {
	s, peer := open(t, "udp4", "127.0.0.1:0"), open(t, "udp4", "127.0.0.1:0")
	require.NoError(t, s.WriteTo(make([]byte, wire.MaxDatagram+1), to(peer)))
	require.NoError(t, s.WriteTo(make([]byte, wire.MaxDatagram), to(peer)))
	got, _ := collect(t, peer, 1)
	require.Len(t, got[0], wire.MaxDatagram)
}

// TestManyWriters: one socket serves many goroutines.
func TestManyWriters(t *testing.T) {
	s, peer := open(t, "udp4", "127.0.0.1:0"), open(t, "udp4", "127.0.0.1:0")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			b := s.NewBatch()
			for j := range 20 {
				copy(b.Space(to(peer), 10), fmt.Sprintf("%d %2d", i, j))
				b.Add(4)
			}
			if err := b.Flush(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	got, _ := collect(t, peer, 80)
	for _, x := range got {
		seen[string(x)] = true
	}
	require.Len(t, seen, 80)
}

// BenchmarkSend sends packets of 1,200 bytes to 100 peers which do not read, from a socket of one address and
// from one of all, which says by which a packet leaves.
func BenchmarkSend(b *testing.B) {
	b.Run("one address", func(b *testing.B) { benchmarkSend(b, "127.0.0.1:0", netip.Addr{}) })
	b.Run("all addresses", func(b *testing.B) { benchmarkSend(b, "0.0.0.0:0", netip.MustParseAddr("127.0.0.1")) })
}

func benchmarkSend(b *testing.B, addr string, local netip.Addr) {
	s := open(b, "udp4", addr)
	var peers []wire.Route
	for range 100 {
		peers = append(peers, wire.Route{Remote: open(b, "udp4", "127.0.0.1:0").LocalAddr(), Local: local})
	}
	payload := make([]byte, 1200)
	b.Run("one by one", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := s.WriteTo(payload, peers[i/8%len(peers)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("batch, %d in a row", n), func(b *testing.B) {
			batch := s.NewBatch()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				copy(batch.Space(peers[i/n%len(peers)], len(payload)), payload)
				batch.Add(len(payload))
			}
			if err := batch.Flush(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkReceive reads what another goroutine sends.
func BenchmarkReceive(b *testing.B) {
	s, peer := open(b, "udp4", "127.0.0.1:0"), open(b, "udp4", "127.0.0.1:0")
	done := make(chan struct{})
	go func() {
		payload := make([]byte, 1200)
		for {
			select {
			case <-done:
				return
			default:
				_ = s.WriteTo(payload, to(peer))
			}
		}
	}()
	b.ReportAllocs()
	n := 0
	start := time.Now()
	for b.Loop() {
		if err := peer.Read(func([]byte, wire.Route) { n++ }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "datagrams/s")
	close(done)
}
