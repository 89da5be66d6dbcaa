package clipfile

import (
	"testing"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

func sample() []*stream.Packet {
	a := &stream.Tracks{
		List: []stream.Track{
			{Codec: stream.H264, Config: []byte{1, 2}, Width: 320, Height: 180},
			{ID: 3, Codec: stream.AAC, SampleRate: 44100, Channels: 2},
		},
		Meta: []stream.Field{{Name: "width", Value: 320.0}, {Name: "stereo", Value: true}, {Name: "encoder", Value: "x"}},
	}
	b := a.WithMeta(nil)
	return []*stream.Packet{
		{Tracks: a, Flags: stream.KeyFrame, PTS: 80 * time.Millisecond, Payload: []byte("one")},
		{Tracks: a, Track: 1, DTS: time.Millisecond, PTS: time.Millisecond, Payload: []byte{}},
		{Tracks: b, Track: stream.Data, Codec: stream.AMF, DTS: time.Hour, PTS: time.Hour, Payload: []byte("data")},
	}
}

func TestRoundTrip(t *testing.T) {
	want := sample()
	b, err := Encode(want)
	require.NoError(t, err)
	got, err := Parse(b)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Same(t, got[0].Tracks, got[1].Tracks)
}

func TestParseShort(t *testing.T) {
	want := sample()
	b, err := Encode(want)
	require.NoError(t, err)
	for n := range b {
		// A cut between two records leaves a whole, shorter clip.
		if got, err := Parse(b[:n]); err == nil {
			require.Less(t, len(got), len(want))
			for i := range got {
				require.Equal(t, want[i], got[i])
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := Encode(sample())
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := Parse(b)
		if err != nil {
			return
		}
		for _, p := range packets {
			_ = p.Kind()
		}
	})
}
