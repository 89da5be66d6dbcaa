package rtmp

import (
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

// Drain asks clients that know Enhanced RTMP to connect anew: publishers, and players
// whose publisher does so too or is not there. The players of other publishers would find
// nothing at the new place; they are asked when their stream ends.
func (m *Module) Drain() {
	m.draining.Store(true)
	m.log().Info("rtmp drains", "connections", m.acceptor.Len())
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := map[*stream.Conn]bool{}
	for c := range m.conns {
		if c.player.Load() == nil {
			if ses := c.requestReconnect(); ses != nil {
				asked[ses] = true
			}
		}
	}
	for c := range m.conns {
		p := c.player.Load()
		if p == nil {
			continue
		}
		if pub := p.Stream().Publisher(); pub == nil || asked[pub.Request.Conn] {
			c.requestReconnect()
		}
	}
}

// prepareReconnect makes the message for requestReconnect, if the peer knows it
// ("Reconnect Request" of Enhanced RTMP).
func (c *conn) prepareReconnect() {
	if c.caps&capReconnect == 0 {
		return
	}
	b := appendStatus(nil, 0, c.vhost.ChunkSize, "status", "NetConnection.Connect.ReconnectRequest",
		"The server is shutting down.", amf.Field{Name: "tcUrl", Value: c.tcURL})
	c.mu.Lock()
	c.reconnect = b
	c.mu.Unlock()
	if c.m.draining.Load() {
		c.requestReconnect()
	}
}

// requestReconnect asks the peer to connect anew: the server goes away, another one takes
// its place at the same URL. It gives the connection if the peer knows what that is, and
// asks once. It is called from any goroutine.
func (c *conn) requestReconnect() *stream.Conn {
	b := c.takeReconnect()
	if b == nil {
		return nil
	}
	c.post(b)
	return c.ses // set before there was a message
}

// takeReconnect gives the message that asks the peer to connect anew, once.
func (c *conn) takeReconnect() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.reconnect
	c.reconnect = nil
	return b
}

var _ protocol.Drainer = (*Module)(nil)
