//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtmp"
)

// callee is an application's callback server.
type callee struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []map[string]any
	answer func(w http.ResponseWriter, action, stream string)
}

func startCallee(t *testing.T) *callee {
	c := &callee{answer: func(w http.ResponseWriter, _, _ string) { _, _ = io.WriteString(w, "0") }}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		c.calls = append(c.calls, body)
		answer := c.answer
		c.mu.Unlock()
		name, _ := body["stream"].(string)
		action, _ := body["action"].(string) // a heartbeat has none
		answer(w, action, name)
	}))
	t.Cleanup(c.Close)
	return c
}

// hooks is the block of a configuration.
func (c *callee) hooks(more string) string {
	text := "http_hooks { enabled on; " + more
	for _, name := range []string{"on_connect", "on_close", "on_publish", "on_unpublish", "on_play", "on_stop"} {
		text += fmt.Sprintf(" %s %s/%s;", name, c.URL, name)
	}
	return text + " }\n"
}

func (c *callee) answers(f func(w http.ResponseWriter, action, stream string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = f
}

// told gives the actions about a client, or about all.
func (c *callee) told(id any) (actions []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, body := range c.calls {
		if id == nil || body["client_id"] == id {
			actions = append(actions, fmt.Sprint(body["action"]))
		}
	}
	return actions
}

// client gives the id of the first client that an action was told of.
func (c *callee) client(action string) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, body := range c.calls {
		if body["action"] == action {
			return body["client_id"]
		}
	}
	return nil
}

// get asks the API.
func (s *server) get(path string) (body map[string]any) {
	s.t.Helper()
	status, text := s.request(http.MethodGet, path)
	require.Equal(s.t, http.StatusOK, status, text)
	require.NoError(s.t, json.Unmarshal([]byte(text), &body), text)
	return body
}

func (s *server) request(method, path string, header ...string) (status int, body string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, fmt.Sprintf("http://127.0.0.1:%d%s", s.api, path), nil)
	require.NoError(s.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, string(b)
}

// play tries to play by RTMP until something comes.
func (s *server) play(name string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := rtmp.DialPlay(ctx, fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s", s.rtmp, name), nil)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.ReadPacket()
	return err
}

// tryPublish publishes nothing.
func (s *server) tryPublish(name string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := rtmp.DialPublish(ctx, fmt.Sprintf("rtmp://127.0.0.1:%d/live/%s", s.rtmp, name), nil)
	if err == nil {
		_ = c.Close()
	}
	return err
}

const withAPI = "http_api { enabled on; listen 127.0.0.1:API; raw_api { enabled on; allow_reload on; } }\n"

// TestCallbacks: order, contents, and refusal over each protocol.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	c := startCallee(t)
	push := fmt.Sprint(freePort(t))
	vhost := func(more string) string {
		return basic + withAPI + "stream_caster { enabled on; caster flv; listen 127.0.0.1:" + push + "; output rtmp://127.0.0.1/[app]/[stream]; }\n" +
			"vhost __defaultVhost__ { http_remux { enabled on; } " + c.hooks(more) + " }\n"
	}
	s := launch(t, vhost("timeout 1;"), nil, "-c", "srs.conf")
	stop := s.publish("s")
	require.NoError(t, s.picture("s"))
	require.NoError(t, s.play("s"))
	stop()
	publisher := c.client("on_publish")
	require.Eventually(t, func() bool { return len(c.told(publisher)) == 4 }, patience, 10*time.Millisecond)
	require.Equal(t, []string{"on_connect", "on_publish", "on_unpublish", "on_close"}, c.told(publisher))
	require.Eventually(t, func() bool { return len(c.told(nil)) == 4+4+2 }, patience, 10*time.Millisecond, "RTMP player, FLV player")

	for _, x := range []struct {
		action string
		try    func() error
	}{
		{"on_connect", func() error { return s.tryPublish("bad") }},
		{"on_connect", func() error { return s.play("bad") }},
		{"on_publish", func() error { return s.tryPublish("bad") }},
		{"on_play", func() error { return s.play("bad") }},
		{"on_play", func() error { return s.picture("bad") }},
		{"on_publish", func() error { return s.tryPush(push, "bad") }},
	} {
		for how, answer := range map[string]func(w http.ResponseWriter){
			"refuses":  func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"code":1}`) },
			"status":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
			"lies":     func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"code":"0"}`) },
			"hangs up": func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
		} {
			c.answers(func(w http.ResponseWriter, action, _ string) {
				if action == x.action {
					answer(w)
					return
				}
				_, _ = io.WriteString(w, "0")
			})
			require.Error(t, x.try(), "%s %s", x.action, how)
		}
	}
	// A callee that hangs costs its timeout, and nobody else anything.
	hang := make(chan struct{})
	release := sync.OnceFunc(func() { close(hang) })
	defer release()
	c.answers(func(w http.ResponseWriter, _, name string) {
		if name == "slow" {
			<-hang
		}
		_, _ = io.WriteString(w, "0")
	})
	slow := make(chan error, 1)
	go func() { slow <- s.tryPublish("slow") }()
	require.NoError(t, s.tryPublish("quick"))
	require.Error(t, <-slow)
	s.await("1011") // SocketTimeout

	// Where nobody answers, the configuration decides; a reload takes effect at the next client.
	release()
	c.Close()
	require.Error(t, s.tryPublish("down"))
	s.write(vhost("timeout 1; on_error allow;"))
	s.signal(syscall.SIGHUP)
	s.await("reloaded, ")
	require.NoError(t, s.tryPublish("down"))
}

