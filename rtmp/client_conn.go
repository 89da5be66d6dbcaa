package rtmp

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/rtmp/chunk"
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
