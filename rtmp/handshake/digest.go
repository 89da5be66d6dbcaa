package handshake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

const (
	digestSize = sha256.Size
	blockSize  = 764 // of the key and of the digest in C1 and S1
	signedSize = packetSize - digestSize
)

// The two sides sign with these public keys: the text alone in C1 and S1, all
// of it in C2 and S2.
var (
	playerKey = append([]byte("Genuine Adobe Flash Player 001"), keyTail...)
	serverKey = append([]byte("Genuine Adobe Flash Media Server 001"), keyTail...)
)

const (
	playerText = 30
	serverText = 36
	keyTail    = "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" +
		"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"
)

// The version fields to show: the first Flash Player that plays H.264, and a
// Flash Media Server of its time.
var (
	playerVersion = [4]byte{9, 0, 124, 2}
	serverVersion = [4]byte{4, 5, 0, 1}
)

// digestAt gives the position of the digest in a C1 or S1: the first four bytes
// of its block tell where in the rest of the block it is.
func digestAt(packet []byte, s Schema) int {
	block := 8
	if s == Schema0 {
		block += blockSize
	}
	sum := 0
	for _, c := range packet[block : block+4] {
		sum += int(c)
	}
	return block + 4 + sum%(blockSize-4-digestSize)
}

func sum(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// makePacket fills in a C1 or S1, with a digest under key if s is not zero, and
// gives the digest.
//
// The 128 bytes of a Diffie-Hellman key that the key block hides are random
// bytes like those around them: only RTMPE goes on to use the key.
func makePacket(packet []byte, s Schema, version [4]byte, key []byte) (digest []byte) {
	fillRandom(packet)
	binary.BigEndian.PutUint32(packet, uint32(time.Now().UnixMilli()))
	if s == 0 {
		clear(packet[4:8]) // §5.2.3
		return nil
	}
	copy(packet[4:], version[:])
	at := digestAt(packet, s)
	digest = sum(key, packet[:at], packet[at+digestSize:])
	copy(packet[at:], digest)
	return digest
}

// findDigest looks for a valid digest in a C1 or S1 and gives it with its
// place, or zero.
func findDigest(packet, key []byte) (Schema, []byte) {
	for _, s := range []Schema{Schema0, Schema1} {
		at := digestAt(packet, s)
		digest := packet[at : at+digestSize]
		if hmac.Equal(digest, sum(key, packet[:at], packet[at+digestSize:])) {
			return s, bytes.Clone(digest)
		}
	}
	return 0, nil
}

// makeAnswer fills in a C2 or S2 that signs the digest of the other side.
func makeAnswer(packet, digest, key []byte) {
	fillRandom(packet[:signedSize])
	copy(packet[signedSize:], sum(sum(key, digest), packet[:signedSize]))
}

// signed tells whether a C2 or S2 signs our digest.
func signed(packet, digest, key []byte) bool {
	return digest != nil && hmac.Equal(packet[signedSize:], sum(sum(key, digest), packet[:signedSize]))
}
