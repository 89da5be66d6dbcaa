package main

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/egress"
	"github.com/srsgo/srs/rtc/peer"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
)

const (
	// rtcPhases is how many copies of the clip run, each at another place, so that publishers do not all
	// send at once.
	rtcPhases = 50
	// opusBytes is the size of a packet of sound, which is 20 ms.
	opusBytes = 80
	opusFrame = 20 * time.Millisecond
)

// rtcSource is the clip as local streams, of which RTP is made once for all publishers.
type rtcSource struct {
	clip    *clip
	clock   clock
	hub     *stream.Hub
	socket  *wire.Socket
	sender  *egress.Sender
	streams []*stream.Stream
	stop    context.CancelFunc
	work    sync.WaitGroup
}

func newRTCSource(o *rtcOptions, c clock) (*rtcSource, error) {
	clip, err := newClip(int(o.bitrate)-opusBytes*8*int(time.Second/opusFrame), o.fps, o.gop, false)
	if err != nil {
		return nil, err
	}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &rtcSource{clip: clip, clock: c, hub: stream.NewHub(stream.HubConfig{}), socket: wire.Open(pc), stop: stop}
	s.sender = egress.NewSender(egress.SenderConfig{NewBatch: s.socket.NewBatch, Ride: -1})
	for i := range min(rtcPhases, o.publishers) {
		key := stream.Key{App: "srsbench", Name: strconv.Itoa(i)}
		pub, err := s.hub.Publish(ctx, stream.Request{Key: key, Protocol: "srsbench"})
		if err != nil {
			s.close()
			return nil, err
		}
		pub.SetManualFlush(true)
		s.streams = append(s.streams, pub.Stream())
		_, phase := math.Modf(float64(i) * math.Phi)
		s.work.Go(func() { s.play(ctx, pub, time.Duration(phase*float64(o.gop))) })
	}
	return s, nil
}

// play writes the clip again and again, as time goes by, from a place between two key frames on.
func (s *rtcSource) play(ctx context.Context, pub *stream.Publisher, phase time.Duration) {
	defer func() { _ = pub.Close(nil) }()
	tracks := &stream.Tracks{List: []stream.Track{
		{ID: 1, Codec: stream.H264, Config: s.clip.avc[5:], Default: true},
		{ID: 2, Codec: stream.Opus, Config: codec.AppendOpusHead(nil, 2, 312), SampleRate: 48000, Channels: 2, Default: true},
	}}
	if err := codec.FillTrack(&tracks.List[0]); err != nil {
		return
	}
	interval := time.Second / time.Duration(s.clip.fps)
	start := time.Now().Add(-phase)
	video := int(phase/interval) + 1
	audio := int(phase/opusFrame) + 1
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		v, a := time.Duration(video)*interval, time.Duration(audio)*opusFrame
		t.Reset(time.Until(start.Add(min(v, a))))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		p := &stream.Packet{Tracks: tracks}
		if v <= a {
			p.DTS, p.Payload = v, s.frame(video)
			if video%s.clip.gop == 0 {
				p.Flags = stream.KeyFrame
			}
			video++
		} else {
			p.DTS, p.Track, p.Payload = a, 1, noise(opusBytes)
			audio++
		}
		p.PTS = p.DTS
		if pub.WritePacket(p) != nil {
			return
		}
		pub.Flush()
	}
}

// frame makes frame i of the clip, with a mark of now.
func (s *rtcSource) frame(i int) []byte {
	body := s.clip.inter
	if i%s.clip.gop == 0 {
		body = s.clip.key
	}
	b := append([]byte(nil), body[5:]...)
	const mark = 4 + 3 // behind the length of the SEI NAL unit and its header
	putMark(b[mark:mark+markSize], s.clock.now(), uint32(i))
	return b
}

// noise is a packet of sound as Opus has it: 20 ms of CELT in stereo.
func noise(n int) []byte {
	b := make([]byte, n)
	b[0] = 0xfc
	for i := range b[1:] {
		b[i+1] = byte(rand.Uint32())
	}
	return b
}

func (s *rtcSource) close() {
	s.stop()
	s.work.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.hub.Close(ctx)
	_ = s.socket.Close()
}

// rtcPublisher is one publisher: a viewer of a local stream, who is the server.
type rtcPublisher struct {
	rtcClient
	index  int
	media  []desc.Media
	viewer atomic.Pointer[egress.Viewer]
}

func (p *rtcPublisher) open() error {
	p.media = rtcMedia()
	for i := range p.media {
		p.media[i].SSRC, p.media[i].CNAME = rand.Uint32()|1, "srsbench"
	}
	return p.rtcClient.open(true, p.media, peer.Config{
		OnConnect: func() { go p.begin() },
		OnRTCP: func(b []byte, at time.Time) {
			if v := p.viewer.Load(); v != nil {
				v.RTCP(b, at)
			}
		},
	})
}

// begin sends.
func (p *rtcPublisher) begin() {
	for p.peer.Load() == nil { // it may connect before it is told of
		time.Sleep(time.Millisecond)
	}
	s := p.run.source
	v, err := s.sender.View(egress.ViewerConfig{
		Stream: s.streams[p.index%len(s.streams)], Audio: &p.media[0], Video: &p.media[1], Peer: p.peer.Load(),
		Ended: func(err error) { p.err.Store(&err) },
	})
	if err != nil {
		p.err.Store(&err)
		return
	}
	p.viewer.Store(v)
	p.connected.Store(true)
}

func (p *rtcPublisher) close() {
	if v := p.viewer.Load(); v != nil {
		v.Close()
	}
	p.rtcClient.close()
}
