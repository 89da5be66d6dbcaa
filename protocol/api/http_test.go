package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/stream"
)

// TestAnswers is what SRS 6 answers, down to the status, the type and the length.
func TestAnswers(t *testing.T) {
	r := newRig(t, api.Config{Root: true, Version: "6.0.157"})
	const jsonType, textType = "application/json", "text/plain; charset=utf-8"
	for _, x := range []struct {
		request  string
		status   int
		kind     string
		body     string // begins so
		location string
	}{
		{"GET /api/v1/vhosts/nosuch", 200, jsonType, `{"code":2014}`, ""},
		{"GET /api/v1/streams/nosuch", 200, jsonType, `{"code":2048}`, ""},
		{"GET /api/v1/clients/nosuch", 200, jsonType, `{"code":2049}`, ""},
		{"DELETE /api/v1/clients/", 200, jsonType, `{"code":2049}`, ""},
		{"DELETE /api/v1/clients/nosuch", 200, jsonType, `{"code":2049}`, ""},
		{"PUT /api/v1/clients/x", 405, textType, "Method Not Allowed", ""},
		{"DELETE /api/v1/streams/x", 405, textType, "Method Not Allowed", ""},
		{"DELETE /api/v1/vhosts/x", 405, textType, "Method Not Allowed", ""},
		{"GET /api/v1/reload", 405, textType, "Method Not Allowed", ""},
		{"GET /api/v1/raw", 200, jsonType, `{"code":1061}`, ""},
		{"POST /api/v1/raw", 200, jsonType, `{"code":1061}`, ""},
		{"GET /api/v1/raw?rpc=reload", 200, jsonType, `{"code":1061}`, ""},
		{"POST /api/v1/reload", 200, jsonType, `{"code":1061}`, ""},
		{"GET /api/v1/dvr/", 200, jsonType, `{"code":1061}`, ""},
		{"GET /api/v1/tests/errors", 200, jsonType, `{"code":100}`, ""},
		{"GET /api/v1/tests/redirects", 301, textType, "Redirect to /api/v1/tests/errors", "/api/v1/tests/errors"},
		{"GET /api/v1/tests/redirects?a=1", 301, textType, "Redirect to /api/v1/tests/errors?a=1", "/api/v1/tests/errors?a=1"},
		{"GET /api/v1/clients", 302, textType, "Redirect to /api/v1/clients/", "/api/v1/clients/"},
		{"GET /api/v1/clients?start=3", 302, textType, "Redirect to /api/v1/clients/?start=3", "/api/v1/clients/?start=3"},
		{"GET /api/v1", 302, textType, "Redirect to /api/v1/", "/api/v1/"},
		{"GET /api", 302, textType, "Redirect to /api/", "/api/"},
		{"GET /console/", 404, textType, "Not Found", ""},
		{"GET /api/v1/perf", 200, jsonType, `{"code":0,"server":"`, ""},
		{"GET /foo/bar", 200, jsonType, `{"code":0,"server":"`, ""},
		{"POST /gb/v1/publish/", 200, jsonType, `{"code":0,"server":"`, ""},
		{"GET /api/v1/x..y", 400, textType, "Bad Request", ""},
		{"GET /api/v1/versions?callback=fn(1)", 400, textType, "Bad Request", ""},
		{"GET /api/v1/clients/nosuch?callback=fn1&method=DELETE", 200, "text/javascript", `fn1({"code":2049})`, ""},
		{"GET /api/v1/clients/nosuch?callback=a.b-c_1&method=PATCH", 200, "text/javascript", `a.b-c_1({"code":2049})`, ""},
		{"GET /api/v1/streams/?callback=f&method=POST", 405, textType, "Method Not Allowed", ""},
		{"GET /api/v1/versions?callback=", 200, jsonType, `{"code":0,"server":"`, ""},
	} {
		method, path, _ := strings.Cut(x.request, " ")
		res, body := r.do(t, method, path, nil)
		require.Equal(t, x.status, res.StatusCode, x.request)
		require.Equal(t, x.kind, res.Header.Get("Content-Type"), x.request)
		require.Equal(t, x.location, res.Header.Get("Location"), x.request)
		require.Equal(t, strconv.Itoa(len(body)), res.Header.Get("Content-Length"), x.request)
		require.Equal(t, "test/1.2.3", res.Header.Get("Server"))
		if strings.HasSuffix(x.body, `"`) {
			require.True(t, strings.HasPrefix(body, x.body), "%s: %s", x.request, body)
		} else {
			require.Equal(t, x.body, body, x.request)
		}
	}
	body := r.get(t, "/api/v1/versions?callback=fn1")
	id := r.Identity()
	require.Equal(t, `fn1({"code":0,"server":"`+id.Server+`","service":"`+id.Service+`","pid":"`+strconv.Itoa(id.PID)+
		`","data":{"major":6,"minor":0,"revision":157,"version":"6.0.157"}})`, body)
	require.Equal(t, "fn1("+r.get(t, "http://"+r.http+"/api/v1/versions")+")", body, "the streaming port has it too")
}

