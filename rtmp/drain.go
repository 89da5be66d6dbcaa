package rtmp

import (
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/amf"
)

// Drain asks clients that know Enhanced RTMP to connect anew, except players: they would
// wait at the new place until their publisher is there. They are asked when it has left
// this one.
func (m *Module) Drain() {
	m.draining.Store(true)
	m.log().Info("rtmp drains", "connections", m.acceptor.Len())
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.conns {
		if c.player.Load() == nil {
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
// its place at the same URL. It asks once, and is called from any goroutine.
func (c *conn) requestReconnect() {
	if b := c.takeReconnect(); b != nil {
		c.post(b)
	}
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
