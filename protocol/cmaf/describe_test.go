package cmaf_test

import (
	"bytes"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

func FuzzDescribe(f *testing.F) {
	codecs := []stream.Codec{stream.H264, stream.HEVC, stream.AV1, stream.VP9, stream.AAC, stream.Opus,
		stream.FLAC, stream.MP3, stream.AC3, stream.EAC3, stream.VP8}
	for i := range codecs {
		f.Add(uint8(i), []byte{0x12, 0x10}, []byte{0x0b, 0x77, 0, 0, 0, 0x40, 0x43, 0})
	}
	f.Fuzz(func(t *testing.T, i uint8, config, frame []byte) {
		info, err := cmaf.Describe(stream.Track{Codec: codecs[int(i)%len(codecs)], Config: config}, frame)
		if err != nil {
			return
		}
		a, err := cmaf.Init([]stream.Track{info})
		require.NoError(t, err)
		b, err := cmaf.Init([]stream.Track{info})
		require.NoError(t, err)
		require.True(t, bytes.Equal(a, b))
		require.NotEmpty(t, cmaf.Codecs(info))
	})
}

// TestDescribe holds codec strings, and that an independent reader reads what a frame told.
func TestDescribe(t *testing.T) {
	for _, x := range []struct {
		codec         stream.Codec
		config, frame []byte
		want          string
	}{
		{stream.H264, nil, nil, ""},
		{stream.AAC, []byte{0x12, 0x10}, nil, "mp4a.40.2"},
		{stream.AC3, nil, []byte{0x0b, 0x77, 0, 0, 0x14, 0x40, 0x43, 0}, "ac-3"},
		{stream.MP3, nil, []byte{0xff, 0xfb, 0x90, 0x44}, "mp3"},
		{stream.VP8, nil, nil, ""},
	} {
		info, err := cmaf.Describe(stream.Track{Codec: x.codec, Config: x.config}, x.frame)
		if x.want == "" {
			require.ErrorIs(t, err, stream.ErrUnsupported)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, x.want, cmaf.Codecs(info))
		data, err := cmaf.Init([]stream.Track{info})
		require.NoError(t, err)
		var read fmp4.Init
		require.NoError(t, read.Unmarshal(bytes.NewReader(data)))
		require.EqualValues(t, info.SampleRate, read.Tracks[0].TimeScale)
	}
	_, err := cmaf.Describe(stream.Track{Codec: stream.AC3}, nil)
	require.ErrorIs(t, err, cmaf.ErrFrame)
}