// TestMethods is SRS's table of methods other than GET.
func TestMethods(t *testing.T) {
	r := newRig(t, api.Config{})
	for _, method := range []string{"HEAD", "POST", "PUT", "DELETE"} {
		for _, path := range []string{"versions", "summaries", "raw", "clients/", "streams/", "vhosts/"} {
			want := http.StatusOK
			if strings.HasSuffix(path, "/") && (method != "DELETE" || path != "clients/") {
				want = http.StatusMethodNotAllowed
			}
			res, body := r.do(t, method, "/api/v1/"+path, nil)
			require.Equal(t, want, res.StatusCode, "%s %s", method, path)
			if method == "HEAD" {
				require.Empty(t, body)
				require.Positive(t, res.ContentLength, path)
			}
		}
	}
}

// TestSharedPort: where files own "/", only what is below /api/ is the API's.
func TestSharedPort(t *testing.T) {
	r := newRig(t, api.Config{})
	for path, status := range map[string]int{"/": 404, "/nosuch": 404, "/api/": 200, "/api/v1/": 200, "/api/v1/nosuch": 200} {
		res, _ := r.do(t, http.MethodGet, path, nil)
		require.Equal(t, status, res.StatusCode, path)
	}
}

// TestOptions: cross-origin requests are let in, as the listener says.
func TestOptions(t *testing.T) {
	r := newRig(t, api.Config{})
	q, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+r.api+"/api/v1/clients/x", nil)
	require.NoError(t, err)
	q.Header.Set("Origin", "http://console.test")
	res, err := client.Do(q)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Methods"))
	require.Equal(t, "0", res.Header.Get("Content-Length"))
}

// TestKeepAlive: a connection serves many requests, also those with a body that nobody reads.
func TestKeepAlive(t *testing.T) {
	r := newRig(t, api.Config{})
	c, err := net.Dial("tcp", r.api)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	in := bufio.NewReader(c)
	for i := range 20 {
		_, err := io.WriteString(c, "GET /api/v1/summaries HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")
		require.NoError(t, err)
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err, "request %d", i)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.Empty(t, res.Header.Values("Connection"))
	}
}

// TestHugeBody: a body beyond the bound ends the connection, and no more than a part of it is read.
func TestHugeBody(t *testing.T) {
	r := newRig(t, api.Config{})
	c, err := net.Dial("tcp", r.api)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, "POST /api/v1/clusters HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	chunk := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
	sent := 0
	for ; err == nil; sent += len(chunk) {
		_, err = io.WriteString(c, chunk)
	}
	var late net.Error
	require.False(t, errors.As(err, &late) && late.Timeout(), "the server holds on to it after %d bytes", sent)
	require.Positive(t, sent)
}

// pipes is a listener whose connections are in memory, where time may be a test's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1985} }

