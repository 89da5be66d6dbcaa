package rtmp

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp/chunk"
	"github.com/srsgo/srs/stream"
)

const (
	clientReadBuffer = 16 << 10
	// clientDialogueLimit bounds a message before connect is answered.
	clientDialogueLimit = 1 << 20
	// clientBuffer is the buffer length, in ms, that a player announces (§7.1.7). Servers
	// of live streams do not pace by it.
	clientBuffer = 3000
	eventBuffer  = 3 // SetBufferLength, §7.1.7
)

// clientConn is a connection to a server. Reading is for one goroutine at a time; that
// one answers what the protocol asks for.
type clientConn struct {
	net     net.Conn
	cfg     *ClientConfig
	to      target
	r       *chunk.Reader
	publish bool
	live    bool // the dialogue is over: reads and writes have their own deadlines
	silent  bool // the server may be silent: reads have none

	tid    float64 // of the latest command
	stream uint32  // message stream id
	caps   int     // capsEx of the server

	window    uint32 // the server wants acknowledgements; 0: it does not
	acked     uint64
	announced uint32 // our own window, as told

	ahead     *chunk.Message // media that came before its time
	reconnect chan string

	muted   atomic.Bool
	mu      sync.Mutex // for closing, and the write deadline that it overrides
	closing bool
}

func newClientConn(nc net.Conn, cfg *ClientConfig, t target, publish bool) *clientConn {
	c := &clientConn{net: nc, cfg: cfg, to: t, publish: publish, reconnect: make(chan string, 1)}
	c.r = chunk.NewReader((*clientSource)(c), chunk.Options{
		BufferSize: clientReadBuffer, MaxMessage: clientDialogueLimit,
	})
	return c
}

// clientSource is the connection's reading side with a deadline for each read.
type clientSource clientConn

func (s *clientSource) Read(b []byte) (int, error) {
	if s.live && !s.silent {
		if err := s.net.SetReadDeadline(time.Now().Add(s.cfg.IOTimeout)); err != nil {
			return 0, err
		}
	}
	return s.net.Read(b)
}

// established ends the dialogue.
func (c *clientConn) established() {
	c.live = true
	_ = c.net.SetDeadline(time.Time{})
}

// write sends b, whole messages, in one call, so that the writes of a publisher and of
// the goroutine that answers pings do not mix.
func (c *clientConn) write(b []byte) error {
	if c.live {
		c.mu.Lock()
		if !c.closing {
			_ = c.net.SetWriteDeadline(time.Now().Add(c.cfg.IOTimeout))
		}
		c.mu.Unlock()
	}
	_, err := c.net.Write(b)
	return err
}

// reply is write for the reader's answers. None is sent, and its failure does not end the
// reading, when the last word was said: what the server still has to say must be read.
func (c *clientConn) reply(b []byte) error {
	if c.muted.Load() {
		return nil
	}
	err := c.write(b)
	if c.muted.Load() {
		return nil
	}
	return err
}

// closeBy makes what is being written and what will be end by a time.
func (c *clientConn) closeBy(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	_ = c.net.SetWriteDeadline(t)
}

// call appends a command on message stream id and gives its transaction.
func (c *clientConn) call(dst []byte, id uint32, name string, args ...any) ([]byte, float64) {
	c.tid++
	return appendCommand(dst, csReply, id, c.cfg.ChunkSize, append([]any{name, c.tid}, args...)...), c.tid
}

