package flv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

func TestGoldenBodies(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name           string
		track          stream.Track
		flags          stream.Flags
		cts            time.Duration
		config, prefix string
	}{
		{"H264 key", stream.Track{Codec: stream.H264, Config: []byte{1}}, stream.KeyFrame, 80 * ms, "170000000001", "1701000050"},
		{"H264 back", stream.Track{Codec: stream.H264, Config: []byte{1}}, 0, -40 * ms, "170000000001", "2701ffffd8"},
		{"H264 far", stream.Track{Codec: stream.H264, Config: []byte{1}}, 0, 24 * time.Hour, "170000000001", "27017fffff"},
		{"H264 far back", stream.Track{Codec: stream.H264, Config: []byte{1}}, 0, -24 * time.Hour, "170000000001", "2701800001"},
		{"HEVC", stream.Track{Codec: stream.HEVC, Config: []byte{1}}, 0, 40 * ms, "906876633101", "a168766331000028"},
		{"HEVC X", stream.Track{Codec: stream.HEVC, Config: []byte{1}}, stream.KeyFrame, 0, "906876633101", "9368766331"},
		{"HEVC 12", stream.Track{Codec: stream.HEVC, Config: []byte{1}, LegacyID: true}, 0, 40 * ms, "1c0000000001", "2c01000028"},
		{"AV1", stream.Track{Codec: stream.AV1, Config: []byte{1}}, 0, 0, "906176303101", "a161763031"},
		{"AV1 13", stream.Track{Codec: stream.AV1, Config: []byte{1}, LegacyID: true}, 0, 0, "1d0000000001", "2d01000000"},
		{"VP9", stream.Track{Codec: stream.VP9}, stream.KeyFrame, 0, "", "9176703039"},
		{"H263", stream.Track{Codec: stream.FLVVideo(2)}, stream.Disposable, 0, "", "32"},
		{"AAC", stream.Track{Codec: stream.AAC, Config: []byte{0x12, 0x10}, SampleRate: 8000}, 0, 0, "af001210", "af01"},
		{"MP3", stream.Track{Codec: stream.MP3, SampleRate: 44100, Channels: 2}, 0, 0, "", "2f"},
		{"MP3 22", stream.Track{Codec: stream.MP3, SampleRate: 22050, Channels: 1}, 0, 0, "", "2a"},
		{"MP3 11", stream.Track{Codec: stream.MP3, SampleRate: 11025, Channels: 1}, 0, 0, "", "26"},
		{"MP3 8", stream.Track{Codec: stream.MP3, SampleRate: 8000, Channels: 1}, 0, 0, "", "e2"},
		{"G711A", stream.Track{Codec: stream.G711A, SampleRate: 8000, Channels: 1}, 0, 0, "", "72"},
		{"G711U", stream.Track{Codec: stream.G711U, SampleRate: 8000, Channels: 2}, 0, 0, "", "83"},
		{"Speex", stream.Track{Codec: stream.FLVAudio(11), Config: []byte{0xb6}}, 0, 0, "", "b6"},
		{"Opus", stream.Track{Codec: stream.Opus, Config: []byte{1}}, 0, 0, "904f70757301", "914f707573"},
		{"FLAC", stream.Track{Codec: stream.FLAC, Config: []byte{1}}, 0, 0, "90664c614301", "91664c6143"},
		{"AC3", stream.Track{Codec: stream.AC3}, 0, 0, "", "9161632d33"},
		{"unknown", stream.Track{Codec: 0x78787878}, 0, 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ts := &stream.Tracks{List: []stream.Track{c.track}}
			p := &stream.Packet{Tracks: ts, Flags: c.flags, DTS: time.Second, PTS: time.Second + c.cts}
			require.Equal(t, unhex(c.config), append([]byte{}, AppendConfig(nil, ts, 0)...))
			require.Equal(t, unhex(c.prefix), append([]byte{}, AppendPrefix(nil, p)...))
		})
	}
}

func TestGoldenMultitrack(t *testing.T) {
	ts := &stream.Tracks{List: []stream.Track{
		{ID: 0, Codec: stream.H264, Config: []byte{1}, Default: true},
		{ID: 5, Codec: stream.H264, Config: []byte{2}},
		{ID: 300, Codec: stream.AAC, Config: []byte{3}},
		{ID: 301, Codec: stream.AAC, Config: []byte{4}},
		{ID: 302, Codec: stream.G711A},
	}}
	for i, want := range []string{"170000000001", "9600617663310502", "af0003", "95006d7034610104", ""} {
		require.Equal(t, unhex(want), append([]byte{}, AppendConfig(nil, ts, i)...))
	}
	for i, want := range []string{"2701000028", "a6016176633105000028", "af01", "95016d70346101", ""} {
		p := &stream.Packet{Tracks: ts, Track: i, PTS: 40 * time.Millisecond}
		require.Equal(t, unhex(want), append([]byte{}, AppendPrefix(nil, p)...))
		require.Equal(t, want != "", Carries(ts, i, true))
		require.Equal(t, i == 0 || i == 2, Carries(ts, i, false))
	}
	require.False(t, Carries(ts, stream.Data, true))
	require.False(t, Carries(ts, 5, true))
}

