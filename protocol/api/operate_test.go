package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// operated is a server with the module alone, that is asked without sockets.
type operated struct {
	srv    *protocol.Server
	module *Module
	log    *textLog
}

// textLog keeps what is logged.
type textLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *textLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *textLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func operate(t testing.TB, cfg Config, change ...func(*protocol.Config)) *operated {
	t.Helper()
	o := &operated{module: New(cfg), log: &textLog{}}
	pc := protocol.Config{ServerID: "vid-1234567", Logger: slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range change {
		f(&pc)
	}
	o.srv = protocol.NewServer(pc, o.module)
	require.NoError(t, o.srv.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, o.srv.Shutdown(ctx))
	})
	return o
}

// with changes a request.
type with func(*http.Request)

func from(remote string) with { return func(r *http.Request) { r.RemoteAddr = remote } }
func host(name string) with   { return func(r *http.Request) { r.Host = name } }
func header(k, v string) with { return func(r *http.Request) { r.Header.Set(k, v) } }
func bearer(t string) with    { return header("Authorization", "Bearer "+t) }
func basic(u, p string) with  { return func(r *http.Request) { r.SetBasicAuth(u, p) } }

const (
	local = "127.0.0.1:40000"
	far   = "203.0.113.9:40000"
)

// ask sends a request to the listeners of a name, from this machine unless changed.
func (o *operated) ask(method, target string, changes ...with) *httptest.ResponseRecorder {
	return o.askAt("api", method, target, changes...)
}

func (o *operated) askAt(listener, method, target string, changes ...with) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = local, "127.0.0.1:1985"
	for _, f := range changes {
		f(r)
	}
	w := httptest.NewRecorder()
	o.srv.Handler(listener).ServeHTTP(w, r)
	return w
}

// publish publishes a stream until the test ends, or the returned publisher is closed.
func (o *operated) publish(t testing.TB, key stream.Key) *stream.Publisher {
	t.Helper()
	p, err := o.srv.Hub().Publish(t.Context(), stream.Request{Key: key, Protocol: "rtmp", Type: "fmle-publish",
		Remote: "192.0.2.7:5000", Param: "?secret=planted"})
	require.NoError(t, err)
	return p
}

// jwt makes a token signed with HS256, or with none.
func jwt(secret string, claims map[string]any) string {
	alg := "HS256"
	if secret == "" {
		alg = "none"
	}
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	s := part(map[string]string{"alg": alg, "typ": "JWT"}) + "." + part(claims)
	if secret == "" {
		return s + "."
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(s))
	return s + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func inAnHour() int64 { return time.Now().Add(time.Hour).Unix() }
