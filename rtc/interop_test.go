package rtc_test

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestPlay: what is published arrives with another implementation, by every kind of network.
func TestPlay(t *testing.T) {
	for name, x := range map[string]struct {
		cfg     rtc.Config
		network webrtc.NetworkType
	}{
		"UDP":         {rtc.Config{Sockets: 4}, webrtc.NetworkTypeUDP4},
		"IPv6":        {rtc.Config{Candidates: rtc.Candidates{Family: rtc.IPv6}}, webrtc.NetworkTypeUDP6},
		"TCP":         {rtc.Config{ListenTCP: []string{"127.0.0.1:0"}, Candidates: rtc.Candidates{NoUDP: true}}, webrtc.NetworkTypeTCP4},
		"HTTP's port": {rtc.Config{ListenTCP: []string{"web"}, Candidates: rtc.Candidates{NoUDP: true}}, webrtc.NetworkTypeTCP4},
		"RSA":         {rtc.Config{RSA: true}, webrtc.NetworkTypeUDP4},
		"DTLS client": {rtc.Config{Vhost: func(string) rtc.Vhost { return rtc.Vhost{Enabled: true, Active: true} }}, webrtc.NetworkTypeUDP4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, x.cfg), streamtest.H264Opus()
			r.publish(clip)
			p := r.newPeer(x.network)
			got := p.receive()
			p.connect(whep())
			for k, n := range map[stream.Kind]int{stream.KindVideo: 50, stream.KindAudio: 100} {
				streamtest.Equal(t, looped(t, clip, k, 4), got.media(t, clip, k, n), loose)
			}
		})
	}
}

// TestPublish: what another implementation publishes is the stream.
func TestPublish(t *testing.T) {
	for name, x := range map[string]struct {
		cfg     rtc.Config
		network webrtc.NetworkType
	}{
		"UDP":  {rtc.Config{Sockets: 4}, webrtc.NetworkTypeUDP4},
		"IPv6": {rtc.Config{Candidates: rtc.Candidates{Family: rtc.IPv6}}, webrtc.NetworkTypeUDP6},
		"TCP":  {rtc.Config{ListenTCP: []string{"127.0.0.1:0"}, Candidates: rtc.Candidates{NoUDP: true}}, webrtc.NetworkTypeTCP4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, x.cfg), streamtest.H264Opus()
			p := r.newPeer(x.network)
			s := p.send(clip)
			p.connect(whip())
			s.run(t)
			got := r.record(50)
			streamtest.Equal(t, looped(t, clip, stream.KindVideo, 4), got[stream.KindVideo], inOrder)
			require.NotEmpty(t, got[stream.KindAudio])
			require.Equal(t, stream.Opus, got[stream.KindAudio][0].Info().Codec)
		})
	}
}

var credentials = regexp.MustCompile(`(?m)^a=ice-(ufrag|pwd):(\S+)`)

// ice gives the lines of credentials in a description.
func ice(text string) (ufrag, pwd string) {
	for _, m := range credentials.FindAllStringSubmatch(text, -1) {
		if m[1] == "ufrag" {
			ufrag = m[2]
		} else {
			pwd = m[2]
		}
	}
	return ufrag, pwd
}

// patch begins a restart of ICE, and gives what asks a session for it.
func (p *peer) patch() func(path, etag string) answer {
	p.r.t.Helper()
	ufrag, pwd := ice(p.offer(&webrtc.OfferOptions{ICERestart: true}))
	fragment := "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\n"
	return func(path, etag string) answer {
		return p.r.do(http.MethodPatch, path, fragment, "Content-Type", "application/trickle-ice-sdpfrag", "If-Match", etag)
	}
}

