package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
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

// rtcOptions are what one run of rtc needs to know.
type rtcOptions struct {
	url      string
	n        int
	streams  int
	rate     float64
	duration time.Duration
	pids     list
	pin      int
	json     bool
}

// rtcReport is what rtc found.
type rtcReport struct {
	Seconds   float64 `json:"seconds"`
	Players   int     `json:"players"`
	Connected int     `json:"connected"`
	Playing   int     `json:"playing"` // had packets in the last second
	Packets   uint64  `json:"packets"`
	Lost      uint64  `json:"lost"`
	Late      uint64  `json:"late"` // that came out of order, or again
	BitRate   float64 `json:"bit_rate"`
	CPU       float64 `json:"cpu_percent"`
	RSS       int64   `json:"rss"`
	Tool      float64 `json:"tool_percent"`
	Error     string  `json:"error,omitempty"`
}

// rtcCommand plays WebRTC by WHEP as many players, each with a socket, and a DTLS session, of its own.
func rtcCommand(args []string) error {
	var o rtcOptions
	f := newFlagSet("rtc")
	f.StringVar(&o.url, "url", "", `http:// URL of WHEP; "{i}" stands for the stream's number`)
	f.IntVar(&o.n, "n", 100, "players")
	f.IntVar(&o.streams, "streams", 1, "streams that players spread over")
	f.Float64Var(&o.rate, "rate", 100, "players that join a second")
	f.DurationVar(&o.duration, "duration", 20*time.Second, "length of the measurement, after all have joined")
	f.Var(&o.pids, "pid", "server process to measure, with its children (repeatable)")
	f.IntVar(&o.pin, "pin", -1, "core that the tool itself runs on (-1: any)")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	if o.pin >= 0 {
		if err := pinSelf(o.pin); err != nil {
			return err
		}
	}
	r, err := runRTC(&o)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		fmt.Printf("%d of %d players play, in %.1f s %d packets, %.1f Mb/s, %d lost, %d late\ncpu: server %.1f %%, tool %.1f %%; server RSS %d MB\n",
			r.Playing, r.Players, r.Seconds, r.Packets, r.BitRate/1e6, r.Lost, r.Late, r.CPU, r.Tool, r.RSS>>20)
	}
	if err == nil && r.Playing < r.Players {
		err = fmt.Errorf("%d of %d players play; %s", r.Playing, r.Players, r.Error)
	}
	return err
}

func runRTC(o *rtcOptions) (*rtcReport, error) {
	pids, err := o.pids.ints("pid")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(expand(o.url, 0))
	if err != nil || u.Scheme != "http" || o.n < 1 || o.duration <= 0 || o.streams < 1 || o.rate <= 0 {
		return nil, errors.New("rtc: want -url http://…, and -n, -streams, -rate and -duration above 0")
	}
	if err := loopbackOnly(net.JoinHostPort(u.Hostname(), "80")); err != nil {
		return nil, err
	}
	cert, err := peer.NewCertificate(false)
	if err != nil {
		return nil, err
	}
	s := sampler{pids: pids}
	all := make([]*rtcPlayer, o.n)
	var wait sync.WaitGroup
	start := time.Now()
	for i := range all {
		p := &rtcPlayer{url: expand(o.url, i%o.streams)}
		all[i] = p
		at := start.Add(time.Duration(float64(i) / o.rate * float64(time.Second)))
		wait.Go(func() {
			time.Sleep(time.Until(at))
			var err error
			if p.mux, err = peer.NewMux(peer.MuxConfig{Certificate: cert}); err == nil {
				err = p.open()
			}
			p.err.Store(&err)
		})
	}
	wait.Wait()
	time.Sleep(2 * time.Second)
	before, first := s.take(false), sumRTC(all)
	time.Sleep(o.duration)
	after, last := s.take(false), sumRTC(all)
	r := &rtcReport{Seconds: round(o.duration.Seconds()), Players: o.n, CPU: after.cpuPercent(before), Tool: after.toolPercent(before), RSS: after.rss}
	r.Packets, r.Lost, r.Late = last.packets-first.packets, last.lost-first.lost, last.late-first.late
	r.BitRate = round(float64(last.bytes-first.bytes) * 8 / o.duration.Seconds())
	for _, p := range all {
		if p.connected.Load() {
			r.Connected++
		}
		if time.Since(time.Unix(0, p.last.Load())) < time.Second {
			r.Playing++
		}
		if err := p.err.Load(); err != nil && *err != nil {
			r.Error = (*err).Error()
		}
		p.close()
	}
	return r, nil
}

