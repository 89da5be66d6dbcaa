package rtmp_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/rtmp/handshake"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// FuzzServer sends arbitrary bytes after a handshake and a connect command: the server
// never panics and never hangs, and ends the connection when the client does.
func FuzzServer(f *testing.F) {
	message := func(typ uint8, payload []byte) []byte {
		m := chunk.Message{Header: chunk.Header{Type: typ, ChunkStream: 3, StreamID: 1}, Payload: payload}
		return chunk.AppendMessage(nil, &m, chunk.DefaultSize)
	}
	command := func(vs ...any) []byte { return message(chunk.Command0, amf.AppendAll(nil, vs...)) }
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	publish := command("publish", 2.0, nil, "s", "live")
	play := command("play", 2.0, nil, "s")
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.VP9Opus(), streamtest.FLV1Speex()} {
		f.Add(join(publish, publishBytes(chunk.DefaultSize, clip.Packets()[:6])))
	}
	f.Add(join(publish, publishBytes(chunk.DefaultSize, live), command("FCUnpublish", 3.0, nil, "s"), play))
	f.Add(join(play, command("pause", 3.0, nil, true, 0.0), command("pause", 4.0, nil, false, 0.0), command("closeStream", 5.0, nil), play))
	f.Add(join(command("releaseStream", 2.0, nil, "s"), command("FCPublish", 2.0, nil, "s"), command("createStream", 2.0, nil), publish))
	f.Add(join(publish, message(chunk.Aggregate, []byte{9, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x17, 0, 0, 0, 12})))
	f.Add(join(publish, message(chunk.Data3, amf.AppendAll([]byte{0}, "onTextData", amf.Object{{Name: "text", Value: "x"}}))))
	f.Add(join(message(chunk.SetChunkSize, []byte{0, 0, 16, 0}), message(chunk.WindowAckSize, []byte{0, 0, 0, 1}), message(chunk.UserControl, []byte{0, 6, 0, 0, 0, 1})))
	f.Add(join(command("connect", 1.0, connectObject("live", "rtmp://h/live"))))
	f.Add([]byte{0xff, 0xff, 0xff, 0})

	l := newPipeListener()
	srv := runServer(f, serverConfig{listener: l, settings: stream.Settings{Conflict: stream.TakeOver, Linger: time.Millisecond}})
	connect := command("connect", 1.0, connectObject("live", "rtmp://127.0.0.1/live"))
	f.Fuzz(func(t *testing.T, b []byte) {
		nc, err := l.dial()
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetWriteDeadline(time.Now().Add(patience))
		if _, err := handshake.Client(nc, handshake.Options{Simple: true}); err != nil {
			t.Fatal(err)
		}
		_, err = nc.Write(join(connect, b))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the server does not read")
		}
		_ = nc.Close()
		srv.emptied(t)
		if n := srv.Panics(); n > 0 {
			t.Fatalf("%d panics: %s", n, tail(srv.log.String(), 4<<10))
		}
	})
}
