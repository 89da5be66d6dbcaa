package sdp

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/srsgo/srs/rtc/desc"
)

// Description is an offer or an answer, as far as this module understands it.
type Description struct {
	// Ufrag and Pwd are the credentials of ICE (RFC 8839 5.4).
	Ufrag, Pwd string
	// Fingerprints of the peer's certificates, "sha-256 AA:BB…" (RFC 8122); none without DTLS.
	Fingerprints []string
	// Setup is who begins DTLS: actpass, active or passive (RFC 4145). Empty is actpass in an offer.
	Setup string
	// Lite and Trickle tell of the peer's ICE.
	Lite, Trickle bool
	// Bundle are the mids that share one transport (RFC 9143).
	Bundle []string
	// Candidates are the addresses that the peer tells; those that are names are left out.
	Candidates []Candidate
	Sections   []Section
}

// Section is a part of the description that begins with m=.
type Section struct {
	// Media is what is described: of an offer all codecs that this module knows, in the peer's order.
	desc.Media
	// Type is audio, video or application; Protocol is the transport as written.
	Type, Protocol string
	// Formats are all payload types, as written.
	Formats []string
	// Rejected tells that the section is not in use.
	Rejected bool
	// Send and Recv are the direction, seen from who wrote it.
	Send, Recv bool
	// Mux and ReducedSize are rtcp-mux and rtcp-rsize.
	Mux, ReducedSize bool
	// StreamID and TrackID are the msid (RFC 8830).
	StreamID, TrackID string
}

// Media gives what a description has in use.
func (d *Description) Media() (list []desc.Media) {
	for i := range d.Sections {
		if s := &d.Sections[i]; !s.Rejected && len(s.Codecs) > 0 {
			list = append(list, s.Media)
		}
	}
	return list
}

// Candidate is an address of ICE (RFC 8839 5.1), of a host.
type Candidate struct {
	// Host is an address or a name.
	Host string
	Port int
	TCP  bool
}

// Addr gives the address, not valid for a name.
func (c Candidate) Addr() netip.AddrPort {
	a, err := netip.ParseAddr(c.Host)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(c.Port))
}

// String gives transport and address.
func (c Candidate) String() string {
	transport := "udp "
	if c.TCP {
		transport = "tcp "
	}
	return transport + net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

// Priorities of candidates (RFC 8445 5.1.2.1): that of UDP is what SRS tells, TCP is for those whom UDP
// does not reach (RFC 6544 4.2).
const (
	priorityUDP = 126<<24 | 65535<<8 | 255
	priorityTCP = 90<<24 | (2<<13+8191)<<8 | 255
)

// append writes the value of the attribute; foundation tells the candidates of an answer apart.
func (c Candidate) append(b []byte, foundation int) []byte {
	b = strconv.AppendInt(append(b, "candidate:"...), int64(foundation), 10)
	if c.TCP {
		b = append(b, " 1 tcp "+strconv.Itoa(priorityTCP)+" "...)
	} else {
		b = append(b, " 1 udp "+strconv.Itoa(priorityUDP)+" "...)
	}
	b = append(append(b, c.Host...), ' ')
	b = strconv.AppendInt(b, int64(c.Port), 10)
	b = append(b, " typ host"...)
	if c.TCP {
		b = append(b, " tcptype passive"...)
	}
	return append(b, " generation 0"...)
}

// parseCandidate reads the value of an attribute; ok is false for those that cannot be used: of another
// component or transport, or with a name for an address.
func parseCandidate(v string) (c Candidate, ok bool) {
	f := strings.Fields(v)
	if len(f) < 8 || f[1] != "1" || f[6] != "typ" {
		return c, false
	}
	port, err := strconv.ParseUint(f[5], 10, 16)
	if err != nil {
		return c, false
	}
	c = Candidate{Host: f[4], Port: int(port), TCP: strings.EqualFold(f[2], "tcp")}
	if !c.TCP && !strings.EqualFold(f[2], "udp") {
		return c, false
	}
	a, err := netip.ParseAddr(c.Host)
	return c, err == nil && a.Zone() == ""
}

func (d *Description) addCandidate(v string) {
	if c, ok := parseCandidate(v); ok && len(d.Candidates) < maxCandidates && !slices.Contains(d.Candidates, c) {
		d.Candidates = append(d.Candidates, c)
	}
}

func (d *Description) addFingerprint(v string) {
	if f := strings.Fields(v); len(f) == 2 && len(d.Fingerprints) < maxFingerprints {
		v = strings.ToLower(f[0]) + " " + strings.ToUpper(f[1])
		if !slices.Contains(d.Fingerprints, v) {
			d.Fingerprints = append(d.Fingerprints, v)
		}
	}
}

// ValidICE tells whether a text consists of the characters of ICE credentials, in bounds (RFC 8839 5.4).
func ValidICE(s string, atLeast, atMost int) bool {
	return len(s) >= atLeast && len(s) <= atMost && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
}

// validToken tells whether a text may be written into a description as a token (RFC 8866 9).
func validToken(s string, atMost int) bool {
	return s != "" && len(s) <= atMost && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"(),/:;<=>?@[\\]", r)
	})
}

// tokenOf makes a token of any text.
func tokenOf(s string, keep string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(keep, r) || validToken(string(r), 4) {
			return r
		}
		return '-'
	}, s)
	return s[:min(len(s), 128)]
}
