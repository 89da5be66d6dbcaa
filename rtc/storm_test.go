package rtc_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// storm is what a viewer says who asks for everything, and makes no sense besides.
func storm(seeded *rand.Rand, newest *rtp.Packet) []rtcp.Packet {
	ssrc := newest.SSRC
	nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc}
	for i := range uint16(256 / 17) {
		nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: newest.SequenceNumber - 17*i - 16, LostPackets: 0xffff})
	}
	raw := func(count, kind byte) *rtcp.RawPacket {
		b := rtcp.RawPacket(make([]byte, 64))
		for i := range b {
			b[i] = byte(seeded.Uint32())
		}
		b[0], b[1], b[2], b[3] = 0x80|count, kind, 0, byte(len(b)/4-1)
		return &b
	}
	return []rtcp.Packet{
		nack, &rtcp.PictureLossIndication{MediaSSRC: ssrc}, &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e15, SSRCs: []uint32{ssrc}},
		raw(15, 205), raw(15, 206), raw(1, 205), raw(31, 201), raw(31, 200), raw(31, 202), raw(9, 207),
	}
}

// TestStorm: a viewer who asks for all over and over gets little more than it gets anyway, has the
// publisher asked for a key frame once a second at most, and takes nothing from one beside it.
func TestStorm(t *testing.T) {
	t.Parallel()
	r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
	r.publish(clip)
	begun := time.Now()
	relay := r.relay(path{})
	bad := r.newPeer(webrtc.NetworkTypeUDP4)
	theirs := bad.receive()
	bad.connect(whep(relay.eip()))
	theirs.more(t, 25)
	p := r.newPeer(webrtc.NetworkTypeUDP4)
	got := p.receive()
	p.connect(whep())
	before := len(got.media(t, clip, stream.KindVideo, 5))

	down, own, from := relay.carried(), theirs.tracks[stream.KindVideo].count()+theirs.tracks[stream.KindAudio].count(), time.Now()
	seeded := rand.New(rand.NewPCG(3, 4))
	video := got.tracks[stream.KindVideo]
	for end := time.Now().Add(patience); video.count() < before+75 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		require.NoError(t, bad.WriteRTCP(storm(seeded, theirs.tracks[stream.KindVideo].last())))
	}
	list := got.media(t, clip, stream.KindVideo, before+70)
	streamtest.Equal(t, looped(t, clip, stream.KindVideo, 8), list, loose)
	require.Equal(t, http.StatusOK, r.do(http.MethodDelete, bad.open.resource(t), "").status)
	took := time.Since(from).Seconds()
	own = theirs.tracks[stream.KindVideo].count() + theirs.tracks[stream.KindAudio].count() - own
	// What may be sent again of a stream of so few packets: 50 a second and 100 at once; besides there are STUN and RTCP.
	require.Less(t, relay.carried()-down, own+150+int(70*took), "%d packets of its own in %.1f s", own, took)
	require.LessOrEqual(t, float64(r.asked.Load()), time.Since(begun).Seconds()+1)
	require.Positive(t, r.asked.Load())
}
