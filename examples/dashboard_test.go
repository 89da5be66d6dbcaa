package examples

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream/streamtest"
)

// The page and the API want the password, the streams do not. What the page does is done here: it
// lists the streams and clients, and kicks the publisher.
func dashboard(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr, "-password", "planted")
	ask := func(method, path, password string) (status int, body string) {
		q, err := http.NewRequestWithContext(bounded(t), method, "http://"+httpAddr+path, nil)
		require.NoError(t, err)
		if password != "" {
			q.SetBasicAuth("admin", password)
		}
		res, err := retry(t, func() (*http.Response, error) { return http.DefaultClient.Do(q) })
		require.NoError(t, err)
		b, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode, string(b)
	}
	for _, path := range []string{"/", "/api/v1/streams/", "/api/v1/versions"} {
		status, _ := ask(http.MethodGet, path, "")
		require.Equal(t, http.StatusUnauthorized, status, path)
	}
	status, page := ask(http.MethodGet, "/", "planted")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, `fetch("/api/v1/"`)

	ctx := bounded(t)
	pub, err := rtmp.DialPublish(ctx, "rtmp://"+rtmpAddr+"/live/livestream", nil)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- streamtest.Publish(ctx, pub, streamtest.H264AAC().Loop(0), 1) }()
	t.Cleanup(func() { _ = pub.Close() })
	var clients struct {
		Clients []struct{ ID, Type, URL string }
	}
	eventually(t, "the publisher is listed", func() bool {
		_, body := ask(http.MethodGet, "/api/v1/clients/?count=100", "planted")
		require.NoError(t, json.Unmarshal([]byte(body), &clients))
		_, body = ask(http.MethodGet, "/api/v1/streams/?count=100", "planted")
		return len(clients.Clients) == 1 && strings.Contains(body, `"width":320`)
	})
	require.Equal(t, "fmle-publish", clients.Clients[0].Type)
	require.NotEmpty(t, playFLV(t, "http://"+httpAddr+clients.Clients[0].URL+".flv", 500*time.Millisecond), "players need no password")

	_, body := ask(http.MethodDelete, "/api/v1/clients/"+clients.Clients[0].ID, "planted")
	require.True(t, strings.HasPrefix(body, `{"code":0,`), body)
	select {
	case err := <-ended:
		require.Error(t, err)
	case <-time.After(patience):
		t.Fatal("the publisher goes on")
	}
}
