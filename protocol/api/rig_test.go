package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// patience is how long a test waits for anything.
const patience = 30 * time.Second

// rig is a server with RTMP, HTTP-FLV and the API.
type rig struct {
	*protocol.Server
	rtmp, http, api string // host:port
}

func newRig(t testing.TB, cfg api.Config) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := protocol.NewServer(protocol.Config{
		ServerName: "test/1.2.3",
		HTTP:       []protocol.HTTPListener{{Name: "api", Listen: []string{"127.0.0.1:0"}}, {Name: "http", Listen: []string{"127.0.0.1:0"}}},
		Listeners:  map[string]net.Listener{"rtmp": l},
	}, rtmp.New(rtmp.Config{Listen: []string{"rtmp"}}), flv.New(flv.Config{}), api.New(cfg))
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return &rig{s, l.Addr().String(), s.HTTPAddrs("http")[0].String(), s.HTTPAddrs("api")[0].String()}
}

// client follows no redirects.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       patience,
}

// do sends a request to the API, or to a whole URL.
func (r *rig) do(t testing.TB, method, url string, body io.Reader) (*http.Response, string) {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "http://" + r.api + url
	}
	q, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	res, err := client.Do(q)
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res, string(b)
}

func (r *rig) get(t testing.TB, url string) string {
	t.Helper()
	_, body := r.do(t, http.MethodGet, url, nil)
	return body
}

// getInto decodes an answer, whose code has to be 0.
func (r *rig) getInto(t testing.TB, url string, into any) {
	t.Helper()
	body := r.get(t, url)
	require.True(t, strings.HasPrefix(body, `{"code":0,`), "%s: %s", url, body)
	require.NoError(t, json.Unmarshal([]byte(body), into), "%s", body)
}

// code gives the code of an answer, which has to be JSON.
func (r *rig) code(t testing.TB, method, url string) int {
	t.Helper()
	_, body := r.do(t, method, url, nil)
	var x struct{ Code *int }
	require.NoError(t, json.Unmarshal([]byte(body), &x), "%s", body)
	require.NotNil(t, x.Code, "%s", body)
	return *x.Code
}

// publish publishes a clip over RTMP in its time, again and again, until the test ends. The
// channel gives why it ended.
func (r *rig) publish(t testing.TB, name string) <-chan error {
	t.Helper()
	pub, err := rtmp.DialPublish(t.Context(), "rtmp://"+r.rtmp+"/live/"+name, nil)
	require.NoError(t, err)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		done <- streamtest.Publish(ctx, pub, streamtest.H264AAC().Loop(0), 1)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
		_ = pub.Close()
	})
	return done
}

// play plays a stream over RTMP until the test ends. The channel gives why it ended.
func (r *rig) play(t testing.TB, name string) <-chan error {
	t.Helper()
	p, err := rtmp.DialPlay(t.Context(), "rtmp://"+r.rtmp+"/live/"+name, nil)
	require.NoError(t, err)
	done, finished := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(finished)
		for {
			if _, err := p.ReadPacket(); err != nil {
				done <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.Close()
		<-finished
	})
	return done
}

// playFLV plays a stream over HTTP until the test ends. The channel gives why it ended.
func (r *rig) playFLV(t testing.TB, name string) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.http+"/live/"+name+".flv?k=planted", nil)
	require.NoError(t, err)
	q.Header.Set("Referer", "http://page.test/")
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(q)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	done, finished := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(finished)
		_, err := io.Copy(io.Discard, res.Body)
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
		_ = res.Body.Close()
	})
	return done
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(end), what)
	}
}

func await(t testing.TB, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatal(what)
		return nil
	}
}

// view has a client that lasts until the test ends.
func view(t testing.TB, h *stream.Hub, r stream.Request) *stream.Session {
	t.Helper()
	s, err := h.View(t.Context(), r)
	require.NoError(t, err)
	t.Cleanup(func() { h.EndView(s, nil) })
	return s
}
