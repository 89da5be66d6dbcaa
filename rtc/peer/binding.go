package peer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"net/netip"
	"sync"
)

// binding is a STUN message (RFC 8489 5), as far as ICE has them. Each peer sends one every few seconds: neither
// reading nor answering it allocates.
type binding struct {
	raw          []byte // as it came
	class        uint16
	user         []byte
	integrity    int  // where MESSAGE-INTEGRITY begins; 0: there is none
	useCandidate bool // the peer nominates
	controlled   bool // the peer claims our role
}

const (
	maxBinding   = 1200
	stunHeader   = 20
	stunCookie   = 0x2112A442
	crcXOR       = 0x5354554e
	integrityLen = 4 + sha1.Size
	crcLen       = 4 + 4

	classRequest = 0x000
	classSuccess = 0x100
	classError   = 0x110

	attrUsername      = 0x0006
	attrIntegrity     = 0x0008
	attrErrorCode     = 0x0009
	attrXORMapped     = 0x0020
	attrUseCandidate  = 0x0025
	attrFingerprint   = 0x8028
	attrICEControlled = 0x8029
)

var errSTUN = errors.New("peer: no binding message of STUN")

// parseBinding reads a message. What it has keeps b.
func parseBinding(b []byte) (m binding, err error) {
	if len(b) < stunHeader || len(b) > maxBinding || len(b)%4 != 0 || int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader ||
		binary.BigEndian.Uint32(b[4:]) != stunCookie {
		return m, errSTUN
	}
	const method, classes = 0x3eef, 0x110
	typ := binary.BigEndian.Uint16(b)
	if typ&method != 1 {
		return m, errSTUN
	}
	m.raw, m.class = b, typ&classes
	whole := false // it ends with a FINGERPRINT that fits
	for at := stunHeader; at < len(b); {
		t, n := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:])) // 4 bytes are left: all is padded
		next := at + 4 + (n+3)/4*4
		if next > len(b) {
			return m, errSTUN
		}
		switch {
		case t == attrFingerprint:
			whole = n == 4 && next == len(b) && binary.BigEndian.Uint32(b[at+4:]) == crc32.ChecksumIEEE(b[:at])^crcXOR
		case m.integrity > 0: // what follows is not protected (RFC 8489 14.5)
		case t == attrIntegrity && n == sha1.Size:
			m.integrity = at
		case t == attrUsername:
			m.user = b[at+4 : at+4+n]
		case t == attrUseCandidate:
			m.useCandidate = true
		case t == attrICEControlled:
			m.controlled = true
		}
		at = next
	}
	if !whole {
		return m, errSTUN
	}
	return m, nil
}

// names gives the two halves of the USERNAME, ours first (RFC 8445 7.2.2).
func (m *binding) names() (ours, theirs []byte, ok bool) { return bytes.Cut(m.user, []byte(":")) }

// checker verifies checks with a password, and answers them. What it gives is valid while mu is held.
type checker struct {
	mu  sync.Mutex
	mac hash.Hash
	sum [sha1.Size]byte
	buf [128]byte
}

func newChecker(pwd string) *checker { return &checker{mac: hmac.New(sha1.New, []byte(pwd))} }

// code gives the message integrity of what comes before it.
func (c *checker) code(header, attributes []byte) []byte {
	c.mac.Reset()
	c.mac.Write(header)
	c.mac.Write(attributes)
	return c.mac.Sum(c.sum[:0])
}

// verify tells, in constant time, whether a message was made by who knows the password.
func (c *checker) verify(m *binding) bool {
	if m.integrity == 0 {
		return false
	}
	header := c.buf[:stunHeader]
	copy(header, m.raw)
	binary.BigEndian.PutUint16(header[2:], uint16(m.integrity+integrityLen-stunHeader)) // as if it ended here
	return hmac.Equal(c.code(header, m.raw[stunHeader:m.integrity]), m.raw[m.integrity+4:][:sha1.Size])
}

// verifies is verify for one that needs no answer.
func (c *checker) verifies(m *binding) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verify(m)
}

// success answers with the address that a check came from.
func (c *checker) success(to *binding, from netip.AddrPort) []byte {
	b := c.begin(to, classSuccess)
	ip := from.Addr().Unmap()
	n, family := 16, byte(2)
	if ip.Is4() {
		n, family = 4, 1
	}
	b = append(b, 0, attrXORMapped, 0, byte(4+n), 0, family)
	b = binary.BigEndian.AppendUint16(b, from.Port()^stunCookie>>16)
	at := len(b)
	if ip.Is4() {
		a := ip.As4()
		b = append(b, a[:]...)
	} else {
		a := ip.As16()
		b = append(b, a[:]...)
	}
	for i := range b[at:] { // with the cookie, and the transaction
		b[at+i] ^= b[4+i]
	}
	return c.finish(b)
}

// conflict answers that the peer claims our role (RFC 8445 7.3.1.1).
func (c *checker) conflict(to *binding) []byte {
	const why = "Role Conflict..."
	b := append(c.begin(to, classError), 0, attrErrorCode, 0, 4+byte(len(why)), 0, 0, 4, 87)
	return c.finish(append(b, why...))
}

func (c *checker) begin(to *binding, class uint16) []byte {
	return append(binary.BigEndian.AppendUint32(c.buf[:0], uint32(1|class)<<16), to.raw[4:stunHeader]...)
}

func (c *checker) finish(b []byte) []byte {
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+integrityLen-stunHeader))
	code := c.code(b[:stunHeader], b[stunHeader:])
	b = append(append(b, 0, attrIntegrity, 0, sha1.Size), code...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+crcLen-stunHeader))
	crc := crc32.ChecksumIEEE(b) ^ crcXOR
	b = append(b, attrFingerprint>>8, attrFingerprint&0xff, 0, 4)
	return binary.BigEndian.AppendUint32(b, crc)
}
