package egress

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

const (
	audioSSRC, videoSSRC, rtxSSRC = 11, 22, 33
	audioPT, videoPT, rtxPT       = 111, 96, 97
)

// arrival is a packet as the peer gets it.
type arrival struct {
	*rtp.Packet
	raw string
	at  time.Time
}

// fakePeer records what a viewer is sent.
type fakePeer struct {
	mu      sync.Mutex
	packets []arrival
	reports [][]rtcp.Packet
	broken  atomic.Bool
}

func (p *fakePeer) AppendRTP(_ *wire.Batch, header, payload []byte) error {
	if p.broken.Load() {
		return errors.New("broken")
	}
	raw := append(append([]byte(nil), header...), payload...)
	x := new(rtp.Packet)
	if err := x.Unmarshal(raw); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packets = append(p.packets, arrival{x, string(raw), time.Now()})
	return nil
}

func (p *fakePeer) WriteRTCP(b []byte) error {
	x, err := rtcp.Unmarshal(b)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, x)
	return nil
}

// of gives what came with an SSRC.
func (p *fakePeer) of(ssrc uint32) (all []arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.packets {
		if x.SSRC == ssrc {
			all = append(all, x)
		}
	}
	return all
}

// frames puts what came with an SSRC together, in the order of the numbers.
func (p *fakePeer) frames(t *testing.T, ssrc uint32, c stream.Codec, config []byte) (all [][]byte) {
	t.Helper()
	var payloads [][]byte
	packets := p.of(ssrc)
	for i, x := range packets {
		if i > 0 {
			require.Equal(t, packets[i-1].SequenceNumber+1, x.SequenceNumber, "packet %d", i)
		}
		payloads = append(payloads, x.Payload)
		if !x.Marker && c.Kind() == stream.KindVideo {
			continue
		}
		b, err := depacketize(c, config, payloads)
		require.NoError(t, err)
		all = append(all, b)
		payloads = nil
	}
	require.Empty(t, payloads)
	return all
}

// rig is a hub and what sends its streams.
type rig struct {
	hub    *stream.Hub
	sender *Sender
}

func newRig(t *testing.T, cfg SenderConfig) *rig {
	cfg.NewBatch = func() *wire.Batch { return new(wire.Batch) }
	r := &rig{stream.NewHub(stream.HubConfig{}), NewSender(cfg)}
	t.Cleanup(func() { require.NoError(t, r.hub.Close(context.Background())) })
	return r
}

func (r *rig) publish(t *testing.T) *stream.Publisher {
	t.Helper()
	p, err := r.hub.Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: "v", App: "a", Name: "s"}})
	require.NoError(t, err)
	return p
}

func audioMedia() *desc.Media {
	return &desc.Media{MID: "0", Kind: stream.KindAudio, SSRC: audioSSRC, CNAME: "name", Ext: desc.Extensions{MID: 4},
		Codecs: []desc.Codec{{Codec: stream.Opus, PT: audioPT, ClockRate: 48000, Channels: 2}}}
}

func videoMedia(c stream.Codec) *desc.Media {
	return &desc.Media{MID: "1", Kind: stream.KindVideo, SSRC: videoSSRC, RTXSSRC: rtxSSRC, CNAME: "name",
		Ext:    desc.Extensions{MID: 4, TransportCC: 3, AbsSendTime: 2, PlayoutDelay: 6},
		Codecs: []desc.Codec{{Codec: c, PT: videoPT, ClockRate: 90000, RTX: rtxPT, NACK: true, PLI: true, TransportCC: true}}}
}

func (r *rig) view(t *testing.T, s *stream.Stream, change func(*ViewerConfig)) (*Viewer, *fakePeer) {
	t.Helper()
	p := &fakePeer{}
	cfg := ViewerConfig{Stream: s, Audio: audioMedia(), Video: videoMedia(stream.H264), Peer: p}
	if change != nil {
		change(&cfg)
	}
	v, err := r.sender.View(cfg)
	require.NoError(t, err)
	synctest.Wait()
	return v, p
}

