package protocol

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// httpLine is a line about an HTTP request or connection.
type httpLine struct {
	Msg, ID, Remote, Method, URL, By, Reason string
	N, Requests, Length                      int
}

func httpLines(t *testing.T, log string) (list []httpLine) {
	t.Helper()
	for _, s := range strings.Split(strings.TrimSpace(log), "\n") {
		var l httpLine
		if strings.Contains(s, `"http `) {
			require.NoError(t, json.Unmarshal([]byte(s), &l), s)
			list = append(list, l)
		}
	}
	return list
}

// TestHTTPConnectionsAreLogged: each connection leaves one line about its end, with who ended it and
// why, and each request one; they have one id.
func TestHTTPConnectionsAreLogged(t *testing.T) {
	const get = "GET /%s HTTP/1.1\r\nHost: h\r\n%s\r\n"
	for _, c := range []struct {
		name, send string
		answers    int
		stay       bool // the client leaves the end to the server
		secure     bool
		by, reason string
	}{
		{name: "silent", by: "client", reason: "no request"},
		{name: "half a header", send: "GET / HTTP/1.1\r\nHost: h\r\nA: ", by: "client", reason: "half a request"},
		{name: "malformed", send: "GET\r\n\r\n", stay: true, by: "server", reason: "malformed request"},
		{name: "late", send: "GET / HTTP/1.1\r\nHost: h\r\nA: ", stay: true, by: "server", reason: "no whole request in time"},
		{name: "silent and late", stay: true, by: "server", reason: "no request in time"},
		{name: "idle", send: fmt.Sprintf(get, "a", ""), answers: 1, stay: true, by: "server", reason: "idle"},
		{name: "two", send: fmt.Sprintf(get, "a?b=c", "") + fmt.Sprintf(get, "b", ""), answers: 2, by: "client", reason: "closed"},
		{name: "close", send: fmt.Sprintf(get, "a", "Connection: close\r\n"), answers: 1, stay: true, by: "server", reason: "answered"},
		{name: "TLS alone", secure: true, by: "client", reason: "no TLS handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out lockedBuffer
			var o ListenOptions
			if c.secure {
				o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			s := NewServer(Config{})
			require.NoError(t, s.Start(t.Context()))
			defer func() { require.NoError(t, s.Shutdown(context.Background())) }()
			l, err := s.newHost(t.Context(), "test", 0).Listen("127.0.0.1:0", o)
			require.NoError(t, err)
			srv := &http.Server{
				Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }),
				ReadHeaderTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond,
				ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
			}
			LogHTTP(srv, slog.New(slog.NewJSONHandler(&out, nil)))
			served := make(chan error, 1)
			go func() { served <- srv.Serve(l) }()
			defer func() { _ = srv.Close(); <-served }()
			conn, err := net.Dial("tcp", l.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, c.send)
			require.NoError(t, err)
			r := bufio.NewReader(conn)
			for range c.answers {
				answer, err := http.ReadResponse(r, nil)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, answer.Body)
				require.NoError(t, err)
			}
			if !c.stay {
				require.NoError(t, conn.Close())
			}
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "http connection ended") }, 10*time.Second, 5*time.Millisecond)
			lines := httpLines(t, out.String())
			require.Len(t, lines, c.answers+1)
			end := lines[c.answers]
			require.Equal(t, httpLine{Msg: "http connection ended", ID: end.ID, Remote: conn.LocalAddr().String(),
				Requests: c.answers, By: c.by, Reason: c.reason}, end)
			require.Len(t, end.ID, 8)
			for i, line := range lines[:c.answers] {
				require.Equal(t, "http request", line.Msg)
				require.Equal(t, end.ID, line.ID)
				require.Equal(t, i, line.N)
				require.Equal(t, -1, line.Length)
				require.Equal(t, "GET", line.Method)
				require.True(t, strings.HasPrefix(line.URL, "http://h/"), line.URL)
			}
		})
	}
}

// TestRequestID: with HTTP/2 each request has an id of its own, as each is a session.
func TestRequestID(t *testing.T) {
	var out lockedBuffer
	s := NewServer(Config{
		Logger: slog.New(slog.NewJSONHandler(&out, nil)), HTTP: []HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}},
	})
	seen := make(chan string, 2)
	s.newHost(t.Context(), "test", 0).HTTP("http").Handle("/", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- RequestID(r)
	}))
	require.NoError(t, s.Start(t.Context()))
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &protocols}
	for range 2 {
		r, err := (&http.Client{Transport: tr}).Get("http://" + s.HTTPAddrs("http")[0].String() + "/")
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		require.Equal(t, 2, r.ProtoMajor)
	}
	a, b := <-seen, <-seen
	require.NotEqual(t, a, b)
	tr.CloseIdleConnections()
	require.NoError(t, s.Shutdown(context.Background()))
	lines := httpLines(t, out.String())
	require.Len(t, lines, 3)
	require.Equal(t, a, lines[0].ID)
	require.Equal(t, b, lines[1].ID)
	require.Equal(t, "http connection ended", lines[2].Msg)
	require.Empty(t, RequestID(&http.Request{}))
}
