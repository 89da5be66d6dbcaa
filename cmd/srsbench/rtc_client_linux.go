package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/rtc/sdp"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

// Payload types of what the tool's clients offer.
const (
	ptAudio = 111
	ptVideo = 108
)

// rtcClient is what players and publishers have in common.
type rtcClient struct {
	run    *rtcRun
	url    string
	mux    *peer.Mux
	socket *wire.Socket
	peer   atomic.Pointer[peer.Peer]

	connected atomic.Bool
	err       atomic.Pointer[error]
}

// rtcMedia is what clients offer.
func rtcMedia() []desc.Media {
	return []desc.Media{
		{MID: "0", Kind: stream.KindAudio, Codecs: []desc.Codec{{Codec: stream.Opus, PT: ptAudio, ClockRate: 48000, Channels: 2}}},
		{MID: "1", Kind: stream.KindVideo, Codecs: []desc.Codec{{Codec: stream.H264, PT: ptVideo, ClockRate: 90000, NACK: true, PLI: true,
			Params: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}}},
	}
}

// open asks the server, and begins to connect.
func (c *rtcClient) open(publish bool, media []desc.Media, cfg peer.Config) error {
	mux, err := peer.NewMux(peer.MuxConfig{Certificate: c.run.cert})
	if err != nil {
		return err
	}
	c.mux = mux // one each: all peers are at the server's one address, by which a Mux tells them apart
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.socket = wire.Open(pc)
	go func() { _ = c.mux.Serve(context.Background(), c.socket) }()
	ufrag, pwd := sdp.NewCredentials()
	answer, err := c.ask(publish, sdp.NewOffer(sdp.OfferConfig{Publish: publish, Ufrag: ufrag, Pwd: pwd, Fingerprint: c.mux.Fingerprint(), Media: media}))
	if err != nil {
		return err
	}
	for _, x := range answer.Candidates {
		if a := x.Addr(); a.IsValid() && a.Addr().Is4() && !x.TCP {
			cfg.Remote = a
			break
		}
	}
	if !cfg.Remote.IsValid() {
		return errors.New("rtc: the answer has no candidate")
	}
	cfg.Ufrag, cfg.Pwd, cfg.RemoteUfrag, cfg.RemotePwd, cfg.Fingerprints = ufrag, pwd, answer.Ufrag, answer.Pwd, answer.Fingerprints
	cfg.Active, cfg.Socket = true, c.socket
	cfg.OnClose = func(err error) {
		if err == nil {
			err = errors.New("rtc: the server ended the session")
		}
		c.err.Store(&err)
	}
	p, err := c.mux.New(cfg)
	if err == nil {
		c.peer.Store(p)
	}
	return err
}

// ask sends the offer, as the path of the URL has it.
func (c *rtcClient) ask(publish bool, offer string) (*sdp.Description, error) {
	u, err := url.Parse(c.url)
	if err != nil {
		return nil, err
	}
	if p := strings.TrimSuffix(u.Path, "/"); strings.HasSuffix(p, "/rtc/v1/play") || strings.HasSuffix(p, "/rtc/v1/publish") {
		return c.askJSON(u, offer)
	}
	status, b, err := post(c.url, "application/sdp", []byte(offer))
	if err != nil {
		return nil, err
	}
	if status != http.StatusCreated {
		return nil, fmt.Errorf("rtc: %d: %.200s", status, b)
	}
	return sdp.ParseAnswer(string(b))
}

// askJSON asks by SRS's own API.
func (c *rtcClient) askJSON(u *url.URL, offer string) (*sdp.Description, error) {
	q := u.Query()
	u.RawQuery = ""
	req, err := json.Marshal(map[string]string{"api": u.String(), "streamurl": q.Get("streamurl"), "sdp": offer})
	if err != nil {
		return nil, err
	}
	_, b, err := post(u.String(), "application/json", req)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Code int    `json:"code"`
		SDP  string `json:"sdp"`
	}
	if err := json.Unmarshal(b, &answer); err != nil || answer.Code != 0 {
		return nil, fmt.Errorf("rtc: %.200s", b)
	}
	return sdp.ParseAnswer(answer.SDP)
}

func post(url, kind string, body []byte) (status int, answer []byte, err error) {
	r, err := http.Post(url, kind, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(r.Body, 2*sdp.MaxSize))
	return r.StatusCode, answer, err
}

func (c *rtcClient) close() {
	if c.mux != nil {
		c.mux.Close(nil)
	}
	if c.socket != nil {
		_ = c.socket.Close()
	}
}

// latency collects how long frames took from a publisher to players.
type latency struct {
	measure atomic.Bool
	mu      sync.Mutex
	h       histogram
}

func (l *latency) add(d int64) {
	if !l.measure.Load() {
		return
	}
	l.mu.Lock()
	l.h.add(d)
	l.mu.Unlock()
}

// rtcPlayer is one player.
type rtcPlayer struct {
	rtcClient
	packets, bytes, lost, late atomic.Uint64
	last                       atomic.Int64
	jitter                     atomic.Int64 // ns

	// Of the reading goroutine.
	next    map[uint32]uint16 // sequence numbers by SSRC
	transit int64             // of the last packet of sound, ns
	heard   bool
}

func (p *rtcPlayer) open() error {
	p.next = map[uint32]uint16{}
	return p.rtcClient.open(false, rtcMedia(), peer.Config{OnConnect: func() { p.connected.Store(true) }, OnRTP: p.rtp})
}

// rtp counts.
func (p *rtcPlayer) rtp(b []byte, at time.Time) {
	if len(b) < 12 {
		return
	}
	p.packets.Add(1)
	p.bytes.Add(uint64(len(b)))
	p.last.Store(at.UnixNano())
	switch b[1] & 0x7f {
	case ptAudio:
		p.hear(at.UnixNano() - int64(binary.BigEndian.Uint32(b[4:]))*int64(time.Second)/48000)
	case ptVideo:
		if sent, _, ok := findMark(b[:min(len(b), 256)]); ok {
			p.run.latency.add(p.run.clock.now() - sent)
		}
	}
	ssrc, seq := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:])
	next, ok := p.next[ssrc]
	switch gap := seq - next; {
	case !ok:
	case gap < 1<<15:
		p.lost.Add(uint64(gap))
	default:
		p.late.Add(1)
		return
	}
	p.next[ssrc] = seq + 1
}

// hear is the jitter of RFC 3550 A.8, of a packet that took a time of an unknown offset.
func (p *rtcPlayer) hear(transit int64) {
	d := max(transit-p.transit, p.transit-transit)
	p.transit = transit
	if p.heard && d < int64(10*time.Second) { // the timestamp has wrapped
		j := p.jitter.Load()
		p.jitter.Store(j + (d-j)/16)
	}
	p.heard = true
}