func payloadsOf(packets []*stream.Packet, k stream.Kind) (all [][]byte) {
	for _, p := range packets {
		if p.Kind() == k {
			all = append(all, p.Payload)
		}
	}
	return all
}

// fromKey gives a clip's packets from the first key frame: whether viewers that wait get sound from
// before it is a matter of moments.
func fromKey(clip *streamtest.Clip) []*stream.Packet {
	packets := clip.Packets()
	for !packets[0].Key() {
		packets = packets[1:]
	}
	return packets
}

// TestViewer: a viewer gets what is published, picture and sound, with consecutive numbers and
// timestamps of one timeline.
func TestViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		clip := streamtest.H264Opus()
		var ended atomic.Int32
		v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) {
			c.Ended = func(error) { ended.Add(1) }
			c.PlayoutDelay = &PlayoutDelay{Max: 400 * time.Millisecond}
		})
		require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(fromKey(clip)...), 1))
		time.Sleep(time.Second)
		synctest.Wait()
		config := clip.Tracks().List[clip.Tracks().First(stream.KindVideo)].Config
		require.Equal(t, payloadsOf(clip.Packets(), stream.KindVideo), peer.frames(t, videoSSRC, stream.H264, config))
		require.Equal(t, payloadsOf(fromKey(clip), stream.KindAudio), peer.frames(t, audioSSRC, stream.Opus, nil))
		for _, x := range peer.of(videoSSRC) {
			require.EqualValues(t, videoPT, x.PayloadType)
			require.Equal(t, []byte("1"), x.GetExtension(4))
			require.Equal(t, []byte{0, 0, 40}, x.GetExtension(6))
			require.Nil(t, x.GetExtension(3), "one layer needs no judgement of the path")
		}
		s := v.Stats()
		require.EqualValues(t, len(peer.packets), s.Packets)
		require.Zero(t, s.Lapped+s.Refused+s.Resent)
		v.Close()
		require.NoError(t, pub.Close(nil))
		synctest.Wait()
		require.Empty(t, r.sender.fans)
		require.Zero(t, ended.Load())
	})
}

// TestViewerReports: sender reports tell the same moment of sound and picture.
func TestViewerReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		clip := streamtest.H264Opus()
		v, peer := r.view(t, pub.Stream(), nil)
		defer v.Close()
		require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(fromKey(clip)...), 1))
		synctest.Wait()
		require.Greater(t, len(peer.reports), 5)
		last := peer.reports[len(peer.reports)-1]
		require.Len(t, last, 3)
		a, b, names := last[0].(*rtcp.SenderReport), last[1].(*rtcp.SenderReport), last[2].(*rtcp.SourceDescription)
		require.EqualValues(t, audioSSRC, a.SSRC)
		require.EqualValues(t, videoSSRC, b.SSRC)
		require.Equal(t, a.NTPTime, b.NTPTime)
		require.Len(t, names.Chunks, 2)
		require.Equal(t, "name", names.Chunks[1].Items[0].Text)
		// Both are as far from their track's first packet, whose times are known.
		since := func(r *rtcp.SenderReport, ssrc uint32, k stream.Kind, hz int) time.Duration {
			var first time.Duration
			for _, p := range fromKey(clip) {
				if p.Kind() == k {
					first = p.PTS
					break
				}
			}
			return first + stream.FromTicks(int64(r.RTPTime-peer.of(ssrc)[0].Timestamp), hz)
		}
		x, y := since(a, audioSSRC, stream.KindAudio, 48000), since(b, videoSSRC, stream.KindVideo, 90000)
		require.InDelta(t, x, y, float64(time.Millisecond))
		require.Greater(t, x, 2*time.Second)
		require.Less(t, x, clip.Duration())
		require.LessOrEqual(t, b.PacketCount, uint32(len(peer.of(videoSSRC))))
		// A receiver report on it tells the round trip.
		rr, err := (&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: videoSSRC, FractionLost: 64,
			LastSenderReport: uint32(b.NTPTime >> 16), Delay: 1 << 15}}}).Marshal()
		require.NoError(t, err)
		sent := time.Unix(int64(b.NTPTime>>32)-2208988800, int64(b.NTPTime&0xffffffff)*1e9>>32)
		v.RTCP(rr, sent.Add(540*time.Millisecond))
		require.InDelta(t, 40*time.Millisecond, v.Stats().RTT, float64(time.Millisecond))
		require.InDelta(t, 0.0625, v.Stats().Loss, 1e-9)
		require.NoError(t, pub.Close(nil))
	})
}

