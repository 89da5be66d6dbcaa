package codec

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

func TestFillTrack(t *testing.T) {
	for _, c := range []struct {
		name   string
		codec  stream.Codec
		config []byte
		w, h   int
		rate   int
		ch     int
		fails  bool
	}{
		{name: "avcC", codec: stream.H264, config: vecAVCC, w: 320, h: 180},
		{name: "avcC without SPS", codec: stream.H264, config: unhex("0164000cffe000"), fails: true},
		{name: "avcC with an odd SPS", codec: stream.H264, config: unhex("0164000cffe1000467640000 01000468efbcb0"), fails: true},
		{name: "avcC cut", codec: stream.H264, config: vecAVCC[:12], fails: true},
		{name: "no avcC", codec: stream.H264, fails: true},
		{name: "hvcC cut", codec: stream.HEVC, config: make([]byte, 22), fails: true},
		{name: "hvcC", codec: stream.HEVC, config: vecHEVCC(), w: 320, h: 180},
		{name: "hvcC without SPS", codec: stream.HEVC, config: append(make([]byte, 21), 3, 0), fails: true},
		{name: "AAC ELD", codec: stream.AAC, config: unhex("f8e850"), rate: 44100, ch: 2},
		{name: "AAC ELD cut", codec: stream.AAC, config: unhex("f8"), fails: true},
		{name: "AAC 7 channels", codec: stream.AAC, config: unhex("11d8"), rate: 48000, ch: 7},
		{name: "AAC 22.2", codec: stream.AAC, config: unhex("11e8"), rate: 48000, ch: 24},
		{name: "AAC 7.1 top", codec: stream.AAC, config: unhex("11e0"), rate: 48000, ch: 8},
		{name: "AAC reserved channels", codec: stream.AAC, config: unhex("11c0"), fails: true},
		{name: "AAC type 0", codec: stream.AAC, config: unhex("0190"), fails: true},
		{name: "AAC rate 0", codec: stream.AAC, config: unhex("1780000010"), fails: true},
		{name: "HE-AAC cut", codec: stream.AAC, config: unhex("2b10"), fails: true},
		{name: "Opus version", codec: stream.Opus, config: append(unhex("4f70757348656164 10"), make([]byte, 10)...), fails: true},
		{name: "Opus no channels", codec: stream.Opus, config: append(unhex("4f70757348656164 01"), make([]byte, 10)...), fails: true},
		{name: "av1C", codec: stream.AV1, config: vecAV1C, w: 320, h: 180},
		{name: "av1C without header", codec: stream.AV1, config: vecAV1C[:4], fails: true},
		{name: "AAC LC 44.1 stereo", codec: stream.AAC, config: unhex("1210"), rate: 44100, ch: 2},
		{name: "AAC LC 44.1 mono", codec: stream.AAC, config: unhex("120856e500"), rate: 44100, ch: 1},
		{name: "AAC Main 48", codec: stream.AAC, config: unhex("0990"), rate: 48000, ch: 2},
		{name: "HE-AAC", codec: stream.AAC, config: unhex("2b118800"), rate: 24000, ch: 2},
		{name: "AAC explicit rate", codec: stream.AAC, config: unhex("17805dc010"), rate: 48000, ch: 2},
		{name: "AAC PCE", codec: stream.AAC, config: unhex("1180"), rate: 48000},
		{name: "AAC reserved rate", codec: stream.AAC, config: unhex("1690"), fails: true},
		{name: "AAC cut", codec: stream.AAC, config: unhex("12"), fails: true},
		{name: "Opus", codec: stream.Opus, config: AppendOpusHead(nil, 2, 312), rate: 48000, ch: 2},
		{name: "Opus magic", codec: stream.Opus, config: make([]byte, 19), fails: true},
		{name: "FLAC", codec: stream.FLAC, config: unhex("10001000000000000000 0bb802f0 00000000" +
			"00000000000000000000000000000000"), rate: 48000, ch: 2},
		{name: "FLAC cut", codec: stream.FLAC, config: make([]byte, 33), fails: true},
		{name: "VP9", codec: stream.VP9, config: unhex("01000000000b820202020000")},
		{name: "G711", codec: stream.G711A},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := stream.Track{Codec: c.codec, Config: c.config}
			err := FillTrack(&x)
			if c.fails {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, [4]int{c.w, c.h, c.rate, c.ch}, [4]int{x.Width, x.Height, x.SampleRate, x.Channels})
		})
	}
}

