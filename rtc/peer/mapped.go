package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/stun"

	"github.com/srsgo/srs/rtc/wire"
)

// asking is a question to a STUN server.
type asking struct {
	server netip.AddrPort
	answer chan *stun.Message
}

// rto is how long the first answer of a STUN server is waited for; each further one takes twice as long
// (RFC 8489 6.2.1).
const rto = 500 * time.Millisecond

// Mapped asks a STUN server (RFC 8489) at which address it sees a socket, which Serve reads meanwhile. The
// question is repeated until ctx ends.
func (m *Mux) Mapped(ctx context.Context, s *wire.Socket, server netip.AddrPort) (netip.AddrPort, error) {
	q, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("peer: STUN server %s: %w", server, err)
	}
	a := asking{unmapped(server), make(chan *stun.Message, 1)}
	m.mu.Lock()
	m.asked[q.TransactionID] = a
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.asked, q.TransactionID)
		m.mu.Unlock()
	}()
	for wait := rto; ; wait *= 2 {
		if err := s.WriteTo(q.Raw, wire.Route{Remote: server}); err != nil {
			return netip.AddrPort{}, fmt.Errorf("peer: STUN server %s: %w", server, err)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return netip.AddrPort{}, fmt.Errorf("peer: STUN server %s: no answer: %w", server, ctx.Err())
		case <-t.C:
		case r := <-a.answer:
			t.Stop()
			at, err := mappedIn(r)
			if err != nil {
				return netip.AddrPort{}, fmt.Errorf("peer: STUN server %s: %w", server, err)
			}
			return at, nil
		}
	}
}

// mappedIn reads what a STUN server has answered.
func mappedIn(r *stun.Message) (netip.AddrPort, error) {
	var x stun.XORMappedAddress
	if r.Type.Class != stun.ClassSuccessResponse {
		var code stun.ErrorCodeAttribute
		_ = code.GetFrom(r)
		return netip.AddrPort{}, fmt.Errorf("it refuses: %d %.100q", code.Code, code.Reason)
	}
	if err := x.GetFrom(r); err != nil {
		return netip.AddrPort{}, fmt.Errorf("the answer has no address: %w", err)
	}
	ip, ok := netip.AddrFromSlice(x.IP)
	if !ok || x.Port == 0 || ip.IsUnspecified() {
		return netip.AddrPort{}, errors.New("the answer has no address")
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(x.Port)), nil
}

// toldBy takes the answer of a STUN server that was asked.
func (m *Mux) toldBy(from netip.AddrPort, b []byte) bool {
	if len(b) < stunHeader || b[0] != classSuccess>>8 { // an error has it as well
		return false
	}
	m.mu.RLock()
	a, ok := m.asked[[stun.TransactionIDSize]byte(b[8:])]
	m.mu.RUnlock()
	if !ok || a.server != from {
		return false
	}
	msg := &stun.Message{Raw: bytes.Clone(b)}
	if msg.Decode() != nil {
		return false
	}
	select {
	case a.answer <- msg:
	default: // it has answered already
	}
	return true
}
