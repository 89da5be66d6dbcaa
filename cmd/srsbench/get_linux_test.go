package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGet(t *testing.T) {
	var n, bad atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := r.BasicAuth(); user != "u" || pass != "p" || r.URL.Path == "/bad" {
			bad.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		n.Add(1)
		_, _ = w.Write([]byte("12345"))
	}))
	defer srv.Close()
	o := getOptions{urls: list{srv.URL + "/a", srv.URL + "/b"}, n: 3, rate: 200, duration: 500 * time.Millisecond, user: "u:p"}
	r, err := runGet(&o)
	require.NoError(t, err)
	require.Zero(t, r.Failed)
	require.EqualValues(t, n.Load(), r.Requests)
	require.LessOrEqual(t, r.Requests, uint64(100))
	require.Positive(t, r.Requests)
	require.Equal(t, 5*r.Requests, r.Bytes)
	require.Positive(t, r.Latency.P50)

	r, err = runGet(&getOptions{urls: list{srv.URL + "/bad"}, n: 1, duration: 50 * time.Millisecond})
	require.NoError(t, err)
	require.EqualValues(t, bad.Load(), r.Failed)
	require.Contains(t, r.Error, "401")
	for _, urls := range []list{nil, {"https://127.0.0.1/"}, {"http://192.0.2.1/"}, {srv.URL, "http://127.0.0.1:1/"}} {
		_, err := runGet(&getOptions{urls: urls, n: 1, duration: time.Second})
		require.Error(t, err, urls)
	}
}
