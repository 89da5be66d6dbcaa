package rtc_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

const patience = 30 * time.Second

var liveKey = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "livestream"}

// rig is a server with a Module, which answers at base.
type rig struct {
	t      testing.TB
	server *protocol.Server
	module *rtc.Module
	hub    *stream.Hub
	base   string
	log    *logged
	asked  atomic.Int64 // key frames of publish
	client *http.Client
	stop   func()
}

// logged is what the server has logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newRig starts a server; the zero value of cfg listens on 127.0.0.1 alone.
func newRig(t testing.TB, cfg rtc.Config) *rig {
	t.Helper()
	host := "127.0.0.1"
	if cfg.Candidates.Family == rtc.IPv6 {
		host = "[::1]"
	}
	if cfg.Listen == nil {
		cfg.Listen = []string{host + ":0"}
	}
	cfg.Candidates.NoInterfaces = true
	r := &rig{t: t, module: rtc.New(cfg), log: &logged{}, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}}
	l, err := net.Listen("tcp", host+":0")
	require.NoError(t, err)
	r.server = protocol.NewServer(protocol.Config{
		HTTP:      []protocol.HTTPListener{{Name: "http", Listen: []string{"web"}}},
		Listeners: map[string]net.Listener{"web": l},
		Logger:    slog.New(slog.NewTextHandler(r.log, nil)),
	}, r.module)
	r.hub = r.server.Hub()
	require.NoError(t, r.server.Start(t.Context()))
	r.base = "http://" + r.server.HTTPAddrs("http")[0].String()
	r.stop = func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, r.server.Shutdown(ctx))
		require.Zero(t, r.server.Panics())
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// publish publishes a clip over and over, at the pace of its time, until the test ends or stop is called.
func (r *rig) publish(clip *streamtest.Clip) (stop func()) {
	r.t.Helper()
	pub, err := r.hub.Publish(r.t.Context(), stream.Request{Key: liveKey, Protocol: "rtmp"})
	require.NoError(r.t, err)
	pub.OnKeyFrameRequest(func() { r.asked.Add(1) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = streamtest.Publish(ctx, pub, clip.Loop(0), 1)
	}()
	stop = func() {
		cancel()
		<-done
		_ = pub.Close(nil)
	}
	r.t.Cleanup(stop)
	return stop
}

// answer is what signalling said.
type answer struct {
	status         int
	body, location string
	etag           string
	header         http.Header
}

// do sends a request to signalling; header is pairs.
func (r *rig) do(method, path, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, strings.NewReader(body))
	require.NoError(r.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return answer{resp.StatusCode, string(b), resp.Header.Get("Location"), resp.Header.Get("ETag"), resp.Header}
}

// post opens a session by WHIP or WHEP.
func (r *rig) post(path, offer string) answer {
	r.t.Helper()
	return r.do(http.MethodPost, path, offer, "Content-Type", "application/sdp")
}

// peer is a client that is not ours.
type peer struct {
	*webrtc.PeerConnection
	r     *rig
	open  answer
	state chan webrtc.PeerConnectionState
}

// newPeer makes a client that talks by some kinds of network.
func (r *rig) newPeer(networks ...webrtc.NetworkType) *peer {
	r.t.Helper()
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetInterfaceFilter(func(name string) bool { return strings.HasPrefix(name, "lo") })
	e.SetNetworkTypes(networks)
	e.SetICETimeouts(3*time.Second, patience, 200*time.Millisecond)
	if slices.Contains(networks, webrtc.NetworkTypeUDP6) { // pion's own search passes ::1 over
		pc, err := net.ListenPacket("udp6", "[::1]:0")
		require.NoError(r.t, err)
		e.SetICEUDPMux(webrtc.NewICEUDPMux(nil, pc))
		r.t.Cleanup(func() { _ = pc.Close() })
	}
	var m webrtc.MediaEngine
	require.NoError(r.t, m.RegisterDefaultCodecs())
	var i interceptor.Registry
	require.NoError(r.t, webrtc.RegisterDefaultInterceptors(&m, &i))
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e), webrtc.WithMediaEngine(&m), webrtc.WithInterceptorRegistry(&i)).NewPeerConnection(webrtc.Configuration{})
	require.NoError(r.t, err)
	p := &peer{PeerConnection: pc, r: r, state: make(chan webrtc.PeerConnectionState, 16)}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		select {
		case p.state <- s:
		default:
		}
	})
	r.t.Cleanup(func() { _ = pc.GracefulClose() })
	return p
}

// offer makes a description with the client's candidates.
func (p *peer) offer(o *webrtc.OfferOptions) string {
	p.r.t.Helper()
	offer, err := p.CreateOffer(o)
	require.NoError(p.r.t, err)
	gathered := webrtc.GatheringCompletePromise(p.PeerConnection)
	require.NoError(p.r.t, p.SetLocalDescription(offer))
	<-gathered
	return p.LocalDescription().SDP
}

// connect opens a session, and waits until media can flow.
func (p *peer) connect(path string) {
	p.r.t.Helper()
	p.open = p.r.post(path, p.offer(nil))
	require.Equal(p.r.t, http.StatusCreated, p.open.status, p.open.body)
	require.NoError(p.r.t, p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.open.body}))
	p.await(webrtc.PeerConnectionStateConnected)
}

// await waits for a state.
func (p *peer) await(want webrtc.PeerConnectionState) {
	p.r.t.Helper()
	end := time.After(patience)
	for {
		select {
		case s := <-p.state:
			if s == want {
				return
			}
		case <-end:
			require.FailNow(p.r.t, "the state does not come", "%v, is %v", want, p.ConnectionState())
		}
	}
}

// tracks of a player's; the ones that a section is asked for.
func (p *peer) receive() *received {
	p.r.t.Helper()
	got := &received{tracks: map[stream.Kind]*arrivals{stream.KindVideo: {}, stream.KindAudio: {}}}
	for kind := range got.tracks {
		k := webrtc.RTPCodecTypeVideo
		if kind == stream.KindAudio {
			k = webrtc.RTPCodecTypeAudio
		}
		_, err := p.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		require.NoError(p.r.t, err)
	}
	p.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		kind := stream.KindVideo
		if t.Kind() == webrtc.RTPCodecTypeAudio {
			kind = stream.KindAudio
		}
		a := got.tracks[kind]
		for {
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			a.add(p)
		}
	})
	return got
}

// whep and whip are the endpoints of the test's stream; query goes behind it.
func whep(query ...string) string { return endpoint("whep", query) }
func whip(query ...string) string { return endpoint("whip", query) }

func endpoint(name string, query []string) string {
	return "/rtc/v1/" + name + "/?" + strings.Join(append([]string{"app=live", "stream=livestream"}, query...), "&")
}

// api opens a session by SRS's API, and gives what it answers.
func (r *rig) api(action, offer string) answer {
	r.t.Helper()
	q := func(s string) string { return cmp.Or(s, "") }
	var b bytes.Buffer
	b.WriteString(`{"streamurl":"webrtc://` + strings.TrimPrefix(r.base, "http://") + `/live/livestream","sdp":"`)
	b.WriteString(strings.ReplaceAll(q(offer), "\r\n", `\r\n`) + `"}`)
	return r.do(http.MethodPost, "/rtc/v1/"+action+"/", b.String(), "Content-Type", "application/json")
}

// resource is the path of a session.
func (a answer) resource(t testing.TB) string {
	u, err := url.Parse(a.location)
	require.NoError(t, err)
	return u.RequestURI()
}

// sessions counts those of the hub.
func (r *rig) sessions() (n int) {
	for range r.hub.Sessions() {
		n++
	}
	return n
}
