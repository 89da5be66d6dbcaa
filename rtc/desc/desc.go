// Package desc says what two WebRTC peers have agreed upon, free of SDP's syntax: which media flow in
// which direction, coded how, under which numbers. Signalling makes it, what sends and receives RTP
// reads it.
package desc

import "github.com/srsgo/srs/stream"

// Codec is a coding that was agreed upon (RFC 8866 6.6, RFC 4585 4.2).
type Codec struct {
	Codec     stream.Codec
	PT        uint8  // payload type, as the offer numbers it
	ClockRate int    // of RTP timestamps, in Hz
	Channels  int    // of sound
	Params    string // fmtp, as agreed

	RTX uint8 // payload type of its retransmissions (RFC 4588); 0: none, they repeat the packet

	NACK, PLI, FIR, TransportCC, REMB bool // feedback
}

// Extensions are the ids of RTP header extensions (RFC 8285), 0 for those that were not agreed upon.
type Extensions struct {
	MID          uint8 // urn:ietf:params:rtp-hdrext:sdes:mid
	RID          uint8 // urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
	RepairedRID  uint8 // urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
	TransportCC  uint8 // http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
	AbsSendTime  uint8 // http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
	PlayoutDelay uint8 // http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
}

// Media is one section of the description, accepted.
type Media struct {
	MID  string
	Kind stream.Kind
	// Codecs that a publisher may send, or the one that a player is sent, which comes first.
	Codecs []Codec
	Ext    Extensions
	// SSRC and RTXSSRC are those of who sends: the publisher's as the offer tells them, 0 where it tells
	// none and packets are told apart by MID, RID and payload type; for a player ours.
	SSRC, RTXSSRC uint32
	CNAME         string
	// Layers are the RIDs of a publisher that sends in several sizes (RFC 8853), the one that it prefers
	// first; nil for one that does not.
	Layers []string
}

// Codec gives the agreed codec of a payload type; rtx tells that it is that of its retransmissions.
func (m *Media) Codec(pt uint8) (c *Codec, rtx bool) {
	for i := range m.Codecs {
		c := &m.Codecs[i]
		if c.PT == pt {
			return c, false
		}
		if c.RTX == pt && pt != 0 {
			return c, true
		}
	}
	return nil, false
}
