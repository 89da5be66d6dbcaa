package handshake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// both runs the two sides against each other and checks that neither reads
// what comes after the handshake.
func both(t *testing.T, client, server Options, prefix []byte) (c, s Info) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	done := make(chan error, 1)
	go func() {
		defer b.Close()
		info, err := Server(b, server)
		s = info
		if err == nil {
			_, err = io.CopyN(b, b, 4)
		}
		done <- err
	}()
	if len(prefix) > 0 {
		_, err := a.Write(prefix)
		require.NoError(t, err)
	}
	c, err := Client(a, client)
	require.NoError(t, err)
	_, err = a.Write([]byte("next"))
	require.NoError(t, err)
	next := make([]byte, 4)
	_, err = io.ReadFull(a, next)
	require.NoError(t, err)
	require.Equal(t, "next", string(next))
	require.NoError(t, <-done)
	return c, s
}

func TestMatrix(t *testing.T) {
	for _, c := range []struct {
		client, server Options
		schema         Schema
	}{
		{Options{}, Options{}, Schema1},
		{Options{Schema: Schema0}, Options{}, Schema0},
		{Options{Schema: Schema1}, Options{}, Schema1},
		{Options{Simple: true}, Options{}, 0},
		{Options{}, Options{Simple: true}, 0},
		{Options{Schema: Schema0}, Options{Simple: true}, 0},
		{Options{Simple: true}, Options{Simple: true}, 0},
	} {
		t.Run(fmt.Sprintf("%v-%v-%v", c.client.Schema, c.client.Simple, c.server.Simple), func(t *testing.T) {
			client, server := both(t, c.client, c.server, nil)
			require.Equal(t, c.schema, client.Schema)
			require.Equal(t, c.schema, server.Schema)
			require.Equal(t, c.schema != 0, client.Verified)
			require.Equal(t, c.schema != 0, server.Verified)
			require.Equal(t, c.schema != 0, client.Version == serverVersion)
			require.Equal(t, !c.client.Simple, server.Version == playerVersion)
		})
	}
}

func TestProxy(t *testing.T) {
	for _, c := range []struct {
		header string
		ip     netip.Addr
	}{
		{"f300047f000001", netip.MustParseAddr("127.0.0.1")},
		{"f3000601020304aaaa", netip.MustParseAddr("1.2.3.4")},
		{"f30002aaaa", netip.Addr{}},
		{"f30000", netip.Addr{}},
		{"f3040001020304" + hex.EncodeToString(make([]byte, 1020)), netip.MustParseAddr("1.2.3.4")},
	} {
		_, s := both(t, Options{}, Options{Proxy: true}, unhex(t, c.header))
		require.Equal(t, c.ip, s.ProxyIP)
		require.True(t, s.Verified)
	}
	_, s := both(t, Options{}, Options{Proxy: true}, nil)
	require.False(t, s.ProxyIP.IsValid())
}

// conn gives fixed input and keeps the output.
type conn struct {
	io.Reader
	out bytes.Buffer
}

func (c *conn) Write(p []byte) (int, error) { return c.out.Write(p) }

var refused = []struct {
	name, in string
	o        Options
	text     string
}{
	{"nothing", "", Options{}, "handshake: read c0: EOF"},
	{"rtmpe", "06", Options{}, "handshake: c0: version 6: RTMPE"},
	{"rtmpe 8", "08", Options{}, "handshake: c0: version 8: RTMPE"},
	{"http", "474554202f", Options{}, "handshake: c0: version 71: not RTMP"},
	{"short c1", "0300", Options{}, "handshake: read c1: unexpected EOF"},
	{"proxy not wanted", "f3000403", Options{}, "version 243"},
	{"proxy too long", "f30401", Options{Proxy: true}, "handshake: proxy header: 1025 bytes, limit is 1024"},
	{"proxy cut", "f300", Options{Proxy: true}, "handshake: read proxy header: unexpected EOF"},
	{"proxy cut later", "f3000401", Options{Proxy: true}, "handshake: read proxy header: unexpected EOF"},
	{"proxy, then rtmpe", "f3000006", Options{Proxy: true}, "version 6: RTMPE"},
	{"proxy twice", "f30000f3", Options{Proxy: true}, "version 243"},
}

func TestServerRefuses(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			in := &conn{Reader: bytes.NewReader(unhex(t, c.in))}
			info, err := Server(in, c.o)
			require.ErrorContains(t, err, c.text)
			require.Zero(t, info)
			require.Zero(t, in.out.Len())
		})
	}
}

// The version is judged by the first byte: a port scanner need not send 1536.
func TestServerRefusesAtOnce(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go a.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	_, err := Server(b, Options{})
	require.ErrorContains(t, err, "version 71")
}

func TestServerInPieces(t *testing.T) {
	for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
		for _, schema := range []Schema{0, Schema0, Schema1} {
			in := append([]byte{proxyMark, 0, 4, 1, 2, 3, 4}, c0c1(schema)...)
			in = append(in, make([]byte, packetSize)...)
			c := &conn{Reader: wrap(bytes.NewReader(in))}
			info, err := Server(c, Options{Proxy: true})
			require.NoError(t, err)
			require.Equal(t, schema, info.Schema)
			require.False(t, info.Verified)
			require.Equal(t, 1+2*packetSize, c.out.Len())
		}
	}
}

func TestServerEchoes(t *testing.T) {
	in := c0c1(0)
	c := &conn{Reader: io.MultiReader(bytes.NewReader(in), bytes.NewReader(make([]byte, packetSize)))}
	_, err := Server(c, Options{})
	require.NoError(t, err)
	out := c.out.Bytes()
	require.EqualValues(t, version, out[0])
	require.Equal(t, make([]byte, 4), out[5:9])
	require.Equal(t, in[1:], out[1+packetSize:])
}

