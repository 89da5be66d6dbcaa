package sdp

import (
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// ParseOffer reads a client's offer. It checks what holds for each use of it; [Description.Answer] checks
// what is asked for. Errors are of type [*Error].
func ParseOffer(text string) (*Description, error) { return parse(text) }

// ParseAnswer reads a server's answer.
func ParseAnswer(text string) (*Description, error) { return parse(text) }

func parse(text string) (*Description, error) {
	if len(text) > MaxSize {
		return nil, malformed("%d bytes, more than %d", len(text), MaxSize)
	}
	var sd pion.SessionDescription
	if err := sd.UnmarshalString(text); err != nil {
		return nil, malformed("%v", err)
	}
	if sd.Origin.NetworkType == "" {
		return nil, malformed("no line o=")
	}
	if n := len(sd.MediaDescriptions); n == 0 {
		return nil, unusable("no media")
	} else if n > maxSections {
		return nil, unusable("%d media, more than %d", n, maxSections)
	}
	d := &Description{}
	for _, a := range sd.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 0 && f[0] == "BUNDLE" && len(f) <= maxSections+1 {
			d.Bundle = f[1:]
		}
	}
	if err := d.transport(sd.Attributes); err != nil {
		return nil, err
	}
	for i, m := range sd.MediaDescriptions {
		s, err := parseSection(m, i)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(d.Sections, func(o Section) bool { return o.MID == s.MID }) {
			return nil, malformed("media %d: mid %q is there twice", i, s.MID)
		}
		d.Sections = append(d.Sections, s)
		// All share one transport, that of the first which has one.
		if !s.Rejected {
			if err := d.transport(m.Attributes); err != nil {
				return nil, err
			}
		}
	}
	if d.Ufrag == "" || d.Pwd == "" {
		return nil, unusable("no ice-ufrag or ice-pwd")
	}
	return d, nil
}

// transport takes what attributes tell of ICE and DTLS.
func (d *Description) transport(list []pion.Attribute) error {
	for _, a := range list {
		switch v := strings.TrimSpace(a.Value); a.Key {
		case "ice-ufrag":
			if !ValidICE(v, 4, 256) {
				return malformed("ice-ufrag %.40q", v)
			}
			if d.Ufrag == "" {
				d.Ufrag = v
			}
		case "ice-pwd":
			if !ValidICE(v, 22, 256) {
				return malformed("ice-pwd of %d bytes", len(v))
			}
			if d.Pwd == "" {
				d.Pwd = v
			}
		case "ice-lite":
			d.Lite = true
		case "ice-options":
			d.Trickle = d.Trickle || slices.Contains(strings.Fields(v), "trickle")
		case "fingerprint":
			d.addFingerprint(v)
		case "candidate":
			d.addCandidate(v)
		case "setup":
			switch v {
			case "actpass", "active", "passive":
			default:
				return malformed("setup:%.40q", v)
			}
			if d.Setup == "" {
				d.Setup = v
			}
		}
	}
	return nil
}

// parseSection reads the section at index i.
func parseSection(m *pion.MediaDescription, i int) (Section, error) {
	s := Section{
		Type: m.MediaName.Media, Protocol: strings.Join(m.MediaName.Protos, "/"), Formats: m.MediaName.Formats,
		Send: true, Recv: true,
	}
	switch s.Type {
	case "audio":
		s.Kind = stream.KindAudio
	case "video":
		s.Kind = stream.KindVideo
	}
	if len(s.Formats) == 0 || len(s.Formats) > maxCodecs {
		return s, malformed("media %d: %d formats", i, len(s.Formats))
	}
	for _, a := range m.Attributes {
		switch a.Key {
		case "mid":
			s.MID = strings.TrimSpace(a.Value)
			if !validToken(s.MID, maxToken) {
				return s, malformed("media %d: mid %.40q", i, s.MID)
			}
		case "sendonly", "recvonly", "inactive":
			s.Send, s.Recv = a.Key == "sendonly", a.Key == "recvonly"
		case "rtcp-mux":
			s.Mux = true
		case "rtcp-rsize":
			s.ReducedSize = true
		case "msid":
			if f := strings.Fields(a.Value); len(f) > 0 && s.StreamID == "" {
				s.StreamID, s.TrackID = f[0], strings.Join(f[1:], " ")
			}
		case "extmap":
			s.addExtension(a.Value)
		}
	}
	_, bundleOnly := m.Attribute("bundle-only")
	s.Rejected = m.MediaName.Port.Value == 0 && !bundleOnly
	if s.Kind != stream.KindUnknown {
		s.Codecs = parseCodecs(m)
		s.addSources(m.Attributes)
		s.Layers = parseLayers(m.Attributes)
	}
	return s, nil
}

