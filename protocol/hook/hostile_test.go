package hook

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// rawServer serves connections by hand.
func rawServer(t testing.TB, serve func(n int, c net.Conn)) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	var work sync.WaitGroup
	work.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			work.Go(func() {
				defer c.Close()
				serve(n, c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	return "http://" + l.Addr().String() + "/"
}

// readRequest takes a request off a connection; nil at its end.
func readRequest(r *bufio.Reader) *http.Request {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, req.Body)
	return req
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0"

// says answers every request with a text, and then closes the connection.
func says(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		if readRequest(bufio.NewReader(c)) != nil {
			_, _ = io.WriteString(c, text)
		}
	}
}

// pours sends a text, and then bytes until the connection ends.
func pours(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		readRequest(bufio.NewReader(c))
		_, err := io.WriteString(c, text)
		for fill := []byte(strings.Repeat("x", 32<<10)); err == nil; {
			_, err = c.Write(fill)
		}
	}
}

// hangs sends a text, and then nothing until the peer closes the connection.
func hangs(text string) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		readRequest(r)
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, r)
	}
}

// hostile are callees that are slow, down or lying.
var hostile = []struct {
	name  string
	serve func(int, net.Conn)
	code  int
	allow bool // OnError: Allow lets in
}{
	{"hangs", hangs(""), codeTimeout, true},
	{"hangs in the status", hangs("HTTP/1.1 2"), codeTimeout, true},
	{"hangs in the header", hangs("HTTP/1.1 200 OK\r\nContent-"), codeTimeout, true},
	{"hangs in the body", hangs("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"co"), codeTimeout, true},
	{"hangs in a refusal", hangs("HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n{\"co"), codeStatus, false},
	{"drips", func(_ int, c net.Conn) {
		readRequest(bufio.NewReader(c))
		for _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); err == nil; _, err = c.Write([]byte("x")) {
			time.Sleep(10 * time.Millisecond)
		}
	}, codeTimeout, true},
	{"says continue for ever", func(_ int, c net.Conn) {
		readRequest(bufio.NewReader(c))
		for err := error(nil); err == nil; _, err = io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n") {
		}
	}, codeData, false},
	{"closes at once", func(int, net.Conn) {}, codeRead, true},
	{"closes after the request", says(""), codeRead, true},
	{"resets", func(_ int, c net.Conn) {
		readRequest(bufio.NewReader(c))
		_ = c.(*net.TCPConn).SetLinger(0)
	}, codeRead, true},
	{"half a header", says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"), codeRead, true},
	{"half a body", says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0"), codeRead, true},
	{"half a chunk", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0"), codeRead, true},
	{"endless body", pours("HTTP/1.1 200 OK\r\n\r\n"), codeData, false},
	{"endless chunks", pours("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"), codeData, false},
	{"body of 1 GB", pours("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"), codeData, false},
	{"endless header", pours("HTTP/1.1 200 OK\r\nX: "), codeData, false},
	{"endless status", pours("HTTP/1.1 200 "), codeData, false},
	{"no HTTP", says("220 smtp.example.org ESMTP\r\n"), codeData, false},
	{"HTTP/0.9", says("0"), codeData, false},
	{"bad chunk", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n0"), codeData, false},
	{"bad length", says("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n0"), codeData, false},
	{"two lengths", says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n00"), codeData, false},
	{"redirects to itself", says("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 1\r\n\r\n0"), codeStatus, false},
	{"switches protocols", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n0"), codeStatus, false},
}

// TestHostile: whatever the callee does, clients are refused, or let in where that is wanted and
// nobody has refused them; and facts are told without harm.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, x := range hostile {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			u := rawServer(t, x.serve)
			v := Vhost{OnPlay: []string{u}, OnStop: []string{u}, Timeout: 100 * time.Millisecond}
			if x.code != codeTimeout {
				v.Timeout = patience // it must not be time that decides
			}
			srv := run(t, same(v))
			require.Equal(t, x.code, codeOf(t, srv.play(request("flv", "a"))))
			v.OnError = Allow
			require.NoError(t, srv.m.Reload(New(same(v))))
			err := srv.play(request("flv", "a"))
			require.Equal(t, x.allow, err == nil, "%v", err)
			srv.shutdown()
			require.Equal(t, x.allow, strings.Contains(srv.logs.String(), `msg="callback failed"`), "%s", srv.logs)
			require.Zero(t, srv.m.Stats().Dropped)
		})
	}
}

// TestUnreachable: a callee that is not there, or whose URL is none.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		url  string
		code int
	}{
		{"http://" + closedAddr(t) + "/", codeConnect},
		{"http://user:hush-hush@" + closedAddr(t) + "/?key=hush-hush", codeConnect},
		{"http://name.invalid/", codeDNS},
		{"ftp://user:hush-hush@127.0.0.1/", codeConnect},
		{"http://hush-hush:x\n", codeConnect},
		{"", codeConnect},
	} {
		v := Vhost{OnPlay: []string{x.url}, OnStop: []string{x.url}}
		srv := run(t, same(v))
		err := srv.play(request("flv", "a"))
		require.Equal(t, x.code, codeOf(t, err), "%s", x.url)
		require.NotContains(t, err.Error(), "hush-hush")
		v.OnError = Allow
		require.NoError(t, srv.m.Reload(New(same(v))))
		require.NoError(t, srv.play(request("flv", "a")), "%s", x.url)
		srv.shutdown()
		require.Contains(t, srv.logs.String(), "let in")
		require.Contains(t, srv.logs.String(), "callback failed")
		require.NotContains(t, srv.logs.String(), "hush-hush")
	}
}

