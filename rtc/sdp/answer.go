package sdp

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// Choice is what an offer is answered with.
type Choice struct {
	// Publish tells that the client sends; else it is sent to.
	Publish bool
	// Codecs are the ones wanted, the best first. Of a kind that none is given of, H.264 and Opus are
	// preferred, and others taken.
	Codecs []stream.Codec
	// Ufrag and Pwd are the server's credentials of ICE.
	Ufrag, Pwd string
	// Fingerprint is that of the server's certificate, "sha-256 AA:BB…".
	Fingerprint string
	// Plain tells that there is no DTLS: the client needs no fingerprint.
	Plain bool
	// Active makes the server the DTLS client where the offer leaves the choice.
	Active bool
	// Candidates are the server's addresses.
	Candidates []Candidate
	// Stream names it: app/stream.
	Stream string
	// Agent names the software; empty: srs.
	Agent string
	// NoNACK and NoTransportCC leave out retransmission and feedback for congestion control.
	NoNACK, NoTransportCC bool
}

// Answer is an offer's.
type Answer struct {
	Text string
	// Media are the sections that were accepted, in order.
	Media []desc.Media
	// Active tells that the server is the DTLS client.
	Active bool
}

// Answer answers an offer: a section is accepted with one codec, or rejected. Where a player's kind of media
// is offered and none of the codecs wanted, the whole is refused, as is what a publisher cannot send at
// all. Errors are of type [*Error].
func (d *Description) Answer(c Choice) (*Answer, error) {
	if len(d.Fingerprints) == 0 && !c.Plain {
		return nil, unusable("no fingerprint")
	}
	a := &Answer{Active: d.Setup == "passive" || c.Active && d.Setup != "active"}
	w := writer{d: d, c: &c, active: a.Active, cname: randomName(16)}
	sections := make([]*desc.Media, len(d.Sections))
	for i := range d.Sections {
		m, err := d.accept(i, &c, a.Media)
		if err != nil {
			return nil, err
		}
		if m != nil {
			m.CNAME = cmp.Or(m.CNAME, w.cname)
			a.Media = append(a.Media, *m)
		}
		sections[i] = m
	}
	if len(a.Media) == 0 {
		return nil, disagree("none of the media can be used")
	}
	a.Text = w.write(sections)
	return a, nil
}

// accept decides about the section at index i; nil: it is rejected.
func (d *Description) accept(i int, c *Choice, before []desc.Media) (*desc.Media, error) {
	s := &d.Sections[i]
	if s.Rejected || s.Kind == stream.KindUnknown || !s.Send && !s.Recv {
		return nil, nil
	}
	if s.MID == "" || !slices.Contains(d.Bundle, s.MID) {
		if len(d.Sections) > 1 || len(d.Bundle) > 0 {
			return nil, unusable("media %d (%s) is not in the BUNDLE group", i, s.Type)
		}
	}
	switch {
	case !s.Mux:
		return nil, unusable("media %d (%s) has no rtcp-mux", i, s.Type)
	case c.Publish && !s.Send:
		return nil, unusable("media %d (%s) is recvonly, where the client publishes", i, s.Type)
	case !c.Publish && !s.Recv:
		return nil, unusable("media %d (%s) is sendonly, where the client plays", i, s.Type)
	}
	if !c.Publish && slices.ContainsFunc(before, func(m desc.Media) bool { return m.Kind == s.Kind }) {
		return nil, nil // a player is sent one of a kind
	}
	codec, err := d.codec(i, c)
	if codec == nil || err != nil {
		return nil, err
	}
	m := s.Media
	m.Codecs = []desc.Codec{*codec}
	agree(&m, c)
	return &m, nil
}

// codec picks that of the section at index i; nil: there is none, and none is needed.
func (d *Description) codec(i int, c *Choice) (*desc.Codec, error) {
	s := &d.Sections[i]
	var want []string
	for _, w := range c.Codecs {
		if w.Kind() != s.Kind {
			continue
		}
		if codec := choose(s.Codecs, w); codec != nil {
			return codec, nil
		}
		want = append(want, w.String())
	}
	if len(want) > 0 {
		return nil, disagree("media %d (%s) offers none of: %s", i, s.Type, strings.Join(want, ", "))
	}
	for _, e := range encodings() {
		if e.codec.Kind() == s.Kind {
			if codec := choose(s.Codecs, e.codec); codec != nil {
				return codec, nil
			}
		}
	}
	return nil, nil
}