func TestAppendMeta(t *testing.T) {
	read := func(b []byte) amf.ECMAArray {
		vs, err := amf.DecodeAll(b)
		require.NoError(t, err)
		require.Len(t, vs, 2)
		require.Equal(t, "onMetaData", vs[0])
		return vs[1].(amf.ECMAArray)
	}
	ts := &stream.Tracks{List: []stream.Track{
		{Codec: stream.HEVC, Width: 320, Height: 180},
		{Codec: stream.AAC, SampleRate: 48000, Channels: 2},
	}}
	server := stream.Field{Name: "server", Value: "here"}
	require.Equal(t, amf.ECMAArray{
		{Name: "width", Value: 320.0}, {Name: "height", Value: 180.0}, {Name: "videocodecid", Value: 1752589105.0},
		{Name: "audiosamplerate", Value: 48000.0}, {Name: "audiochannels", Value: 2.0},
		{Name: "audiocodecid", Value: 10.0}, {Name: "stereo", Value: true}, {Name: "server", Value: "here"},
	}, read(AppendMeta(nil, ts, server)))
	ts = ts.WithMeta([]stream.Field{{Name: "server", Value: "there"}, {Name: "a", Value: nil}})
	require.Equal(t, amf.ECMAArray{{Name: "a"}, {Name: "server", Value: "here"}}, read(AppendMeta(nil, ts, server)))
	require.Empty(t, read(AppendMeta(nil, &stream.Tracks{})))
}

func TestEncoder(t *testing.T) {
	ts := &stream.Tracks{List: []stream.Track{
		{Codec: stream.H264, Config: []byte{1}},
		{Codec: stream.AAC, Config: []byte{0x12, 0x10}},
	}, Meta: []stream.Field{{Name: "a", Value: true}}}
	video := &stream.Packet{Tracks: ts, Payload: []byte{0, 0, 0, 1, 0x65}, Flags: stream.KeyFrame,
		DTS: 0x12345678 * time.Millisecond, PTS: 0x12345678 * time.Millisecond}
	audio := &stream.Packet{Tracks: ts, Track: 1, Payload: []byte{0xde, 2}}
	data := &stream.Packet{Tracks: ts, Track: stream.Data, Codec: stream.AMF, Payload: []byte{2, 0, 0}}
	var both Encoder
	const (
		meta = "12 00001a 000000 00 000000 02000a6f6e4d65746144617461 08 00000001 0001 61 01 01 000009 00000025"
		asc  = "08 000004 000000 00 000000 af001210 0000000f"
		avc  = "09 000006 000000 00 000000 170000000001 00000011"
	)
	require.Equal(t, unhex("464c5601 05 00000009 00000000"), both.AppendStart(nil))
	require.Equal(t, unhex(meta+asc+avc), both.AppendTracks(nil, ts, 0))
	require.Equal(t, unhex("09 00000a 345678 12 000000 1701000000 0000000165 00000015"), both.AppendPacket(nil, video))
	require.Equal(t, unhex("08 000004 000000 00 000000 af01de02 0000000f"), both.AppendPacket(nil, audio))
	require.Equal(t, unhex("12 000003 000000 00 000000 020000 0000000e"), both.AppendPacket(nil, data))

	only := Encoder{HasAudio: true}
	require.Equal(t, unhex("464c5601 04 00000009 00000000"), only.AppendStart(nil))
	require.Equal(t, unhex(meta+asc), only.AppendTracks(nil, ts, 0))
	require.Empty(t, only.AppendPacket(nil, video))
	require.NotEmpty(t, only.AppendPacket(nil, data))
	require.Empty(t, both.AppendPacket(nil, &stream.Packet{Tracks: ts, Track: stream.Data, Payload: []byte{1}}))
	require.Empty(t, both.AppendPacket(nil, &stream.Packet{Tracks: ts}))

	require.Equal(t, both.AppendPacket(nil, audio), AppendTag(nil, TagAudio, 0, []byte{0xaf, 1}, audio.Payload))
	require.Empty(t, AppendTag(nil, TagAudio, 0, []byte{0}, make([]byte, maxBody)))

	dst := make([]byte, 0, 4096)
	synthetic := &stream.Tracks{List: ts.List}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b := both.AppendTracks(both.AppendStart(dst), ts, 0)
		b = both.AppendTracks(b, synthetic, 0)
		_ = both.AppendPacket(both.AppendPacket(both.AppendPacket(b, video), audio), data)
	}))
}

func BenchmarkEncoder(b *testing.B) {
	ts := &stream.Tracks{List: []stream.Track{{Codec: stream.H264, Config: avcC}, {Codec: stream.AAC, Config: []byte{0x12, 0x10}}}}
	p := &stream.Packet{Tracks: ts, Payload: make([]byte, 3000)}
	var e Encoder
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	b.SetBytes(3000)
	for b.Loop() {
		_ = e.AppendPacket(dst, p)
	}
}