// next gives the next message that is not the protocol's own. Those are answered here.
func (c *clientConn) next() (chunk.Message, error) {
	for {
		m, err := c.r.ReadMessage()
		if err != nil {
			return m, err
		}
		if err := c.acknowledge(); err != nil {
			return m, err
		}
		switch m.Type {
		case chunk.SetChunkSize, chunk.Abort, chunk.Acknowledgement:
			// The reader obeys the first two. Nobody waits for acknowledgements.
		case chunk.WindowAckSize:
			if len(m.Payload) >= 4 {
				c.window = binary.BigEndian.Uint32(m.Payload)
			}
		case chunk.SetPeerBandwidth:
			if err := c.setBandwidth(m.Payload); err != nil {
				return m, err
			}
		case chunk.UserControl:
			if len(m.Payload) >= 6 && binary.BigEndian.Uint16(m.Payload) == eventPingRequest {
				pong := appendEvent(nil, eventPingResponse, binary.BigEndian.Uint32(m.Payload[2:]))
				if err := c.reply(pong); err != nil {
					return m, err
				}
				continue
			}
			return m, nil
		default:
			return m, nil
		}
	}
}

// acknowledge tells what was received (§5.4.3), at half the window as SRS does: a server
// that waits for it shall not have to.
func (c *clientConn) acknowledge() error {
	n := c.r.BytesRead()
	if c.window == 0 || n-c.acked < uint64(c.window)/2 {
		return nil
	}
	c.acked = n
	return c.reply(appendControl(nil, chunk.Acknowledgement, uint32(n)))
}

// setBandwidth answers SetPeerBandwidth (§5.4.5) with the window, where it is a new one.
func (c *clientConn) setBandwidth(b []byte) error {
	if len(b) < 4 {
		return nil
	}
	n := binary.BigEndian.Uint32(b)
	if n == 0 || n == c.announced {
		return nil
	}
	c.announced = n
	return c.reply(appendControl(nil, chunk.WindowAckSize, n))
}

// await reads commands until done says so. Media ends the wait too if that is asked for,
// and is kept.
func (c *clientConn) await(media bool, done func(*command) (bool, error)) error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		switch m.Type {
		case chunk.Command0, chunk.Command3:
			cmd, err := parseCommand(&m)
			if err != nil {
				return err
			}
			known, err := c.common(&cmd)
			if err != nil {
				return err
			}
			if known {
				continue
			}
			if ok, err := done(&cmd); ok || err != nil {
				return err
			}
		case chunk.Audio, chunk.Video, chunk.Data0, chunk.Data3, chunk.Aggregate:
			if media {
				c.ahead = &m
				return nil
			}
		}
	}
}

// common deals with what a server may say at any time, and tells whether cmd was that.
func (c *clientConn) common(cmd *command) (bool, error) {
	switch cmd.name {
	case "close":
		return true, fmt.Errorf("the server closed the session: %w", stream.ErrClosed)
	case "onStatus":
		s, info := statusOf(cmd)
		switch {
		case s.redirects(), strings.HasPrefix(s.Code, "NetConnection.Connect.") && s.Level == "error",
			s.Code == "NetConnection.Connect.Closed":
			return true, s
		case s.Code == askReconnect:
			c.askedToReconnect(info.String("tcUrl"))
			return true, nil
		}
	}
	return false, nil
}

// askedToReconnect keeps the latest request.
func (c *clientConn) askedToReconnect(tcURL string) {
	to, err := reconnectTarget(c.to, tcURL)
	if err != nil {
		c.cfg.Logger.Warn("rtmp reconnect request ignored", "url", c.to.String(), "err", err)
		return
	}
	select {
	case <-c.reconnect:
	default:
	}
	c.reconnect <- to.String() // the only sender
}

// connect sends the connect command (§7.2.1.1) and waits for the answer.
func (c *clientConn) connect() error {
	b := appendControl(nil, chunk.SetChunkSize, uint32(c.cfg.ChunkSize))
	args := []any{c.connectObject()}
	if len(c.cfg.ConnectArgs) > 0 {
		args = append(args, amf.Object(c.cfg.ConnectArgs))
	}
	b, tid := c.call(b, 0, "connect", args...)
	if err := c.write(b); err != nil {
		return err
	}
	return c.await(false, func(cmd *command) (bool, error) {
		if cmd.tid != tid {
			return false, nil
		}
		switch cmd.name {
		case "_error":
			s, _ := statusOf(cmd)
			return false, s
		case "_result":
			s, info := statusOf(cmd)
			if s.redirects() || s.Level == "error" || s.Code != "" && s.Code != connectSuccess {
				return false, s
			}
			// Servers put what Enhanced RTMP adds in either object.
			c.caps = int(clamp(info.Number("capsEx"))) | int(clamp(cmd.fields().Number("capsEx")))
			c.r.SetMaxMessage(0)
			return true, nil
		}
		return false, nil
	})
}

