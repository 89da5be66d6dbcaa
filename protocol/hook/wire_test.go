package hook

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// wired is a server with protocols, in the list after the callbacks.
type wired struct {
	*protocol.Server
	m          *Module
	rtmp, http string
}

func runWired(t *testing.T, v Vhost) *wired {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wired{m: New(same(v)), rtmp: "rtmp://" + l.Addr().String() + "/live/"}
	w.Server = protocol.NewServer(protocol.Config{
		Logger:    slog.New(slog.DiscardHandler),
		Listeners: map[string]net.Listener{"rtmp": l},
		HTTP:      []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}},
	}, w.m, rtmp.New(rtmp.Config{Listen: []string{"rtmp"}}), flv.New(flv.Config{}))
	require.NoError(t, w.Start(context.Background()))
	t.Cleanup(func() { _ = w.Shutdown(ended()) })
	w.http = "http://" + w.HTTPAddrs("http")[0].String() + "/live/"
	return w
}

// publish publishes a clip over RTMP until ctx ends or the server closes the connection.
func (w *wired) publish(ctx context.Context, t *testing.T, name string) (done chan error) {
	c, err := rtmp.DialPublish(ctx, w.rtmp+name, nil)
	require.NoError(t, err)
	done = make(chan error, 1)
	go func() {
		err := streamtest.Publish(ctx, c, streamtest.H264AAC().Loop(0), 1)
		_ = c.Close()
		done <- err
	}()
	return done
}

// byClient gives the hooks of each client in their order, the clients in the order they came.
func byClient(t *testing.T, seen []got) (list []string) {
	at := map[string]int{}
	for _, g := range seen {
		var body struct {
			ID string `json:"client_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(g.body), &body))
		i, known := at[body.ID]
		if !known {
			i = len(list)
			at[body.ID] = i
			list = append(list, "")
		}
		list[i] = strings.TrimSpace(list[i] + " " + g.hook)
	}
	return list
}

// TestOrder: sessions over the wire are told in SRS's order, with the connection's bytes at the end.
func TestOrder(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	w := runWired(t, all(c.url))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	quit, stop := context.WithCancel(ctx)
	done := w.publish(quit, t, "av?token=abc")

	p, err := rtmp.DialPlay(ctx, w.rtmp+"av", nil)
	require.NoError(t, err)
	_, err = p.ReadPacket()
	require.NoError(t, err)
	require.NoError(t, p.Close())
	f, err := flv.Pull(ctx, w.http+"av.flv?ft=2", nil)
	require.NoError(t, err)
	_, err = f.ReadPacket()
	require.NoError(t, err)
	require.NoError(t, f.Close())
	c.wait(t, 8)
	w.m.DVR(w.Hub().Stream(stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}).Publisher(), "a.flv")
	stop()
	<-done
	c.wait(t, 11)

	done = w.publish(ctx, t, "kicked")
	c.wait(t, 13)
	w.Hub().Stream(stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "kicked"}).Publisher().Kick(nil)
	<-done
	seen := c.wait(t, 15)
	require.Equal(t, []string{
		"on_connect on_publish on_dvr on_unpublish on_close",
		"on_connect on_play on_stop on_close",
		"on_play on_stop",
		"on_connect on_publish on_unpublish on_close",
	}, byClient(t, seen))
	for _, g := range seen {
		if g.hook == onClose {
			var body struct {
				Sent     int `json:"send_bytes"`
				Received int `json:"recv_bytes"`
			}
			require.NoError(t, json.Unmarshal([]byte(g.body), &body))
			require.Greater(t, body.Sent, 3000, "%s", g.body)
			require.Greater(t, body.Received, 3000, "%s", g.body)
		}
	}
}

// TestQuit: a server that ends tells of the ends that are its own, whether its sessions had time to
// leave or not.
func TestQuit(t *testing.T) {
	t.Parallel()
	for _, patient := range []time.Duration{0, 100 * time.Millisecond} {
		c := newCallee(t, nil)
		w := runWired(t, all(c.url))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		done := w.publish(ctx, t, "av")
		p, err := rtmp.DialPlay(ctx, w.rtmp+"av", nil)
		require.NoError(t, err)
		c.wait(t, 4)
		w.m.facts.lastWords = patience
		quit, stop := context.WithTimeout(ctx, patient)
		_ = w.Shutdown(quit)
		stop()
		require.Equal(t, []string{"on_connect on_publish on_unpublish on_close", "on_connect on_play on_stop on_close"},
			byClient(t, c.wait(t, 8)))
		_ = p.Close()
		<-done
		cancel()
	}
}

// TestDownWire: over the wire too, clients of a callee that is down are refused or, where that is
// wanted, let in.
func TestDownWire(t *testing.T) {
	t.Parallel()
	v := all("http://" + closedAddr(t) + "/")
	w := runWired(t, v)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := rtmp.DialPublish(ctx, w.rtmp+"a", nil)
	var denied *stream.DeniedError
	require.ErrorAs(t, err, &denied)
	_, err = flv.Pull(ctx, w.http+"a.flv", nil)
	require.ErrorContains(t, err, "403")

	v.OnError = Allow
	require.NoError(t, w.m.Reload(New(same(v))))
	quit, stop := context.WithCancel(ctx)
	done := w.publish(quit, t, "a")
	f, err := flv.Pull(ctx, w.http+"a.flv", nil)
	require.NoError(t, err)
	_, err = f.ReadPacket()
	require.NoError(t, err)
	require.NoError(t, f.Close())
	stop()
	<-done
}
