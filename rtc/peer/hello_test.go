package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/stun"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
)

// TestProfiles: authenticated encryption is taken where the client can do it, though it lists it last as browsers
// do, and though its first message comes in pieces.
func TestProfiles(t *testing.T) {
	cert, err := NewCertificate(false)
	require.NoError(t, err)
	print, err := fingerprintOf(cert.Certificate[0], "sha-256")
	require.NoError(t, err)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := wire.Open(pc)
	m, err := NewMux(MuxConfig{})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- m.Serve(context.Background(), s) }()
	defer func() {
		m.Close(nil)
		_ = s.Close()
		require.NoError(t, <-done)
	}()
	const cm = dtls.SRTP_AES128_CM_HMAC_SHA1_80
	for want, offered := range map[dtls.SRTPProtectionProfile][]dtls.SRTPProtectionProfile{
		dtls.SRTP_AEAD_AES_128_GCM: {cm, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM},
		dtls.SRTP_AEAD_AES_256_GCM: {cm, dtls.SRTP_AEAD_AES_256_GCM},
		cm:                         {dtls.SRTP_AES128_CM_HMAC_SHA1_32, cm},
	} {
		for _, mtu := range []int{1200, 100} {
			p, err := m.New(Config{Ufrag: "abcd", Pwd: "0123456789012345678901", Fingerprints: []string{"sha-256 " + print}})
			require.NoError(t, err)
			c, err := net.Dial("udp", s.LocalAddr().String())
			require.NoError(t, err)
			check, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("abcd:efgh"), stun.NewShortTermIntegrity("0123456789012345678901"), stun.Fingerprint)
			require.NoError(t, err)
			_, err = c.Write(check.Raw)
			require.NoError(t, err)
			_, err = c.Read(make([]byte, 1500))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			conn, err := dtls.ClientWithContext(ctx, c, &dtls.Config{Certificates: []tls.Certificate{*cert}, InsecureSkipVerify: true,
				SRTPProtectionProfiles: offered, MTU: mtu})
			cancel()
			require.NoError(t, err)
			got, ok := conn.SelectedSRTPProtectionProfile()
			require.True(t, ok)
			require.Equal(t, want, got, "MTU %d", mtu)
			p.Close(nil)
			_ = conn.Close()
		}
	}
}

// FuzzHello: whatever a client begins with, it does no harm.
func FuzzHello(f *testing.F) {
	f.Add([]byte{22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 254, 253}, []byte{})
	f.Add(clientHello, clientHello)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var h hello
		if h.add(a) {
			h.add(b)
		}
		require.LessOrEqual(t, len(h.body), len(a)+len(b))
		h.offers()
	})
}

// clientHello is the first message of a client which offers AEAD_AES_128_GCM alone.
var clientHello = append([]byte{
	22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 65, // record
	1, 0, 0, 53, 0, 0, 0, 0, 0, 0, 0, 53, // handshake
	254, 253}, append(make([]byte, 32), // random
	0, 0, // session, cookie
	0, 2, 0xc0, 0x2b, 1, 0, // suites, compression
	0, 9, 0, 14, 0, 5, 0, 2, 0, 7, 0)...) // use_srtp

// TestHello: what is not a whole ClientHello offers nothing, and ends the wait for it.
func TestHello(t *testing.T) {
	with := func(at int, v byte) []byte {
		b := bytes.Clone(clientHello)
		b[at] = v
		return b
	}
	for name, x := range map[string]struct {
		b          []byte
		more, aead bool
	}{
		"whole":           {clientHello, false, true},
		"another profile": {with(76, 1), false, false},
		"half a record":   {clientHello[:20], false, false},
		"an alert":        {with(0, 21), false, false},
		"a server's":      {with(13, 2), false, false},
		"the first piece": {with(16, 54), true, false},
		"the second":      {with(21, 1), true, false},
		"too long":        {with(24, 54), true, false},
	} {
		var h hello
		require.Equal(t, x.more, h.add(x.b), name)
		require.Equal(t, x.aead, !x.more && slices.Contains(h.offers(), dtls.SRTP_AEAD_AES_128_GCM), name)
	}
}
