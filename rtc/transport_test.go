package rtc_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun"
	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc"
	peers "github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestTap: what a publisher sends is copied, decrypted, RTP and RTCP.
func TestTap(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer pc.Close()
	r, clip := newRig(t, rtc.Config{Tap: pc.LocalAddr().String()}), streamtest.H264Opus()
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	s := p.send(clip)
	p.connect(whip())
	s.run(t)
	require.NoError(t, pc.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 2000)
	var media, report bool
	for !media || !report {
		n, _, err := pc.ReadFrom(b)
		require.NoError(t, err, "media %v, report %v", media, report)
		if b[1] >= 192 && b[1] < 224 { // RTCP (RFC 5761 4)
			list, err := rtcp.Unmarshal(b[:n])
			require.NoError(t, err)
			_, ok := list[0].(*rtcp.SenderReport)
			report = report || ok
			continue
		}
		_, err = new(rtp.Header).Unmarshal(b[:n])
		require.NoError(t, err)
		media = true
	}
}

// TestBadConfig: what cannot be used is told at the start.
func TestBadConfig(t *testing.T) {
	for want, cfg := range map[string]rtc.Config{
		"rtc: tap: ":           {Tap: "nowhere"},
		"certificate: there":   {Certificate: &tls.Certificate{}},
		"certificate: the key": {Certificate: &tls.Certificate{Certificate: [][]byte{{1}}}},
	} {
		cfg.Listen = []string{"127.0.0.1:0"}
		s := protocol.NewServer(protocol.Config{}, rtc.New(cfg))
		require.ErrorContains(t, s.Start(t.Context()), want)
	}
}

// TestSTUN: the address by which a STUN server sees the module is a candidate.
func TestSTUN(t *testing.T) {
	t.Parallel()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer pc.Close()
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			q := &stun.Message{Raw: b[:n]}
			if q.Decode() != nil {
				continue
			}
			port := from.(*net.UDPAddr).Port
			a, err := stun.Build(stun.NewTransactionIDSetter(q.TransactionID), stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(203, 0, 113, 9), Port: port ^ 1})
			if err == nil {
				_, _ = pc.WriteTo(a.Raw, from)
			}
		}
	}()
	r := newRig(t, rtc.Config{Sockets: 2, Candidates: rtc.Candidates{STUN: []string{"[2001:db8::1]:3478", pc.LocalAddr().String()}}})
	r.publish(streamtest.H264Opus())
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	p.receive()
	offer := p.offer(nil)
	port := r.module.Addrs()[0].(*net.UDPAddr).Port
	want := fmt.Sprintf("udp 2130706431 203.0.113.9 %d typ host", port^1)
	require.Eventually(t, func() bool { return strings.Contains(r.post(whep(), offer).body, want) }, patience, 10*time.Millisecond)
}

var fingerprint = regexp.MustCompile(`a=fingerprint:(\S+ \S+)`)

// TestCertificate: clients are told the fingerprint of the one that is configured, whoever starts.
func TestCertificate(t *testing.T) {
	t.Parallel()
	c, err := peers.NewCertificate(true)
	require.NoError(t, err)
	seen := map[string]bool{}
	for range 2 {
		r := newRig(t, rtc.Config{Certificate: c})
		r.publish(streamtest.H264Opus())
		p := r.newPeer(webrtc.NetworkTypeUDP4)
		p.receive()
		p.connect(whep())
		m := fingerprint.FindStringSubmatch(p.open.body)
		require.NotNil(t, m, p.open.body)
		seen[m[1]] = true
	}
	require.Len(t, seen, 1)
}
