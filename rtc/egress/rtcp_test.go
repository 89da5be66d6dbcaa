package egress

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

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
	at := time.Unix(1e9, 0)
	sent := new(departures)
	for i := range uint16(len(sent)) {
		sent.put(i, 1200, at)
	}
	v.path.sent.Store(sent)
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
	f.Fuzz(func(_ *testing.T, b []byte) { v.RTCP(b, at) })
}