func TestFillFrame(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec stream.Codec
		frame []byte
		want  [4]int
		fails bool
	}{
		{"VP9 key", stream.VP9, unhex("824983420013f00b360238241c18"), [4]int{320, 180, 0, 0}, false},
		{"VP9 inter", stream.VP9, unhex("86004092f0"), [4]int{}, false},
		{"VP9 cut", stream.VP9, unhex("824983"), [4]int{}, true},
		{"VP8 key", stream.VP8, unhex("1000009d012a4001b400"), [4]int{320, 180, 0, 0}, false},
		{"VP8 inter", stream.VP8, unhex("11"), [4]int{}, false},
		{"VP8 cut", stream.VP8, unhex("10"), [4]int{}, true},
		{"MP3", stream.MP3, unhex("fffb50c4"), [4]int{0, 0, 44100, 1}, false},
		{"MP3 MPEG 2.5", stream.MP3, unhex("ffe31804"), [4]int{0, 0, 8000, 2}, false},
		{"VP9 profile 3 key", stream.VP9, unhex("b0498342"), [4]int{}, true},
		{"VP9 profile 3 inter", stream.VP9, unhex("b2"), [4]int{}, false},
		{"VP9 marker", stream.VP9, unhex("00"), [4]int{}, false},
		{"VP8 no start code", stream.VP8, unhex("10000000000000000000"), [4]int{}, true},
		{"VP8 no size", stream.VP8, unhex("1000009d012a00000000"), [4]int{}, true},
		{"MP2", stream.MP3, unhex("fffd5004"), [4]int{0, 0, 44100, 2}, false},
		{"MP1", stream.MP3, unhex("ffff5004"), [4]int{0, 0, 44100, 2}, false},
		{"MP3 22 kHz", stream.MP3, unhex("fff35004"), [4]int{0, 0, 22050, 2}, false},
		{"MP3 reserved", stream.MP3, unhex("ffeb5004"), [4]int{}, true},
		{"MP3 cut", stream.MP3, unhex("fffb"), [4]int{}, true},
		{"MP3 junk", stream.MP3, unhex("00000000"), [4]int{}, true},
		{"AC-3", stream.AC3, unhex("0b770000 1c 40 e1 00"), [4]int{0, 0, 48000, 6}, false},
		{"AC-3 cut", stream.AC3, unhex("0b770000"), [4]int{}, true},
		{"E-AC-3", stream.EAC3, unhex("0b7701ff 3f 85 00 00"), [4]int{0, 0, 48000, 6}, false},
		{"E-AC-3 cut", stream.EAC3, unhex("0b77"), [4]int{}, true},
		{"empty", stream.VP8, nil, [4]int{}, false},
		{"H264", stream.H264, unhex("00"), [4]int{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := stream.Track{Codec: c.codec}
			err := FillFrame(&x, c.frame)
			require.Equal(t, c.fails, err != nil, "%v", err)
			require.Equal(t, c.want, [4]int{x.Width, x.Height, x.SampleRate, x.Channels})
		})
	}
}

func FuzzFill(f *testing.F) {
	f.Add(uint32(stream.H264), vecAVCC)
	f.Add(uint32(stream.AV1), vecAV1C)
	f.Add(uint32(stream.AAC), unhex("120856e500"))
	f.Add(uint32(stream.VP9), unhex("824983420013f00b360238241c18"))
	f.Add(uint32(stream.MP3), unhex("fffb50c4"))
	f.Fuzz(func(t *testing.T, c uint32, b []byte) {
		x := stream.Track{Codec: stream.Codec(c), Config: b}
		_ = FillTrack(&x)
		_ = FillFrame(&x, b)
		if x.Width < 0 || x.Height < 0 || x.SampleRate < 0 || x.Channels < 0 ||
			x.Width > maxPicture || x.Height > maxPicture {
			t.Fatalf("%+v", x)
		}
	})
}