// TestViewerJoins: who comes late gets the picture from the newest key frame, faster than it was
// published but not at once, and sound from now on.
func TestViewerJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{CatchUp: 2})
		pub := r.publish(t)
		clip := streamtest.H264Opus()
		packets := clip.Packets()
		cut := len(packets) - 10
		require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(packets[:cut]...), 1))
		start := time.Now()
		v, peer := r.view(t, pub.Stream(), nil)
		defer v.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		key := 0
		for i, p := range packets[:cut] {
			if p.Key() {
				key = i
			}
		}
		config := packets[key].Info().Config
		require.Equal(t, payloadsOf(packets[key:cut], stream.KindVideo), peer.frames(t, videoSSRC, stream.H264, config))
		require.LessOrEqual(t, len(peer.of(audioSSRC)), int(recent/(20*time.Millisecond))+1, "no sound of the past")
		got := peer.of(videoSSRC)
		took := got[len(got)-1].at.Sub(start)
		require.GreaterOrEqual(t, took, pace)
		require.Less(t, took, (packets[cut-1].DTS-packets[key].DTS)/2)
		for i := 2; i < len(got); i++ {
			past := got[len(got)-1].Timestamp-got[i].Timestamp > 90000/2
			require.False(t, past && got[i].at.Equal(got[i-2].at), "paced: packet %d", i)
		}
		require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(packets[cut:]...), 1))
		synctest.Wait()
		require.Equal(t, payloadsOf(packets[key:], stream.KindVideo), peer.frames(t, videoSSRC, stream.H264, config))
		require.NoError(t, pub.Close(nil))
	})
}

// TestViewerRepublish: a viewer waits for the next publication, and goes on without a gap in the numbers,
// on one timeline.
func TestViewerRepublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		clip := streamtest.H264Opus()
		v, peer := r.view(t, pub.Stream(), nil)
		defer v.Close()
		for range 2 {
			require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(fromKey(clip)...), 1))
			require.NoError(t, pub.Close(nil))
			time.Sleep(time.Second)
			pub = r.publish(t)
		}
		require.NoError(t, pub.Close(nil))
		synctest.Wait()
		config := clip.Tracks().List[clip.Tracks().First(stream.KindVideo)].Config
		want := payloadsOf(clip.Packets(), stream.KindVideo)
		require.Equal(t, append(want, want...), peer.frames(t, videoSSRC, stream.H264, config))
		got := peer.of(videoSSRC)
		for i := 1; i < len(got); i++ {
			d := int32(got[i].Timestamp - got[i-1].Timestamp)
			require.True(t, d >= 0 && d < 10*90000, "packet %d: %d", i, d)
		}
	})
}

// nack makes a request for what is lost.
func nack(t *testing.T, ssrc uint32, seqs ...uint16) []byte {
	t.Helper()
	b, err := (&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)}).Marshal()
	require.NoError(t, err)
	return b
}

