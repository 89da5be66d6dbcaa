package rtmp

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream/streamtest"
)

// tape is a connection whose server says what was recorded, whatever it hears.
type tape struct {
	io.Reader
}

func (tape) Write(b []byte) (int, error)      { return len(b), nil }
func (tape) Close() error                     { return nil }
func (tape) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (tape) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (tape) SetDeadline(time.Time) error      { return nil }
func (tape) SetReadDeadline(time.Time) error  { return nil }
func (tape) SetWriteDeadline(time.Time) error { return nil }

// FuzzClient has servers say anything behind the handshake: no client panics, hangs, or
// goes on for ever.
func FuzzClient(f *testing.F) {
	packets := streamtest.H264AAC().Packets()
	answers := func(last string, more ...[]byte) []byte {
		b := appendControl(nil, chunk.WindowAckSize, 1000)
		b = appendControl(b, chunk.SetPeerBandwidth, 2500000, 2)
		b = appendCommand(b, csReply, 0, 0, "_result", 1.0, amf.Object{{Name: "capsEx", Value: 3.0}}, success)
		for tid := 2.0; tid < 5; tid++ { // one of them is createStream
			b = appendCommand(b, csReply, 0, 0, "_result", tid, nil, 1.0)
		}
		b = appendEvent(b, eventPingRequest, 1)
		b = appendStatus(b, 1, 0, "status", last, "")
		return append(b, bytes.Join(more, nil)...)
	}
	var e Encoder
	media := e.AppendTracks(nil, packets[0].Tracks, 0)
	for _, p := range packets[:8] {
		media = e.AppendPacket(media, p)
	}
	f.Add(answers(playStart, media))
	f.Add(answers(publishStart, appendStatus(nil, 1, 0, "error", "NetStream.Publish.BadName", "x")))
	f.Add(answers(playStart, appendStatus(nil, 0, 0, "error", rejected, "", redirectTo("rtmp://h/a", "rtmp://h/b/c"))))
	f.Add(answers(playStart, appendStatus(nil, 0, 0, "status", askReconnect, "", amf.Field{Name: "tcUrl", Value: "/x"})))
	f.Add(answers(playStart, appendCommand(nil, 3, 1, 0, "onPlayStatus", 0.0, nil, amf.Object{{Name: "code", Value: "NetStream.Play.Complete"}})))
	f.Add(appendCommand(nil, csReply, 0, 0, "_error", 1.0, nil, amf.Object{{Name: "code", Value: rejected}, redirectTo("rtmp://h/a", "")}))
	greeting := append([]byte{3}, make([]byte, 2*1536)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		start := time.Now()
		defer func() {
			if d := time.Since(start); d > 4*time.Second {
				t.Errorf("took %v", d)
			}
		}()
		cfg := &ClientConfig{Timeout: 5 * time.Second, Dialer: func(context.Context, string, string) (net.Conn, error) {
			return tape{io.MultiReader(bytes.NewReader(greeting), bytes.NewReader(b))}, nil
		}}
		if p, err := DialPlay(context.Background(), "rtmp://h/live/a", cfg); err == nil {
			for n := 0; ; n++ {
				q, err := p.ReadPacket()
				if err != nil {
					break
				}
				if len(q.Payload) > len(b) || n > 4*len(b)+1000 {
					t.Fatalf("packet %d has %d bytes, of %d in all", n, len(q.Payload), len(b))
				}
			}
			_ = p.Tracks()
			_ = p.Close()
		}
		if p, err := DialPublish(context.Background(), "rtmp://h/live/a", cfg); err == nil {
			for _, q := range packets[:3] {
				_ = p.WritePacket(q)
			}
			_ = p.Close()
		}
	})
}