func c0c1(s Schema) []byte {
	b := make([]byte, 1+packetSize)
	b[0] = version
	makePacket(b[1:], s, playerVersion, playerKey[:playerText])
	return b
}

// The digests again, put together by hand from offsets that are written out.
func TestDigests(t *testing.T) {
	mac := func(key string, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, []byte(key))
		h.Write(bytes.Join(parts, nil))
		return h.Sum(nil)
	}
	for _, c := range []struct {
		schema  Schema
		offset  [4]byte
		at, pos int // of the offset and of the digest
	}{
		{Schema0, [4]byte{0, 0, 0, 0}, 772, 776},
		{Schema0, [4]byte{255, 255, 217, 0}, 772, 776 + 727},
		{Schema0, [4]byte{255, 255, 218, 0}, 772, 776},
		{Schema1, [4]byte{0, 0, 0, 0}, 8, 12},
		{Schema1, [4]byte{1, 2, 3, 4}, 8, 22},
		{Schema1, [4]byte{255, 255, 255, 255}, 8, 12 + 292},
	} {
		p := bytes.Repeat([]byte{0xff, 0xfe, 3}, packetSize/3)
		copy(p[c.at:], c.offset[:])
		require.Equal(t, c.pos, digestAt(p, c.schema))
		digest := mac("Genuine Adobe Flash Player 001", p[:c.pos], p[c.pos+32:])
		copy(p[c.pos:], digest)

		in := &conn{Reader: io.MultiReader(bytes.NewReader([]byte{3}), bytes.NewReader(p),
			bytes.NewReader(make([]byte, packetSize)))}
		info, err := Server(in, Options{})
		require.NoError(t, err)
		require.Equal(t, c.schema, info.Schema)
		s2 := in.out.Bytes()[1+packetSize:]
		key := mac("Genuine Adobe Flash Media Server 001"+keyTail, digest)
		require.Equal(t, mac(string(key), s2[:1504]), s2[1504:])

		p[100]++
		got, _ := findDigest(p, playerKey[:playerText])
		require.Zero(t, got, "one bit changed")
	}
	require.Len(t, playerKey, 62)
	require.Len(t, serverKey, 68)
	require.Equal(t, unhex(t, "f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae"), playerKey[playerText:])
}

func TestClientErrors(t *testing.T) {
	_, err := Client(&conn{Reader: bytes.NewReader(nil)}, Options{Schema: 3})
	require.ErrorContains(t, err, "unknown schema 3")
	for in, text := range map[string]string{
		"":     "handshake: read s0: unexpected EOF",
		"06":   "handshake: s0: version 6: RTMPE",
		"48":   "handshake: s0: version 72: not RTMP",
		"0300": "handshake: read s1s2: unexpected EOF",
	} {
		_, err := Client(&conn{Reader: bytes.NewReader(unhex(t, in))}, Options{})
		require.ErrorContains(t, err, text)
	}
}

// full is a connection that takes a number of writes.
type full struct {
	io.Reader
	writes int
}

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	if f.writes--; f.writes < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	in := append(c0c1(Schema1), make([]byte, packetSize)...)
	_, err := Server(&full{bytes.NewReader(in), 0}, Options{})
	require.ErrorIs(t, err, errFull)
	_, err = Server(&full{bytes.NewReader(in[:len(in)-1]), 1}, Options{})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	for n := range 2 {
		_, err = Client(&full{bytes.NewReader(in), n}, Options{})
		require.ErrorIs(t, err, errFull)
	}
}

func TestNames(t *testing.T) {
	require.Equal(t, "simple schema0 schema1 Schema(7)", fmt.Sprint(Schema(0), Schema0, Schema1, Schema(7)))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func FuzzServer(f *testing.F) {
	for _, c := range refused {
		f.Add(unhex(f, c.in), c.o.Proxy, c.o.Simple)
	}
	for _, s := range []Schema{0, Schema0, Schema1} {
		f.Add(append(c0c1(s), make([]byte, packetSize)...), false, false)
	}
	f.Fuzz(func(t *testing.T, in []byte, proxy, simple bool) {
		r := bytes.NewReader(in)
		c := &conn{Reader: r}
		info, err := Server(c, Options{Proxy: proxy, Simple: simple})
		used := len(in) - r.Len()
		switch {
		case used > 3+maxProxy+1+2*packetSize:
			t.Fatalf("read %d bytes", used)
		case err != nil && info != Info{}:
			t.Fatal("an error and an answer")
		case err == nil && (used < 1+2*packetSize || c.out.Len() != 1+2*packetSize):
			t.Fatalf("read %d bytes, wrote %d", used, c.out.Len())
		}
	})
}

func FuzzClient(f *testing.F) {
	for _, c := range refused {
		f.Add(unhex(f, c.in), uint8(0), false)
	}
	f.Add(append(c0c1(Schema1), make([]byte, packetSize)...), uint8(1), true)
	f.Fuzz(func(t *testing.T, in []byte, schema uint8, simple bool) {
		r := bytes.NewReader(in)
		c := &conn{Reader: r}
		_, err := Client(c, Options{Schema: Schema(schema), Simple: simple})
		if used := len(in) - r.Len(); err == nil && (used != 1+2*packetSize || c.out.Len() != used) {
			t.Fatalf("read %d bytes, wrote %d", used, c.out.Len())
		}
	})
}

func BenchmarkServer(b *testing.B) {
	in := append(c0c1(Schema1), make([]byte, packetSize)...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Server(&full{bytes.NewReader(in), 1}, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
