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
// when the server stops, and so are its players that know it; others are not.
func TestReconnectRequest(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub, play, old := srv.dial(t), srv.dial(t), srv.dial(t)
	pub.publish("s", knowsReconnect)
	play.await("s", knowsReconnect)
	old.await("s")
	end := srv.shutDown(t)
	play.expect(reconnectRequest)
	pub.media(live...) // a publisher hears it with its next message
	pub.expect(reconnectRequest)
	old.until(`6/1 type 9 at 40: 2701`)
	end()
	old.expect(playStopped)
	if got := old.drain(); len(got) > 0 {
		t.Errorf("the old client got %v", got)
	}
}

// TestPlayersOfOldPublisher: players stay as long as a publisher that cannot be asked to
// go, and are asked when it leaves: nobody can come back to publish for them.
func TestPlayersOfOldPublisher(t *testing.T) {
	t.Parallel()
	srv := runServer(t, serverConfig{settings: patient})
	pub, play, old := srv.dial(t), srv.dial(t), srv.dial(t)
	pub.publish("s")
	play.await("s", knowsReconnect)
	old.await("s")
	end := srv.shutDown(t)
	defer end()
	srv.logged(t, "rtmp drains")
	pub.media(live...)
	play.until(`6/1 type 9 at 40: 2701`)
	old.until(`6/1 type 9 at 40: 2701`)
	_ = pub.Close()
	play.expect(reconnectRequest, playStopped)
	old.expect(playStopped)
	srv.emptied(t)
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
