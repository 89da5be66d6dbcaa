package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// dialers are the two kinds of clients, for what is the same with both.
var dialers = map[string]func(ctx context.Context, url string, cfg *ClientConfig) (io.Closer, error){
	"play": func(ctx context.Context, url string, cfg *ClientConfig) (io.Closer, error) {
		p, err := DialPlay(ctx, url, cfg)
		if err != nil {
			return nil, err
		}
		return p, nil
	},
	"publish": func(ctx context.Context, url string, cfg *ClientConfig) (io.Closer, error) {
		p, err := DialPublish(ctx, url, cfg)
		if err != nil {
			return nil, err
		}
		return p, nil
	},
}

func TestClientRefusals(t *testing.T) {
	streamtest.CheckLeaks(t)
	connect := func(code string) func(*fakeConn) {
		return func(f *fakeConn) { f.handshake(); f.refuse(f.wait("connect").tid, code) }
	}
	create := func(answer func(*fakeConn, float64)) func(*fakeConn) {
		return func(f *fakeConn) {
			f.handshake()
			f.answer(f.wait("connect").tid, amf.Object{}, success)
			answer(f, f.wait("createStream").tid)
		}
	}
	status := func(name, level, code string) func(*fakeConn) {
		return func(f *fakeConn) { f.connected(); f.wait(name); f.status(level, code) }
	}
	for _, c := range []struct {
		name, kind string // kind "": both
		script     func(*fakeConn)
		is         error  // nil: a *StatusError that is a refusal
		text       string // in the error
	}{
		{"connect rejected", "", connect("NetConnection.Connect.Rejected"), nil, "connect: the server says NetConnection"},
		{"no such app", "", connect("NetConnection.Connect.InvalidApp"), stream.ErrNotFound, ""},
		{"connect result of another code", "", func(f *fakeConn) {
			f.handshake()
			f.answer(f.wait("connect").tid, nil, amf.Object{{Name: "code", Value: "NetConnection.Connect.Failed"}})
		}, nil, ""},
		{"connect error without words", "", func(f *fakeConn) {
			f.handshake()
			f.say(appendCommand(nil, csReply, 0, 0, "_error", f.wait("connect").tid))
		}, nil, "connect: "},
		{"createStream refused", "", create(func(f *fakeConn, tid float64) { f.refuse(tid, "x") }), nil, "createStream"},
		{"stream zero", "", create(func(f *fakeConn, tid float64) { f.answer(tid, nil, 0.0) }), errAny, "for a stream"},
		{"stream is text", "", create(func(f *fakeConn, tid float64) { f.answer(tid, nil, "1") }), errAny, "for a stream"},
		{"stream is huge", "", create(func(f *fakeConn, tid float64) { f.answer(tid, nil, 1e300) }), errAny, "for a stream"},
		{"busy", "publish", status("publish", "error", "NetStream.Publish.BadName"), stream.ErrBusy, "words"},
		{"busy as a status", "publish", status("publish", "status", "NetStream.Publish.BadName"), stream.ErrBusy, ""},
		{"publish denied", "publish", status("publish", "error", "NetStream.Publish.Denied"), nil, ""},
		{"publish error", "publish", func(f *fakeConn) { f.connected(); f.refuse(f.wait("publish").tid, "x") }, nil, ""},
		{"not found", "play", status("play", "error", "NetStream.Play.StreamNotFound"), stream.ErrNotFound, ""},
		{"play failed", "play", status("play", "error", playFailed), stream.ErrNotFound, ""},
		{"play failed, denied", "play", status("play", "error", playFailed), nil, ""},
		{"play error", "play", func(f *fakeConn) { f.connected(); f.refuse(f.wait("play").tid, "x") }, nil, ""},
		{"no handshake", "", func(f *fakeConn) {}, io.ErrUnexpectedEOF, ""},
		{"another version", "", func(f *fakeConn) { f.say(make([]byte, 4000)); f.idle() }, errAny, "version"},
		{"closed after the handshake", "", func(f *fakeConn) { f.handshake(); f.wait("connect") }, io.ErrUnexpectedEOF, "connect: the server closed"},
		{"closed at publish", "publish", func(f *fakeConn) { f.connected(); f.wait("publish") }, io.ErrUnexpectedEOF, ""},
		{"closed at play", "play", func(f *fakeConn) { f.connected(); f.wait("play") }, io.ErrUnexpectedEOF, ""},
		{"no command", "", func(f *fakeConn) { f.handshake(); f.message(chunk.Command0, 0, []byte{9, 9}); f.idle() }, errAny, "command"},
		{"a number for a command", "", func(f *fakeConn) {
			f.handshake()
			f.say(appendCommand(nil, csReply, 0, 0, 1.0, "connect"))
			f.idle()
		}, errAny, "command"},
		{"a huge message before connect", "", func(f *fakeConn) {
			f.handshake()
			f.say(appendControl(nil, chunk.SetChunkSize, chunk.MaxSize))
			f.say(chunk.AppendHeader(nil, chunk.Header{Type: chunk.Video, ChunkStream: 6}, chunk.MaxLength))
			f.idle()
		}, errAny, "limit"},
		{"chunk size zero", "", func(f *fakeConn) { f.handshake(); f.say(appendControl(nil, chunk.SetChunkSize, 0)); f.idle() }, errAny, ""},
	} {
		for kind, dial := range dialers {
			if c.kind != "" && c.kind != kind {
				continue
			}
			t.Run(c.name+" "+kind, func(t *testing.T) {
				// Where the connection is closed with bytes unread, the peer sees a reset.
				base := fakeServer(t, c.script)
				got, err := dial(testContext(t), base+"/live/a", nil)
				require.Error(t, err)
				require.Nil(t, got)
				require.ErrorContains(t, err, c.text)
				require.ErrorContains(t, err, base+"/live/a")
				var s *StatusError
				var d *stream.DeniedError
				switch {
				case c.is == nil:
					require.ErrorAs(t, err, &s)
					require.ErrorAs(t, err, &d)
					require.NotErrorIs(t, err, stream.ErrBusy)
				case errors.Is(c.is, io.ErrUnexpectedEOF):
					require.True(t, errors.Is(err, c.is) || errors.Is(err, syscall.ECONNRESET), "%v", err)
				case c.is != errAny:
					require.ErrorIs(t, err, c.is)
					require.ErrorAs(t, err, &s)
				}
			})
		}
	}
}

