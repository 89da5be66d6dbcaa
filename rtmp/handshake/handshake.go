// Package handshake does what comes before RTMP's chunk stream: the plain
// handshake of Adobe's RTMP 1.0 specification (§5.2) and the one with digests
// that Flash Player 9 introduced, which some servers and players insist on to
// play H.264. The latter was never specified; names follow SRS.
//
// [Server] and [Client] read not one byte beyond the handshake and keep no
// memory when they return. They set no deadlines: whoever owns the connection
// does, before it calls them.
package handshake

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
)

const (
	version    = 3    // plain RTMP, §5.2.2
	packetSize = 1536 // C1, S1, C2 and S2 alike, §5.2.3
	// proxyMark begins the header with which SRS's RTMP proxies tell the
	// address of their client.
	proxyMark = 0xF3
	maxProxy  = 1024
)

// Schema is where C1 and S1 have their digest.
type Schema uint8

const (
	// Schema0 is time, version, key, digest.
	Schema0 Schema = iota + 1
	// Schema1 is time, version, digest, key.
	Schema1
)

// String gives the name of the schema, "simple" for none.
func (s Schema) String() string {
	switch s {
	case 0:
		return "simple"
	case Schema0, Schema1:
		return fmt.Sprintf("schema%d", s-Schema0)
	}
	return fmt.Sprintf("Schema(%d)", uint8(s))
}

// Options choose between kinds of handshake. The zero value suits both sides.
type Options struct {
	// Simple leaves digests out. A client sends none then, and a server
	// answers without one even if the client sent one.
	Simple bool
	// Schema is where a client puts its digest; zero stands for Schema1, the
	// one that Flash Media Server demands. Servers take either.
	Schema Schema
	// Proxy makes a server accept the header of an SRS proxy before C0: the
	// byte 0xF3, a length of two bytes (at most 1024) and that many bytes,
	// the first four of them an IPv4 address. Since it lets clients claim any
	// address, only servers behind such a proxy should set it.
	Proxy bool
}

// Info is what the handshake told about the peer.
type Info struct {
	// Schema is where the peer's C1 or S1 had a valid digest; zero if the
	// handshake was a simple one.
	Schema Schema
	// Verified tells that the peer signed our digest in its C2 or S2. Honest
	// peers exist that do not; nothing has to be refused for it.
	Verified bool
	// Version is the version field of the peer's C1 or S1, such as 9.0.124.2
	// of Flash Player. It is zero in the specified handshake.
	Version [4]byte
	// ProxyIP is the client's address by a proxy's header, invalid if there
	// was none (see Options.Proxy).
	ProxyIP netip.Addr
}

// buffers is what one handshake works with: 4.6 KiB that connections should not
// hold for their whole life.
type buffers struct {
	in  [1 + 2*packetSize]byte
	out [1 + 2*packetSize]byte
}

var pool = sync.Pool{New: func() any { return new(buffers) }}

// fillRandom fills p from math/rand/v2's generator: ChaCha8, seeded by the
// runtime. Nothing here is secret (RTMP is not encrypted and the keys of the
// digests are public); the bytes only have to differ between connections.
func fillRandom(p []byte) {
	for len(p) > 0 {
		n := rand.Uint64()
		for i := 0; i < 8 && i < len(p); i++ {
			p[i] = byte(n >> (8 * i))
		}
		p = p[min(8, len(p)):]
	}
}

// checkVersion judges C0 and S0 (§5.2.2).
func checkVersion(what string, v byte) error {
	switch v {
	case version:
		return nil
	case 6, 8, 9:
		return fmt.Errorf("handshake: %s: version %d: RTMPE (encrypted RTMP) is not supported", what, v)
	}
	return fmt.Errorf("handshake: %s: version %d: not RTMP, which is %d", what, v, version)
}

func readFull(r io.Reader, what string, p []byte) error {
	_, err := io.ReadFull(r, p)
	return readError(what, err)
}

// readError tells an end inside the handshake, which is never expected, from
// one before it.
func readError(what string, err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = fmt.Errorf("handshake: read %s: %w", what, err)
	}
	return err
}

func write(w io.Writer, what string, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return fmt.Errorf("handshake: write %s: %w", what, err)
	}
	return nil
}
