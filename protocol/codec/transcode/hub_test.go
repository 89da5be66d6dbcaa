package transcode_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec/transcode"
	"github.com/srsgo/srs/protocol/codec/transcode/aac"
	"github.com/srsgo/srs/protocol/codec/transcode/opus"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// Example lets WebRTC play what encoders publish, and the rest play what WebRTC publishes.
func Example() {
	convert := transcode.New(transcode.Config{
		Codecs:      []transcode.Codec{opus.Codec(), aac.Codec()},
		OpusBitRate: 48000,
	})
	hub := stream.NewHub(stream.HubConfig{})
	hub.SetSettings(func(stream.Key) (stream.Settings, error) {
		return stream.Settings{Convert: convert}, nil
	})
	_ = hub.Close(context.Background())
}

// TestHub: a stream is read with other sound, while others read it as it is.
func TestHub(t *testing.T) {
	hub := stream.NewHub(stream.HubConfig{})
	defer func() { require.NoError(t, hub.Close(context.Background())) }()
	c := all()
	hub.SetSettings(func(stream.Key) (stream.Settings, error) { return stream.Settings{Convert: c}, nil })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "a"}
	pub, err := hub.Publish(ctx, stream.Request{Key: key})
	require.NoError(t, err)
	fed := make(chan error, 1)
	feeding, stop := context.WithCancel(ctx)
	go func() { fed <- streamtest.Publish(feeding, pub, streamtest.H264AAC().Loop(0), 5) }()

	for _, accept := range []stream.Codec{stream.Opus, stream.AAC, stream.Opus} {
		s, err := pub.Stream().As(ctx, accept)
		require.NoError(t, err)
		p := s.Open(ctx, stream.Live)
		var sounds, pictures int
		for sounds < 40 || pictures < 20 {
			x, err := p.ReadPacket()
			require.NoError(t, err)
			switch x.Kind() {
			case stream.KindAudio:
				require.Equal(t, accept, x.Info().Codec)
				sounds++
			case stream.KindVideo:
				pictures++
			}
		}
		p.Close()
	}
	stop()
	<-fed
	require.NoError(t, pub.Close(nil))
}

// TestCheck: it is told what can be converted, and which codec a viewer gets.
func TestCheck(t *testing.T) {
	c := all()
	lc := streamtest.AACOnly().Tracks().List[0]
	he := stream.Track{Codec: stream.AAC, Config: []byte{5<<3 | 6>>1, 2<<3 | 3>>1, 3<<7&0x80 | 2<<2}}
	surround := stream.Track{Codec: stream.AAC, Config: []byte{0x11, 0xB0}}
	for _, x := range []struct {
		from stream.Track
		to   stream.Codec
		why  string
	}{
		{lc, stream.Opus, ""},
		{stream.Track{Codec: stream.G711A}, stream.Opus, ""},
		{stream.Track{Codec: stream.G711U}, stream.AAC, ""},
		{stream.Track{Codec: stream.Opus}, stream.AAC, ""},
		{stream.Track{Codec: stream.MP3}, stream.AAC, ""},
		{he, stream.Opus, "HE-AAC"},
		{surround, stream.Opus, "6 channels"},
		{stream.Track{Codec: stream.AAC}, stream.Opus, "aac"},
		{stream.Track{Codec: stream.MP3, SampleRate: 8000}, stream.Opus, "8000 Hz"},
		{stream.Track{Codec: stream.AC3}, stream.Opus, "decoding AC3"},
		{lc, stream.MP3, "encoding MP3"},
	} {
		err := c.Check(x.from, x.to)
		if x.why == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, stream.ErrUnsupported)
		require.ErrorContains(t, err, x.why)
	}
	to, ok := c.To(lc, []stream.Codec{stream.MP3, stream.Opus, stream.AAC})
	require.True(t, ok)
	require.Equal(t, stream.Opus, to)
	_, ok = c.To(he, []stream.Codec{stream.Opus})
	require.False(t, ok)
}

// TestG711: both laws, of one and two channels, are heard at their level.
func TestG711(t *testing.T) {
	for _, law := range []struct {
		codec stream.Codec
		loud  byte // the loudest sample below zero
	}{{stream.G711A, 0x2A}, {stream.G711U, 0x00}} {
		for channels := 1; channels <= 2; channels++ {
			tracks := &stream.Tracks{List: []stream.Track{{Codec: law.codec, SampleRate: 8000, Channels: channels}}}
			var in []*stream.Packet
			for i := range 50 {
				at := time.Second + time.Duration(i)*20*time.Millisecond
				half := bytes.Repeat([]byte{law.loud}, 8*channels)
				b := bytes.Repeat(append(half, bytes.Repeat([]byte{law.loud | 0x80}, 8*channels)...), 10)
				in = append(in, &stream.Packet{Tracks: tracks, DTS: at, PTS: at, Payload: b})
			}
			pcm := samples(t, in)
			require.InDelta(t, 48000, len(pcm), 480)
			require.Greater(t, energy(pcm[4800:]), 0.5)
			out := convert(t, all(), stream.Opus, in)
			require.InDelta(t, 50, len(out), 2)
		}
	}
}

// TestAllocates: a packet that comes out costs itself and its payload.
func TestAllocates(t *testing.T) {
	in := sound(streamtest.H264AAC().Packets())
	var out discard
	s := all().New(stream.Opus, &out)
	i := 0
	write := func() {
		p := *in[i%len(in)]
		p.Tracks = in[0].Tracks
		p.PTS = stream.FromTicks(int64(i)*1024, 44100)
		p.DTS = p.PTS
		require.NoError(t, s.WritePacket(&p))
		i++
	}
	for range 60 {
		write()
	}
	before := out.n
	each := testing.AllocsPerRun(100, write)
	per := float64(out.n-before) / 101
	require.LessOrEqual(t, each, 2*per+2, "%.2f packets out for each in", per)
}
