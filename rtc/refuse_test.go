package rtc_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestBusy: a second publisher is told so, by WHIP and by SRS's API, and leaves the first alone.
func TestBusy(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
	r.publish(clip)
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	p.send(clip)
	offer := p.offer(nil)
	a := r.post(whip(), offer)
	require.Equal(t, http.StatusConflict, a.status, a.body)
	a = r.api("publish", offer)
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, `{"code":400}`, a.body)
	require.Equal(t, 1, r.sessions())
	require.NotNil(t, r.hub.Stream(liveKey).Publisher())
}

// TestRefused: whom a gate, a vhost or the bridge's settings refuse gets 403, and leaves nothing behind.
func TestRefused(t *testing.T) {
	vhost := func(v rtc.Vhost) rtc.Config { return rtc.Config{Vhost: func(string) rtc.Vhost { return v }} }
	for name, x := range map[string]struct {
		cfg          rtc.Config
		gate         error
		path, api    string
		status, left int
		text         string
	}{
		"gate, play":       {gate: &stream.DeniedError{Public: "no ticket", Err: errors.New("secret")}, path: whep(), api: "play", status: 403, text: "no ticket"},
		"gate, publish":    {gate: &stream.DeniedError{Err: errors.New("secret")}, path: whip("app=other"), api: "publish", status: 403, text: "Forbidden"},
		"disabled":         {cfg: vhost(rtc.Vhost{}), path: whep(), api: "play", status: 403, text: "disabled"},
		"disabled publish": {cfg: vhost(rtc.Vhost{}), path: whip(), api: "publish", status: 403, text: "disabled"},
		"no bridge":        {cfg: vhost(rtc.Vhost{Enabled: true, NoBridge: true}), path: whep(), api: "play", status: 403, text: "not bridged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, x.cfg), streamtest.H264Opus()
			if strings.HasSuffix(x.api, "play") {
				r.publish(clip)
			}
			before := r.sessions()
			if x.gate != nil {
				r.hub.AddGate(stream.GateFunc(func(context.Context, *stream.Session) error { return x.gate }))
			}
			p := r.newPeer(webrtc.NetworkTypeUDP4)
			if x.api == "publish" {
				p.send(clip)
			} else {
				p.receive()
			}
			offer := p.offer(nil)
			a := r.post(x.path, offer)
			require.Equal(t, x.status, a.status, a.body)
			require.Contains(t, a.body, x.text)
			require.NotContains(t, a.body, "secret")
			a = r.api(x.api, offer)
			require.JSONEq(t, `{"code":400}`, a.body)
			require.Equal(t, before, r.sessions())
		})
	}
}

// TestFull: more sessions than there may be are refused, and one that ends makes room.
func TestFull(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{MaxSessions: 1})
	r.publish(streamtest.H264Opus())
	offer := func() string {
		p := r.newPeer(webrtc.NetworkTypeUDP4)
		p.receive()
		return p.offer(nil)
	}
	first := r.post(whep(), offer())
	require.Equal(t, http.StatusCreated, first.status, first.body)
	full := r.post(whep(), offer())
	require.Equal(t, http.StatusServiceUnavailable, full.status)
	require.NotEmpty(t, full.header.Get("Retry-After"))
	require.Equal(t, 2, r.sessions(), "the publisher and the first")
	require.Equal(t, http.StatusOK, r.do(http.MethodDelete, first.resource(t), "").status)
	a := r.post(whep(), offer())
	require.Equal(t, http.StatusCreated, a.status, a.body)
}

