package rtmp

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

func TestClientPublish(t *testing.T) {
	streamtest.CheckLeaks(t)
	for _, clip := range streamtest.Clips() {
		for _, window := range []time.Duration{0, 5 * time.Millisecond} {
			t.Run(clip.Name+" "+window.String(), func(t *testing.T) {
				end := make(chan *fakeConn, 1)
				base := fakeServer(t, func(f *fakeConn) {
					f.publishes()
					f.idle()
					end <- f
				})
				p, err := DialPublish(testContext(t), base+"/live/a", &ClientConfig{Flush: window})
				require.NoError(t, err)
				require.NoError(t, stream.Copy(p, clip.Source()))
				require.NoError(t, p.Close())
				require.NoError(t, p.Close())
				require.ErrorIs(t, p.WritePacket(clip.Packets()[0]), stream.ErrClosed)
				f := <-end
				got, err := f.packets()
				require.NoError(t, err)
				// Of relayed audio, Config is what the wire says of it; the clip has none.
				_, relayed := clip.Tracks().List[0].Codec.FLV()
				streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{AnyConfig: relayed})
				require.Equal(t, []string{"connect", "releaseStream", "FCPublish", "createStream", "publish", "FCUnpublish", "deleteStream"}, f.commands())
			})
		}
	}
}

// commands names the commands that were received.
func (f *fakeConn) commands() (names []string) {
	for _, m := range f.got {
		if m.Type == chunk.Command0 {
			c, _ := parseCommand(&m)
			names = append(names, c.name)
		}
	}
	return names
}

func TestClientPublishPlain(t *testing.T) {
	streamtest.CheckLeaks(t)
	end := make(chan *fakeConn, 1)
	base := fakeServer(t, func(f *fakeConn) { f.publishes(); f.idle(); end <- f })
	p, err := DialPublish(testContext(t), base+"/live/a", &ClientConfig{NoFCPublish: true, Simple: true})
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.Equal(t, []string{"connect", "createStream", "publish", "deleteStream"}, (<-end).commands())
}

// countingConn counts writes.
type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestClientPublishWrites holds that a packet is one write, and several are one within
// the flush window, whose end needs no further packet.
func TestClientPublishWrites(t *testing.T) {
	streamtest.CheckLeaks(t)
	packets := streamtest.AACOnly().Packets()[:10]
	for _, window := range []time.Duration{0, 100 * time.Millisecond} {
		var writes atomic.Int64
		cfg := &ClientConfig{Flush: window, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return countingConn{c, &writes}, err
		}}
		arrived := make(chan struct{})
		base := fakeServer(t, func(f *fakeConn) {
			f.publishes()
			for n := 0; n < len(packets)+2; n++ { // and metadata, and the header
				if _, err := f.r.ReadMessage(); err != nil {
					return
				}
			}
			close(arrived)
			f.idle()
		})
		p, err := DialPublish(testContext(t), base+"/live/a", cfg)
		require.NoError(t, err)
		before := writes.Load()
		for _, q := range packets {
			require.NoError(t, p.WritePacket(q))
		}
		<-arrived
		if n := writes.Load() - before; window == 0 {
			require.EqualValues(t, len(packets), n)
		} else {
			require.LessOrEqual(t, n, int64(3)) // one, where the machine is not busy
		}
		require.NoError(t, p.Close())
	}
}

// TestClientPublishMultitrack holds that further tracks go to those who take them.
func TestClientPublishMultitrack(t *testing.T) {
	streamtest.CheckLeaks(t)
	base := streamtest.H264AAC().Packets()
	second := base[0].Tracks.List[base[0].Tracks.First(stream.KindAudio)]
	second.ID, second.Default = 1, false
	tracks := base[0].Tracks.With(second)
	audio := *base[0]
	audio.Tracks, audio.Track = tracks, len(tracks.List)-1
	for _, c := range []struct {
		caps  float64
		force bool
		want  int
	}{{0, false, 0}, {2, false, 1}, {0, true, 1}} {
		end := make(chan *fakeConn, 1)
		url := fakeServer(t, func(f *fakeConn) {
			f.publishes(amf.Field{Name: "capsEx", Value: c.caps})
			f.idle()
			end <- f
		})
		p, err := DialPublish(testContext(t), url+"/live/a", &ClientConfig{Multitrack: c.force})
		require.NoError(t, err)
		require.NoError(t, p.WritePacket(&audio))
		require.Error(t, p.WritePacket(&stream.Packet{Tracks: tracks, Track: 9}))
		require.Error(t, p.WritePacket(&stream.Packet{}))
		require.NoError(t, p.Close())
		got, err := (<-end).packets()
		require.NoError(t, err)
		require.Len(t, got, c.want)
	}
}

