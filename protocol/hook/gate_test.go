package hook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// refuse answers some hooks with 1, and others with 0.
func refuse(hooks ...string) func(http.ResponseWriter, got) {
	return func(w http.ResponseWriter, g got) {
		reply := "0"
		for _, h := range hooks {
			if h == g.hook {
				reply = "1"
			}
		}
		_, _ = io.WriteString(w, reply)
	}
}

// TestRefusals: which callbacks come when one refuses, as SRS has it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		protocol string
		refuse   []string
		in       bool
		want     string
	}{
		{"rtmp", nil, true, "on_connect on_publish on_unpublish on_close"},
		{"rtmp", []string{onConnect}, false, "on_connect on_close"},
		{"rtmp", []string{onPublish}, false, "on_connect on_publish on_close"},
		{"rtmp", []string{onUnpublish, onClose}, true, "on_connect on_publish on_unpublish on_close"},
		{"srt", nil, true, "on_connect on_publish on_unpublish on_close"},
		{"srt", []string{onConnect}, false, "on_connect"},
		{"srt", []string{onPublish}, false, "on_connect on_publish on_close"},
	} {
		t.Run(x.protocol+strings.Join(x.refuse, " "), func(t *testing.T) {
			t.Parallel()
			c := newCallee(t, refuse(x.refuse...))
			srv := run(t, same(all(c.url)))
			err := srv.publish(request(x.protocol, "a"))
			require.Equal(t, x.in, err == nil, "%v", err)
			srv.shutdown()
			require.Equal(t, x.want, strings.Join(c.hooks(), " "))
			require.Empty(t, srv.m.conns)
		})
	}
}

// TestBusy: a publisher that is let in and finds the stream taken ends with on_unpublish on SRT
// alone.
func TestBusy(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{
		"rtmp": "on_connect on_publish on_close",
		"srt":  "on_connect on_publish on_unpublish on_close",
	} {
		c := newCallee(t, nil)
		srv := run(t, same(all(c.url)))
		srv.Hub().SetSettings(func(stream.Key) (stream.Settings, error) {
			return stream.Settings{Conflict: stream.Refuse}, nil
		})
		p, err := srv.Hub().Publish(t.Context(), request("test", "a"))
		require.NoError(t, err)
		require.ErrorIs(t, srv.publish(request(protocol, "a")), stream.ErrBusy)
		seen := c.wait(t, 1+len(strings.Fields(want)))[1:]
		require.Equal(t, want, strings.Join(c.hooks()[1:], " "))
		require.Contains(t, seen[len(seen)-1].body, onClose)
		require.NoError(t, p.Close(nil))
		srv.shutdown()
		require.Len(t, c.hooks(), 1+len(seen)+1)
	}
}

// TestTwice: a connection that publishes twice connects twice, and closes once. One that asks for
// nothing is not told of.
func TestTwice(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	srv := run(t, same(all(c.url)))
	q := request("rtmp", "a")
	conn := srv.connect(&q)
	for i := range 2 {
		p, err := srv.Hub().Publish(t.Context(), q)
		require.NoError(t, err)
		require.NoError(t, p.Close(nil))
		c.wait(t, 3*(i+1))
		q.Key.Name, q.Key.App = "b", "other"
	}
	conn.Close(nil)
	idle := srv.connect(&q)
	idle.Close(nil)
	_, err := srv.Hub().Publish(t.Context(), q)
	require.Error(t, err, "on a connection that has ended")
	srv.shutdown()
	const once = "on_connect on_publish on_unpublish "
	require.Equal(t, once+once+onClose, strings.Join(c.hooks(), " "))
	last := c.wait(t, 7)[6]
	require.Contains(t, last.body, `"client_id":"`+conn.ID+`","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"other"`)
	require.Empty(t, srv.m.conns)
}

// TestSeveralURLs: they are called in order, and the first refusal is the last call.
func TestSeveralURLs(t *testing.T) {
	t.Parallel()
	c := newCallee(t, refuse("no"))
	down := "http://" + closedAddr(t) + "/"
	for _, x := range []struct {
		urls    string
		onError OnError
		code    int
		want    string
	}{
		{"a b c", Deny, 0, "a b c"},
		{"a no c", Deny, 3008, "a no"},
		{"a no c", Allow, 3008, "a no"},
		{"a down c", Deny, 1018, "a"},
		{"a down c", Allow, 0, "a c"},
		{"down no c", Allow, 3008, "no"},
	} {
		var v Vhost
		for _, u := range strings.Fields(x.urls) {
			if v.OnPlay = append(v.OnPlay, c.url+u); u == "down" {
				v.OnPlay[len(v.OnPlay)-1] = down
			}
		}
		v.OnError = x.onError
		srv := run(t, same(v))
		before := len(c.hooks())
		require.Equal(t, x.code, codeOf(t, srv.play(request("flv", "a"))), "%v", x)
		require.Equal(t, x.want, strings.Join(c.hooks()[before:], " "), "%v", x)
		srv.shutdown()
	}
}

