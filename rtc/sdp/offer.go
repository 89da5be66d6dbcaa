package sdp

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// OfferConfig is what a client offers.
type OfferConfig struct {
	// Publish tells that the client sends; else it receives.
	Publish bool
	// Ufrag and Pwd are the client's credentials of ICE, Fingerprint is that of its certificate; without one
	// there is no DTLS.
	Ufrag, Pwd  string
	Fingerprint string
	// Media are the sections, those with the codecs that are offered.
	Media []desc.Media
	// Candidates are the client's addresses.
	Candidates []Candidate
}

// NewOffer writes an offer.
func NewOffer(c OfferConfig) string {
	mids := make([]string, len(c.Media))
	for i := range c.Media {
		mids[i] = cmp.Or(c.Media[i].MID, strconv.Itoa(i))
	}
	var w writer
	w.line("v=0")
	w.line("o=- 1 2 IN IP4 127.0.0.1")
	w.line("s=-")
	w.line("t=0 0")
	w.line("a=group:BUNDLE ", strings.Join(mids, " "))
	for i := range c.Media {
		m := &c.Media[i]
		kind := "audio"
		if m.Kind == stream.KindVideo {
			kind = "video"
		}
		w.line("m=", kind, " 9 UDP/TLS/RTP/SAVPF", payloadTypes(m.Codecs))
		w.line("c=IN IP4 0.0.0.0")
		w.line("a=ice-ufrag:", c.Ufrag)
		w.line("a=ice-pwd:", c.Pwd)
		if c.Fingerprint != "" {
			w.line("a=fingerprint:", c.Fingerprint)
			w.line("a=setup:actpass")
		}
		w.line("a=mid:", mids[i])
		w.extensions(&m.Ext)
		if c.Publish {
			w.line("a=sendonly")
		} else {
			w.line("a=recvonly")
		}
		w.line("a=rtcp-mux")
		w.line("a=rtcp-rsize")
		for j := range m.Codecs {
			w.codec(&m.Codecs[j])
		}
		if c.Publish {
			w.layers(m.Layers, "send")
			if m.SSRC != 0 {
				w.sources(m, kind)
			}
		}
		w.candidates(c.Candidates)
	}
	return string(w.b)
}

func payloadTypes(codecs []desc.Codec) string {
	var b []byte
	for i := range codecs {
		b = strconv.AppendInt(append(b, ' '), int64(codecs[i].PT), 10)
		if codecs[i].RTX != 0 {
			b = strconv.AppendInt(append(b, ' '), int64(codecs[i].RTX), 10)
		}
	}
	return string(b)
}