// restarted takes what the session answered.
func (p *peer) restarted(a answer) {
	p.r.t.Helper()
	newUfrag, newPwd := ice(a.body)
	oldUfrag, oldPwd := ice(p.open.body)
	require.NotEqual(p.r.t, oldUfrag, newUfrag)
	p.open.body = strings.NewReplacer(oldUfrag, newUfrag, oldPwd, newPwd).Replace(p.open.body)
	require.NoError(p.r.t, p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.open.body}))
}

// TestRestart: a restart of ICE by PATCH leaves media flowing, one for other credentials is refused.
func TestRestart(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
	r.publish(clip)
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	got := p.receive()
	p.connect(whep())
	got.media(t, clip, stream.KindVideo, 10)

	patch := p.patch()
	path := p.open.resource(t)
	require.Equal(t, http.StatusPreconditionFailed, patch(path, `"another"`).status)
	require.Equal(t, http.StatusNotFound, patch(strings.Replace(path, "session=", "session=x", 1), p.open.etag).status)
	require.Equal(t, http.StatusForbidden, patch(strings.Replace(path, "token=", "token=x", 1), p.open.etag).status)

	a := patch(path, p.open.etag)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NotEqual(t, p.open.etag, a.etag)
	require.Equal(t, http.StatusPreconditionFailed, patch(path, p.open.etag).status, "the tag of before")
	p.restarted(a)
	n := len(got.tracks[stream.KindVideo].run())
	more := got.media(t, clip, stream.KindVideo, n/2+50) // beyond what came before
	streamtest.Equal(t, looped(t, clip, stream.KindVideo, 8), more, loose)
}

// TestDelete: DELETE with the session's token ends it.
func TestDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{})
	r.publish(streamtest.H264Opus())
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	got := p.receive()
	p.connect(whep())
	path := p.open.resource(t)
	require.Equal(t, http.StatusForbidden, r.do(http.MethodDelete, strings.Replace(path, "token=", "token=x", 1), "").status)
	got.media(t, streamtest.H264Opus(), stream.KindVideo, 10)
	require.Equal(t, http.StatusOK, r.do(http.MethodDelete, path, "").status)
	require.Equal(t, 1, r.sessions(), "the publisher's")
	p.await(webrtc.PeerConnectionStateDisconnected) // nobody answers any more
	require.Equal(t, http.StatusOK, r.do(http.MethodDelete, path, "").status, "again")
}

// TestKick: a kicked session ends at the client, too, and the stream is free.
func TestKick(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	s := p.send(clip)
	p.connect(whip())
	s.run(t)
	r.record(5)
	r.hub.Stream(liveKey).Publisher().Kick(stream.ErrKicked)
	p.await(webrtc.PeerConnectionStateDisconnected)
	r.publish(clip)
}

// TestRepublish: a player goes on with the next publisher, on one timeline.
func TestRepublish(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
	stop := r.publish(clip)
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	got := p.receive()
	p.connect(whep())
	before := len(got.media(t, clip, stream.KindVideo, 10))
	stop()
	stop = r.publish(clip)
	list := got.media(t, clip, stream.KindVideo, before+60)
	for i := range list[1:] {
		require.Less(t, list[i].PTS, list[i+1].PTS, "access unit %d", i+1)
	}
	packets := got.tracks[stream.KindVideo].run()
	require.Equal(t, packets[0].SSRC, packets[len(packets)-1].SSRC)

	// And with one that codes otherwise, after a pause.
	stop()
	time.Sleep(500 * time.Millisecond)
	other := streamtest.H264Resize()
	r.publish(other)
	want := looped(t, other, stream.KindVideo, 8)
	want = want[slices.IndexFunc(want, func(p *stream.Packet) bool { return p.Tracks != want[0].Tracks }):] // the other size
	list = got.media(t, clip, stream.KindVideo, len(list)+80)
	at := slices.IndexFunc(list, func(p *stream.Packet) bool { return bytes.Equal(p.Payload, want[0].Payload) })
	require.Positive(t, at)
	streamtest.Equal(t, want, list[at:], loose)
}