// TestVhosts: each has its own callbacks, and a reload counts from the next call on.
func TestVhosts(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	by := func(prefix string) Config {
		return Config{Vhost: func(name string) Vhost {
			if name == "none" {
				return Vhost{}
			}
			return Vhost{OnPlay: []string{c.url + prefix + name}}
		}}
	}
	srv := run(t, by("1"))
	for _, vhost := range []string{"a", "none", "b"} {
		q := request("flv", "s")
		q.Key.Vhost = vhost
		require.NoError(t, srv.play(q))
	}
	require.NoError(t, srv.Reload(t.Context(), protocolConfig, New(by("2"))))
	q := request("flv", "s")
	q.Key.Vhost = "a"
	require.NoError(t, srv.play(q))
	require.NoError(t, srv.Reload(t.Context(), protocolConfig, New(Config{})))
	require.NoError(t, srv.play(q))
	require.Equal(t, []string{"1a", "1b", "2a"}, c.hooks())
	require.Error(t, srv.m.Reload(NewHeartbeat(HeartbeatConfig{})))
}

// TestClientLeaves: a question ends with the client's patience, and lets nobody in.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	asked, release := make(chan bool), make(chan bool)
	c := newCallee(t, func(http.ResponseWriter, got) { asked <- true; <-release })
	v := all(c.url)
	v.OnError = Allow
	srv := run(t, same(v))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-asked; cancel(errors.New("went home")) }()
	_, err := srv.Hub().Play(ctx, request("flv", "a"))
	close(release)
	require.ErrorContains(t, err, "went home")
	var denied *stream.DeniedError
	require.False(t, errors.As(err, &denied))
}

// TestBackOnline: who publishes again at once is online in the end, even while the callee takes its
// time to hear that the stream has ended.
func TestBackOnline(t *testing.T) {
	t.Parallel()
	ending, release := make(chan bool), make(chan bool)
	c := newCallee(t, func(w http.ResponseWriter, g got) {
		if g.hook == onUnpublish {
			ending <- true
			<-release
		}
		_, _ = io.WriteString(w, "0")
	})
	v := Vhost{OnPublish: []string{c.url + onPublish}, OnUnpublish: []string{c.url + onUnpublish}}
	srv := run(t, same(v))
	require.NoError(t, srv.publish(request("rtmp", "a")))
	<-ending
	require.NoError(t, srv.publish(request("rtmp", "other")), "another stream waits")
	<-ending
	back := make(chan error, 1)
	go func() { back <- srv.publish(request("rtmp", "a")) }()
	other := make(chan error, 1)
	go func() { other <- srv.play(request("flv", "a")) }()
	require.NoError(t, <-other)
	require.Equal(t, []string{onPublish, onUnpublish, onPublish, onUnpublish}, c.hooks())
	close(release)
	require.NoError(t, <-back)
	<-ending
	require.Equal(t, []string{onPublish, onUnpublish, onPublish, onUnpublish, onPublish, onUnpublish}, c.hooks())
}

// TestHang: callees that leave many of one stream's clients waiting delay no other's.
func TestHang(t *testing.T) {
	t.Parallel()
	const many = 100
	release := make(chan bool)
	c := newCallee(t, func(w http.ResponseWriter, g got) {
		if strings.Contains(g.body, `"hangs`) {
			<-release
		}
		_, _ = io.WriteString(w, "0")
	})
	srv := run(t, same(all(c.url)))
	done := make(chan error, many)
	for i := range many {
		go func() { done <- srv.play(request("flv", "hangs"+strconv.Itoa(i))) }()
	}
	c.wait(t, many)
	require.NoError(t, srv.play(request("flv", "fine")))
	require.NoError(t, srv.publish(request("rtmp", "fine")))
	select {
	case err := <-done:
		t.Fatalf("let in without an answer: %v", err)
	default:
	}
	close(release)
	for range many {
		require.NoError(t, <-done)
	}
}