var errAny = errors.New("any")

// TestClientNoAnswer holds that a server that says nothing, or talks without end, is left
// when the time is up or the context ends.
func TestClientNoAnswer(t *testing.T) {
	streamtest.CheckLeaks(t)
	for name, script := range map[string]func(*fakeConn){
		"nothing":             func(f *fakeConn) { <-f.ctx.Done() },
		"after the handshake": func(f *fakeConn) { f.handshake(); <-f.ctx.Done() },
		"after connect":       func(f *fakeConn) { f.handshake(); f.answer(f.wait("connect").tid, nil, success); f.idle() },
		"after createStream":  func(f *fakeConn) { f.connected(); f.idle() },
		"endless commands":    func(f *fakeConn) { f.connected(); f.endless(appendCommand(nil, 3, 0, 0, "onBWDone", 0.0, nil)) },
		"endless pings":       func(f *fakeConn) { f.connected(); f.endless(appendEvent(nil, eventPingRequest, 1)) },
		"endless controls":    func(f *fakeConn) { f.connected(); f.endless(appendControl(nil, chunk.SetChunkSize, 100)) },
		"a message drop by drop": func(f *fakeConn) {
			f.handshake()
			for f.ctx.Err() == nil {
				if _, err := f.Write([]byte{3}); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		},
	} {
		for kind, dial := range dialers {
			t.Run(name+" "+kind, func(t *testing.T) {
				url := fakeServer(t, script) + "/live/a"
				start := time.Now()
				_, err := dial(testContext(t), url, &ClientConfig{Timeout: 50 * time.Millisecond})
				require.Error(t, err)
				if name != "a message drop by drop" { // which is malformed sooner or later
					require.ErrorIs(t, err, context.DeadlineExceeded)
				}
				ctx, cancel := context.WithCancelCause(context.Background())
				cause := errors.New("enough")
				time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
				_, err = dial(ctx, url, nil)
				require.Error(t, err)
				require.Less(t, time.Since(start), 5*time.Second)
			})
		}
	}
}

func (f *fakeConn) endless(b []byte) {
	b = []byte(strings.Repeat(string(b), 100))
	go f.idle()
	for f.ctx.Err() == nil {
		if _, err := f.Write(b); err != nil {
			return
		}
	}
}

// TestClientFloods holds that a publisher survives what a server sends too much of.
func TestClientFloods(t *testing.T) {
	streamtest.CheckLeaks(t)
	var junk []byte
	for range 1000 {
		junk = appendStatus(junk, 1, 0, "status", "NetStream.Publish.Whatever", strings.Repeat("x", 500))
		junk = appendControl(junk, chunk.WindowAckSize, 1)
		junk = appendControl(junk, chunk.SetPeerBandwidth, 1000, 2)
		junk = appendControl(junk, chunk.UserControl, 0)
		m := chunk.Message{Header: chunk.Header{Type: 99, ChunkStream: 70, StreamID: 7}, Payload: make([]byte, 300)}
		junk = chunk.AppendMessage(junk, &m, 0)
		m.Type, m.Payload = chunk.Command3, nil
		junk = chunk.AppendMessage(junk, &m, 0)
	}
	clip := streamtest.AACOnly()
	end := make(chan *fakeConn, 1)
	base := fakeServer(t, func(f *fakeConn) {
		f.publishes()
		var d atomic.Bool
		go func() { f.say(junk); d.Store(true) }()
		f.idle()
		end <- f
	})
	p, err := DialPublish(testContext(t), base+"/live/a", nil)
	require.NoError(t, err)
	require.NoError(t, stream.Copy(p, clip.Source()))
	require.NoError(t, p.Close())
	got, err := (<-end).packets()
	require.NoError(t, err)
	streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{})
}

