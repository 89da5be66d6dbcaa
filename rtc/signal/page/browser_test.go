//go:build unix

package page_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/signal"
	"github.com/srsgo/srs/rtc/signal/page"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// relay gives what one peer publishes to those who play, by an implementation of WebRTC that is not ours.
type relay struct {
	api *webrtc.API

	mu     sync.Mutex
	offer  string // the body of the request that is served
	tracks []webrtc.TrackLocal
	peers  map[string]*webrtc.PeerConnection
	asked  []*signal.Request
}

func newRelay(t *testing.T) *relay {
	m := &webrtc.MediaEngine{}
	require.NoError(t, m.RegisterDefaultCodecs())
	s := webrtc.SettingEngine{}
	s.SetIncludeLoopbackCandidate(true)
	r := &relay{api: webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s)), peers: map[string]*webrtc.PeerConnection{}}
	t.Cleanup(r.closeAll)
	return r
}

func (r *relay) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pc := range r.peers {
		_ = pc.Close()
	}
}

func (r *relay) Open(_ context.Context, req *signal.Request) (*signal.Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pc, err := r.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	id := fmt.Sprint(len(r.peers), ":", req.Offer.Ufrag)
	r.peers[id] = pc
	r.asked = append(r.asked, req)
	if req.Publish {
		pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { r.forward(pc, t) })
	} else {
		for _, t := range r.tracks {
			if _, err := pc.AddTrack(t); err != nil {
				return nil, err
			}
		}
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: r.offer}); err != nil {
		return nil, err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return nil, err
	}
	<-gathered
	return &signal.Session{ID: id, Token: "t", ETag: "e", Answer: pc.LocalDescription().SDP}, nil
}

// forward copies a track, and asks for key frames on the way.
func (r *relay) forward(pc *webrtc.PeerConnection, from *webrtc.TrackRemote) {
	to, err := webrtc.NewTrackLocalStaticRTP(from.Codec().RTPCodecCapability, from.Kind().String(), "relay")
	if err != nil {
		return
	}
	r.mu.Lock()
	r.tracks = append(r.tracks, to)
	r.mu.Unlock()
	for n := 0; ; n++ {
		p, _, err := from.ReadRTP()
		if err != nil {
			return
		}
		if n%30 == 0 && from.Kind() == webrtc.RTPCodecTypeVideo {
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(from.SSRC())}})
		}
		_ = to.WriteRTP(p)
	}
}

func (r *relay) Patch(context.Context, *signal.Patch) (*signal.Restarted, error) {
	return nil, stream.ErrUnsupported
}

func (r *relay) Close(_ context.Context, id, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	pc := r.peers[id]
	if pc == nil {
		return stream.ErrNotFound
	}
	delete(r.peers, id)
	return pc.Close()
}

func (r *relay) sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.peers)
}

// serve keeps the text of offers, which the other implementation reads by itself.
func (r *relay) serve(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		if strings.HasPrefix(string(b), "v=") {
			r.mu.Lock()
			r.offer = string(b)
			r.mu.Unlock()
		}
		q.Body = io.NopCloser(bytes.NewReader(b))
		h.ServeHTTP(w, q)
	})
}

// figures are what the page shows.
type figures struct {
	State        string
	Video, Audio struct {
		Codec                  string
		Packets, Frames, Width int
	}
	Rows int
}

func look(b *streamtest.Browser) (f figures, err error) {
	err = b.Eval(`({...figures, state: $('state').value, rows: $('stats').rows.length})`, &f)
	return f, err
}

func await(t *testing.T, b *streamtest.Browser, what string, ok func(figures) bool) {
	t.Helper()
	var f figures
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var err error
		if f, err = look(b); err == nil && ok(f) {
			return
		}
		require.NotContains(t, f.State, "failed")
	}
	t.Fatalf("%s: last seen: %+v", what, f)
}

// awaitTone listens to what the page plays until it hears something.
func awaitTone(t *testing.T, b *streamtest.Browser) {
	t.Helper()
	require.Eventually(t, func() bool {
		var loudest float64
		return b.Eval(`(() => {
			if (!globalThis.ear) {
				const c = new AudioContext();
				globalThis.ear = c.createAnalyser();
				c.createMediaStreamSource($('video').srcObject).connect(ear);
			}
			const a = new Float32Array(ear.fftSize);
			ear.getFloatTimeDomainData(a);
			return Math.max(...a);
		})()`, &loudest) == nil && loudest > 0.01
	}, time.Minute, 100*time.Millisecond, "sound")
}

// TestBrowser publishes the test picture with one browser and plays it with another.
func TestBrowser(t *testing.T) {
	publisher, player := streamtest.StartBrowser(t), streamtest.StartBrowser(t)
	r := newRelay(t)
	mux := http.NewServeMux()
	mux.Handle(signal.Prefix, r.serve(signal.New(signal.Config{Server: r, Identity: protocol.Identity{}})))
	mux.Handle("/players/", page.Handler())
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)

	publisher.Open(s.URL + "/players/whip.html?stream=%3Cb%3Ex&source=canvas&autostart=true")
	await(t, publisher, "publishing", func(f figures) bool { return f.Video.Frames > 0 && f.Audio.Packets > 0 && f.Rows >= 2 })
	player.Open(s.URL + "/players/whep.html?stream=%3Cb%3Ex&autostart=true")
	await(t, player, "playing", func(f figures) bool {
		return f.Video.Frames > 10 && f.Video.Width == 640 && f.Audio.Packets > 10 && f.Audio.Codec == "opus"
	})
	awaitTone(t, player)
	r.mu.Lock()
	require.True(t, slices.ContainsFunc(r.asked, func(q *signal.Request) bool { return q.Publish && q.Stream == "<b>x" }))
	require.True(t, slices.ContainsFunc(r.asked, func(q *signal.Request) bool { return !q.Publish && q.Stream == "<b>x" }))
	r.mu.Unlock()

	var done bool
	require.NoError(t, player.Eval(`($('stop').click(), true)`, &done))
	require.Eventually(t, func() bool { return r.sessions() == 1 }, time.Minute, 10*time.Millisecond)
}

// TestAutostart: a link cannot have a camera's picture sent to another server.
func TestAutostart(t *testing.T) {
	b := streamtest.StartBrowser(t)
	s := httptest.NewServer(page.Handler())
	t.Cleanup(s.Close)
	for query, state := range map[string]string{"url=http://127.0.0.1:1/&autostart=true": "ready", "autostart=true": "failed"} {
		b.Open(s.URL + "/players/whip.html?" + query)
		var got string
		require.Eventually(t, func() bool {
			return b.Eval(`document.readyState === 'complete' && location.search === '?`+query+`' ? $('state').value : ''`, &got) == nil &&
				strings.HasPrefix(got, state)
		}, time.Minute, 50*time.Millisecond, query)
	}
}