// TestViewerNACK: what is lost is sent again, as a retransmission where that was agreed upon, else byte by
// byte the same; not twice in a moment, and in bounded numbers.
func TestViewerNACK(t *testing.T) {
	for _, rtx := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, SenderConfig{})
			pub := r.publish(t)
			clip := streamtest.H264Opus()
			v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) {
				if !rtx {
					c.Video.Codecs[0].RTX = 0
				}
			})
			defer v.Close()
			require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(fromKey(clip)...), 1))
			synctest.Wait()
			sent := peer.of(videoSSRC)
			lost := sent[len(sent)-5:]
			before := len(peer.packets)
			for range 3 {
				v.RTCP(nack(t, videoSSRC, lost[0].SequenceNumber, lost[3].SequenceNumber, lost[4].SequenceNumber+100), time.Now())
				synctest.Wait()
			}
			again := peer.packets[before:]
			require.Len(t, again, 2)
			for i, x := range []arrival{lost[0], lost[3]} {
				if !rtx {
					require.Equal(t, x.raw, again[i].raw)
					continue
				}
				require.EqualValues(t, rtxSSRC, again[i].SSRC)
				require.EqualValues(t, rtxPT, again[i].PayloadType)
				require.Equal(t, x.Timestamp, again[i].Timestamp)
				require.Equal(t, x.Marker, again[i].Marker)
				require.Equal(t, append([]byte{byte(x.SequenceNumber >> 8), byte(x.SequenceNumber)}, x.Payload...), again[i].Payload)
				require.Equal(t, again[0].SequenceNumber+uint16(i), again[i].SequenceNumber)
			}
			require.EqualValues(t, 2, v.Stats().Resent)

			before = len(peer.packets)
			all := make([]uint16, 0, len(sent))
			for _, x := range sent {
				all = append(all, x.SequenceNumber)
			}
			for range 1000 { // a storm
				v.RTCP(nack(t, videoSSRC, all...), time.Now())
				v.RTCP(nack(t, 99, all...), time.Now())
				time.Sleep(time.Millisecond)
			}
			synctest.Wait()
			require.Less(t, len(peer.packets)-before, 400)
			require.NoError(t, pub.Close(nil))
		})
	}
}

// TestViewerKeyFrame: requests reach the publisher, for all viewers once a second.
func TestViewerKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		var asked atomic.Int32
		var viewers []*Viewer
		for range 3 {
			v, _ := r.view(t, pub.Stream(), func(c *ViewerConfig) { c.KeyFrame = func() { asked.Add(1) } })
			defer v.Close()
			viewers = append(viewers, v)
		}
		pli, err := (&rtcp.PictureLossIndication{MediaSSRC: videoSSRC}).Marshal()
		require.NoError(t, err)
		fir, err := (&rtcp.FullIntraRequest{MediaSSRC: videoSSRC, FIR: []rtcp.FIREntry{{SSRC: videoSSRC}}}).Marshal()
		require.NoError(t, err)
		for i := range 100 {
			viewers[i%3].RTCP(append(pli, fir...), time.Now())
			time.Sleep(30 * time.Millisecond)
		}
		require.EqualValues(t, 3, asked.Load())
		require.NoError(t, pub.Close(nil))
	})
}

// TestViewerBroken: a peer that takes nothing harms nobody else, and what it missed is counted.
func TestViewerBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{Shard: 1})
		pub := r.publish(t)
		clip := streamtest.H264Opus()
		bad, broken := r.view(t, pub.Stream(), nil)
		broken.broken.Store(true)
		good, peer := r.view(t, pub.Stream(), nil)
		require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(fromKey(clip)...), 1))
		synctest.Wait()
		require.Positive(t, bad.Stats().Refused)
		require.Zero(t, bad.Stats().Packets)
		require.EqualValues(t, len(peer.packets), good.Stats().Packets)
		bad.Close()
		good.Close()
		good.Close()
		synctest.Wait()
		require.Empty(t, r.sender.fans)
		require.NoError(t, pub.Close(nil))
	})
}