// clamp makes flags of a peer's number, whatever it is.
func clamp(f float64) uint16 {
	if f >= 0 && f < 1<<16 {
		return uint16(f)
	}
	return 0
}

// flashVer is what servers tell encoders from players by, some of them.
func (c *clientConn) flashVer() string {
	switch {
	case c.cfg.FlashVer != "":
		return c.cfg.FlashVer
	case c.publish:
		return "FMLE/3.0 (compatible; srsgo)"
	}
	return "LNX 9,0,124,2"
}

// connectObject is connect's command object: the fields of Adobe's specification with a
// Flash Player's values, then Enhanced RTMP version 2's ("Enhancing NetConnection connect
// Command"). The client passes frames on as they are, of any codec.
func (c *clientConn) connectObject() amf.Object {
	o := amf.Object{
		{Name: "app", Value: c.to.app},
		{Name: "type", Value: "nonprivate"},
		{Name: "flashVer", Value: c.flashVer()},
		{Name: "tcUrl", Value: c.to.tcURL()},
		{Name: "fpad", Value: false},
		{Name: "capabilities", Value: 239.0},
		{Name: "audioCodecs", Value: 3575.0},
		{Name: "videoCodecs", Value: 252.0},
		{Name: "videoFunction", Value: 1.0},
		{Name: "objectEncoding", Value: 0.0},
	}
	if c.cfg.SwfURL != "" {
		o = append(o, amf.Field{Name: "swfUrl", Value: c.cfg.SwfURL})
	}
	if c.cfg.PageURL != "" {
		o = append(o, amf.Field{Name: "pageUrl", Value: c.cfg.PageURL})
	}
	const forward = 4.0 // FourCcInfoMask.CanForward
	all := amf.Object{{Name: "*", Value: forward}}
	return append(o,
		amf.Field{Name: "fourCcList", Value: clientFourCCs()},
		amf.Field{Name: "videoFourCcInfoMap", Value: all},
		amf.Field{Name: "audioFourCcInfoMap", Value: all},
		amf.Field{Name: "capsEx", Value: float64(capReconnect | capMultitrack | capModEx | capNano)})
}

// clientFourCCs names the codecs for servers that know the first version of Enhanced
// RTMP, which do not all know the wildcard.
func clientFourCCs() amf.StrictArray {
	var list amf.StrictArray
	for _, cc := range [...]stream.Codec{stream.AV1, stream.VP9, stream.VP8, stream.HEVC, stream.H264,
		stream.AC3, stream.EAC3, stream.Opus, stream.MP3, stream.FLAC, stream.AAC} {
		list = append(list, fourCC(cc))
	}
	return list
}

// createStream makes a message stream (§7.2.1.3). before are commands of the same write.
func (c *clientConn) createStream(before []byte) error {
	b, tid := c.call(before, 0, "createStream", nil)
	if err := c.write(b); err != nil {
		return err
	}
	return c.await(false, func(cmd *command) (bool, error) {
		if cmd.tid != tid {
			return false, nil // servers may refuse releaseStream and FCPublish as they like
		}
		switch cmd.name {
		case "_error":
			s, _ := statusOf(cmd)
			return false, fmt.Errorf("createStream: %w", s)
		case "_result":
			id := cmd.number(0, 0)
			if !(id >= 1 && id <= 1<<32-1) {
				return false, fmt.Errorf("createStream: the server gives %.40v for a stream", id)
			}
			c.stream = uint32(id)
			return true, nil
		}
		return false, nil
	})
}