// The header extensions, by which desc.Extensions has them.
const (
	uriMID          = "urn:ietf:params:rtp-hdrext:sdes:mid"
	uriRID          = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	uriRepairedRID  = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
	uriTransportCC  = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	uriAbsSendTime  = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	uriPlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// extension is where an extension's id is kept.
func extension(e *desc.Extensions, uri string) *uint8 {
	switch uri {
	case uriMID:
		return &e.MID
	case uriRID:
		return &e.RID
	case uriRepairedRID:
		return &e.RepairedRID
	case uriTransportCC:
		return &e.TransportCC
	case uriAbsSendTime:
		return &e.AbsSendTime
	case uriPlayoutDelay:
		return &e.PlayoutDelay
	}
	return nil
}

// addExtension takes one whose id fits the short form of headers (RFC 8285 4.2), the only one agreed to.
func (s *Section) addExtension(v string) {
	f := strings.Fields(v)
	if len(f) < 2 {
		return
	}
	number, _, _ := strings.Cut(f[0], "/")
	if id, err := strconv.ParseUint(number, 10, 8); err == nil && id >= 1 && id <= 14 {
		if p := extension(&s.Ext, f[1]); p != nil {
			*p = uint8(id)
		}
	}
}

// addSources takes the SSRCs of one sender: the first, and that of its retransmissions (RFC 5576, RFC 4588 8.8).
func (s *Section) addSources(list []pion.Attribute) {
	for _, a := range list {
		f := strings.Fields(a.Value)
		switch {
		case a.Key == "ssrc-group" && len(f) == 3 && f[0] == "FID" && s.RTXSSRC == 0:
			media, err := strconv.ParseUint(f[1], 10, 32)
			rtx, err2 := strconv.ParseUint(f[2], 10, 32)
			if err == nil && err2 == nil {
				s.SSRC, s.RTXSSRC = uint32(media), uint32(rtx)
			}
		case a.Key == "ssrc" && len(f) > 1:
			id, err := strconv.ParseUint(f[0], 10, 32)
			if err != nil {
				continue
			}
			if s.SSRC == 0 {
				s.SSRC = uint32(id)
			}
			if name, ok := strings.CutPrefix(f[1], "cname:"); ok && s.CNAME == "" && validToken(name, maxParams) {
				s.CNAME = name
			}
		}
	}
}

// parseLayers gives the RIDs of a sender of several sizes (RFC 8853 5.1), the first where there is a choice.
func parseLayers(list []pion.Attribute) (layers []string) {
	for _, a := range list {
		f := strings.Fields(a.Value)
		if a.Key != "simulcast" {
			continue
		}
		for i := 0; i+1 < len(f); i += 2 {
			if f[i] != "send" && f[i] != "recv" {
				continue
			}
			for layer := range strings.SplitSeq(f[i+1], ";") {
				first, _, _ := strings.Cut(layer, ",")
				first = strings.TrimPrefix(first, "~")
				if validRID(first) && len(layers) < maxLayers && !slices.Contains(layers, first) {
					layers = append(layers, first)
				}
			}
			return layers
		}
	}
	return nil
}

// validRID follows RFC 8851 10; 16 bytes are what a short header extension holds.
func validRID(s string) bool {
	return s != "" && len(s) <= 16 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}
