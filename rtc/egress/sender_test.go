package egress

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

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
		var v *Viewer
		v, _ = r.view(t, pub.Stream(), func(c *ViewerConfig) {
			c.Ended = func(error) {
				ended.Add(1)
				v.Close()
			}
		})
		require.NoError(t, r.hub.Close(context.Background()))
		synctest.Wait()
		require.EqualValues(t, 1, ended.Load())
		require.Empty(t, r.sender.fans)
		v.RTCP(nack(t, videoSSRC, 1), time.Now())
		r.view(t, pub.Stream(), func(c *ViewerConfig) { c.Ended = func(error) { ended.Add(1) } })
		require.EqualValues(t, 2, ended.Load(), "who comes too late is told")
	})
}