// TestSlowClient: who sends no body, or takes no answer, is cut off.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := make(pipes)
		s := protocol.NewServer(protocol.Config{}, api.New(api.Config{}))
		require.NoError(t, s.Start(t.Context()))
		web := &http.Server{Handler: s.Handler("api")}
		served := make(chan error, 1)
		go func() { served <- web.Serve(l) }()
		for _, request := range []string{
			"POST /api/v1/clusters HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", // no body
			"GET /api/v1/ HTTP/1.1\r\nHost: localhost\r\n\r\n",                                  // does not read
		} {
			near, far := net.Pipe()
			l <- far
			start := time.Now()
			_, err := io.WriteString(near, request)
			require.NoError(t, err)
			if strings.HasPrefix(request, "GET") {
				time.Sleep(time.Minute)
			}
			_, err = io.Copy(io.Discard, near)
			require.NoError(t, err)
			require.LessOrEqual(t, time.Since(start), time.Minute)
		}
		close(l)
		require.ErrorIs(t, <-served, net.ErrClosed)
		require.NoError(t, web.Close())
		require.NoError(t, s.Shutdown(context.Background()))
	})
}

// fakeRaw answers with what it was asked.
type fakeRaw struct {
	body any
	code int
	got  url.Values
}

func (f *fakeRaw) Call(_ context.Context, q url.Values) (any, int) {
	f.got = q
	return f.body, f.code
}

func TestRaw(t *testing.T) {
	raw := &fakeRaw{}
	r := newRig(t, api.Config{Raw: raw})
	for want, x := range map[string]fakeRaw{
		`{"code":0}`:                          {},
		`{"code":1062}`:                       {body: map[string]int{"a": 1}, code: 1062},
		`{"code":0,"data":{"err":0}}`:         {body: map[string]any{"data": map[string]int{"err": 0}}},
		`{"code":0,"a":"\u003cscript\u003e"}`: {body: map[string]string{"a": "<script>"}},
	} {
		raw.body, raw.code = x.body, x.code
		require.Equal(t, want, r.get(t, "/api/v1/raw?rpc=query&scope=vhost&vhost=a%26b"))
		require.Equal(t, url.Values{"rpc": {"query"}, "scope": {"vhost"}, "vhost": {"a&b"}}, raw.got)
	}
	raw.body, raw.code = struct{}{}, 0
	require.Equal(t, `{"code":0}`, r.get(t, "/api/v1/raw"))
}

func TestReloadEndpoint(t *testing.T) {
	var report api.ReloadReport
	var failed error
	r := newRig(t, api.Config{Reload: func(ctx context.Context) (api.ReloadReport, error) {
		if _, ok := ctx.Deadline(); ok || ctx.Done() != nil {
			return api.ReloadReport{}, errors.New("it would end with the request")
		}
		return report, failed
	}})
	ask := func() string {
		_, body := r.do(t, http.MethodPost, "/api/v1/reload", nil)
		return body
	}
	require.Regexp(t, `^{"code":0,"server":.*,"data":{"applied":\[\],"needs_restart":\[\],"ignored":\[\],"errors":\[\]}}$`, ask())
	report = api.ReloadReport{Applied: []string{"vhost.v.play.mw_latency"}, NeedsRestart: []string{"listen"}, Ignored: []string{"hls"}}
	require.Regexp(t, `^{"code":0,.*"applied":\["vhost.v.play.mw_latency"\],"needs_restart":\["listen"\],"ignored":\["hls"\],"errors":\[\]}}$`, ask())
	report, failed = api.ReloadReport{}, errors.New("srs.conf:3: on_publish http://user:planted@host/?token=planted")
	require.Regexp(t, `^{"code":1023,.*"errors":\["srs.conf:3: on_publish http://\*\*\*@host/\?token=\*\*\*"\]}}$`, ask())
	report.Errors = []string{"srs.conf:1: a", "srs.conf:2: b"}
	require.Regexp(t, `^{"code":1023,.*"errors":\["srs.conf:1: a","srs.conf:2: b"\]}}$`, ask())
}

// fakeRecorder remembers what is recorded.
type fakeRecorder struct {
	list []api.Recording
	cuts int
	err  error
}

