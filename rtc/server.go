package rtc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/rtc/signal"
	"github.com/srsgo/srs/stream"
)

// disabled is why a vhost refuses.
type disabled struct{ why string }

func (e *disabled) Error() string { return "rtc: " + e.why }

// Code is SRS's ERROR_RTC_DISABLED.
func (e *disabled) Code() int { return 5021 }

// server is what signalling asks.
type server struct{ m *Module }

// Open admits a client, and answers its offer.
func (x server) Open(ctx context.Context, r *signal.Request) (*signal.Session, error) {
	m := x.m
	vhost, ok := m.host.Vhosts().Lookup(r.Vhost)
	if !ok {
		return nil, fmt.Errorf("%w: %.100q", protocol.ErrVhost, r.Vhost)
	}
	cfg := m.cfg.Load()
	s := &session{m: m, vhost: cfg.vhost(vhost), key: r.Key, token: stream.NewID(), publish: r.Publish}
	s.key.Vhost = vhost
	s.plain = cfg.Plain
	if r.Encrypt != nil {
		s.plain = !*r.Encrypt
	}
	if r.DTLS != nil && !*r.DTLS {
		s.plain = true
	}
	if !s.vhost.Enabled {
		return nil, &stream.DeniedError{Public: "WebRTC is disabled", Err: &disabled{"disabled for vhost " + vhost}}
	}
	if err := s.admit(ctx, request(r, s.key)); err != nil {
		return nil, err
	}
	out, err := s.answer(ctx, r)
	if err != nil {
		s.end(err)
		m.leave(s) // it may have ended before it entered
		return nil, err
	}
	return out, nil
}

// request describes the client to the hub. It copies what would keep the HTTP request in memory.
func request(r *signal.Request, key stream.Key) stream.Request {
	typ := "rtc-play"
	if r.Publish {
		typ = "rtc-publish"
	}
	for _, p := range []*string{&key.Vhost, &key.App, &key.Name} {
		*p = strings.Clone(*p)
	}
	param := r.Param
	if !r.JSON { // as SRS tells it to callbacks
		param = strings.TrimPrefix(param, "?")
	}
	return stream.Request{
		Key: key, ID: r.ID, Protocol: "rtc", Type: typ, Remote: r.Remote, Local: r.Local, TLS: r.TLS, Param: strings.Clone(param), Bearer: strings.Clone(r.Bearer),
		URL: strings.Clone(tcURL(r)), PageURL: strings.Clone(r.Referer), UserAgent: strings.Clone(r.UserAgent), Persist: true,
	}
}

// tcURL is what SRS calls so: webrtc://host/app with the JSON API, and nothing with WHIP and WHEP.
func tcURL(r *signal.Request) string {
	if !r.JSON {
		return ""
	}
	return "webrtc://" + r.Host + "/" + r.App
}

// answer negotiates, and makes what media goes through.
func (s *session) answer(ctx context.Context, r *signal.Request) (*signal.Session, error) {
	m := s.m
	ufrag, pwd := sdp.NewCredentials()
	ufrag, pwd = cmp.Or(r.Ufrag, ufrag), cmp.Or(r.Pwd, pwd)
	candidates := m.candidates(ctx, r)
	a, err := r.Offer.Answer(sdp.Choice{
		Publish: s.publish, Codecs: s.wanted(r.Codec), Ufrag: ufrag, Pwd: pwd, Fingerprint: m.mux.Fingerprint(), Plain: s.plain,
		Active: s.vhost.Active, Candidates: candidates, Stream: s.key.App + "/" + s.key.Name,
		NoNACK: s.vhost.NoNACK, NoTransportCC: s.vhost.NoTWCC,
	})
	if err != nil {
		return nil, err
	}
	s.id, s.etag, s.ufrag = ufrag+":"+r.Offer.Ufrag, stream.NewID(), r.Offer.Ufrag
	s.remotePwd = r.Offer.Pwd
	s.prepare(a.Media)
	if err := m.enter(s); err != nil {
		return nil, err
	}
	p, err := m.mux.New(peer.Config{
		Ufrag: ufrag, Pwd: pwd, RemoteUfrag: r.Offer.Ufrag, RemotePwd: r.Offer.Pwd, Fingerprints: r.Offer.Fingerprints,
		Active: a.Active, Plain: s.plain, Strict: s.vhost.Strict, ConnectTimeout: s.vhost.Timeout, Timeout: s.vhost.Timeout,
		Candidates: addresses(candidates), RemoteCandidates: addresses(r.Offer.Candidates),
		OnConnect: s.connected, OnRTP: s.rtp, OnRTCP: s.rtcp, OnClose: s.end,
	})
	switch {
	case errors.Is(err, peer.ErrFull):
		return nil, signal.ErrFull
	case errors.Is(err, peer.ErrInUse):
		return nil, signal.ErrInUse
	case err != nil:
		return nil, err
	}
	s.setPeer(p)
	return &signal.Session{ID: s.id, Token: s.token, ETag: s.etag, Answer: a.Text}, nil
}

// addresses names candidates in errors.
func addresses(list []sdp.Candidate) (out []string) {
	for _, c := range list[:min(len(list), 8)] {
		out = append(out, c.String())
	}
	return out
}

// wanted gives the codecs for a player: those of the stream, where they are known.
func (s *session) wanted(asked stream.Codec) (list []stream.Codec) {
	add := func(c stream.Codec) {
		if c != 0 && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	if s.publish {
		add(asked)
		return list
	}
	t := s.player.Stream().Tracks()
	if t == nil || len(t.List) == 0 {
		add(asked)
		return list
	}
	for i := range t.List {
		switch c := t.List[i].Codec; {
		case t.List[i].Kind() == stream.KindVideo, sounds(c):
			add(c)
		case t.List[i].Kind() == stream.KindAudio:
			add(stream.Opus) // what it is converted to
		}
	}
	return list
}

// sounds tells whether WebRTC carries a codec of sound.
func sounds(c stream.Codec) bool { return c == stream.Opus || c == stream.G711A || c == stream.G711U }

// find gives the section of a kind, nil for none.
func find(list []desc.Media, k stream.Kind) *desc.Media {
	if i := slices.IndexFunc(list, func(m desc.Media) bool { return m.Kind == k }); i >= 0 {
		return &list[i]
	}
	return nil
}

// Patch restarts ICE. Candidates of clients are of no use: they are heard of by their checks.
func (x server) Patch(ctx context.Context, p *signal.Patch) (*signal.Restarted, error) {
	s := x.m.session(p.ID)
	if s == nil {
		return nil, fmt.Errorf("rtc: session %.100q: %w", p.ID, stream.ErrNotFound)
	}
	return s.patch(p)
}

// Close ends a session.
func (x server) Close(_ context.Context, id, token string) error {
	s := x.m.session(id)
	if s == nil {
		return fmt.Errorf("rtc: session %.100q: %w", id, stream.ErrNotFound)
	}
	if token != s.token {
		return signal.ErrToken
	}
	s.end(nil)
	return nil
}

// drop has the next packets of a session dropped.
func (m *Module) drop(id string, n int) error {
	s := m.session(id)
	if s == nil {
		return stream.ErrNotFound
	}
	s.drops.Store(int64(n))
	return nil
}
