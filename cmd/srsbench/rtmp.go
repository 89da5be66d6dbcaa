package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/srsgo/srs/protocol/amf"
)

// events is what a session tells its connection.
type events interface {
	requested()          // the request to play or publish has been written
	ready()              // a publisher may send media
	media(message) error // a player received an audio or video message
}

// session is one protocol's client as a state machine: it is fed what was read and collects what is to
// be written. It never blocks and knows no socket.
type session interface {
	open()               // the connection is up
	feed(b []byte) error // b was received
	pending() []byte     // takes what is to be sent
}

// outbox is the sending half that sessions share.
type outbox struct{ buf []byte }

func (o *outbox) pending() []byte {
	b := o.buf
	o.buf = nil
	return b
}

const (
	handshakeSize = 1536
	outChunkSize  = 4096    // what common encoders announce
	defaultWindow = 2500000 // acknowledgement window until the server names one
)

// Transaction ids of the commands whose results the session waits for.
const (
	txConnect = 1 + iota
	txReleaseStream
	txFCPublish
	txCreateStream
	txStart
)

// rtmpSession plays or publishes one stream over RTMP 1.0, with the simple handshake.
type rtmpSession struct {
	outbox
	to      target
	publish bool
	ev      events
	shake   []byte // S0, S1, S2 until they are complete
	playing bool   // handshake done
	chunks  *chunkReader
	window  uint32 // the server's acknowledgement window
	sid     uint32 // message stream id that createStream returned
}

func newRTMPSession(to target, publish bool, ev events) *rtmpSession {
	s := &rtmpSession{to: to, publish: publish, ev: ev, window: defaultWindow}
	s.chunks = newChunkReader(s.message)
	return s
}

// open sends C0 and C1; zeros where a version would be say that the digest is not used (RTMP 1.0 §5.2).
func (s *rtmpSession) open() {
	c := make([]byte, 1+handshakeSize)
	c[0] = 3
	for i := 9; i < len(c); i++ {
		c[i] = byte(i*7 + 1)
	}
	s.buf = append(s.buf, c...)
}

func (s *rtmpSession) feed(b []byte) error {
	if s.playing {
		return s.chunks.feed(b)
	}
	n := min(len(b), 1+2*handshakeSize-len(s.shake))
	s.shake = append(s.shake, b[:n]...)
	if s.shake[0] != 3 {
		return fmt.Errorf("rtmp handshake: server version %d, want 3", s.shake[0])
	}
	if len(s.shake) < 1+2*handshakeSize {
		return nil
	}
	s.buf = append(s.buf, s.shake[1:1+handshakeSize]...) // C2 repeats S1
	s.shake, s.playing = nil, true
	s.connect()
	return s.chunks.feed(b[n:])
}

// send appends one message on the chunk stream that its type usually has.
func (s *rtmpSession) send(kind byte, sid uint32, body []byte) {
	csid, size := byte(3), outChunkSize
	if kind < typeAudio {
		csid = 2
	}
	s.buf = appendMessage(s.buf, csid, size, kind, sid, 0, body)
}

func (s *rtmpSession) command(sid uint32, args ...any) {
	s.send(typeCommandAMF0, sid, amf.AppendAll(nil, args...))
}

// acknowledge tells the server how many bytes have come (RTMP 1.0 §5.4.3).
func (s *rtmpSession) acknowledge(n uint32) {
	s.send(typeAck, 0, binary.BigEndian.AppendUint32(nil, n))
}

func (s *rtmpSession) connect() {
	s.send(typeSetChunkSize, 0, binary.BigEndian.AppendUint32(nil, outChunkSize))
	s.send(typeWindowAck, 0, binary.BigEndian.AppendUint32(nil, defaultWindow))
	s.command(0, "connect", txConnect, amf.Object{
		{Name: "app", Value: s.to.app},
		{Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: "FMLE/3.0 (compatible; srsbench)"},
		{Name: "tcUrl", Value: s.to.tcURL()},
	})
}

// message handles one message from the server.
func (s *rtmpSession) message(m message) error {
	switch m.kind {
	case typeAudio, typeVideo, 22:
		return s.ev.media(m)
	case typeWindowAck:
		if len(m.head) >= 4 {
			s.window = max(binary.BigEndian.Uint32(m.head), 4096)
		}
	case typeUserControl:
		if len(m.head) >= 6 && binary.BigEndian.Uint16(m.head) == 6 { // ping request
			s.send(typeUserControl, 0, append([]byte{0, 7}, m.head[2:6]...))
		}
	case typeCommandAMF0:
		return s.answer(m.head)
	}
	return nil
}

// answer follows the server's commands.
func (s *rtmpSession) answer(body []byte) error {
	vs, err := amf.DecodeAll(body)
	if err != nil {
		return fmt.Errorf("rtmp command: %w", err)
	}
	if len(vs) < 2 {
		return nil
	}
	name, _ := vs[0].(string)
	tx, _ := vs[1].(float64)
	switch {
	case name == "_error" && (tx == txConnect || tx >= txCreateStream):
		return fmt.Errorf("rtmp: server refused transaction %v: %s", tx, statusText(vs))
	case name == "_result" && tx == txConnect:
		if s.publish {
			s.command(0, "releaseStream", txReleaseStream, nil, s.to.stream)
			s.command(0, "FCPublish", txFCPublish, nil, s.to.stream)
		}
		s.command(0, "createStream", txCreateStream, nil)
	case name == "_result" && tx == txCreateStream:
		return s.start(vs)
	case name == "onStatus":
		return s.status(vs)
	}
	return nil
}

// start asks for the stream, on the message stream that createStream gave.
func (s *rtmpSession) start(vs []any) error {
	id, ok := vs[len(vs)-1].(float64)
	if !ok {
		return fmt.Errorf("rtmp createStream: no stream id in the result")
	}
	s.sid = uint32(id)
	if s.publish {
		s.command(s.sid, "publish", txStart, nil, s.to.stream, "live")
	} else {
		s.command(s.sid, "play", txStart, nil, s.to.stream, -2000)
		buffer := binary.BigEndian.AppendUint32([]byte{0, 3}, s.sid)
		s.send(typeUserControl, 0, binary.BigEndian.AppendUint32(buffer, 1000))
	}
	s.ev.requested()
	return nil
}

func (s *rtmpSession) status(vs []any) error {
	info := statusOf(vs)
	switch {
	case info.String("level") == "error":
		return fmt.Errorf("rtmp: %s", statusText(vs))
	case s.publish && info.String("code") == "NetStream.Publish.Start":
		s.ev.ready()
	}
	return nil
}

// statusOf finds the information object of a command.
func statusOf(vs []any) amf.Object {
	for _, v := range vs[2:] {
		switch o := v.(type) {
		case amf.Object:
			return o
		case amf.ECMAArray:
			return amf.Object(o)
		}
	}
	return nil
}

func statusText(vs []any) string {
	info := statusOf(vs)
	text := bytes.TrimSpace([]byte(info.String("code") + " " + info.String("description")))
	return string(text)
}
