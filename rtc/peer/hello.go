package peer

import (
	"slices"
	"time"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/protocol"
	"github.com/pion/dtls/v2/pkg/protocol/extension"
	"github.com/pion/dtls/v2/pkg/protocol/handshake"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"

	"github.com/srsgo/srs/rtc/wire"
)

// profiles are offered, or taken, in this order: those with authenticated encryption (RFC 7714) cost a fraction
// of the other. Browsers list them last, and the DTLS library takes what the client lists first.
var profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}

// maxHello bounds the datagrams that a client's first message may take.
const maxHello = 8

// hello is a client's first message, of which fragments come (RFC 6347 4.2.3).
type hello struct{ body []byte }

// add takes a datagram, and tells whether more is needed. What is no part of a ClientHello ends it.
func (h *hello) add(datagram []byte) (more bool) {
	records, err := recordlayer.UnpackDatagram(datagram)
	if err != nil {
		return false
	}
	for _, r := range records {
		if protocol.ContentType(r[0]) != protocol.ContentTypeHandshake {
			return false
		}
		var head handshake.Header
		part := r[recordlayer.HeaderSize:]
		if head.Unmarshal(part) != nil || head.Type != handshake.TypeClientHello {
			return false
		}
		part = part[handshake.HeaderLength:]
		if int(head.FragmentOffset) == len(h.body) && int(head.FragmentLength) <= len(part) {
			h.body = append(h.body, part[:head.FragmentLength]...)
		}
		if len(h.body) >= int(head.Length) {
			return false
		}
	}
	return true
}

// offers gives the profiles that the message offers (RFC 5764 4.1.1).
func (h *hello) offers() []dtls.SRTPProtectionProfile {
	var m handshake.MessageClientHello
	if m.Unmarshal(h.body) != nil {
		return nil
	}
	for _, e := range m.Extensions {
		if srtp, ok := e.(*extension.UseSRTP); ok {
			return srtp.ProtectionProfiles
		}
	}
	return nil
}

// choose gives the profile to take, or all if the client offers none of them. It reads the client's first
// message, and leaves it to be read again.
func (c *recordConn) choose() []dtls.SRTPProtectionProfile {
	_ = c.SetReadDeadline(time.Now().Add(c.p.cfg.ConnectTimeout))
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	var h hello
	for more := true; more && len(c.first) < maxHello; {
		b := make([]byte, wire.MaxDatagram)
		n, err := c.buffer().Read(b)
		if err != nil { // so will the handshake see
			return profiles
		}
		c.first = append(c.first, b[:n])
		more = h.add(b[:n])
	}
	offered := h.offers()
	for i, p := range profiles {
		if slices.Contains(offered, p) {
			return profiles[i : i+1]
		}
	}
	return profiles
}