// TestViewerLapsed: a viewer whose next frame is gone goes on at a key frame, without a gap in the numbers.
func TestViewerLapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		r.hub.SetSettings(func(stream.Key) (stream.Settings, error) { return stream.Settings{CacheBytes: 30_000}, nil })
		pub := r.publish(t)
		v, peer := r.view(t, pub.Stream(), nil)
		defer v.Close()
		src := streamtest.H264Opus().Loop(0)
		for range 2000 { // far faster than is sent at once
			p, err := src.ReadPacket()
			require.NoError(t, err)
			require.NoError(t, pub.WritePacket(p))
			if p.Key() {
				time.Sleep(time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		require.Positive(t, v.Stats().Lapped)
		frames := peer.frames(t, videoSSRC, stream.H264, streamtest.H264Opus().Tracks().List[0].Config)
		require.NotEmpty(t, frames)
		require.NoError(t, pub.Close(nil))
	})
}

// TestViewerRides: with many viewers sound waits for video, but not for long; and where there is no
// video it does not.
func TestViewerRides(t *testing.T) {
	for _, clip := range []*streamtest.Clip{streamtest.H264Opus(), streamtest.OpusOnly()} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, SenderConfig{})
			pub := r.publish(t)
			var peers []*fakePeer
			for range rideViewers + 1 {
				v, p := r.view(t, pub.Stream(), nil)
				defer v.Close()
				peers = append(peers, p)
			}
			start := time.Now()
			require.NoError(t, streamtest.Publish(t.Context(), pub, clip.Source(), 1))
			time.Sleep(time.Second)
			synctest.Wait()
			sound := peers[0].of(audioSSRC)
			require.Greater(t, len(sound), 150)
			with := map[time.Time]bool{}
			for _, x := range peers[0].of(videoSSRC) {
				with[x.at] = true
			}
			rides, late := 0, time.Duration(0)
			packets := payloadsOf(clip.Packets(), stream.KindAudio)
			skipped := len(packets) - len(sound)
			for i, x := range sound {
				if with[x.at] {
					rides++
				}
				at := time.Duration(skipped+i) * 20 * time.Millisecond
				if at > 2*settle {
					late = max(late, x.at.Sub(start)-at)
				}
			}
			if len(with) > 0 {
				require.Greater(t, rides, len(sound)/6)
				require.LessOrEqual(t, late, 20*time.Millisecond)
			} else {
				require.Zero(t, late)
			}
			require.NoError(t, pub.Close(nil))
		})
	}
}

// TestViewerChurn: viewers come and go while others are served.
func TestViewerChurn(t *testing.T) {
	hub := stream.NewHub(stream.HubConfig{})
	defer hub.Close(context.Background())
	pub, err := hub.Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: "v", App: "a", Name: "s"}})
	require.NoError(t, err)
	s := NewSender(SenderConfig{NewBatch: func() *wire.Batch { return new(wire.Batch) }, Shard: 4})
	var done atomic.Bool
	var work sync.WaitGroup
	work.Go(func() {
		for src := streamtest.H264Opus().Loop(0); !done.Load(); {
			p, err := src.ReadPacket()
			if err != nil || pub.WritePacket(p) != nil {
				return
			}
			time.Sleep(100 * time.Microsecond)
		}
	})
	var comers sync.WaitGroup
	lost := nack(t, videoSSRC, 1, 2, 3)
	for range 8 {
		comers.Go(func() {
			for range 40 {
				v, err := s.View(ViewerConfig{Stream: pub.Stream(), Video: videoMedia(stream.H264), Peer: &fakePeer{}})
				if err != nil {
					return
				}
				time.Sleep(time.Millisecond)
				v.RTCP(lost, time.Now())
				v.Stats()
				v.Close()
			}
		})
	}
	comers.Wait()
	done.Store(true)
	work.Wait()
	require.NoError(t, pub.Close(nil))
}

// TestViewerEnded: viewers are told when no more will come, as when the server stops.
func TestViewerEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		var ended atomic.Int32
		v, _ := r.view(t, pub.Stream(), func(c *ViewerConfig) { c.Ended = func(error) { ended.Add(1) } })
		require.NoError(t, r.hub.Close(context.Background()))
		synctest.Wait()
		require.EqualValues(t, 1, ended.Load())
		require.Empty(t, r.sender.fans)
		v.RTCP(nack(t, videoSSRC, 1), time.Now())
		v.Close()
	})
}