// TestTLS: certificates count where that is asked for, and a wrong one lets nobody in.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "0") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	v := Vhost{OnPlay: []string{s.URL}, OnError: Allow}
	srv := run(t, same(v))
	require.NoError(t, srv.play(request("flv", "a")))
	v.VerifyTLS = true
	require.NoError(t, srv.m.Reload(New(same(v))))
	err := srv.play(request("flv", "a"))
	require.Equal(t, codeTLS, codeOf(t, err))
	var bad *tls.CertificateVerificationError
	require.ErrorAs(t, err, &bad)
}

// TestStale: a kept connection that the callee has closed costs nothing: the request goes out once
// more, on a new one. A request that may have been answered does not.
func TestStale(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name   string
		second string // what the first connection says to its second request
		code   int
		conns  int32
	}{
		{"closes", "", 0, 2},
		{"says one byte", "H", codeData, 1},
		{"refuses", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", codeStatus, 1},
	} {
		var conns atomic.Int32
		u := rawServer(t, func(n int, c net.Conn) {
			conns.Add(1)
			r := bufio.NewReader(c)
			readRequest(r)
			_, _ = io.WriteString(c, ok)
			if n == 0 && readRequest(r) != nil {
				_, _ = io.WriteString(c, x.second)
			}
		})
		srv := run(t, same(Vhost{OnPlay: []string{u}}))
		require.NoError(t, srv.play(request("flv", "a")))
		require.Equal(t, x.code, codeOf(t, srv.play(request("flv", "a"))), x.name)
		require.Equal(t, x.conns, conns.Load(), x.name)
		srv.shutdown()
	}
}

// TestStaleTwice: a callee that never answers twice on a connection is asked twice at most.
func TestStaleTwice(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	u := rawServer(t, func(n int, c net.Conn) {
		r := bufio.NewReader(c)
		for i := 0; readRequest(r) != nil; i++ {
			requests.Add(1)
			if n > 0 || i > 0 {
				return
			}
			_, _ = io.WriteString(c, ok)
		}
	})
	srv := run(t, same(Vhost{OnPlay: []string{u}}))
	require.NoError(t, srv.play(request("flv", "a")))
	require.Equal(t, codeRead, codeOf(t, srv.play(request("flv", "a"))))
	require.EqualValues(t, 3, requests.Load())
}

// TestKeepAlive: one connection serves many calls.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	var conns atomic.Int32
	u := rawServer(t, func(_ int, c net.Conn) {
		conns.Add(1)
		for r := bufio.NewReader(c); readRequest(r) != nil; {
			_, _ = io.WriteString(c, ok)
		}
	})
	srv := run(t, same(Vhost{OnPlay: []string{u}}))
	for range 50 {
		require.NoError(t, srv.play(request("flv", "a")))
	}
	require.EqualValues(t, 1, conns.Load())
	require.Equal(t, Stats{Calls: 50}, srv.m.Stats())
}

// TestNoProxy: the environment does not lead callbacks elsewhere.
func TestNoProxy(t *testing.T) {
	c := newCallee(t, nil)
	t.Setenv("HTTP_PROXY", "http://"+closedAddr(t))
	t.Setenv("http_proxy", os.Getenv("HTTP_PROXY"))
	srv := run(t, same(Vhost{OnPlay: []string{c.url}}))
	require.NoError(t, srv.play(request("flv", "a")))
}

// TestPublicText: a client is told that it was refused, and nothing of the callee.
func TestPublicText(t *testing.T) {
	t.Parallel()
	c := newCallee(t, refuse(onPlay))
	srv := run(t, same(all(c.url)))
	err := srv.play(request("flv", "a"))
	var denied *stream.DeniedError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, "Refused by on_play.", denied.Public)
	require.ErrorContains(t, err, "hook: on_play: "+c.url+"on_play: code 3008: ")
}