// tryPush publishes nothing by FLV over HTTP POST.
func (s *server) tryPush(port, name string) error {
	header := strings.NewReader("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	resp, err := http.Post(fmt.Sprintf("http://127.0.0.1:%s/live/%s.flv", port, name), "video/x-flv", header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}

// TestAPI: what an operator does with curl.
func TestAPI(t *testing.T) {
	t.Parallel()
	s := launch(t, basic+withAPI+"exporter { enabled on; listen 127.0.0.1:"+fmt.Sprint(freePort(t))+"; }\n"+playable, nil, "-c", "srs.conf")
	stop := s.publish("s")
	defer stop()
	require.NoError(t, s.picture("s"))

	events := s.events()
	streams := s.get("/api/v1/streams/")["streams"].([]any)
	require.Len(t, streams, 1)
	one := streams[0].(map[string]any)
	require.Equal(t, "s", one["name"])
	require.Equal(t, "H264", one["video"].(map[string]any)["codec"])
	require.Equal(t, one["name"], s.get("/api/v1/streams/" + one["id"].(string))["stream"].(map[string]any)["name"])
	clients := s.get("/api/v1/clients/")["clients"].([]any)
	require.Len(t, clients, 1)
	id := clients[0].(map[string]any)["id"].(string)
	require.Equal(t, id, one["publish"].(map[string]any)["cid"])
	require.Contains(t, s.output(), "["+id+"]", "the log has the same id")
	_, metrics := s.request(http.MethodGet, "/metrics")
	require.Contains(t, metrics, "\nsrs_streams 1\n")
	require.Contains(t, metrics, `stream="s"`)
	require.Contains(t, metrics, "\nsrs_panics_total 0\n")
	require.Contains(t, metrics, "\nsrs_hook_calls_total 0\n")
	for _, p := range []string{"versions", "summaries", "rusages", "self_proc_stats", "system_proc_stats", "meminfos", "authors",
		"features", "vhosts/", "requests", "perf", "clusters", "openapi.json", ""} {
		s.get("/api/v1/" + p)
	}

	_, text := s.request(http.MethodDelete, "/api/v1/clients/"+id)
	require.Contains(t, text, `{"code":0,`)
	require.Eventually(t, func() bool { return len(s.get("/api/v1/clients/")["clients"].([]any)) == 0 }, patience, 10*time.Millisecond)
	require.Equal(t, map[string]any{"code": 2049.0}, s.get("/api/v1/clients/"+id))
	require.Equal(t, "unpublish", <-events)

	// Reload, by both ways, of good and of broken files.
	s.write(basic + withAPI + "vhost __defaultVhost__ { min_latency on; }\n")
	status, text := s.request(http.MethodPost, "/api/v1/reload")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "min_latency")
	require.Contains(t, text, "exporter.enabled")
	s.write(basic + withAPI + "nosuch 1;\n" + playable)
	require.Equal(t, map[string]any{"code": 0.0}, s.get("/api/v1/raw?rpc=reload"))
	var last map[string]any
	require.Eventually(t, func() bool {
		last = s.get("/api/v1/raw?rpc=reload-fetch")["data"].(map[string]any)
		return last["err"] == 1023.0
	}, patience, 10*time.Millisecond)
	require.Equal(t, 20.0, last["state"])
	require.Contains(t, last["msg"], "nosuch")
	_, text = s.request(http.MethodPost, "/api/v1/reload")
	require.Contains(t, text, `"code":1023`)
	s.publish("s2")() // the old configuration runs
}

// events gives the names of the server-sent events from now on, but for connections'.
func (s *server) events() <-chan string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/api/v1/events?event=unpublish", s.api), nil)
	require.NoError(s.t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	require.Equal(s.t, "text/event-stream", resp.Header.Get("Content-Type"))
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	ch := make(chan string, 64)
	go func() {
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				ch <- name
			}
		}
	}()
	return ch
}

