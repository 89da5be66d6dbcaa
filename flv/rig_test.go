package flv

import (
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
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// rig is a server with the module in this process.
type rig struct {
	srv    *protocol.Server
	module *Module
	hub    *stream.Hub
	addr   string // HTTP
	secure string // HTTPS
	ingest string
}

const serverName = "SRS/6.0.157(Hang)"

func newRig(t testing.TB, cfg Config, change ...func(*protocol.Config)) *rig {
	t.Helper()
	streamtest.CheckLeaks(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	pc := protocol.Config{
		ServerName: serverName,
		HTTP: []protocol.HTTPListener{
			{Name: "http", Listen: []string{"127.0.0.1:0"}},
			{Name: "http", Listen: []string{"127.0.0.1:0"}, TLS: certificate(t)},
		},
		Listeners: map[string]net.Listener{"127.0.0.1:8936": l},
	}
	for _, f := range change {
		f(&pc)
	}
	cfg.Ingest.Listen = []string{"127.0.0.1:8936"}
	r := &rig{module: New(cfg), ingest: l.Addr().String()}
	r.srv = protocol.NewServer(pc, r.module)
	r.hub = r.srv.Hub()
	r.settings(stream.Settings{})
	require.NoError(t, r.srv.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, r.srv.Shutdown(ctx))
		require.Zero(t, r.srv.Panics())
	})
	addrs := r.srv.HTTPAddrs("http")
	r.addr, r.secure = addrs[0].String(), addrs[1].String()
	return r
}

// settings has all streams use s, with short waits.
func (r *rig) settings(s stream.Settings) {
	s.Probe, s.Linger = 100*time.Millisecond, 10*time.Millisecond
	r.hub.SetSettings(func(stream.Key) (stream.Settings, error) { return s, nil })
}

func (r *rig) url(path string) string { return "http://" + r.addr + path }

func certificate(t testing.TB) *tls.Config {
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

// httpClient makes a client without connections left behind.
func httpClient(t testing.TB, http2 bool) *http.Client {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2, DisableKeepAlives: !http2,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t testing.TB, c *http.Client, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	resp, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

var liveKey = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}

// feed publishes a clip in two parts.
type feed struct {
	t    testing.TB
	pub  *stream.Publisher
	all  []*stream.Packet
	next int
}

// publish begins a publication and writes until each track has had a few packets.
func (r *rig) publish(t testing.TB, k stream.Key, clip *streamtest.Clip) *feed {
	t.Helper()
	pub, err := r.hub.Publish(t.Context(), stream.Request{Key: k})
	require.NoError(t, err)
	f := &feed{t: t, pub: pub, all: clip.Packets()}
	t.Cleanup(func() { _ = pub.Close(nil) })
	seen := map[int]int{}
	for few := 0; few < len(f.all[0].Tracks.List); f.write() {
		n := f.all[f.next].Track
		if seen[n]++; seen[n] == 3 {
			few++
		}
	}
	return f
}

func (f *feed) write() {
	require.NoError(f.t, f.pub.WritePacket(f.all[f.next]))
	f.next++
}

// finish writes the rest and ends the publication.
func (f *feed) finish() {
	f.rest()
	_ = f.pub.Close(nil)
}

func (f *feed) rest() {
	for f.next < len(f.all) {
		f.write()
		if f.next%20 == 0 {
			time.Sleep(time.Millisecond) // else frames are left out for viewers that are behind
		}
	}
}

// requirePlayed holds that r is an FLV file with the packets published.
func requirePlayed(t testing.TB, want []*stream.Packet, r io.Reader) {
	t.Helper()
	var got []*stream.Packet
	for p, err := range stream.Packets(NewReader(r)) {
		require.NoError(t, err)
		got = append(got, p)
	}
	_, relayed := want[0].Tracks.List[0].Codec.FLV() // of these the first byte becomes the Config
	streamtest.Equal(t, want, got, streamtest.Compare{Tolerance: time.Millisecond, AnyStart: true, AnyConfig: relayed})
	require.Greater(t, len(got), len(want)-10)
}

// waitFor waits until a condition holds.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 5*time.Second, 2*time.Millisecond, what)
}

func (r *rig) sessions() (n int) {
	for range r.hub.Sessions() {
		n++
	}
	return n
}

func (r *rig) streams() (n int) {
	for range r.hub.Streams() {
		n++
	}
	return n
}