// agree cuts what a section offers down to what is agreed to, and gives a player its numbers.
func agree(m *desc.Media, c *Choice) {
	k := &m.Codecs[0]
	e := &m.Ext
	k.NACK = k.NACK && !c.NoNACK
	if !k.NACK {
		k.RTX = 0
	}
	if k.TransportCC = k.TransportCC && !c.NoTransportCC && e.TransportCC != 0; k.TransportCC {
		e.AbsSendTime = 0 // the other way to the same
	} else {
		e.TransportCC = 0
	}
	if !c.Publish {
		m.Layers, e.RID, e.RepairedRID = nil, 0, 0
		if m.Kind != stream.KindVideo {
			e.PlayoutDelay = 0
		}
		if k.Codec == stream.Opus {
			k.Params = "" // what the offer tells is of what the client receives
		}
		m.SSRC, m.RTXSSRC, m.CNAME = randomSSRC(), 0, ""
		if k.RTX != 0 {
			m.RTXSSRC = m.SSRC + 1
		}
		return
	}
	e.PlayoutDelay = 0
	if e.RID == 0 || e.MID == 0 {
		m.Layers = nil
	}
	if m.Layers == nil {
		e.RID, e.RepairedRID = 0, 0
	} else {
		m.SSRC, m.RTXSSRC = 0, 0
	}
	if k.RTX == 0 {
		m.RTXSSRC = 0
	}
}

// randomSSRC leaves room for a number above it.
func randomSSRC() uint32 {
	for {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.BigEndian.Uint32(b[:]) &^ 1; n != 0 {
			return n
		}
	}
}

// randomName gives n characters of those that ICE and tokens allow.
func randomName(n int) string { return strings.ToLower(rand.Text()[:n]) }

// NewCredentials gives a user fragment and password of ICE, in the lengths of SRS's.
func NewCredentials() (ufrag, pwd string) {
	return randomName(8), randomName(16) + randomName(16)
}

// writer writes an answer.
type writer struct {
	d      *Description
	c      *Choice
	active bool
	cname  string
	b      []byte
}

func (w *writer) line(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
	w.b = append(w.b, "\r\n"...)
}

func (w *writer) write(sections []*desc.Media) string {
	var id [8]byte
	_, _ = rand.Read(id[:])
	name := "SRSPlaySession"
	if w.c.Publish {
		name = "SRSPublishSession"
	}
	w.line("v=0")
	w.line("o=", tokenOf(cmp.Or(w.c.Agent, "srs"), "/()"), " ", strconv.FormatUint(binary.BigEndian.Uint64(id[:])>>2, 10), " 2 IN IP4 0.0.0.0")
	w.line("s=", name)
	w.line("t=0 0")
	w.line("a=ice-lite")
	var mids []string
	for _, m := range sections {
		if m != nil && slices.Contains(w.d.Bundle, m.MID) {
			mids = append(mids, m.MID)
		}
	}
	if len(mids) > 0 {
		w.line("a=group:BUNDLE ", strings.Join(mids, " "))
	}
	w.line("a=msid-semantic: WMS ", tokenOf(w.c.Stream, "/"))
	for i, m := range sections {
		if m == nil {
			w.reject(&w.d.Sections[i])
		} else {
			w.section(&w.d.Sections[i], m)
		}
	}
	return string(w.b)
}

// reject keeps a section's place (RFC 3264 6).
func (w *writer) reject(s *Section) {
	w.line("m=", tokenOf(s.Type, ""), " 0 ", tokenOf(s.Protocol, "/"), " ", tokenOf(s.Formats[0], ""))
	w.line("c=IN IP4 0.0.0.0")
	if s.MID != "" {
		w.line("a=mid:", s.MID)
	}
	w.line("a=inactive")
}

