package rtc_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// count gives how many packets came.
func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.bySeq)
}

// last gives the newest packet.
func (a *arrivals) last() *rtp.Packet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bySeq[a.newest]
}

// more waits until n packets of video came besides those that have.
func (g *received) more(t testing.TB, n int) {
	t.Helper()
	a := g.tracks[stream.KindVideo]
	n += a.count()
	require.Eventually(t, func() bool { return a.count() >= n }, patience, 10*time.Millisecond)
}

// TestRoam: media follow a client whose address changes, whether it begins ICE anew or does not know of it, and
// no longer go to where it was.
func TestRoam(t *testing.T) {
	for name, restart := range map[string]bool{"rebound": false, "restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
			relay := r.relay(path{})
			r.publish(clip)
			p := r.newPeer(webrtc.NetworkTypeUDP4)
			got := p.receive()
			p.connect(whep(relay.eip()))
			got.media(t, clip, stream.KindVideo, 10)
			for range 2 {
				relay.move(t)
				if restart {
					a := p.patch()(p.open.resource(t), "*")
					require.Equal(t, http.StatusOK, a.status, a.body)
					p.restarted(a)
				}
				got.more(t, 40)
				before := relay.strays()
				got.more(t, 40)
				require.Equal(t, before, relay.strays())
			}
			require.Equal(t, 2, r.sessions())
		})
	}
}

// TestRoamPublish: likewise for one who publishes.
func TestRoamPublish(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
	relay := r.relay(path{})
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	s := p.send(clip)
	p.connect(whip(relay.eip()))
	s.run(t)
	first := r.record(10)[stream.KindVideo]
	relay.move(t)
	session := r.hub.Stream(liveKey).Publisher()
	was := session.Stats().Bytes
	require.Eventually(t, func() bool { return session.Stats().Bytes > was+40_000 }, patience, 10*time.Millisecond)
	list := r.record(60)[stream.KindVideo]
	require.Greater(t, list[len(list)-1].PTS, first[0].PTS)
	require.Equal(t, session, r.hub.Stream(liveKey).Publisher(), "the same session")
	before := relay.strays()
	r.record(60)
	require.Equal(t, before, relay.strays(), "its reports")
}

// TestFallback: where nothing comes through by UDP, TCP is taken.
func TestFallback(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{ListenTCP: []string{"127.0.0.1:0"}}), streamtest.H264Opus()
	blocked := r.relay(path{loss: 1})
	open := func(path string, p *peer) {
		p.connect(path)
		pair, err := p.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
		require.NoError(t, err)
		require.Equal(t, webrtc.ICEProtocolTCP, pair.Remote.Protocol)
	}
	pub := r.newPeer(webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4)
	s := pub.send(clip)
	open(whip(blocked.eip()), pub)
	s.run(t)
	play := r.newPeer(webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4)
	got := play.receive()
	open(whep(blocked.eip()), play)
	list := got.media(t, clip, stream.KindVideo, 50)
	streamtest.Equal(t, looped(t, clip, stream.KindVideo, 4), list, inOrder)
}