type rtcSum struct{ packets, bytes, lost, late uint64 }

func sumRTC(all []*rtcPlayer) (s rtcSum) {
	for _, p := range all {
		s.packets += p.packets.Load()
		s.bytes += p.bytes.Load()
		s.lost += p.lost.Load()
		s.late += p.late.Load()
	}
	return s
}

// rtcPlayer is one player.
type rtcPlayer struct {
	url    string
	mux    *peer.Mux
	socket *wire.Socket
	peer   *peer.Peer

	connected                  atomic.Bool
	packets, bytes, lost, late atomic.Uint64
	last                       atomic.Int64
	err                        atomic.Pointer[error]
	next                       map[uint32]uint16 // sequence numbers by SSRC; of the reading goroutine
}

// open asks for the stream, and connects.
func (p *rtcPlayer) open() error {
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.socket, p.next = wire.Open(pc), map[uint32]uint16{}
	go func() { _ = p.mux.Serve(context.Background(), p.socket) }()
	ufrag, pwd := sdp.NewCredentials()
	answer, err := p.ask(sdp.NewOffer(sdp.OfferConfig{Ufrag: ufrag, Pwd: pwd, Fingerprint: p.mux.Fingerprint(), Media: rtcMedia()}))
	if err != nil {
		return err
	}
	var to netip.AddrPort
	for _, c := range answer.Candidates {
		if a := c.Addr(); a.IsValid() && a.Addr().Is4() && !c.TCP {
			to = a
			break
		}
	}
	if !to.IsValid() {
		return errors.New("rtc: the answer has no candidate")
	}
	p.peer, err = p.mux.New(peer.Config{
		Ufrag: ufrag, Pwd: pwd, RemoteUfrag: answer.Ufrag, RemotePwd: answer.Pwd, Fingerprints: answer.Fingerprints,
		Active: true, Socket: p.socket, Remote: to,
		OnConnect: func() { p.connected.Store(true) }, OnRTP: p.rtp, OnClose: func(err error) { p.err.Store(&err) },
	})
	return err
}

// rtcMedia is what players take.
func rtcMedia() []desc.Media {
	return []desc.Media{
		{MID: "0", Kind: stream.KindAudio, Codecs: []desc.Codec{{Codec: stream.Opus, PT: 111, ClockRate: 48000, Channels: 2}}},
		{MID: "1", Kind: stream.KindVideo, Codecs: []desc.Codec{{Codec: stream.H264, PT: 108, ClockRate: 90000, NACK: true, PLI: true,
			Params: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}}},
	}
}

// ask sends the offer.
func (p *rtcPlayer) ask(offer string) (*sdp.Description, error) {
	r, err := http.Post(p.url, "application/sdp", strings.NewReader(offer))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, sdp.MaxSize))
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("rtc: %s: %.200s", r.Status, b)
	}
	return sdp.ParseAnswer(string(b))
}

// rtp counts.
func (p *rtcPlayer) rtp(b []byte, at time.Time) {
	if len(b) < 12 {
		return
	}
	p.packets.Add(1)
	p.bytes.Add(uint64(len(b)))
	p.last.Store(at.UnixNano())
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

func (p *rtcPlayer) close() {
	if p.mux != nil {
		p.mux.Close(nil)
	}
	if p.socket != nil {
		_ = p.socket.Close()
	}
}
