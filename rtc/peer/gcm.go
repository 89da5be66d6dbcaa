package peer

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"

	"github.com/pion/srtp/v2"
)

// gcm protects RTP or RTCP, or takes the protection off, by AEAD_AES_128_GCM or AEAD_AES_256_GCM (RFC 7714), the
// profiles that all but old clients choose. pion's contexts do the others. They allocate for each packet, and
// read a header that is at hand.
type gcm struct {
	aead    cipher.AEAD
	salt    [12]byte
	nonce   [12]byte // of the packet at hand; here because what an interface is handed is on the heap
	data    [12]byte // that goes with RTCP
	sources []rollover
	index   uint32 // of the last RTCP packet that was sent
}

// rollover is where an SSRC's index is.
type rollover struct {
	ssrc    uint32
	highest uint64
	seen    *replays // nil for what we send
}

// What keys are for: the first of the labels of RFC 3711 4.3.1.
const (
	forRTP  = 0
	forRTCP = 3
)

var (
	errSRTP   = errors.New("peer: malformed SRTP or SRTCP")
	errReplay = errors.New("peer: a packet came twice, or too late")
)

const gcmTag = 16

// newGCM gives nil for other profiles.
func newGCM(k keying, profile srtp.ProtectionProfile, use byte) (*gcm, error) {
	if profile != srtp.ProtectionProfileAeadAes128Gcm && profile != srtp.ProtectionProfileAeadAes256Gcm {
		return nil, nil
	}
	master, err := aes.NewCipher(k.key)
	if err != nil {
		return nil, err
	}
	const encryption, salting = 0, 2
	block, err := aes.NewCipher(derive(master, k.salt, use+encryption, len(k.key)))
	if err != nil {
		return nil, err
	}
	g := &gcm{}
	copy(g.salt[:], derive(master, k.salt, use+salting, len(g.salt)))
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

func (g *gcm) add(r rollover) *rollover {
	g.sources = append(g.sources, r)
	return &g.sources[len(g.sources)-1]
}

// receive adds one whose packets come.
func (g *gcm) receive(ssrc uint32) *rollover { return g.add(rollover{ssrc: ssrc, seen: &replays{}}) }

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
		r = g.add(rollover{ssrc: ssrc, highest: uint64(seq)})
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
		return nil, errSRTP
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
		r = g.receive(ssrc)
	}
	r.highest = max(r.highest, i)
	r.seen.mark(i)
	return b[:n+len(plain)], nil
}

const (
	rtcpHeader    = 8 // bytes that are not encrypted
	rtcpEncrypted = 1 << 31
)

// useRTCP makes the nonce, and the data that is protected but not encrypted (RFC 7714 9.1, 9.2).
func (g *gcm) useRTCP(header []byte, index uint32) {
	ssrc := binary.BigEndian.Uint32(header[4:])
	g.nonce = g.salt
	binary.BigEndian.PutUint32(g.nonce[2:], binary.BigEndian.Uint32(g.nonce[2:])^ssrc)
	binary.BigEndian.PutUint32(g.nonce[8:], binary.BigEndian.Uint32(g.nonce[8:])^index)
	copy(g.data[:], header[:rtcpHeader])
	binary.BigEndian.PutUint32(g.data[rtcpHeader:], index|rtcpEncrypted)
}

// sealRTCP appends a compound packet to dst, protected. They share no memory.
func (g *gcm) sealRTCP(dst, b []byte) ([]byte, error) {
	if len(b) < rtcpHeader {
		return nil, errSRTP
	}
	if g.index == rtcpEncrypted-1 {
		return nil, errors.New("peer: the keys are used up") // RFC 3711 9.2
	}
	g.index++
	g.useRTCP(b, g.index)
	dst = append(dst, b[:rtcpHeader]...)
	dst = g.aead.Seal(dst, g.nonce[:], b[rtcpHeader:], g.data[:])
	return append(dst, g.data[rtcpHeader:]...), nil
}

// openRTCP takes the protection off a compound packet, in its place. One that is not encrypted is refused.
func (g *gcm) openRTCP(b []byte) ([]byte, error) {
	end := len(b) - 4
	if end < rtcpHeader+gcmTag {
		return nil, errSRTP
	}
	index := binary.BigEndian.Uint32(b[end:])
	if index&rtcpEncrypted == 0 {
		return nil, errSRTP
	}
	index &^= rtcpEncrypted
	ssrc := binary.BigEndian.Uint32(b[4:])
	r := g.source(ssrc)
	if r != nil && !r.seen.fresh(uint64(index)) {
		return nil, errReplay
	}
	g.useRTCP(b, index)
	plain, err := g.aead.Open(b[rtcpHeader:rtcpHeader], g.nonce[:], b[rtcpHeader:end], g.data[:])
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = g.receive(ssrc)
	}
	r.seen.mark(uint64(index))
	return b[:rtcpHeader+len(plain)], nil
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