// TestPlantedSecrets: what is secret is in no answer and no line of the log, whatever goes wrong.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	c := startCallee(t)
	const secret = "PLANTED-0123456789-abcdef-0123456789"
	hooks := strings.ReplaceAll(c.hooks("timeout 1;"), "http://", "http://user:"+secret+"@")
	text := basic + "http_api { enabled on; listen 127.0.0.1:API; pprof on; raw_api { enabled on; allow_reload on; allow_query on; allow_update on; }\n" +
		" auth { enabled on; username admin; password " + secret + "; token " + secret + "2; jwt { secret " + secret + "; } } }\n" +
		"vhost __defaultVhost__ { http_remux { enabled on; } " + hooks +
		" security { signed_url { enabled off; key " + secret + "; } jwt { enabled off; secret " + secret + "; } } }\n"
	s := launch(t, text, []string{"SRS_HEARTBEAT_URL=http://u:" + secret + "@127.0.0.1:1/"}, "-c", "srs.conf")
	var all strings.Builder
	ask := func(method, path string, header ...string) {
		_, body := s.request(method, path, header...)
		all.WriteString(body)
	}
	auth := []string{"Authorization", "Bearer " + secret + "2"}
	_ = s.tryPublish("s?token=" + secret + "&sign=" + secret)
	stop := s.publish("s?token=" + secret)
	require.NoError(t, s.picture("s"))
	for _, path := range []string{"streams/", "clients/", "vhosts/", "summaries", "raw?rpc=query&scope=global", "raw?rpc=query&scope=minimal",
		"raw?rpc=query&scope=vhost&vhost=__defaultVhost__", "raw?rpc=raw", "features", "self_proc_stats", "tests/requests", "openapi.json"} {
		ask(http.MethodGet, "/api/v1/"+path, auth...)
		ask(http.MethodGet, "/api/v1/"+path, "Authorization", "Bearer wrong-"+secret)
	}
	ask(http.MethodGet, "/metrics", auth...)
	ask(http.MethodGet, "/debug/pprof/cmdline", auth...)
	ask(http.MethodGet, "/debug/pprof/goroutine?debug=2", auth...)
	c.Close() // what failing callbacks say
	_ = s.tryPublish("t?token=" + secret)
	s.write(strings.ReplaceAll(text, secret, secret+"9") + "nosuch " + secret + ";")
	ask(http.MethodPost, "/api/v1/reload", auth...)
	s.write(strings.ReplaceAll(text, secret, secret+"9"))
	ask(http.MethodPost, "/api/v1/reload", auth...)
	stop()
	out, _, _ := runSrsd(t, s.dir, nil, "-T", "-c", filepath.Join(s.dir, "srs.conf"))
	require.Contains(t, out, "http_api")
	all.WriteString(out)
	s.signal(syscall.SIGQUIT)
	require.Zero(t, s.exits())
	for _, text := range []string{all.String(), s.output()} {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "PLANTED") && !strings.Contains(line, "nosuch") { // an unknown directive is shown as it is
				t.Errorf("%.400s", line)
			}
		}
	}
}

