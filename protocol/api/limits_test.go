package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// TestHostileClients has clients that send too much, or too slowly, to a real socket all at once,
// while another is answered.
func TestHostileClients(t *testing.T) {
	streamtest.CheckLeaks(t)
	var addr string
	operate(t, Config{Root: true, Auth: AuthConfig{Username: "admin", Password: "secret"}}, withSocket(&addr))
	const request = "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n"
	var work sync.WaitGroup
	// end sends something and reads until the server ends the connection; it gives the answer.
	end := func(begin string, more func(c net.Conn) error) string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(2 * patience))
		work.Go(func() {
			_, err := io.WriteString(c, begin)
			for err == nil && more != nil {
				err = more(c)
			}
		})
		b, err := io.ReadAll(io.LimitReader(c, 1<<20))
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			return "it never ended"
		}
		return string(b)
	}
	slowly := func(s string) func(net.Conn) error {
		return func(c net.Conn) error {
			time.Sleep(100 * time.Millisecond)
			_, err := io.WriteString(c, s)
			return err
		}
	}
	chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	for name, x := range map[string]struct {
		begin string
		more  func(net.Conn) error
		want  string // what the answer begins with
	}{
		"100,000 headers": {"GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("A: b\r\n", 1e5), nil, "HTTP/1.1 431"},
		"a header without end": {"GET / HTTP/1.1\r\nHost: localhost\r\nA: ", func(c net.Conn) error {
			_, err := io.WriteString(c, strings.Repeat("x", 1<<16))
			return err
		}, "HTTP/1.1 431"},
		"a long path":         {"GET /" + strings.Repeat("x", 1<<20), nil, "HTTP/1.1 431"},
		"a header, slowly":    {"GET / HTTP/1.1\r\nHost: localhost\r\n", slowly("A: b\r\n"), ""},
		"a body, slowly":      {request + "Content-Length: 60000\r\n\r\n", slowly("x"), "HTTP/1.1 "},
		"a body without end":  {request + "Transfer-Encoding: chunked\r\n\r\n", func(c net.Conn) error { _, err := io.WriteString(c, chunk); return err }, "HTTP/1.1 "},
		"a body of 1 TB":      {request + "Content-Length: 1099511627776\r\n\r\n", func(c net.Conn) error { _, err := io.WriteString(c, chunk); return err }, "HTTP/1.1 "},
		"deep JSON":           {request + "Connection: close\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("[", 60000), nil, "HTTP/1.1 "},
		"a refused body":      {"POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1099511627776\r\n\r\n", func(c net.Conn) error { _, err := io.WriteString(c, chunk); return err }, "HTTP/1.1 401"},
		"nothing at all":      {"", nil, ""},
		"half a request line": {"GET /api/v1/ver", nil, ""},
	} {
		work.Go(func() {
			got := end(x.begin, x.more)
			if !strings.HasPrefix(got, x.want) || got == "it never ended" {
				t.Errorf("%s: want %q, got %.200q", name, x.want, got)
			}
		})
	}
	over := make(chan struct{})
	go func() { work.Wait(); close(over) }()
	for n := 0; ; n++ { // others are served meanwhile
		require.Equal(t, 200, get(t, addr, "/api/v1/versions"))
		select {
		case <-over:
			t.Log(n, "requests were answered meanwhile")
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func get(t *testing.T, addr, path string) int {
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWRtaW46c2VjcmV0\r\n\r\n", path)
	require.NoError(t, err)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(b, []byte(`{"code":0`)))
	return r.StatusCode
}
