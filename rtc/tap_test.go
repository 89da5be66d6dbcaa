package rtc_test

import (
	"crypto/tls"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
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