// TestHostileNames: a name is one text in each answer and one line in the log, whatever it contains.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := launch(t, basic+withAPI+"exporter { enabled on; listen 127.0.0.1:"+fmt.Sprint(freePort(t))+"; }\n"+playable, nil, "-c", "srs.conf")
	for _, name := range []string{`q"'back\slash`, "<script>alert(1)", "{a=\"b\"}", strings.Repeat("long", 250), "\u2028é日本"} {
		stop := s.publish(name)
		var names []any
		for _, one := range s.get("/api/v1/streams/?count=100")["streams"].([]any) {
			names = append(names, one.(map[string]any)["name"])
		}
		require.Contains(t, names, name)
		_, metrics := s.request(http.MethodGet, "/metrics")
		for line := range strings.Lines(metrics) {
			require.Regexp(t, `^(# (HELP|TYPE) |[a-z_]+(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? \S+$)`, strings.TrimSuffix(line, "\n"))
		}
		stop()
	}
	// Over HTTP any byte can be in a path.
	for _, path := range []string{"/live/a%00b.flv", "/live/a%0ab.flv", "/live/%1b[31m.flv", "/live/..%2f..%2fx.flv",
		"/live/" + strings.Repeat("x", 10<<10) + ".flv", "/live/%ff%fe.flv?forged=%0a[x][ERROR]"} {
		r, err := http.Head(fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path))
		require.NoError(t, err)
		_ = r.Body.Close()
	}
	for line := range strings.Lines(s.output()) {
		require.Regexp(t, `^\[\d{4}-`, line)
		require.Less(t, len(line), 8300)
		require.NotContains(t, line, "\x1b")
	}
}

// TestReloadsLeakNothing: a hundred reloads that change all there is to change.
func TestReloadsLeakNothing(t *testing.T) {
	t.Parallel()
	c := startCallee(t)
	metrics := fmt.Sprint(freePort(t))
	texts := [2]string{
		basic + "http_api { enabled on; listen 127.0.0.1:API; pprof on; }\n" + playable,
		strings.Replace(basic, "listen 127.0.0.1:RTMP;", "listen 127.0.0.1:RTMP 127.0.0.1:"+fmt.Sprint(freePort(t))+";", 1) +
			"http_api { enabled on; listen 127.0.0.1:API; pprof on; auth { enabled off; } } exporter { enabled on; listen 127.0.0.1:" + metrics + "; }\n" +
			"heartbeat { enabled on; url " + c.URL + "; } vhost __defaultVhost__ { chunk_size 4096; play { gop_cache off; } " + c.hooks("") +
			" security { enabled on; allow publish all; allow play all; } }\nvhost other { }\n",
	}
	c.answers(func(w http.ResponseWriter, _, _ string) { _, _ = io.WriteString(w, "0") })
	s := launch(t, texts[0], nil, "-c", "srs.conf")
	stop := s.publish("s")
	defer stop()
	require.NoError(t, s.picture("s"))
	goroutines := func() int {
		_, text := s.request(http.MethodGet, "/debug/pprof/goroutine?debug=1")
		var n int
		_, err := fmt.Sscanf(text, "goroutine profile: total %d", &n)
		require.NoError(t, err, text)
		return n
	}
	reload := func(text string) {
		s.write(text)
		_, answer := s.request(http.MethodPost, "/api/v1/reload")
		require.Contains(t, answer, `"code":0`)
	}
	reload(texts[1])
	reload(texts[0])
	http.DefaultClient.CloseIdleConnections()
	n, fds := goroutines(), files(t, s.cmd.Process.Pid)
	for range 50 {
		reload(texts[1])
		reload(texts[0])
	}
	require.Eventually(t, func() bool { return goroutines() <= n+2 && files(t, s.cmd.Process.Pid) <= fds+2 }, patience, 50*time.Millisecond,
		"%d goroutines and %d files before", n, fds)
	require.NoError(t, s.picture("s"), "the publisher was there all the time")
	require.Equal(t, 1, strings.Count(s.output(), "type=fmle-publish"), "one publication")
}

// TestSlowHeaders: a client that never ends its request, or that sends too much of it, holds nothing.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	s := launch(t, basic+withAPI+playable, nil, "-c", "srs.conf")
	addr := fmt.Sprintf("127.0.0.1:%d", s.api)
	for name, text := range map[string]string{
		"headers": "GET /api/v1/versions HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("A: b\r\n", 100_000) + "\r\n",
		"line":    "GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n\r\n",
		"nesting": "POST /api/v1/raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n" + strings.Repeat("[", 200_000),
	} {
		c, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		go func() { _, _ = io.WriteString(c, text) }()
		_, err = bufio.NewReader(c).ReadString('\n') // an answer, or a reset: not silence
		if os.IsTimeout(err) {
			t.Errorf("%s: no answer", name)
		}
		_ = c.Close()
	}
	s.get("/api/v1/versions")
}
