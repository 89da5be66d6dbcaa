package rtc

import (
	"cmp"
	"crypto/tls"
	"runtime"
	"time"

	"github.com/srsgo/srs/rtc/egress"
	"github.com/srsgo/srs/rtc/signal"
)

// Config configures a Module. Its zero value listens on UDP port 8000 and answers WHIP and WHEP on the HTTP
// listeners "http" and "api", below /rtc/v1/.
type Config struct {
	// Name is the module's name; empty: rtc.
	Name string
	// Listen lists UDP addresses for all media, in the forms of protocol.ParseAddr; nil: :8000.
	Listen []string
	// Sockets is how many sockets each UDP address has, so that as many cores take what clients send
	// (SO_REUSEPORT, Linux; one elsewhere); 0: as many as there are cores, up to 8.
	Sockets int
	// ListenTCP lists TCP addresses for ICE over TCP (RFC 6544), which may be those of HTTP listeners of the
	// server; nil: none.
	ListenTCP []string
	// HTTP names the HTTP listeners that signalling is served on; nil: http and api.
	HTTP []string
	// Candidates are the addresses that clients are told.
	Candidates Candidates
	// Certificate is what clients are told the fingerprint of, with an RSA or ECDSA key; any that is signed by
	// itself will do. nil: a new one at each start.
	Certificate *tls.Certificate
	// RSA makes the new certificate an RSA one. By default it is ECDSA.
	RSA bool
	// Plain sends and takes media without encryption (SRS rtc_server.encrypt off), where the request does
	// not say otherwise. No browser does that.
	Plain bool
	// MergeNALUs joins the slices of a picture in one aggregation packet where they fit (SRS merge_nalus).
	MergeNALUs bool
	// ICEServers are STUN and TURN servers that clients of WHIP and WHEP are told.
	ICEServers []ICEServer
	// Tap is a UDP address that is sent a copy, decrypted, of each RTP and RTCP packet from clients, to find
	// faults (SRS black_hole). It may miss some. Empty: none.
	Tap string
	// Simulate serves /rtc/v1/nack/, by which anybody may have packets of a session dropped: for tests.
	Simulate bool
	// MaxSessions bounds the sessions; 0: 10,000.
	MaxSessions int
	// Vhost gives a vhost's settings, by the name under which the server knows it. It is asked when a session
	// begins and must not block. nil: [DefaultVhost] for all.
	Vhost func(name string) Vhost
}

// ICEServer is a STUN or TURN server.
type ICEServer = signal.ICEServer

// Vhost is WebRTC of a vhost (rtc of srs.conf).
type Vhost struct {
	// Enabled: without it nobody publishes or plays.
	Enabled bool
	// NoNACK turns off repairing loss by retransmission, NoTWCC the feedback of congestion control.
	NoNACK, NoTWCC bool
	// Timeout ends a session that does not connect for so long, or from which nothing comes (stun_timeout); 0: 30 s.
	Timeout time.Duration
	// Strict refuses clients that claim the ICE-CONTROLLED role (stun_strict_check).
	Strict bool
	// Active makes the server the DTLS client (dtls_role active).
	Active bool
	// DropPT drops what publishers send with this payload type (drop_for_pt); 0: nothing.
	DropPT uint8
	// NoBridge refuses to play what other protocols publish (rtmp_to_rtc off).
	NoBridge bool
	// KeepBFrames sends pictures that are shown out of order too (keep_bframe), which browsers stutter at.
	KeepBFrames bool
	// NoSEI leaves out supplemental information of H.264 (keep_avc_nalu_sei off).
	NoSEI bool
	// KeyFrames is how often publishers are asked for a key frame while other protocols may play them
	// (pli_for_rtmp); 0: 6 s, negative: only when a viewer needs one.
	KeyFrames time.Duration
	// PlayoutDelay is what players are asked for, whose picture then comes after a delay between both; nil:
	// they choose by themselves.
	PlayoutDelay *PlayoutDelay
}

// PlayoutDelay bounds the delay of a player's picture, of capture to show, in steps of 10 ms up to 40.95 s.
type PlayoutDelay = egress.PlayoutDelay

// DefaultVhost is what Config.Vhost gives where it is nil.
func DefaultVhost() Vhost { return Vhost{Enabled: true} }

const (
	defaultAddr        = ":8000"
	defaultMaxSessions = 10_000
	defaultTimeout     = 30 * time.Second
	defaultKeyFrames   = 6 * time.Second
)

func (c *Config) name() string { return cmp.Or(c.Name, "rtc") }

func (c *Config) listen() []string {
	if c.Listen == nil {
		return []string{defaultAddr}
	}
	return c.Listen
}

// maxSockets bounds Config.Sockets, and defaultSockets what it is by default.
const (
	maxSockets     = 64
	defaultSockets = 8
)

func (c *Config) sockets() int {
	if c.Sockets <= 0 {
		return min(runtime.GOMAXPROCS(0), defaultSockets)
	}
	return min(c.Sockets, maxSockets)
}

func (c *Config) http() []string {
	if c.HTTP == nil {
		return []string{"http", "api"}
	}
	return c.HTTP
}

func (c *Config) vhost(name string) Vhost {
	v := DefaultVhost()
	if c.Vhost != nil {
		v = c.Vhost(name)
	}
	v.Timeout = cmp.Or(v.Timeout, defaultTimeout)
	v.KeyFrames = max(cmp.Or(v.KeyFrames, defaultKeyFrames), 0)
	return v
}
