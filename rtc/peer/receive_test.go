package peer

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/srtp/v2"
	"github.com/pion/stun"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
)

var (
	home    = wire.Route{Remote: netip.MustParseAddrPort("127.0.0.1:9")}
	away    = wire.Route{Remote: netip.MustParseAddrPort("127.0.0.1:10")}
	testKey = keying{bytes.Repeat([]byte{7}, 16), bytes.Repeat([]byte{9}, 14)}
)

// keyed is a connected peer whose two directions have the same keys, so that it takes what it sends.
func keyed(t testing.TB, profile srtp.ProtectionProfile, onRTP func([]byte)) (*Mux, *Peer, *wire.Socket) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := wire.Open(pc)
	m, err := NewMux(MuxConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close(nil); _ = s.Close() })
	p, err := m.New(Config{Ufrag: "abcd", Pwd: "0123456789012345678901", Fingerprints: []string{m.Fingerprint()},
		OnRTP: func(b []byte, _ time.Time) { onRTP(b) }})
	require.NoError(t, err)
	k := testKey
	k.salt = k.salt[:must(profile.SaltLen())]
	require.NoError(t, p.in.open(k, profile))
	out, err := newSending(k, profile)
	require.NoError(t, err)
	p.out.Store(out)
	p.where.Store(&path{socket: s, route: home})
	m.know(home.Remote, p)
	p.connect()
	return m, p, s
}

// sealed gives a packet as p sends it.
func sealed(p *Peer, packet []byte) ([]byte, error) {
	b := make([]byte, len(packet)+overhead)
	n, err := p.out.Load().seal(b, packet[:12], packet[12:])
	return b[:n], err
}

func must(n int, err error) int {
	if err != nil {
		panic(err)
	}
	return n
}

func rtpOf(seq uint16, size int) []byte {
	b := make([]byte, size)
	b[0], b[1], b[11] = 0x80, 96, 5
	binary.BigEndian.PutUint16(b[2:], seq)
	return b
}

// TestReplay: a packet is taken once, not if a bit of it has changed, and not from an address that no check
// came from.
func TestReplay(t *testing.T) {
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
		got := 0
		m, p, s := keyed(t, profile, func(b []byte) {
			got++
			require.Equal(t, rtpOf(1, 100), b)
		})
		sealed, err := sealed(p, rtpOf(1, 100))
		require.NoError(t, err)
		from := path{socket: s, route: home}
		receive := func(b []byte, from path) { m.receive(bytes.Clone(b), from, time.Now()) }
		changed := bytes.Clone(sealed)
		changed[50] ^= 1
		receive(changed, from)
		receive(sealed, path{socket: s, route: away})
		require.Zero(t, got)
		require.EqualValues(t, 1, m.refused.counts[strange].Load())
		receive(sealed, from)
		receive(sealed, from)
		require.Equal(t, 1, got)
		require.EqualValues(t, 2, m.refused.counts[forged].Load())
	}
}

// TestStrangeHello: a ClientHello begins nothing where no check has come from.
func TestStrangeHello(t *testing.T) {
	m, err := NewMux(MuxConfig{})
	require.NoError(t, err)
	defer m.Close(nil)
	p, err := m.New(Config{Ufrag: "abcd", Pwd: "0123456789012345678901", Fingerprints: []string{m.Fingerprint()}})
	require.NoError(t, err)
	hello := append([]byte{22, 254, 253}, make([]byte, 60)...)
	m.receive(hello, path{route: home}, time.Now())
	require.EqualValues(t, 1, m.refused.counts[strange].Load())
	require.Nil(t, p.dtls)
	require.Empty(t, m.handshakes)
}

// TestStalled: the session of a TCP connection that takes nothing ends.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := NewMux(MuxConfig{})
		require.NoError(t, err)
		defer m.Close(nil)
		ended := make(chan error, 1)
		p, err := m.New(Config{Ufrag: "abcd", Pwd: "0123456789012345678901", Plain: true, OnClose: func(err error) { ended <- err }})
		require.NoError(t, err)
		ours, theirs := net.Pipe()
		defer theirs.Close()
		begun := time.Now()
		go m.HandleTCP(ours)
		check, err := stun.Build(stun.BindingRequest, stun.NewUsername("abcd:efgh"), stun.NewShortTermIntegrity("0123456789012345678901"), stun.Fingerprint)
		require.NoError(t, err)
		_, err = theirs.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(check.Raw))), check.Raw...))
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, p.WriteRTCP([]byte{0x80, 201, 0, 1, 0, 0, 0, 5}))
		require.ErrorContains(t, <-ended, "does not take")
		require.Equal(t, stall, time.Since(begun))
	})
}

// FuzzReceive: whatever comes to the port, from an address that is known or not, does no harm.
func FuzzReceive(f *testing.F) {
	check, err := stun.Build(stun.BindingRequest, stun.NewUsername("abcd:efgh"), stun.NewShortTermIntegrity("0123456789012345678901"), stun.Fingerprint)
	require.NoError(f, err)
	f.Add(check.Raw, true)
	told, err := stun.Build(stun.TransactionID, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(203, 0, 113, 9), Port: 4242})
	require.NoError(f, err)
	f.Add(told.Raw, true)
	f.Add(rtpOf(1, 100), true)
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5}, true)
	f.Add([]byte{0x80}, true)
	f.Add([]byte{21, 254, 253, 0}, false)
	var muxes []*Mux
	var socket *wire.Socket
	for _, profile := range []srtp.ProtectionProfile{srtp.ProtectionProfileAeadAes128Gcm, srtp.ProtectionProfileAes128CmHmacSha1_80} {
		m, _, s := keyed(f, profile, func([]byte) {})
		muxes, socket = append(muxes, m), s
	}
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		at := path{socket: socket, route: home}
		if !known {
			at.route = away
		}
		if msg := (&stun.Message{Raw: bytes.Clone(b)}); msg.Decode() == nil {
			if a, err := mappedIn(msg); err == nil {
				require.True(t, a.IsValid())
			}
		}
		for _, m := range muxes {
			m.mu.RLock()
			for _, p := range m.ufrags { // each input finds a peer that has not had enough of strange SSRCs
				p.in.mu.Lock()
				p.in.tries = 0
				p.in.mu.Unlock()
			}
			m.mu.RUnlock()
			if len(b) > 0 && b[0] >= 20 && b[0] < 64 {
				continue // records go to DTLS, which has a goroutine of its own
			}
			m.receive(bytes.Clone(b), at, time.Now())
		}
	})
}

// BenchmarkMedia encrypts and sends packets of 1,200 bytes, and decrypts them.
func BenchmarkMedia(b *testing.B) {
	for name, profile := range map[string]srtp.ProtectionProfile{"GCM": srtp.ProtectionProfileAeadAes128Gcm, "CM": srtp.ProtectionProfileAes128CmHmacSha1_80} {
		b.Run(name+"/send", func(b *testing.B) {
			_, p, s := keyed(b, profile, func([]byte) {})
			batch, packet := s.NewBatch(), rtpOf(0, 1200)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				binary.BigEndian.PutUint16(packet[2:], uint16(i))
				if err := p.AppendRTP(batch, packet[:12], packet[12:]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/receive", func(b *testing.B) {
			m, p, s := keyed(b, profile, func([]byte) {})
			from, now := path{socket: s, route: home}, time.Now()
			packet := rtpOf(0, 1200)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				binary.BigEndian.PutUint16(packet[2:], uint16(i))
				buf, _ := sealed(p, packet)
				b.StartTimer()
				m.receive(buf, from, now)
			}
		})
	}
}
