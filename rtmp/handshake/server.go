package handshake

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
)

// Server does the server's side on a connection that was accepted. It answers
// with a digest if the client's C1 has a valid one in either schema and with the
// specified echo otherwise, S0, S1 and S2 in one Write. C1 may arrive in any
// number of pieces.
//
// It refuses versions other than 3 by the first byte, before it waits for more.
// Errors wrap those of rw: io.EOF if it ends before the first byte (a probe),
// io.ErrUnexpectedEOF if later. Nothing of rw is retained.
func Server(rw io.ReadWriter, o Options) (Info, error) {
	b := pool.Get().(*buffers)
	defer pool.Put(b)
	var info Info
	c1 := b.in[1 : 1+packetSize]
	if err := readC0C1(rw, b.in[:1+packetSize], o, &info); err != nil {
		return Info{}, err
	}
	copy(info.Version[:], c1[4:])

	var theirs, ours []byte
	if !o.Simple {
		info.Schema, theirs = findDigest(c1, playerKey[:playerText])
	}
	b.out[0] = version
	s1, s2 := b.out[1:1+packetSize], b.out[1+packetSize:]
	ours = makePacket(s1, info.Schema, serverVersion, serverKey[:serverText])
	if theirs != nil {
		makeAnswer(s2, theirs, serverKey)
	} else {
		// An exact echo: old clients compare all of it, so the time of
		// reading that §5.2.4 allows in bytes 4 to 7 stays out.
		copy(s2, c1)
	}
	if err := write(rw, "s0s1s2", b.out[:]); err != nil {
		return Info{}, err
	}
	c2 := b.in[1+packetSize:]
	if err := readFull(rw, "c2", c2); err != nil {
		return Info{}, err
	}
	// C2 is not a condition: many clients echo S1 or sign wrongly.
	info.Verified = signed(c2, ours, playerKey)
	return info, nil
}

// readC0C1 fills p with C0 and C1 and takes a proxy's header off before them.
func readC0C1(r io.Reader, p []byte, o Options, info *Info) error {
	have, err := io.ReadAtLeast(r, p, 1)
	if err != nil {
		return fmt.Errorf("handshake: read c0: %w", err)
	}
	if o.Proxy && p[0] == proxyMark {
		if have, err = readProxy(r, p, have, info); err != nil {
			return err
		}
	}
	if err := checkVersion("c0", p[0]); err != nil {
		return err
	}
	return readFull(r, "c1", p[have:])
}

// readProxy takes the proxy's header off the first have bytes of p. It leaves
// C0 in p and gives the number of bytes there.
func readProxy(r io.Reader, p []byte, have int, info *Info) (int, error) {
	read := func(n int) error {
		if have >= n {
			return nil
		}
		k, err := io.ReadAtLeast(r, p[have:], n-have)
		have += k
		return readError("proxy header", err)
	}
	if err := read(3); err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint16(p[1:]))
	if size > maxProxy {
		return 0, fmt.Errorf("handshake: proxy header: %d bytes, limit is %d", size, maxProxy)
	}
	if err := read(3 + size + 1); err != nil { // with C0; p is longer than that
		return 0, err
	}
	if size >= 4 {
		info.ProxyIP = netip.AddrFrom4([4]byte(p[3:7]))
	}
	return copy(p, p[3+size:have]), nil
}