// TestBadOffers: what is no offer is refused with what is wrong, and leaves no session.
func TestBadOffers(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{})
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	p.receive()
	good := p.offer(nil)
	noise := make([]byte, 4000)
	for i := range noise {
		noise[i] = byte(rand.New(rand.NewPCG(uint64(i), 1)).Uint32())
	}
	for name, x := range map[string]struct {
		offer  string
		status int
	}{
		"empty":          {"", 400},
		"noise":          {string(noise), 400},
		"no media":       {good[:strings.Index(good, "m=")], 422},
		"no fingerprint": {strings.ReplaceAll(good, "a=fingerprint:", "a=x:"), 0},
		"no ICE":         {strings.ReplaceAll(good, "a=ice-", "a=x-"), 0},
		"too long":       {good + strings.Repeat("a=x\r\n", 20_000), 413},
		"unknown codecs": {strings.NewReplacer("VP8", "X", "VP9", "X", "H264", "X", "AV1", "X", "opus", "X", "PCM", "X", "G722", "X", "H265", "X").Replace(good), 422},
	} {
		a := r.post(whep(), x.offer)
		if x.status != 0 {
			require.Equal(t, x.status, a.status, "%s: %s", name, a.body)
		}
		require.True(t, a.status >= 400 && a.status < 500, "%s: %d %s", name, a.status, a.body)
		require.JSONEq(t, `{"code":400}`, r.api("play", strings.NewReplacer("\\", "", "\"", "", "\x00", "").Replace(strings.ToValidUTF8(x.offer, ""))).body, name)
	}
	require.Zero(t, r.sessions())
}

// TestRubbish: datagrams and connections that make no sense harm nobody who plays.
func TestRubbish(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{ListenTCP: []string{"127.0.0.1:0"}}), streamtest.H264Opus()
	r.publish(clip)
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	got := p.receive()
	p.connect(whep())
	before := len(got.media(t, clip, stream.KindVideo, 5))

	seeded := rand.New(rand.NewPCG(1, 2))
	c, err := net.Dial("udp", r.module.Addrs()[0].String())
	require.NoError(t, err)
	defer c.Close()
	firsts := []byte{0, 1, 20, 22, 23, 63, 64, 128, 129, 144, 191, 192, 255} // STUN, DTLS, RTP, RTCP and what is none
	for i := range 5000 {
		b := make([]byte, seeded.IntN(1400))
		for k := range b {
			b[k] = byte(seeded.Uint32())
		}
		if len(b) > 20 {
			b[0] = firsts[i%len(firsts)]
			if i%3 == 0 { // nearly STUN
				copy(b, []byte{0, 1, byte(len(b) - 20>>8), byte(len(b) - 20), 0x21, 0x12, 0xa4, 0x42})
			}
		}
		_, _ = c.Write(b) // one that is refused is no harm either
	}
	tcp := p.open.body[strings.Index(p.open.body, " tcp "):]
	port := strings.Fields(tcp)[3]
	for range 50 {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		require.NoError(t, err)
		b := make([]byte, 3000)
		for k := range b {
			b[k] = byte(seeded.Uint32())
		}
		_, _ = c.Write(b)
		_ = c.Close()
	}
	list := got.media(t, clip, stream.KindVideo, before+25)
	streamtest.Equal(t, looped(t, clip, stream.KindVideo, 8), list, loose)
}

// TestShutdown: a server that stops ends those who play and those who publish.
func TestShutdown(t *testing.T) {
	streamtest.CheckLeaks(t)
	r, clip := newRig(t, rtc.Config{ListenTCP: []string{"127.0.0.1:0"}}), streamtest.H264Opus()
	pub := r.newPeer(webrtc.NetworkTypeUDP4)
	s := pub.send(clip)
	pub.connect(whip())
	s.run(t)
	r.record(5)
	play := r.newPeer(webrtc.NetworkTypeTCP4)
	got := play.receive()
	play.connect(whep())
	got.media(t, clip, stream.KindVideo, 5)
	waiting := r.newPeer(webrtc.NetworkTypeUDP4) // has an answer, and never comes
	waiting.receive()
	require.Equal(t, http.StatusCreated, r.post(whep(), waiting.offer(nil)).status)
	require.Equal(t, 3, r.sessions())
	r.stop()
	r.stop = func() {}
	require.Zero(t, r.sessions())
	play.await(webrtc.PeerConnectionStateDisconnected)
	pub.await(webrtc.PeerConnectionStateDisconnected)
}

// TestKickedAtOnce: a session that is kicked while it is opened ends, whatever stage it has reached.
func TestKickedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{})
	r.hub.Observe(func(e stream.Event) {
		if e.Type == stream.EventPlay {
			e.Session.Kick(stream.ErrKicked)
		}
	})
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	p.receive()
	offer := p.offer(nil)
	for range 200 {
		r.post(whep(), offer)
	}
	require.Eventually(t, func() bool { return r.sessions() == 0 }, patience, 10*time.Millisecond)
}
