package dash_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/dash"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// patience is how long a test waits for what must come.
const patience = time.Minute

var key = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}

// rig is a server with the module under test.
type rig struct {
	t      testing.TB
	server *protocol.Server
	module *dash.Module
	url    string
}

func newRig(t testing.TB, cfg dash.Config, others ...protocol.Module) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &rig{t: t, module: dash.New(cfg), url: "http://" + l.Addr().String()}
	r.server = protocol.NewServer(protocol.Config{
		HTTP:      []protocol.HTTPListener{{Name: "http", Listen: []string{"here"}}},
		Listeners: map[string]net.Listener{"here": l},
	}, append([]protocol.Module{r.module}, others...)...)
	require.NoError(t, r.server.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, r.server.Shutdown(ctx))
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

// vhost is a configuration of one vhost.
func vhost(v dash.Vhost) dash.Config {
	v.Enabled = true
	return dash.Config{Vhost: func(string) dash.Vhost { return v }}
}

func (r *rig) publish(k stream.Key) *stream.Publisher {
	r.t.Helper()
	p, err := r.server.Hub().Publish(context.Background(), stream.Request{Key: k, Protocol: "test"})
	require.NoError(r.t, err)
	return p
}

// live publishes a clip at its speed until stop is called.
func (r *rig) live(k stream.Key, clip *streamtest.Clip) (stop func()) {
	r.t.Helper()
	return r.play(k, clip, 1)
}

// play publishes a clip, so many times as fast as it is, until stop is called.
func (r *rig) play(k stream.Key, clip *streamtest.Clip, speed float64) (stop func()) {
	r.t.Helper()
	p := r.publish(k)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = streamtest.Publish(ctx, p, clip.Loop(0), speed)
		_ = p.Close(nil)
	}()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			<-done
		}
	}
	r.t.Cleanup(stop)
	return stop
}

// get fetches a path, whatever the answer.
func (r *rig) get(path string, header ...string) (*http.Response, []byte) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	require.NoError(r.t, err)
	q.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(q)
	require.NoError(r.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return res, body
}

// await fetches a path until it is there and ok.
func (r *rig) await(path string, ok func(body string) bool) string {
	r.t.Helper()
	var body []byte
	var res *http.Response
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if res, body = r.get(path); res.StatusCode == http.StatusOK && (ok == nil || ok(string(body))) {
			return string(body)
		}
	}
	r.t.Fatalf("GET %s: not within %v; last: %s\n%s", path, patience, res.Status, body)
	return ""
}