// redirectTo is what SRS sends with a redirect.
func redirectTo(redirect, redirect2 string) amf.Field {
	ex := amf.Object{{Name: "code", Value: 302.0}, {Name: "redirect", Value: redirect}}
	if redirect2 != "" {
		ex = append(ex, amf.Field{Name: "redirect2", Value: redirect2})
	}
	return amf.Field{Name: "ex", Value: ex}
}

const rejected = "NetConnection.Connect.Rejected"

func TestClientRedirects(t *testing.T) {
	streamtest.CheckLeaks(t)
	clip := streamtest.AACOnly()
	names := make(chan string, 10)
	final := fakeServer(t, func(f *fakeConn) {
		f.connected()
		var c command
		for {
			m, err := f.r.ReadMessage()
			if err != nil {
				return
			}
			if c, err = parseCommand(&m); err == nil && (c.name == "play" || c.name == "publish") {
				break
			}
		}
		names <- c.str(0)
		if c.name == "publish" {
			f.status("status", publishStart)
			f.idle()
			return
		}
		f.status("status", playStart)
		f.stream(clip.Packets())
	})
	atConnect := func(to amf.Field) func(*fakeConn) {
		return func(f *fakeConn) { f.handshake(); f.refuse(f.wait("connect").tid, rejected, to) }
	}
	for name, script := range map[string]func(*fakeConn){
		"whole URL first": atConnect(redirectTo("rtmp://127.0.0.1:1/no", final+"/live/a")),
		"tcUrl":           atConnect(redirectTo(final+"/live", "")),
		"as SRS does": func(f *fakeConn) {
			f.plays()
			f.message(chunk.Data0, 0, amf.AppendAll(nil, "|RtmpSampleAccess", true, true))
			f.say(appendStatus(nil, 0, 0, "error", rejected, "RTMP 302 Redirect", redirectTo(final+"/live", final+"/live/a")))
			f.idle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := DialPlay(testContext(t), fakeServer(t, script)+"/x/a", nil)
			require.NoError(t, err)
			got, err := readAll(p)
			require.NoError(t, err)
			streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{})
			require.Equal(t, "a", <-names)
			require.Equal(t, final+"/live/a", p.URL())
			require.NoError(t, p.Close())
		})
	}
	pub, err := DialPublish(testContext(t), fakeServer(t, atConnect(redirectTo(final+"/live", "")))+"/x/b?k=v", nil)
	require.NoError(t, err)
	require.Equal(t, "b?k=v", <-names)
	require.Equal(t, final+"/live/b?k=v", pub.URL())
	require.NoError(t, pub.Close())
}