func (w *writer) section(s *Section, m *desc.Media) {
	k := &m.Codecs[0]
	w.line("m=", s.Type, " 9 ", tokenOf(s.Protocol, "/"), payloadTypes(m.Codecs))
	w.line("c=IN IP4 0.0.0.0")
	w.line("a=ice-ufrag:", w.c.Ufrag)
	w.line("a=ice-pwd:", w.c.Pwd)
	if w.d.Trickle {
		w.line("a=ice-options:trickle")
	}
	if w.c.Fingerprint != "" {
		w.line("a=fingerprint:", w.c.Fingerprint)
		if w.active {
			w.line("a=setup:active")
		} else {
			w.line("a=setup:passive")
		}
	}
	if m.MID != "" {
		w.line("a=mid:", m.MID)
	}
	w.extensions(&m.Ext)
	track := s.Type + "-" + strconv.FormatUint(uint64(m.SSRC), 36)
	if w.c.Publish {
		w.line("a=recvonly")
	} else {
		w.line("a=sendonly")
		w.line("a=msid:", w.cname, " ", track)
	}
	w.line("a=rtcp-mux")
	if s.ReducedSize {
		w.line("a=rtcp-rsize")
	}
	w.codec(k)
	if w.c.Publish {
		w.layers(m.Layers, "recv")
	} else {
		w.sources(m, track)
	}
	w.candidates(w.c.Candidates)
}

func (w *writer) candidates(list []Candidate) {
	for i, c := range list {
		w.b = c.append(append(w.b, "a="...), i)
		w.line()
	}
}

func (w *writer) extensions(e *desc.Extensions) {
	for _, uri := range []string{uriTransportCC, uriAbsSendTime, uriMID, uriRID, uriRepairedRID, uriPlayoutDelay} {
		if id := *extension(e, uri); id != 0 {
			w.line("a=extmap:", strconv.Itoa(int(id)), " ", uri)
		}
	}
}

func (w *writer) codec(k *desc.Codec) {
	pt := strconv.Itoa(int(k.PT))
	e, _ := encodingFor(k.Codec)
	name := e.name + "/" + strconv.Itoa(k.ClockRate)
	if k.Channels > 1 {
		name += "/" + strconv.Itoa(k.Channels)
	}
	w.line("a=rtpmap:", pt, " ", name)
	for _, f := range []struct {
		on   bool
		name string
	}{{k.TransportCC, "transport-cc"}, {k.NACK, "nack"}, {k.PLI, "nack pli"}, {k.FIR, "ccm fir"}, {k.REMB, "goog-remb"}} {
		if f.on {
			w.line("a=rtcp-fb:", pt, " ", f.name)
		}
	}
	if k.Params != "" {
		w.line("a=fmtp:", pt, " ", k.Params)
	}
	if k.RTX != 0 {
		rtx := strconv.Itoa(int(k.RTX))
		w.line("a=rtpmap:", rtx, " rtx/", strconv.Itoa(k.ClockRate))
		w.line("a=fmtp:", rtx, " apt=", pt)
	}
}

func (w *writer) layers(list []string, direction string) {
	for _, rid := range list {
		w.line("a=rid:", rid, " ", direction)
	}
	if len(list) > 0 {
		w.line("a=simulcast:", direction, " ", strings.Join(list, ";"))
	}
}

// sources tells what a player is sent (RFC 5576).
func (w *writer) sources(m *desc.Media, track string) {
	ssrc := strconv.FormatUint(uint64(m.SSRC), 10)
	if m.RTXSSRC != 0 {
		w.line("a=ssrc-group:FID ", ssrc, " ", strconv.FormatUint(uint64(m.RTXSSRC), 10))
	}
	w.line("a=ssrc:", ssrc, " cname:", m.CNAME)
	w.line("a=ssrc:", ssrc, " label:", track)
	if m.RTXSSRC != 0 {
		w.line("a=ssrc:", strconv.FormatUint(uint64(m.RTXSSRC), 10), " cname:", m.CNAME)
	}
}
