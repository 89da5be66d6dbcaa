package rtmp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/rtmp/handshake"
	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

// fakeServer runs script on each connection that comes, and gives its URL without app.
// What it accepted is closed when script returns, and at the test's end.
func fakeServer(t *testing.T, script func(*fakeConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
				script(newFakeConn(ctx, nc))
			})
		}
	})
	return "rtmp://" + l.Addr().String()
}

// fakeConn is a server's side of a connection, written as a script. Reads that fail, as
// they do when the client goes, give zero values.
type fakeConn struct {
	net.Conn
	ctx context.Context
	r   *chunk.Reader
	got []chunk.Message
}

func newFakeConn(ctx context.Context, nc net.Conn) *fakeConn {
	return &fakeConn{Conn: nc, ctx: ctx, r: chunk.NewReader(nc, chunk.Options{})}
}

func (f *fakeConn) handshake() bool {
	_, err := handshake.Server(f.Conn, handshake.Options{})
	return err == nil
}

// wait reads up to a command of the name.
func (f *fakeConn) wait(name string) command {
	for {
		m, err := f.r.ReadMessage()
		if err != nil {
			return command{}
		}
		f.got = append(f.got, m)
		if m.Type != chunk.Command0 {
			continue
		}
		if c, err := parseCommand(&m); err == nil && c.name == name {
			return c
		}
	}
}

// control waits for a protocol message of a type and gives its payload.
func (f *fakeConn) control(typ uint8) []byte {
	for {
		m, err := f.r.ReadMessage()
		if err != nil {
			return nil
		}
		if m.Type == typ {
			return m.Payload
		}
	}
}

func (f *fakeConn) say(b []byte) { _, _ = f.Write(b) }

func (f *fakeConn) answer(tid float64, values ...any) {
	f.say(appendCommand(nil, csReply, 0, 0, append([]any{"_result", tid}, values...)...))
}

func (f *fakeConn) refuse(tid float64, code string, more ...amf.Field) {
	f.say(appendCommand(nil, csReply, 0, 0, "_error", tid, nil,
		append(amf.Object{{Name: "level", Value: "error"}, {Name: "code", Value: code}}, more...)))
}

func (f *fakeConn) status(level, code string, more ...amf.Field) {
	f.say(appendStatus(nil, 1, 0, level, code, "words", more...))
}

func (f *fakeConn) message(typ uint8, ts uint32, payload []byte) {
	m := chunk.Message{Header: chunk.Header{Type: typ, ChunkStream: 6, StreamID: 1, Timestamp: ts}, Payload: payload}
	f.say(chunk.AppendMessage(nil, &m, 0))
}

var success = amf.Object{{Name: "level", Value: "status"}, {Name: "code", Value: connectSuccess}}

// connected does the dialogue through createStream and gives connect's object.
func (f *fakeConn) connected(props ...amf.Field) amf.Object {
	if !f.handshake() {
		return nil
	}
	c := f.wait("connect")
	f.answer(c.tid, amf.Object(props), success)
	s := f.wait("createStream")
	f.answer(s.tid, nil, 1.0)
	return c.fields()
}

// publishes does the dialogue with a publisher.
func (f *fakeConn) publishes(props ...amf.Field) command {
	f.connected(props...)
	c := f.wait("publish")
	f.status("status", publishStart)
	return c
}

// plays does the dialogue with a player.
func (f *fakeConn) plays() command {
	f.connected()
	c := f.wait("play")
	f.say(appendEvent(nil, eventStreamBegin, 1))
	f.status("status", "NetStream.Play.Reset")
	f.status("status", playStart)
	return c
}

// idle waits for the client to go, and keeps what it sends.
func (f *fakeConn) idle() {
	for {
		m, err := f.r.ReadMessage()
		if err != nil {
			return
		}
		f.got = append(f.got, m)
	}
}

// packets decodes the media that was received.
func (f *fakeConn) packets() (list []*stream.Packet, err error) {
	var d flv.Decoder
	for _, m := range f.got {
		if m.Type != chunk.Audio && m.Type != chunk.Video && m.Type != chunk.Data0 {
			continue
		}
		list, err = d.Decode(list, m.Type, time.Duration(m.Timestamp)*time.Millisecond, m.Payload)
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// stream sends a clip in chunks of the protocol's default size.
func (f *fakeConn) stream(packets []*stream.Packet) {
	var e Encoder
	b := e.AppendTracks(nil, packets[0].Tracks, packets[0].DTS)
	for _, p := range packets {
		b = e.AppendPacket(b, p)
	}
	f.say(b)
}

// readAll reads a source up to its end.
func readAll(src stream.Source) (list []*stream.Packet, err error) {
	for {
		p, err := src.ReadPacket()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, p)
	}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// writeUntilError keeps publishing until the session's end is told.
func writeUntilError(t *testing.T, dst stream.Sink, p *stream.Packet) error {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if err := dst.WritePacket(p); err != nil {
			return err
		}
	}
	return errors.New("no error in 10 s")
}

// selfSigned gives a certificate for 127.0.0.1 and the pool that trusts it.
func selfSigned(t *testing.T) (*x509.CertPool, tls.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	require.NoError(t, err)
	c, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
