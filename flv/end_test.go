package flv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestOutcomes holds what the hub's observers are told of the end.
func TestOutcomes(t *testing.T) {
	r := newRig(t, Config{})
	ends := make(chan error, 10)
	r.hub.Observe(func(e stream.Event) {
		if e.Type == stream.EventStop {
			ends <- e.Err
		}
	})
	ended := func() error {
		select {
		case err := <-ends:
			return err
		case <-time.After(5 * time.Second):
			return errors.New("no end")
		}
	}
	for _, base := range []string{"http://" + r.addr, "https://" + r.secure} {
		play := func() *http.Response { return get(t, httpClient(t, base[4] == 's'), base+"/live/av.flv") }
		f := r.publish(t, liveKey, streamtest.H264AAC())
		_ = play().Body.Close()
		require.NoError(t, ended())
		play()
		for s := range r.hub.Sessions() {
			if s.Action == stream.ActionPlay {
				s.Kick(nil)
			}
		}
		require.ErrorIs(t, ended(), stream.ErrKicked)
		play()
		f.finish()
		require.NoError(t, ended())
		waitFor(t, "the stream is gone", func() bool { return r.streams() == 0 })
	}
}

// TestKick holds that a session that ends otherwise than with its stream has no last
// chunk.
func TestKick(t *testing.T) {
	r := newRig(t, Config{})
	r.publish(t, liveKey, streamtest.H264AAC())
	for _, base := range []string{"http://" + r.addr, "https://" + r.secure} {
		resp := get(t, httpClient(t, base[4] == 's'), base+"/live/av.flv")
		for s := range r.hub.Sessions() {
			if s.Action == stream.ActionPlay {
				s.Kick(nil)
			}
		}
		_, err := io.Copy(io.Discard, resp.Body)
		require.Error(t, err)
	}
	waitFor(t, "the players have gone", func() bool { return r.sessions() == 1 })
}

// TestSlow holds that a client that reads nothing is ended, over each kind of HTTP.
func TestSlow(t *testing.T) {
	r := newRig(t, Config{})
	r.settings(stream.Settings{Stall: 300 * time.Millisecond})
	clip := streamtest.H264AAC()
	f := r.publish(t, liveKey, clip)
	const request = "GET /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n"
	_, in := raw(t, r.addr, request)
	readHead(t, in)
	secure, err := tls.Dial("tcp", r.secure, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = secure.Close() })
	_, _ = io.WriteString(secure, request)
	_, _ = io.ReadFull(secure, make([]byte, 100))
	get(t, httpClient(t, true), "https://"+r.secure+"/live/av.flv")
	require.Equal(t, 4, r.sessions())
	big := *f.all[0]
	big.Payload = make([]byte, 1<<20)
	copy(big.Payload, []byte{0, 0x0f, 0xff, 0xfc, 0x65})
	deadline := time.Now().Add(10 * time.Second)
	for r.sessions() > 1 && time.Now().Before(deadline) {
		p := big
		p.DTS += time.Duration(time.Since(deadline.Add(-10 * time.Second)))
		p.PTS = p.DTS
		require.NoError(t, f.pub.WritePacket(&p))
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(t, 1, r.sessions())
}

// TestShutdown drains, and then ends what is left.
func TestShutdown(t *testing.T) {
	r := newRig(t, Config{})
	f := r.publish(t, liveKey, streamtest.H264AAC())
	stays := get(t, httpClient(t, false), r.url("/live/av.flv"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.module.Shutdown(ctx) }()
	waitFor(t, "it refuses", func() bool {
		resp := get(t, httpClient(t, false), r.url("/live/av.flv"))
		return resp.StatusCode == 503
	})
	require.NoError(t, <-done)
	_, err := io.Copy(io.Discard, stays.Body)
	require.NoError(t, err, "a last chunk")
	f.finish()
}

// TestShutdownTells holds that each kind of player is told that the server ends.
func TestShutdownTells(t *testing.T) {
	r := newRig(t, Config{})
	r.publish(t, liveKey, streamtest.H264AAC())
	_, old := raw(t, r.addr, "GET /live/av.flv HTTP/1.1\r\nHost: x\r\n\r\n")
	readHead(t, old)
	second := get(t, httpClient(t, true), "https://"+r.secure+"/live/av.flv")
	require.Equal(t, 2, second.ProtoMajor)
	m := &messages{t: t, c: dialWS(t, "ws://"+r.addr+"/live/av.flv")}
	_, err := io.ReadFull(m, make([]byte, 9))
	require.NoError(t, err)
	_, waits := raw(t, r.addr, "GET /live/none.flv HTTP/1.1\r\nHost: x\r\n\r\n")
	waitFor(t, "all play", func() bool { return r.sessions() == 5 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, r.srv.Shutdown(ctx))
	_, err = io.Copy(io.Discard, httputil.NewChunkedReader(old))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, second.Body)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, m)
	require.NoError(t, err)
	require.Equal(t, ws.StatusGoingAway, m.code)
	require.Contains(t, readHead(t, waits), " 503 Service Unavailable\r\n")
}

// TestShutdownTakesPost holds that a publisher whose connection was accepted as the last
// can still post.
func TestShutdownTakesPost(t *testing.T) {
	r := newRig(t, Config{})
	body := file(t, streamtest.H264AAC())
	c, in := raw(t, r.ingest, "")
	waitFor(t, "it is accepted", func() bool { n, _ := r.srv.Conns(); return n == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- r.srv.Shutdown(context.Background()) }()
	waitFor(t, "it does not accept", func() bool {
		other, err := net.Dial("tcp", r.ingest)
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	_, err := fmt.Fprintf(c, "POST /live/av.flv HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(t, err)
	require.Contains(t, readHead(t, in), " 200 OK\r\n")
	require.NoError(t, <-stopped)
}

func TestReload(t *testing.T) {
	m := New(Config{})
	require.NoError(t, m.Reload(New(Config{MaxWait: time.Second})))
	require.Equal(t, time.Second, m.cfg.Load().MaxWait)
	require.Error(t, m.Reload(New(Config{HTTP: "other"})))
	require.Error(t, m.Reload(New(Config{Ingest: Ingest{Listen: []string{":1"}}})))
	require.Equal(t, []string{"http-flv"}, New(Config{Ingest: Ingest{HTTP: "http"}}).Info().Ingest)
}
