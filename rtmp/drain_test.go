package rtmp_test

import (
	"context"
	"testing"

	"github.com/srsgo/srs/protocol/amf"
)

const (
	reconnectRequest = `5/0 "onStatus" 0 null {level:"status" code:"NetConnection.Connect.ReconnectRequest" description:"The server is shutting down." tcUrl:"rtmp://127.0.0.1/live"}`
	playStopped      = `5/1 "onStatus" 0 null {level:"status" code:"NetStream.Play.Stop" description:"The server is shutting down."}`
	publishFailed    = `5/1 "onStatus" 0 null {level:"error" code:"NetStream.Publish.Failed" description:"The server is shutting down."}`
)

// knowsReconnect is what a client adds to connect that can be asked to come anew.
var knowsReconnect = amf.Field{Name: "capsEx", Value: 1.0}

// shutDown begins a shutdown; end ends the wait for sessions.
func (s *testServer) shutDown(t *testing.T) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
}

// TestReconnectRequest: a publisher that knows Enhanced RTMP is asked to go elsewhere
// when the server stops. Its players stay until it has gone, and are then asked too if
// they know it: nobody can come back to publish for them.
func TestReconnectRequest(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub, play, old := srv.dial(t), srv.dial(t), srv.dial(t)
	pub.publish("s", knowsReconnect)
	play.await("s", knowsReconnect)
	old.await("s")
	end := srv.shutDown(t)
	defer end()
	srv.logged(t, "rtmp drains")
	pub.media(live...) // a publisher hears it with its next message
	pub.expect(reconnectRequest)
	play.until(`6/1 type 9 at 40: 2701`)
	old.until(`6/1 type 9 at 40: 2701`)
	_ = pub.Close()
	play.expect(reconnectRequest, playStopped)
	old.expect(playStopped)
	srv.emptied(t)
}

// TestDrainEnds: when the wait is over all are told, and those who know it that they
// should come again. An old publisher was not asked before.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub, play := srv.dial(t), srv.dial(t)
	pub.publish("s")
	play.await("s", knowsReconnect)
	end := srv.shutDown(t)
	srv.logged(t, "rtmp drains")
	pub.media(live...)
	play.until(`6/1 type 9 at 40: 2701`)
	pub.quiet()
	go end()
	pub.expect(publishFailed)
	play.expect(reconnectRequest, playStopped)
	srv.emptied(t)
}

// TestComesWhileDraining: a connection that was accepted as the last is served, and asked
// at once.
func TestComesWhileDraining(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	c := srv.dial(t)
	end := srv.shutDown(t)
	defer end()
	srv.logged(t, "rtmp drains")
	c.connect("rtmp://127.0.0.1/live", knowsReconnect)
	c.expect(reconnectRequest)
	c.republish("s")
}

// TestShutdownTells: who is still there when the server ends hears why.
func TestShutdownTells(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub, play, idle := srv.dial(t), srv.dial(t), srv.dial(t)
	pub.publish("s", knowsReconnect)
	play.await("s", knowsReconnect)
	idle.connect("rtmp://127.0.0.1/live")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	pub.expect(publishFailed) // and no request to come again at once
	play.expect(playStopped)
	for _, c := range []*rawConn{pub, play, idle} {
		if got := c.drain(); len(got) > 0 {
			t.Errorf("and then %v", got)
		}
	}
}
