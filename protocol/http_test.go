package protocol

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func word(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
}

// httpServer starts a server with HTTP listeners, and gives a host for routes.
func httpServer(t *testing.T, list ...HTTPListener) (*Server, *Host) {
	t.Helper()
	s := NewServer(Config{HTTP: list, ServerName: "test"})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	h := s.newHost(context.Background(), "m", 0)
	t.Cleanup(func() { _ = h.end(context.Background()); shutdownNow(t, s) })
	return s, h
}

// raw sends a request line as it is, and gives the whole answer.
func raw(t *testing.T, a net.Addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n"))
	b, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("%q: %v", request, err)
	}
	return string(b)
}

func get(t *testing.T, a net.Addr, path string) string {
	t.Helper()
	status, body, _ := strings.Cut(raw(t, a, "GET "+path+" HTTP/1.1\nHost: h\nConnection: close\n\n"), "\r\n")
	_, body, _ = strings.Cut(body, "\r\n\r\n")
	return status[len("HTTP/1.1 "):][:3] + " " + body
}

func TestMux(t *testing.T) {
	s, h := httpServer(t,
		HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0"}})
	m := h.HTTP("http")
	m.HandlePrefix("/", word("files"))
	m.HandlePrefix("/vod/", word("vod"))
	m.Handle("/crossdomain.xml", word("xml"))
	m.HandleMatch(func(r *http.Request) http.Handler {
		if strings.HasSuffix(r.URL.Path, ".flv") {
			return word("flv " + r.URL.Path)
		}
		return nil
	})
	remove := m.HandleMatch(func(r *http.Request) http.Handler {
		if strings.HasSuffix(r.URL.Path, ".m3u8") || strings.HasSuffix(r.URL.Path, ".flv") {
			return word("hls")
		}
		return nil
	})
	m.Handle("/panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("bad handler") }))
	a := s.HTTPAddrs("http")[0]
	for path, want := range map[string]string{
		"/live/x.flv":       "200 flv /live/x.flv",
		"//live/x.flv":      "200 flv //live/x.flv",
		"/live/../x.flv":    "200 flv /live/../x.flv",
		"/live/a%20b.flv":   "200 flv /live/a b.flv",
		"/live/a%2520b.flv": "200 flv /live/a%20b.flv",
		"/live/x.m3u8":      "200 hls",
		"/vod/x.mp4":        "200 vod",
		"/crossdomain.xml":  "200 xml",
		"/crossdomain":      "200 files",
		"/a%00b":            "400 bad path\n",
		"/a%0ab.flv":        "400 bad path\n",
	} {
		if got := get(t, a, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	remove()
	remove()
	if got := get(t, a, "/live/x.m3u8"); got != "200 files" {
		t.Errorf("a removed matcher: %q", got)
	}
	if got := raw(t, a, "GET /panic HTTP/1.1\nHost: h\n\n"); got != "" || s.Panics() != 1 {
		t.Errorf("a panic answers %q, %d counted", got, s.Panics())
	}
	_ = h.end(context.Background())
	if got := get(t, a, "/live/x.flv"); got != "404 Not Found" {
		t.Errorf("the routes of a module that ended: %q", got)
	}
	m.Handle("/late", word("late"))
	if got := get(t, a, "/late"); got != "404 Not Found" {
		t.Errorf("a route of a module that ended: %q", got)
	}
}

// Names that share an address: API paths are found before the files' root, whatever
// the order, and the first module's route wins.
func TestMuxShared(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Config{
		HTTP:      []HTTPListener{{Name: "http", Listen: []string{"web"}}, {Name: "api", Listen: []string{"web"}}},
		Listeners: map[string]net.Listener{"web": l},
	})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	files, api := s.newHost(context.Background(), "files", 0), s.newHost(context.Background(), "api", 1)
	defer files.end(context.Background())
	defer api.end(context.Background())
	files.HTTP("http").HandlePrefix("/", word("files"))
	api.HTTP("api").HandlePrefix("/api/", word("index"))
	api.HTTP("api").Handle("/api/v1/versions", word("versions"))
	api.HTTP("api").HandlePrefix("/", word("not this"))
	for path, want := range map[string]string{
		"/": "200 files", "/x": "200 files", "/api/": "200 index", "/api/v1/versions": "200 versions",
	} {
		if got := get(t, l.Addr(), path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	// Of one module's two generations the newer answers, and the older when that is gone.
	next := s.newHost(context.Background(), "api", 1)
	next.HTTP("api").Handle("/api/v1/versions", word("new"))
	if got := get(t, l.Addr(), "/api/v1/versions"); got != "200 new" {
		t.Error(got)
	}
	_ = next.end(context.Background())
	if got := get(t, l.Addr(), "/api/v1/versions"); got != "200 versions" {
		t.Error(got)
	}
	if a, b := s.HTTPAddrs("http"), s.HTTPAddrs("api"); len(a) != 1 || len(b) != 1 || a[0] != b[0] {
		t.Errorf("addresses %v %v", a, b)
	}
}

func TestCORS(t *testing.T) {
	s, h := httpServer(t,
		HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0"}},
		HTTPListener{Name: "off", Listen: []string{"127.0.0.1:0"}, NoCORS: true})
	h.HTTP("http").HandlePrefix("/", word("x"))
	h.HTTP("off").HandlePrefix("/", word("x"))
	cors := []string{
		"Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: *", "Access-Control-Allow-Methods: *",
		"Access-Control-Expose-Headers: *", "Access-Control-Allow-Credentials: false", "Access-Control-Request-Private-Network: true",
	}
	for _, tt := range []struct {
		name, method, origin, status string
		cors                         bool
	}{
		{"http", "GET", "Origin: http://a\n", "200 OK", true},
		{"http", "GET", "", "200 OK", false},
		{"http", "OPTIONS", "Origin: http://a\n", "200 OK", true},
		{"http", "OPTIONS", "", "200 OK", false},
		{"off", "GET", "Origin: http://a\n", "200 OK", false},
		{"off", "OPTIONS", "Origin: http://a\n", "405 Method Not Allowed", false},
	} {
		got := raw(t, s.HTTPAddrs(tt.name)[0], tt.method+" /x HTTP/1.1\nHost: h\nConnection: close\n"+tt.origin+"\n")
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+"\r\n") || !strings.Contains(got, "Server: test\r\n") {
			t.Errorf("%+v: %s", tt, got)
		}
		for _, c := range cors {
			if strings.Contains(got, c+"\r\n") != tt.cors {
				t.Errorf("%+v: %s in %s", tt, c, got)
			}
		}
	}
}

// poster has something to say in the answer to OPTIONS.
type poster struct{ http.Handler }

func (poster) Options(h http.Header) { h.Set("Accept-Post", "text/x") }

func TestPreflight(t *testing.T) {
	s, h := httpServer(t, HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0"}})
	h.HTTP("http").HandlePrefix("/post/", poster{word("x")})
	got := raw(t, s.HTTPAddrs("http")[0], "OPTIONS /post/ HTTP/1.1\nHost: h\nConnection: close\nOrigin: http://a\nAccess-Control-Request-Headers: content-type, authorization\n\n")
	for _, want := range []string{"HTTP/1.1 200 OK", "Accept-Post: text/x", "Access-Control-Allow-Headers: *, Authorization"} {
		if !strings.Contains(got, want+"\r\n") {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
}

func TestHTTP2(t *testing.T) {
	d := t.TempDir()
	writePair(t, d+"/c.pem", d+"/k.pem", "localhost")
	s, h := httpServer(t,
		HTTPListener{Name: "https", Listen: []string{"127.0.0.1:0"}, CertFile: d + "/c.pem", KeyFile: d + "/k.pem"},
		HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0"}})
	proto := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Proto, r.TLS != nil)
		if _, _, err := Hijack(w); (err == nil) != (r.ProtoMajor == 1) {
			t.Errorf("Hijack of %s: %v", r.Proto, err)
		}
	})
	h.HTTP("http").Handle("/", proto)
	h.HTTP("https").Handle("/", proto)
	var h2c http.Protocols
	h2c.SetUnencryptedHTTP2(true)
	for _, tt := range []struct {
		url  string
		tr   *http.Transport
		want string
	}{
		{"https://" + s.HTTPAddrs("https")[0].String(), &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}, "HTTP/2.0true"},
		{"http://" + s.HTTPAddrs("http")[0].String(), &http.Transport{Protocols: &h2c}, "HTTP/2.0false"},
	} {
		res, err := (&http.Client{Transport: tt.tr, Timeout: 5 * time.Second}).Get(tt.url)
		if err != nil {
			t.Error(err)
			continue
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		tt.tr.CloseIdleConnections()
		if string(b) != tt.want {
			t.Errorf("%s: %s", tt.url, b)
		}
	}
}

func TestHijack(t *testing.T) {
	s, h := httpServer(t, HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0"}, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	h.HTTP("http").Handle("/live", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rest, err := Hijack(w)
		if err != nil {
			t.Error(err)
			return
		}
		remote := r.RemoteAddr
		h.Go(func(context.Context) error {
			defer c.Close()
			if Coalescing(c) == nil {
				t.Error("no CoalescingConn below HTTP")
			}
			next := make([]byte, 4)
			_, err := io.ReadFull(c, next)
			_, _ = fmt.Fprintf(c, "%s %s %s", remote, rest, next)
			return err
		})
	}))
	c, err := net.Dial("tcp", s.HTTPAddrs("http")[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "PROXY TCP4 192.0.2.1 10.0.0.2 8080 80\r\nGET /live HTTP/1.1\r\nHost: h\r\n\r\nearly")
	time.Sleep(50 * time.Millisecond)
	_, _ = io.WriteString(c, "late")
	if b, _ := io.ReadAll(bufio.NewReader(c)); string(b) != "192.0.2.1:8080 early late" {
		t.Errorf("%q", b)
	}
}

func TestHTTPReload(t *testing.T) {
	mod := newToy(&journal{}, "a", "127.0.0.1:0", "word")
	one := []HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}}
	s := NewServer(Config{HTTP: one}, mod)
	ctx := context.Background()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	a := s.HTTPAddrs("http")[0]
	front := s.front
	if err := s.Reload(ctx, Config{HTTP: one}, newToy(&journal{}, "a", "127.0.0.1:0", "next")); err != nil {
		t.Fatal(err)
	}
	if s.front != front {
		t.Error("the same listeners were opened anew")
	}
	if got := get(t, a, "/word"); got != "200 next" {
		t.Error(got)
	}
	two := []HTTPListener{{Name: "http", Listen: []string{a.String(), "127.0.0.1:0"}, NoCORS: true}}
	if err := s.Reload(ctx, Config{HTTP: two}, newToy(&journal{}, "a", "127.0.0.1:0", "last")); err == nil {
		t.Error("a fixed port joins the listener of port 0")
	}
	if got := get(t, a, "/word"); got != "200 next" {
		t.Error("after a failed reload:", got)
	}
	two[0].Listen = []string{"127.0.0.1:0", "127.0.0.1:0"}
	if err := s.Reload(ctx, Config{HTTP: two}, newToy(&journal{}, "a", "127.0.0.1:0", "last")); err != nil {
		t.Fatal(err)
	}
	for i, x := range s.HTTPAddrs("http") {
		if got := get(t, x, "/word"); got != "200 last" || i == 0 && x.String() != a.String() {
			t.Errorf("%v: %q", x, got)
		}
	}
	if err := s.Reload(ctx, Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", a.String()); err == nil {
		t.Error("a removed HTTP listener is open")
	}
	_, err := s.newFront([]HTTPListener{
		{Name: "a", Listen: []string{"127.0.0.1:1"}}, {Name: "b", Listen: []string{"127.0.0.1:1"}, CertFile: "none"},
	}, "")
	if err == nil {
		t.Error("a certificate that does not exist")
	}
}

func TestHandlerEmbedded(t *testing.T) {
	s := NewServer(Config{}, newToy(&journal{}, "a", "127.0.0.1:0", "word"))
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer shutdownNow(t, s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s.Handler("http")}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	if got := get(t, l.Addr(), "/word"); got != "200 word" {
		t.Error(got)
	}
}