// TestViewerWaits: who waits for a key frame asks for one.
func TestViewerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		var asked atomic.Int32
		v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) { c.KeyFrame = func() { asked.Add(1) } })
		defer v.Close()
		packets := fromKey(streamtest.H264Opus())
		require.NoError(t, streamtest.Publish(t.Context(), pub, streamtest.Source(packets[1:40]...), 1))
		synctest.Wait()
		require.EqualValues(t, 1, asked.Load())
		require.Empty(t, peer.of(videoSSRC))
		require.NoError(t, pub.Close(nil))
	})
}

// TestNumbers: numbers are consecutive over wraps and gaps, and lead back to what they were given to.
func TestNumbers(t *testing.T) {
	packets := streamtest.H264Only().Packets()
	frames, _ := makeFrames(t, Config{Video: stream.H264, MTU: 150}, packets)
	frames = frames[len(frames)-40:]
	n := numbers{next: 1<<16 - 10}
	type place struct {
		f *Frame
		i int
	}
	given := map[uint16]place{}
	for k, f := range frames {
		if k%10 == 3 {
			continue // left out
		}
		for i := range f.Payloads {
			want := uint16(n.next)
			seq, _ := n.take(f, i)
			require.Equal(t, want, seq)
			given[want] = place{f, i}
		}
	}
	require.Greater(t, n.next, uint64(1<<16))
	for seq, want := range given {
		f, i, _ := n.find(seq)
		require.Same(t, want.f, f)
		require.Equal(t, want.i, i)
	}
	f, _, _ := n.find(uint16(n.next))
	require.Nil(t, f)
	f, _, _ = n.find(uint16(1<<16 - 11))
	require.Nil(t, f)
}

// FuzzRTCP: no feedback does harm.
func FuzzRTCP(f *testing.F) {
	r := NewSender(SenderConfig{NewBatch: func() *wire.Batch { return new(wire.Batch) }})
	hub := stream.NewHub(stream.HubConfig{})
	pub, err := hub.Publish(f.Context(), stream.Request{Key: stream.Key{Vhost: "v", App: "a", Name: "s"}})
	require.NoError(f, err)
	peer := &fakePeer{}
	v, err := r.View(ViewerConfig{Stream: pub.Stream(), Video: videoMedia(stream.H264), Audio: audioMedia(), Peer: peer})
	require.NoError(f, err)
	f.Cleanup(func() {
		v.Close()
		require.NoError(f, hub.Close(context.Background()))
	})
	for _, p := range streamtest.H264Opus().Packets() {
		require.NoError(f, pub.WritePacket(p))
	}
	for _, p := range []rtcp.Packet{
		&rtcp.TransportLayerNack{MediaSSRC: videoSSRC, Nacks: []rtcp.NackPair{{PacketID: 5, LostPackets: 0xffff}}},
		&rtcp.PictureLossIndication{MediaSSRC: videoSSRC},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: videoSSRC, LastSenderReport: 5}}},
		&rtcp.SenderReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: videoSSRC}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{videoSSRC}},
		&rtcp.TransportLayerCC{MediaSSRC: videoSSRC, BaseSequenceNumber: 3, PacketStatusCount: 3, ReferenceTime: 4,
			PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: 1, RunLength: 3}},
			RecvDeltas:   []*rtcp.RecvDelta{{Type: 1, Delta: 250}, {Type: 1, Delta: 500}, {Type: 1, Delta: 250}}},
	} {
		b, err := p.Marshal()
		require.NoError(f, err)
		f.Add(b)
	}
	at := time.Unix(1e9, 0)
	f.Fuzz(func(_ *testing.T, b []byte) { v.RTCP(b, at) })
}
