package rtmp

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

// Config configures an RTMP server module. Its zero value listens on port 1935.
type Config struct {
	// Name tells several RTMP modules of one server apart; empty is "rtmp".
	Name string
	// Listen are the addresses for RTMP, in the forms of protocol.ParseAddr; nil: 1935.
	// An empty, non-nil list opens none.
	Listen []string
	// ListenTLS are the addresses for RTMPS, which needs TLS.
	ListenTLS []string
	TLS       *tls.Config
	// Proxies are the networks of proxies that send PROXY headers.
	Proxies []netip.Prefix
	// SRSProxy accepts the header of an SRS proxy before the handshake. It lets the peer
	// claim any address, which is only logged.
	SRSProxy bool

	// Vhost gives what is set per vhost; nil gives every vhost the defaults.
	Vhost func(name string) Vhost
	// ChunkSize, in bytes, of what is sent where a Vhost sets none; 0: 60,000.
	ChunkSize int

	// CommandTimeout bounds the handshake, and each wait for a command before media; 0: 30 s.
	CommandTimeout time.Duration
	// RepublishTimeout bounds the wait for a command after a stream was closed; 0: 3 min.
	RepublishTimeout time.Duration

	// ServerInfo are fields of the data that answers connect, in order (srs_sig, …).
	ServerInfo []amf.Field
	// MetaData are fields added to onMetaData for players (server, server_version).
	MetaData []stream.Field
}

// Vhost is what is set per vhost. Zero fields have the defaults.
type Vhost struct {
	ChunkSize  int // of what is sent; 0: Config.ChunkSize
	OutAckSize int // window announced to clients; 0: 2,500,000, negative: none
	InAckSize  int // window for our own acknowledgements; 0: what the client asks for
}

const (
	defaultChunkSize  = 60_000
	defaultOutAckSize = 2_500_000
	peerBandwidth     = 2_500_000
)

func (c *Config) withDefaults() {
	if c.Name == "" {
		c.Name = "rtmp"
	}
	if c.Listen == nil {
		c.Listen = []string{"1935"}
	}
	if c.ChunkSize <= 0 {
		c.ChunkSize = defaultChunkSize
	}
	if c.CommandTimeout <= 0 {
		c.CommandTimeout = 30 * time.Second
	}
	if c.RepublishTimeout <= 0 {
		c.RepublishTimeout = 3 * time.Minute
	}
}

func (c *Config) vhost(name string) Vhost {
	var v Vhost
	if c.Vhost != nil {
		v = c.Vhost(name)
	}
	if v.ChunkSize <= 0 {
		v.ChunkSize = c.ChunkSize
	}
	switch {
	case v.OutAckSize == 0:
		v.OutAckSize = defaultOutAckSize
	case v.OutAckSize < 0:
		v.OutAckSize = 0
	}
	return v
}
