package cmaf

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestParts: two readers of equal settings get the same parts; the second publication goes on with the
// numbers and is marked as another one.
func TestParts(t *testing.T) {
	clip := streamtest.H264AAC()
	synctest.Test(t, func(t *testing.T) {
		hub := stream.NewHub(stream.HubConfig{})
		cfg := Config{SegmentDuration: time.Second, PartDuration: 200 * time.Millisecond}
		var a, b *stream.Cursor[Part]
		next := 0
		for publication := range 2 {
			p, err := hub.Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: "v", App: "a", Name: "s"}})
			require.NoError(t, err)
			if a == nil {
				a, b = stream.Derive(p.Stream(), Parts(), cfg), stream.Derive(p.Stream(), Parts(), cfg)
				synctest.Wait() // it reads before the publication is over
			}
			for _, pkt := range clip.Packets() {
				require.NoError(t, p.WritePacket(pkt))
			}
			require.NoError(t, p.Close(nil))
			segment := -1
			for first := true; ; first = false {
				x, err := a.Next(t.Context())
				y, err2 := b.Next(t.Context())
				require.Same(t, x, y)
				require.Equal(t, err, err2)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				if first {
					require.Equal(t, next, x.Segment)
					require.Equal(t, publication > 0, x.Discontinuity)
					require.True(t, x.Independent)
				}
				segment = x.Segment
			}
			next = segment + 1
		}
		a.Close()
		b.Close()
		require.NoError(t, hub.Close(t.Context()))
	})
}

// TestEvents: ID3 and SCTE-35 leave as event messages.
func TestEvents(t *testing.T) {
	clip := streamtest.H264AAC()
	var got []byte
	k := New(Config{Events: true}, func(p *Part) { got = append(got, p.Data...) })
	tag := &stream.Packet{Tracks: clip.Packets()[0].Tracks, Track: stream.Data, Codec: ID3, PTS: time.Second, Payload: []byte("ID3tag")}
	for i, p := range clip.Packets() {
		require.NoError(t, k.WritePacket(p))
		if i == 10 {
			require.NoError(t, k.WritePacket(tag))
			other := *tag
			other.Codec = stream.AMF
			require.NoError(t, k.WritePacket(&other))
		}
	}
	require.NoError(t, k.Close())
	// ISO 23009-1 5.10.3.3.3: timescale, presentation time, duration, id, scheme, value, data.
	want := "emsg\x01\x00\x00\x00" + "\x00\x01\x5f\x90" + "\x00\x00\x00\x00\x00\x01\x5f\x90" + "\xff\xff\xff\xff" + "\x00\x00\x00\x01" +
		"https://aomedia.org/emsg/ID3\x00\x00ID3tag"
	require.Contains(t, string(got), want)
}