// TestClientRedirectsBounded holds that redirects end, and lead to no other protocol.
func TestClientRedirectsBounded(t *testing.T) {
	streamtest.CheckLeaks(t)
	var base string
	var dialled atomic.Int64
	cfg := &ClientConfig{Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	next := func(app string) string { // an endless chain, circles, other schemes
		switch app {
		case "a", "b":
			return base + "/" + map[string]string{"a": "b", "b": "a"}[app] + "/s"
		case "http":
			return "http://127.0.0.1/live/s"
		case "junk":
			return "rtmp://\x00/live/s"
		}
		return base + "/" + app + "x/s"
	}
	base = fakeServer(t, func(f *fakeConn) {
		f.handshake()
		c := f.wait("connect")
		f.refuse(c.tid, rejected, redirectTo("", next(c.fields().String("app"))))
	})
	for app, want := range map[string]struct {
		text  string
		dials int64
	}{
		"x": {"too many", 4}, "a": {"circle", 2}, "http": {"neither rtmp nor rtmps", 1}, "junk": {"control characters", 1},
	} {
		dialled.Store(0)
		_, err := DialPlay(testContext(t), base+"/"+app+"/s", cfg)
		require.ErrorContains(t, err, want.text)
		require.Equal(t, want.dials, dialled.Load(), app)
		var s *StatusError
		require.ErrorAs(t, err, &s)
	}
	none := *cfg
	none.Redirects = -1
	_, err := DialPublish(testContext(t), base+"/x/s", &none)
	var to *stream.RedirectError
	require.ErrorAs(t, err, &to)
	require.Equal(t, base+"/xx/s", to.URL)
	var d *stream.DeniedError
	require.False(t, errors.As(err, &d))
}

// TestClientRedirectClosed holds that Close ends a redirect under way.
func TestClientRedirectClosed(t *testing.T) {
	streamtest.CheckLeaks(t)
	arrived := make(chan struct{})
	silent := fakeServer(t, func(f *fakeConn) { close(arrived); <-f.ctx.Done() })
	base := fakeServer(t, func(f *fakeConn) {
		f.plays()
		f.status("error", rejected, redirectTo("", silent+"/live/a"))
		f.idle()
	})
	p, err := DialPlay(testContext(t), base+"/live/a", nil)
	require.NoError(t, err)
	go func() { <-arrived; _ = p.Close() }()
	_, err = p.ReadPacket()
	require.ErrorIs(t, err, stream.ErrClosed)
}

func TestClientTLS(t *testing.T) {
	streamtest.CheckLeaks(t)
	ca, cert := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	defer l.Close()
	clip := streamtest.H264AAC()
	end := make(chan *fakeConn, 1)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			f := newFakeConn(context.Background(), nc)
			f.publishes()
			f.idle()
			_ = nc.Close()
			end <- f
		}
	}()
	url := "rtmps://" + l.Addr().String() + "/live/a"
	_, err = DialPublish(testContext(t), url, nil)
	var unknown *tls.CertificateVerificationError
	require.ErrorAs(t, err, &unknown)
	<-end
	p, err := DialPublish(testContext(t), url, &ClientConfig{TLSConfig: &tls.Config{RootCAs: ca}})
	require.NoError(t, err)
	require.NoError(t, stream.Copy(p, clip.Source()))
	require.NoError(t, p.Close())
	got, err := (<-end).packets()
	require.NoError(t, err)
	streamtest.Equal(t, clip.Packets(), got, streamtest.Compare{})
}