func (f *fakeRecorder) Recordings() []api.Recording { return f.list }

func (f *fakeRecorder) Record(_ context.Context, k stream.Key) error {
	if len(f.list) > 0 {
		return stream.ErrBusy
	}
	f.list = append(f.list, api.Recording{Key: k, File: "/rec/" + k.Name + ".flv", Start: time.Now(), Bytes: 17, Duration: time.Second})
	return f.err
}

func (f *fakeRecorder) Stop(context.Context, stream.Key) error {
	if len(f.list) == 0 {
		return stream.ErrNotFound
	}
	f.list = nil
	return nil
}

func (f *fakeRecorder) Cut(context.Context, stream.Key) error { f.cuts++; return nil }

func TestRecorder(t *testing.T) {
	rec := &fakeRecorder{}
	r := newRig(t, api.Config{Recorder: rec})
	pub, err := r.Hub().Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "d"}})
	require.NoError(t, err)
	defer pub.Close(nil)
	one := "/api/v1/dvr/" + r.Identity().StreamID(pub.Request.Key)
	require.Regexp(t, `"recordings":\[\]}$`, r.get(t, "/api/v1/dvr/"))
	require.Equal(t, 3054, r.code(t, http.MethodDelete, one))
	require.Equal(t, 0, r.code(t, http.MethodPost, one))
	require.Equal(t, 1028, r.code(t, http.MethodPost, one))
	require.Regexp(t, `"recordings":\[{"vhost":"vid-.{7}","stream":"vid-.{7}","url":"/live/d","file":"/rec/d.flv","alive":\d+\.\d\d,"bytes":17,"duration_ms":1000}\]}$`,
		r.get(t, "/api/v1/dvr/"))
	require.Equal(t, 0, r.code(t, http.MethodPost, one+"?action=cut"))
	require.Equal(t, 1, rec.cuts)
	require.Equal(t, 0, r.code(t, http.MethodDelete, one))
	rec.err = errors.New("disk full")
	require.Equal(t, 3053, r.code(t, http.MethodPost, one))
	require.Equal(t, 2048, r.code(t, http.MethodPost, "/api/v1/dvr/nosuch"))
	for request, status := range map[string]int{"PUT " + one: 405, "GET " + one: 405, "DELETE /api/v1/dvr/": 405, "POST " + one + "?action=x": 400} {
		method, path, _ := strings.Cut(request, " ")
		res, _ := r.do(t, method, path, nil)
		require.Equal(t, status, res.StatusCode, request)
	}
}

// TestRoutes: an application's own paths, which a reload may serve in another way.
func TestRoutes(t *testing.T) {
	say := func(s string) api.Config {
		return api.Config{Routes: map[string]http.Handler{"/api/v1/own/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, s+r.URL.Path)
		})}}
	}
	listen := []protocol.HTTPListener{{Name: "api", Listen: []string{"127.0.0.1:0"}}}
	cfg := protocol.Config{HTTP: listen}
	m := api.New(say("a"))
	s := protocol.NewServer(cfg, m)
	require.NoError(t, s.Start(t.Context()))
	defer func() { require.NoError(t, s.Shutdown(context.Background())) }()
	r := &rig{Server: s, api: s.HTTPAddrs("api")[0].String()}
	require.Equal(t, "a/api/v1/own/x", r.get(t, "/api/v1/own/x"))
	require.NoError(t, s.Reload(t.Context(), cfg, api.New(say("b"))))
	require.Same(t, m, s.Modules()[0], "it was reloaded in place")
	require.Equal(t, "b/api/v1/own/x", r.get(t, "/api/v1/own/x"))

	require.NoError(t, s.Reload(t.Context(), cfg, api.New(api.Config{Root: true})))
	require.NotSame(t, m, s.Modules()[0], "routes have changed")
	eventually(t, "the old routes are there", func() bool {
		return strings.Contains(r.get(t, "/api/v1/own/x"), `"versions":`) && strings.Contains(r.get(t, "/own"), `"api":`)
	})
}
