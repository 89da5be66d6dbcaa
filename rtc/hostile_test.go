package rtc_test

import (
	"context"
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

// TestNeverConnects: a session that does not connect ends, and its cause names what was to connect.
func TestNeverConnects(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{Vhost: func(string) rtc.Vhost { return rtc.Vhost{Enabled: true, Timeout: time.Millisecond} }})
	causes := make(chan error, 1)
	r.hub.Observe(func(e stream.Event) {
		if e.Type == stream.EventStop {
			causes <- e.Err
		}
	})
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	p.receive()
	offer := p.offer(nil)
	require.Equal(t, http.StatusCreated, r.post(whep(), offer).status)
	cause := <-causes
	require.ErrorContains(t, cause, "not connected within 1ms: no check came for ufrag")
	require.ErrorContains(t, cause, "candidates: udp "+r.module.Addrs()[0].String())
	require.ErrorContains(t, cause, "of the peer: udp 127.0.0.1:")
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "no check came for ufrag") }, patience, time.Millisecond)
	require.Zero(t, r.sessions())
}

// TestUfragInUse: nobody takes the place of a session by asking for its ufrag, under which it is known.
func TestUfragInUse(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{})
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	p.receive()
	offer := p.offer(nil)
	mine := whep("ice-ufrag=mine", "ice-pwd=0123456789012345678901")
	first := r.post(mine, offer)
	require.Equal(t, http.StatusCreated, first.status, first.body)
	require.Equal(t, http.StatusConflict, r.post(mine, offer).status)
	ufrag, _ := ice(offer)
	other := strings.ReplaceAll(offer, "a=ice-ufrag:"+ufrag, "a=ice-ufrag:other")
	require.Equal(t, http.StatusConflict, r.post(mine, other).status, "of another client")
	require.Equal(t, 1, r.sessions())
	require.Equal(t, http.StatusOK, r.do(http.MethodDelete, first.resource(t), "").status)
	require.Zero(t, r.sessions(), "the first one was found")
}

// TestBearer: gates see the token of WHIP and WHEP, which browsers of other origins may send.
func TestBearer(t *testing.T) {
	t.Parallel()
	r := newRig(t, rtc.Config{})
	r.hub.AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
		if s.Request.Bearer != "ticket" {
			return &stream.DeniedError{Public: "A token is needed.", Unauthorized: true}
		}
		return nil
	}))
	publish, play := r.newPeer(webrtc.NetworkTypeUDP4), r.newPeer(webrtc.NetworkTypeUDP4)
	publish.send(streamtest.H264Opus())
	play.receive()
	for path, offer := range map[string]string{whip(): publish.offer(nil), whep(): play.offer(nil)} {
		post := func(header ...string) answer {
			return r.do(http.MethodPost, path, offer, append(header, "Content-Type", "application/sdp")...)
		}
		a := post()
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Equal(t, "A token is needed.", a.body)
		require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
		require.Equal(t, http.StatusUnauthorized, post("Authorization", "Bearer other").status)
		require.Equal(t, http.StatusUnauthorized, post("Authorization", "Basic ticket").status)
		require.Equal(t, http.StatusCreated, post("Authorization", "bearer ticket").status)
		a = r.do(http.MethodOptions, path, "", "Origin", "https://a.test", "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,content-type")
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "Authorization")
		require.Equal(t, "application/sdp", a.header.Get("Accept-Post"))
	}
	require.NotContains(t, r.log.String(), "ticket")
}
