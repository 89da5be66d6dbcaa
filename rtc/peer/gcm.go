package peer

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"

	"github.com/pion/srtp/v2"
)

// gcm protects RTP, or takes its protection off, by AEAD_AES_128_GCM or AEAD_AES_256_GCM (RFC 7714), the
// profiles that all but old clients choose. pion's contexts do the rest: other profiles, and RTCP. They
// allocate for each packet, and read a header that is at hand.
type gcm struct {
	aead    cipher.AEAD
	salt    [12]byte
	nonce   [12]byte // of the packet at hand; here because what an interface is handed is on the heap
	sources []rollover
}

// rollover is where an SSRC's 48-bit index is.
type rollover struct {
	ssrc    uint32
	highest uint64
	seen    *replays // nil for what we send
}

var (
	errRTP    = errors.New("peer: malformed RTP")
	errReplay = errors.New("peer: an RTP packet came twice, or too late")
)

const gcmTag = 16

// newGCM gives nil for other profiles.
func newGCM(k keying, profile srtp.ProtectionProfile) (*gcm, error) {
	if profile != srtp.ProtectionProfileAeadAes128Gcm && profile != srtp.ProtectionProfileAeadAes256Gcm {
		return nil, nil
	}
	master, err := aes.NewCipher(k.key)
	if err != nil {
		return nil, err
	}
	const encryption, salting = 0, 2 // labels of RFC 3711 4.3.2
	block, err := aes.NewCipher(derive(master, k.salt, encryption, len(k.key)))
	if err != nil {
		return nil, err
	}
	g := &gcm{}
	copy(g.salt[:], derive(master, k.salt, salting, len(g.salt)))
	g.aead, err = cipher.NewGCM(block)
	return g, err
}

// derive gives n bytes of key (RFC 3711 4.3.3; RFC 7714 11: a salt of 12 bytes is followed by zeros). The
// number of the derivation is zero, for there is just one.
func derive(master cipher.Block, salt []byte, label byte, n int) []byte {
	var x [aes.BlockSize]byte
	copy(x[:14], salt)
	x[7] ^= label
	out := make([]byte, n)
	cipher.NewCTR(master, x[:]).XORKeyStream(out, out)
	return out
}

// source gives that of an SSRC; nil if there is none yet.
func (g *gcm) source(ssrc uint32) *rollover {
	for i := range g.sources {
		if g.sources[i].ssrc == ssrc {
			return &g.sources[i]
		}
	}
	return nil
}

// index is that of a sequence number, the nearest to those before (RFC 3711 3.3.1).
func (r *rollover) index(seq uint16) uint64 {
	i := r.highest + uint64(int64(int16(seq-uint16(r.highest))))
	if i>>48 != 0 { // before the first of all
		i = uint64(seq)
	}
	return i
}

// use makes the nonce of a packet (RFC 7714 8.1).
func (g *gcm) use(ssrc uint32, index uint64) {
	g.nonce = g.salt
	binary.BigEndian.PutUint32(g.nonce[2:], binary.BigEndian.Uint32(g.nonce[2:])^ssrc)
	binary.BigEndian.PutUint32(g.nonce[6:], binary.BigEndian.Uint32(g.nonce[6:])^uint32(index>>16))
	binary.BigEndian.PutUint16(g.nonce[10:], binary.BigEndian.Uint16(g.nonce[10:])^uint16(index))
}

// seal writes a packet to dst, protected, and gives its length. dst has room for the tag, and shares no
// memory with payload.
func (g *gcm) seal(dst, header, payload []byte) int {
	ssrc, seq := binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint16(header[2:])
	r := g.source(ssrc)
	if r == nil {
		g.sources = append(g.sources, rollover{ssrc: ssrc, highest: uint64(seq)})
		r = &g.sources[len(g.sources)-1]
	}
	i := r.index(seq)
	r.highest = max(r.highest, i)
	g.use(ssrc, i)
	n := copy(dst, header)
	return n + len(g.aead.Seal(dst[n:n], g.nonce[:], payload, dst[:n]))
}

// open takes the protection off a packet, in its place.
func (g *gcm) open(b []byte) ([]byte, error) {
	n := headerLen(b)
	if n == 0 || len(b) < n+gcmTag {
		return nil, errRTP
	}
	ssrc, seq := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:])
	r := g.source(ssrc)
	i := uint64(seq)
	if r != nil {
		if i = r.index(seq); !r.seen.fresh(i) {
			return nil, errReplay
		}
	}
	g.use(ssrc, i)
	plain, err := g.aead.Open(b[n:n], g.nonce[:], b[n:], b[:n])
	if err != nil {
		return nil, err
	}
	if r == nil { // forged ones leave nothing
		g.sources = append(g.sources, rollover{ssrc: ssrc, seen: &replays{}})
		r = &g.sources[len(g.sources)-1]
	}
	r.highest = max(r.highest, i)
	r.seen.mark(i)
	return b[:n+len(plain)], nil
}

// headerLen gives the length of an RTP header with its extension (RFC 3550 5.1); 0: there is none.
func headerLen(b []byte) int {
	if len(b) < 12 || b[0]>>6 != 2 {
		return 0
	}
	n := 12 + 4*int(b[0]&15)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if n > len(b) {
		return 0
	}
	return n
}
