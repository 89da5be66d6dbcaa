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

// TestViewerPaces: a big frame leaves in bursts, within a few milliseconds, and sound does not wait for it.
func TestViewerPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{Burst: 10})
		pub := r.publish(t)
		v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) { c.Video = videoMedia(stream.VP8) })
		defer v.Close()
		ts := &stream.Tracks{List: []stream.Track{{ID: 1, Codec: stream.VP8}, {ID: 2, Codec: stream.Opus, Channels: 2}}}
		write := func(track int, at time.Duration, f stream.Flags, n int) {
			b := make([]byte, n)
			require.NoError(t, pub.WritePacket(&stream.Packet{Tracks: ts, Track: track, DTS: at, PTS: at, Flags: f, Payload: b}))
		}
		write(0, 0, stream.KeyFrame, 100)
		time.Sleep(time.Second)
		before := len(peer.of(videoSSRC))
		start := time.Now()
		write(0, time.Second, 0, 45*(defaultMTU-headRoom-1))
		write(1, time.Second, 0, 100)
		time.Sleep(time.Second)
		got := peer.of(videoSSRC)[before:]
		require.Len(t, got, 45)
		for i, x := range got {
			require.Equal(t, time.Duration(i/10)*pace, x.at.Sub(start), "packet %d", i)
			require.Len(t, x.raw, len(got[0].raw))
		}
		require.Equal(t, start, peer.of(audioSSRC)[0].at)
		require.NoError(t, pub.Close(nil))
	})
}
