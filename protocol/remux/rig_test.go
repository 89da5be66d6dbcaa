package remux_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/remux"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// rig is a server that plays all formats.
type rig struct {
	hub    *stream.Hub
	addr   string
	secure string // with TLS
	names  int    // of streams so far
}

func newRig(t *testing.T, x flv.Remux, more ...protocol.Module) *rig {
	t.Helper()
	streamtest.CheckLeaks(t)
	x.Enabled = true
	x.Mounts = []string{"[vhost]/[app]/[stream].ts", "[vhost]/[app]/[stream].mp4", "[vhost]/[app]/[stream].aac", "[vhost]/[app]/[stream].mp3"}
	srv := protocol.NewServer(protocol.Config{ServerName: "SRS/6.0.157(Hang)", HTTP: []protocol.HTTPListener{
		{Name: "http", Listen: []string{"127.0.0.1:0"}},
		{Name: "http", Listen: []string{"127.0.0.1:0"}, TLS: certificate(t)},
	}}, append(more, flv.New(flv.Config{Formats: remux.Formats(), Vhost: func(string) flv.Remux { return x }}))...)
	srv.Hub().SetSettings(func(stream.Key) (stream.Settings, error) {
		return stream.Settings{Probe: 100 * time.Millisecond, Linger: 10 * time.Millisecond}, nil
	})
	require.NoError(t, srv.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, srv.Shutdown(ctx))
		require.Zero(t, srv.Panics())
	})
	addrs := srv.HTTPAddrs("http")
	return &rig{hub: srv.Hub(), addr: addrs[0].String(), secure: addrs[1].String()}
}

func certificate(t *testing.T) *tls.Config {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func (r *rig) publish(t *testing.T, name string) *stream.Publisher {
	t.Helper()
	p, err := r.hub.Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(nil) })
	return p
}

// play gives what a viewer of a whole clip gets, which joins once its first packets are there.
func (r *rig) play(t *testing.T, clip *streamtest.Clip, ext string, open opener) []byte {
	t.Helper()
	r.names++
	name := strconv.Itoa(r.names)
	p := r.publish(t, name)
	all := clip.Packets()
	next, seen := 0, map[int]bool{}
	for ; len(seen) < len(all[0].Tracks.List) || next < 5; next++ {
		seen[all[next].Track] = true
		require.NoError(t, p.WritePacket(all[next]))
	}
	body := open(t, r, "/live/"+name+ext)
	defer body.Close()
	b := make([]byte, 64<<10)
	n, err := body.Read(b) // it plays
	require.NoError(t, err)
	got := make(chan []byte)
	go func() { rest, _ := io.ReadAll(body); got <- append(b[:n], rest...) }()
	for ; next < len(all); next++ {
		require.NoError(t, p.WritePacket(all[next]))
		if next%20 == 0 {
			time.Sleep(time.Millisecond) // else frames are left out for viewers that are behind
		}
	}
	require.NoError(t, p.Close(nil))
	return <-got
}

// opener asks for a path, and gives the media that come.
type opener func(t *testing.T, r *rig, path string) io.ReadCloser

// over1 asks over HTTP/1.1, over2 over HTTP/2.
func over1(t *testing.T, r *rig, path string) io.ReadCloser {
	return fetch(t, &http.Transport{}, "http://"+r.addr+path)
}

func overTLS(t *testing.T, r *rig, path string) io.ReadCloser {
	return fetch(t, &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, "https://"+r.secure+path)
}

func over2(t *testing.T, r *rig, path string) io.ReadCloser {
	return fetch(t, &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}, "https://"+r.secure+path)
}

func fetch(t *testing.T, tr *http.Transport, url string) io.ReadCloser {
	t.Helper()
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := tr.RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	if tr.ForceAttemptHTTP2 {
		require.Equal(t, 2, resp.ProtoMajor)
	}
	return resp.Body
}

// over0 asks over HTTP/1.0.
func over0(t *testing.T, r *rig, path string) io.ReadCloser {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	require.NoError(t, err)
	_, err = io.WriteString(c, "GET "+path+" HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	in := bufio.NewReader(c)
	for line := ""; line != "\r\n"; {
		line, err = in.ReadString('\n')
		require.NoError(t, err)
		require.NotContains(t, line, "chunked")
	}
	return struct {
		io.Reader
		io.Closer
	}{in, c}
}

func overWebSocket(t *testing.T, r *rig, path string) io.ReadCloser {
	return socket(t, "ws://"+r.addr+path)
}

func overWebSocketTLS(t *testing.T, r *rig, path string) io.ReadCloser {
	return socket(t, "wss://"+r.secure+path)
}

// socket gives the contents of the messages.
func socket(t *testing.T, url string) io.ReadCloser {
	t.Helper()
	d := ws.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	conn, br, _, err := d.Dial(t.Context(), url)
	require.NoError(t, err)
	m := &messages{in: conn, Closer: conn}
	if br != nil {
		m.in = br // it reads on from conn
	}
	return m
}

type messages struct {
	in io.Reader
	io.Closer
	left bytes.Reader
	code ws.StatusCode // of the end
}

func (m *messages) Read(p []byte) (int, error) {
	for m.left.Len() == 0 {
		f, err := ws.ReadFrame(m.in)
		if err != nil {
			return 0, err
		}
		if f.Header.OpCode == ws.OpClose {
			m.code, _ = ws.ParseCloseFrameData(f.Payload)
			return 0, io.EOF
		}
		m.left.Reset(f.Payload)
	}
	return m.left.Read(p)
}
