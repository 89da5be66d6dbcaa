package handshake

import (
	"fmt"
	"io"
)

// Client does the client's side on a connection just made. It sends C0 and C1
// in one Write, with a digest unless o.Simple is set, and takes whatever kind
// of answer the server gives: with a digest in either schema, which C2 then
// signs, or without, which C2 echoes. Info tells which it was.
//
// It reads all of S0, S1 and S2 before it sends C2. Errors wrap those of rw;
// nothing of rw is retained.
func Client(rw io.ReadWriter, o Options) (Info, error) {
	schema := o.Schema
	switch {
	case o.Simple:
		schema = 0
	case schema == 0:
		schema = Schema1
	case schema > Schema1:
		return Info{}, fmt.Errorf("handshake: client: unknown schema %d", schema)
	}
	b := pool.Get().(*buffers)
	defer pool.Put(b)
	var info Info
	b.out[0] = version
	c1, c2 := b.out[1:1+packetSize], b.out[1+packetSize:]
	ours := makePacket(c1, schema, playerVersion, playerKey[:playerText])
	if err := write(rw, "c0c1", b.out[:1+packetSize]); err != nil {
		return Info{}, err
	}
	if err := readFull(rw, "s0", b.in[:1]); err != nil {
		return Info{}, err
	}
	if err := checkVersion("s0", b.in[0]); err != nil {
		return Info{}, err
	}
	if err := readFull(rw, "s1s2", b.in[1:]); err != nil {
		return Info{}, err
	}
	s1, s2 := b.in[1:1+packetSize], b.in[1+packetSize:]
	copy(info.Version[:], s1[4:])
	var theirs []byte
	if !o.Simple {
		info.Schema, theirs = findDigest(s1, serverKey[:serverText])
		info.Verified = signed(s2, ours, serverKey)
	}
	if theirs != nil {
		makeAnswer(c2, theirs, playerKey)
	} else {
		copy(c2, s1) // §5.2.4
	}
	if err := write(rw, "c2", c2); err != nil {
		return Info{}, err
	}
	return info, nil
}