// TestClientPublishEnds holds that the next write tells what ended the session.
func TestClientPublishEnds(t *testing.T) {
	streamtest.CheckLeaks(t)
	q := streamtest.H264Only().Packets()[0]
	for _, c := range []struct {
		name string
		end  func(*fakeConn)
		is   error
	}{
		{"taken over", func(f *fakeConn) { f.status("error", "NetStream.Publish.BadName") }, stream.ErrBusy},
		{"kicked", func(f *fakeConn) { f.status("error", "NetStream.Publish.Denied") }, nil},
		{"unpublished", func(f *fakeConn) { f.status("status", "NetStream.Unpublish.Success") }, nil},
		{"closed", func(f *fakeConn) {}, io.ErrUnexpectedEOF},
		{"closed by command", func(f *fakeConn) {
			f.say(appendCommand(nil, csReply, 0, 0, "close", 0.0, nil))
			f.idle()
		}, stream.ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := fakeServer(t, func(f *fakeConn) {
				f.publishes()
				f.status("error", "NetStream.Record.Failed") // not the stream's end
				f.status("error", "NetConnection.Call.Failed")
				f.status("status", "NetStream.Whatever")
				_, _ = f.r.ReadMessage()
				c.end(f)
			})
			p, err := DialPublish(testContext(t), base+"/live/a", nil)
			require.NoError(t, err)
			err = writeUntilError(t, p, q)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			} else {
				var s *StatusError
				require.ErrorAs(t, err, &s)
			}
			require.Equal(t, err, p.WritePacket(q), "final")
			require.Equal(t, err, p.Close())
		})
	}
}

// TestClientPublishStall holds that a server that reads nothing ends a write, and that
// Close does not wait for it.
func TestClientPublishStall(t *testing.T) {
	streamtest.CheckLeaks(t)
	big := *streamtest.H264Only().Packets()[0]
	big.Payload = make([]byte, 8<<20)
	base := fakeServer(t, func(f *fakeConn) { f.publishes(); <-f.ctx.Done() })
	p, err := DialPublish(testContext(t), base+"/live/a", &ClientConfig{IOTimeout: 100 * time.Millisecond})
	require.NoError(t, err)
	require.ErrorIs(t, writeUntilError(t, p, &big), stream.ErrSlow)
	require.Error(t, p.Close())

	p, err = DialPublish(testContext(t), base+"/live/a", nil)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- writeUntilError(t, p, &big) }()
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	_ = p.Close()
	require.Error(t, <-done)
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestClientReconnectRequest(t *testing.T) {
	streamtest.CheckLeaks(t)
	ask := func(f *fakeConn) {
		for _, u := range []string{"rtmp://other/one", "http://bad/", "/next"} {
			f.say(appendStatus(nil, 0, 0, "status", askReconnect, "", amf.Field{Name: "tcUrl", Value: u}))
		}
	}
	base := fakeServer(t, func(f *fakeConn) { f.publishes(); ask(f); f.idle() })
	p, err := DialPublish(testContext(t), base+"/live/a?k=v", nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		select {
		case u := <-p.Reconnect():
			return u == base+"/next/a?k=v"
		default:
			return false
		}
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, p.WritePacket(streamtest.H264Only().Packets()[0]))
	require.NoError(t, p.Close())

	base = fakeServer(t, func(f *fakeConn) { f.plays(); ask(f) })
	play, err := DialPlay(testContext(t), base+"/live/a", nil)
	require.NoError(t, err)
	_, err = play.ReadPacket()
	require.Equal(t, io.EOF, err)
	require.Equal(t, base+"/next/a", <-play.Reconnect())
	require.NoError(t, play.Close())
}
