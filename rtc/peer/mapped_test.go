package peer_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/stun"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/peer"
)

// stunServer answers the questions that come, each with what answer says: nothing for no setters.
func stunServer(t testing.TB, answer func(n int) []stun.Setter) netip.AddrPort {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { _ = pc.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for n := 0; ; n++ {
			k, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			q := &stun.Message{Raw: b[:k]}
			set := answer(n)
			if q.Decode() != nil || set == nil {
				continue
			}
			r, err := stun.Build(append([]stun.Setter{stun.NewTransactionIDSetter(q.TransactionID)}, set...)...)
			if err == nil {
				_, _ = pc.WriteTo(r.Raw, from)
			}
		}
	}()
	return netip.MustParseAddrPort(pc.LocalAddr().String())
}

// TestMapped: a STUN server tells where it sees the socket, if asked twice; what it answers otherwise, or that
// it does not, is an error.
func TestMapped(t *testing.T) {
	s := newSide(t, "127.0.0.1:0", peer.MuxConfig{})
	told := []stun.Setter{stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(203, 0, 113, 9), Port: 4242}}
	a, err := s.Mapped(t.Context(), s.socket, stunServer(t, func(n int) []stun.Setter {
		if n == 0 {
			return nil
		}
		return told
	}))
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddrPort("203.0.113.9:4242"), a)
	for want, set := range map[string][]stun.Setter{
		"no address": {stun.BindingSuccess},
		"refuses":    {stun.BindingError, stun.CodeForbidden},
	} {
		_, err := s.Mapped(t.Context(), s.socket, stunServer(t, func(int) []stun.Setter { return set }))
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	silent := stunServer(t, func(int) []stun.Setter { cancel(errors.New("enough")); return nil })
	_, err = s.Mapped(ctx, s.socket, silent)
	require.ErrorContains(t, err, "no answer")
	_, err = s.Mapped(t.Context(), s.socket, netip.MustParseAddrPort("[2001:db8::1]:3478"))
	require.Error(t, err, "of another family")
}
