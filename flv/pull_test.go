package flv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestPushPull posts each clip and plays it, with the module's own clients.
func TestPushPull(t *testing.T) {
	r := newRig(t, Config{Ingest: Ingest{HTTP: "http"}})
	for i, clip := range streamtest.Clips() {
		to := r.ingest
		if i%2 == 1 {
			to = r.addr
		}
		t.Run(clip.Name, func(t *testing.T) {
			path := fmt.Sprintf("/live/%d.flv?token=1", i)
			_, err := Pull(t.Context(), r.url(path), &ClientConfig{HeaderTimeout: 20 * time.Millisecond})
			require.ErrorContains(t, err, "no response in time") // it waits
			u, _ := url.Parse("http://" + to + path)
			out, err := r.module.Push(t.Context(), u)
			require.NoError(t, err)
			all := clip.Packets()
			n := 0
			write := func(until int) {
				for ; n < until; n++ {
					require.NoError(t, out.WritePacket(all[n]))
					if n%20 == 19 {
						time.Sleep(time.Millisecond)
					}
				}
			}
			write(20)
			u, _ = url.Parse(r.url(path))
			in, err := r.module.Pull(t.Context(), u)
			require.NoError(t, err)
			var got streamtest.Recorder
			done := make(chan error, 1)
			go func() { done <- stream.Copy(&got, in) }()
			write(len(all))
			require.NoError(t, out.Close())
			require.NoError(t, <-done)
			require.NoError(t, in.Close())
			_, relayed := all[0].Tracks.List[0].Codec.FLV()
			streamtest.Equal(t, all, got.Packets(), streamtest.Compare{Tolerance: time.Millisecond, AnyStart: true, AnyConfig: relayed})
		})
	}
}

// post sends a request to the ingest listener and gives the answer's status.
func TestPullErrors(t *testing.T) {
	streamtest.CheckLeaks(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/404", http.NotFound)
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	for i := range 4 {
		mux.HandleFunc(fmt.Sprint("/hop", i+1), func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprint("/hop", i), http.StatusFound)
		})
	}
	whole := file(t, streamtest.AACOnly())
	mux.HandleFunc("/hop0", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(whole[:len(whole)-7])
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100)) })
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(whole[:1000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	cfg := &ClientConfig{HeaderTimeout: 2 * time.Second, IdleTimeout: 200 * time.Millisecond}
	for _, c := range []struct {
		path  string
		is    error
		text  string
		opens bool
	}{
		{"/404", stream.ErrNotFound, "status 404 Not Found", false},
		{"/loop", nil, "more than 3 redirects", false},
		{"/hop4", nil, "more than 3 redirects", false},
		{"/hop3", io.EOF, "", true},
		{"/cut", io.ErrUnexpectedEOF, "", true},
		{"/text", nil, "not FLV", true},
		{"/silent", os.ErrDeadlineExceeded, "", true},
	} {
		t.Run(c.path, func(t *testing.T) {
			s, err := Pull(t.Context(), "http://"+l.Addr().String()+c.path, cfg)
			require.Equal(t, c.opens, err == nil, err)
			if err == nil {
				for err == nil {
					_, err = s.ReadPacket()
				}
				require.NoError(t, s.Close())
			}
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.ErrorContains(t, err, c.text)
		})
	}

	s, err := Pull(t.Context(), "http://"+l.Addr().String()+"/silent", nil)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, func() { _ = s.Close() })
	for err == nil {
		_, err = s.ReadPacket()
	}
	require.NoError(t, s.Close())

	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("mine")
	cancel(mine)
	_, err = Pull(ctx, "http://"+l.Addr().String()+"/hop0", nil)
	require.ErrorIs(t, err, mine)
	_, err = Push(ctx, "http://"+l.Addr().String()+"/hop0", nil)
	require.ErrorIs(t, err, mine)
	for _, to := range []string{"rtmp://a/b/c", "http://", "http://a b", "x"} {
		_, err = Pull(t.Context(), to, nil)
		require.Error(t, err, to)
	}
	_, err = Push(t.Context(), "http://"+l.Addr().String()+"/404", nil)
	require.ErrorIs(t, err, stream.ErrNotFound)
}
