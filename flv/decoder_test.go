package flv

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

var (
	avcC = unhex("0164000cffe1001a6764000cacd941419f9f011000000300100000030320f142996001000468efbcb0fdf8f800")
	av1C = unhex("81000c000a0b000000043cfecc02f80040")
	hvcC = mustHEVC()
	vpcC = unhex("01000000000b820202020000")
	opus = codec.AppendOpusHead(nil, 2, 312)
	flac = unhex("100010000000000000000bb802f000000000" + "00000000000000000000000000000000")
)

func mustHEVC() []byte {
	b, err := codec.BuildHEVC([][]byte{unhex("40010c01ffff01600000030090000003000003003c959009")},
		[][]byte{unhex("42010101600000030090000003000003003ca00a080b9f796564924caf016808000003000800000300c840")},
		[][]byte{unhex("4401c172b46240")})
	if err != nil {
		panic(err)
	}
	return b
}

// decode gives the packets of bodies, all at 1 s.
func decode(t *testing.T, d *Decoder, typ uint8, bodies ...string) (ps []*stream.Packet) {
	t.Helper()
	for _, b := range bodies {
		var err error
		ps, err = d.Decode(ps, typ, time.Second, unhex(b))
		require.NoError(t, err, b)
	}
	return ps
}

func TestDecodeBodies(t *testing.T) {
	hx := hex.EncodeToString
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		typ    uint8
		bodies []string
		codec  stream.Codec
		legacy bool
		config []byte
		flags  stream.Flags
		dts    time.Duration // beyond 1 s
		cts    time.Duration
		out    string
	}{
		{"AVC", 9, []string{"1700000000" + hx(avcC), "1701000050 0000000465888400"}, stream.H264, false, avcC,
			stream.KeyFrame, 0, 80 * ms, "0000000465888400"},
		{"AVC negative time", 9, []string{"1700000000" + hx(avcC), "2701ffffd8 00000004419a2318"}, stream.H264, false, avcC,
			0, 0, -40 * ms, "00000004419a2318"},
		{"AVC key by NAL unit", 9, []string{"1700000000" + hx(avcC), "2701000000 0000000465888400"}, stream.H264, false, avcC,
			stream.KeyFrame, 0, 0, "0000000465888400"},
		{"AVC disposable by frame type", 9, []string{"1700000000" + hx(avcC), "3701000000 00000004419a2318"}, stream.H264, false, avcC,
			0, 0, 0, "00000004419a2318"},
		{"AVC by FourCC", 9, []string{"9061766331" + hx(avcC), "a161766331 000028 00000004019e4142"}, stream.H264, false, avcC,
			stream.Disposable, 0, 40 * ms, "00000004019e4142"},
		{"HEVC", 9, []string{"9068766331" + hx(hvcC), "a168766331 000028 000000040201d019"}, stream.HEVC, false, hvcC,
			0, 0, 40 * ms, "000000040201d019"},
		{"HEVC frames X", 9, []string{"9068766331" + hx(hvcC), "9368766331 000000042601ac00"}, stream.HEVC, false, hvcC,
			stream.KeyFrame, 0, 0, "000000042601ac00"},
		{"HEVC 12", 9, []string{"1c00000000" + hx(hvcC), "2c01000028 000000040201d019"}, stream.HEVC, true, hvcC,
			0, 0, 40 * ms, "000000040201d019"},
		{"AV1", 9, []string{"9061763031" + hx(av1C), "a161763031 1200 3203300a0b"}, stream.AV1, false, av1C,
			0, 0, 0, "3203300a0b"},
		{"AV1 13", 9, []string{"1d00000000" + hx(av1C), "2d01000000 3203300a0b"}, stream.AV1, true, av1C,
			0, 0, 0, "3203300a0b"},
		{"VP9", 9, []string{"9076703039" + hx(vpcC), "9176703039 824983420013f00b3602"}, stream.VP9, false, vpcC,
			stream.KeyFrame, 0, 0, "824983420013f00b3602"},
		{"VP8 without header", 9, []string{"9176703038 1000009d012a4001b400"}, stream.VP8, false, nil,
			stream.KeyFrame, 0, 0, "1000009d012a4001b400"},
		{"H.263", 9, []string{"32 000084"}, stream.FLVVideo(2), false, nil, stream.Disposable, 0, 0, "000084"},
		{"ModEx", 9, []string{"9068766331" + hx(hvcC), "a7 02 0003e8 07 00 ff 13 68766331 000000040201d019"},
			stream.HEVC, false, hvcC, 0, 1000, 0, "000000040201d019"},
		{"AAC", 8, []string{"af001210", "af01de0200"}, stream.AAC, false, unhex("1210"), 0, 0, 0, "de0200"},
		{"AAC by FourCC", 8, []string{"906d7034611210", "916d703461de0200"}, stream.AAC, false, unhex("1210"), 0, 0, 0, "de0200"},
		{"MP3", 8, []string{"2efffb50c400"}, stream.MP3, false, nil, 0, 0, 0, "fffb50c400"},
		{"MP3 8 kHz", 8, []string{"eeffe31804"}, stream.MP3, false, nil, 0, 0, 0, "ffe31804"},
		{"MP3 by FourCC", 8, []string{"912e6d7033fffb50c4"}, stream.MP3, false, nil, 0, 0, 0, "fffb50c4"},
		{"G.711 A", 8, []string{"72d5e0"}, stream.G711A, false, nil, 0, 0, 0, "d5e0"},
		{"G.711 u", 8, []string{"83d5e0"}, stream.G711U, false, nil, 0, 0, 0, "d5e0"},
		{"Speex", 8, []string{"b63054"}, stream.FLVAudio(11), false, unhex("b6"), 0, 0, 0, "3054"},
		{"Nellymoser 16 kHz", 8, []string{"4230"}, stream.FLVAudio(4), false, unhex("42"), 0, 0, 0, "30"},
		{"Nellymoser 8 kHz", 8, []string{"5230"}, stream.FLVAudio(5), false, unhex("52"), 0, 0, 0, "30"},
		{"PCM", 8, []string{"3f30"}, stream.FLVAudio(3), false, unhex("3f"), 0, 0, 0, "30"},
		{"AVC header in Annex B", 9, []string{"1700000000 00000001" + hx(avcC[8:34]) + "00000168efbcb0", "2701000000 00000004419a2318"},
			stream.H264, false, avcC, 0, 0, 0, "00000004419a2318"},
		{"Opus", 8, []string{"904f707573" + hx(opus), "914f707573 fc00"}, stream.Opus, false, opus, 0, 0, 0, "fc00"},
		{"Opus without header", 8, []string{"914f707573 fc00"}, stream.Opus, false, opus, 0, 0, 0, "fc00"},
		{"FLAC bare", 8, []string{"90664c6143" + hx(flac), "91664c6143 fff8"}, stream.FLAC, false, flac, 0, 0, 0, "fff8"},
		{"FLAC marked", 8, []string{"90664c6143 664c6143 80000022" + hx(flac), "91664c6143 fff8"}, stream.FLAC, false, flac, 0, 0, 0, "fff8"},
		{"AC-3", 8, []string{"9161632d33 0b7700001c40e100"}, stream.AC3, false, nil, 0, 0, 0, "0b7700001c40e100"},
		{"E-AC-3", 8, []string{"9165632d33 0b7701ff3f850000"}, stream.EAC3, false, nil, 0, 0, 0, "0b7701ff3f850000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Decoder
			ps := decode(t, &d, c.typ, c.bodies...)
			require.Len(t, ps, 1)
			p := ps[0]
			require.Same(t, d.Tracks(), p.Tracks)
			x := p.Info()
			require.Equal(t, c.codec, x.Codec)
			require.Equal(t, c.config, x.Config)
			require.Equal(t, c.legacy, x.LegacyID)
			require.Equal(t, c.flags, p.Flags)
			require.Equal(t, time.Second+c.dts, p.DTS)
			require.Equal(t, c.cts, p.PTS-p.DTS)
			require.Equal(t, unhex(c.out), p.Payload)
			if c.codec.Kind() == stream.KindVideo && c.codec != stream.FLVVideo(2) {
				require.Equal(t, [2]int{320, 180}, [2]int{x.Width, x.Height})
			}
			if c.codec.Kind() == stream.KindAudio {
				require.NotZero(t, x.SampleRate)
				require.NotZero(t, x.Channels)
			}

			// The same again: nothing new. And the body that goes out decodes to the same.
			tracks := d.Tracks()
			decode(t, &d, c.typ, c.bodies...)
			require.Same(t, tracks, d.Tracks())
			again := recode(t, ps)
			require.Len(t, again, 1)
			if c.dts == 0 {
				requirePacket(t, p, again[0])
			}
		})
	}
}

// recode encodes bodies and decodes them.
func recode(t *testing.T, ps []*stream.Packet) (out []*stream.Packet) {
	t.Helper()
	var d Decoder
	var last *stream.Tracks
	feed := func(k stream.Kind, dts time.Duration, b []byte) {
		var err error
		out, err = d.Decode(out, tagType(k), dts, b)
		require.NoError(t, err)
	}
	for _, p := range ps {
		if p.Tracks != last {
			feed(stream.KindData, 0, AppendMeta(nil, p.Tracks))
			for i := range p.Tracks.List {
				feed(p.Tracks.List[i].Kind(), 0, AppendConfig(nil, p.Tracks, i))
			}
			last = p.Tracks
		}
		prefix := AppendPrefix(nil, p)
		require.LessOrEqual(t, len(prefix), 16)
		feed(p.Kind(), p.DTS, append(prefix, p.Payload...))
	}
	return out
}

func requirePacket(t *testing.T, want, got *stream.Packet) {
	t.Helper()
	require.Equal(t, want.Payload, got.Payload)
	require.Equal(t, want.Flags, got.Flags)
	require.Equal(t, want.DTS, got.DTS)
	require.Equal(t, want.PTS, got.PTS)
	require.Equal(t, want.Codec, got.Codec)
	require.Equal(t, want.Info(), got.Info())
}

func TestDecodeDrops(t *testing.T) {
	var d Decoder
	require.Empty(t, decode(t, &d, 9,
		"", "1701000000 0000000165", // before the sequence header
		"5700000000", "52 01", "1702000000", "1702", "1700000000",
		"9268766331", "d468766331 020009636f6c6f72496e666f", "9561763031 00", "d1 00",
		"a176703039 86004092f0", // VP9 before a key frame
	))
	require.Empty(t, decode(t, &d, 8, "af01de02", "af00", "904f707573 4f70757354616773 00", "924f707573",
		"91664c6143 fff8"))
	require.Empty(t, d.Tracks().List)
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		typ         uint8
		body        string
		unsupported bool
	}{
		{9, "17", false}, {9, "170100", false}, {9, "1709000000", true}, {9, "18", true}, {9, "11", true},
		{9, "1700000000 0264", false}, {9, "1c00000000 01", false}, {9, "9061763031 81", false},
		{9, "90", false}, {9, "906162", false}, {9, "9078787878 00", true}, {9, "9061632d33 00", true},
		{9, "9168766331 0000", false}, {9, "9a68766331", true},
		{9, "97", false}, {9, "9703 00", false}, {9, "97ff 00", false}, {9, "9700 00 03", false},
		{9, "96", false}, {9, "9601", false}, {9, "963168766331", true}, {9, "9606 68766331", false},
		{9, "9611 68766331 00 000009 00", false}, {9, "9621 6876", false}, {9, "9601 68766331", false},
		{8, "af", false}, {8, "af05", true}, {8, "c0", true}, {8, "d0", true}, {8, "90", false}, {8, "af0000", false},
		{8, "9368766331", true}, {8, "936d703461", true}, {8, "90664c6143 00", false}, {8, "904f707573 00", false},
		{8, "95", false}, {8, "9505", false}, {8, "946d703461 00", false}, {8, "97", false},
		{18, "05", false}, {18, "020005", false}, {18, "02000d40736574446174614672616d65", false},
		{18, "02000a6f6e4d6574614461746108", false}, {7, "00", true},
	} {
		var d Decoder
		ps, err := d.Decode(nil, c.typ, 0, unhex(c.body))
		require.Error(t, err, c.body)
		require.ErrorContains(t, err, "flv: ")
		if c.unsupported {
			require.ErrorIs(t, err, stream.ErrUnsupported, c.body)
		} else {
			require.NotErrorIs(t, err, stream.ErrUnsupported, c.body)
		}
		require.Empty(t, ps)
		require.Empty(t, d.Tracks().List, c.body)
	}
}

func TestLargeSequenceHeader(t *testing.T) {
	var d Decoder
	_, err := d.Decode(nil, TagVideo, 0, append(unhex("1700000000"), append(avcC, make([]byte, maxConfig)...)...))
	require.ErrorContains(t, err, "at most")
}

func TestShortLengths(t *testing.T) {
	two := bytes.Clone(avcC)
	two[4] = 0xfd
	var d Decoder
	ps := decode(t, &d, 9, "1700000000"+hex.EncodeToString(two), "1701000000 000465888400 0002419a")
	require.Equal(t, unhex("0000000465888400 00000002419a"), ps[0].Payload)
	require.Equal(t, avcC, ps[0].Info().Config)
}

func TestInBandParameterSets(t *testing.T) {
	var d Decoder
	hx := hex.EncodeToString(avcC)
	sps, pps := avcC[8:34], unhex("68efbcb2")
	ps := decode(t, &d, 9, "1700000000"+hx, "1701000000 0000000465888400")
	before := d.Tracks()
	ps = append(ps, decode(t, &d, 9, "1701000000 0000001a"+hex.EncodeToString(sps)+"00000004"+hex.EncodeToString(pps)+"0000000465888400")...)
	require.Equal(t, stream.ChangeConfig, d.Tracks().Diff(before))
	require.Same(t, before, ps[0].Tracks)
	require.Equal(t, unhex("0000000465888400"), ps[1].Payload)
	require.True(t, bytes.Contains(ps[1].Info().Config, pps))
	require.Equal(t, 320, ps[1].Info().Width)

	// An encoder that sends nothing but Annex B.
	d = Decoder{}
	ps = decode(t, &d, 9, "1701000000 00000001"+hex.EncodeToString(sps)+"0000000168efbcb0"+"00000165888401")
	require.Equal(t, avcC, ps[0].Info().Config)
	require.Equal(t, unhex("0000000465888401"), ps[0].Payload)
}

func TestMultitrack(t *testing.T) {
	var d Decoder
	hx := hex.EncodeToString
	// Video 0 as a single track, 1 beside it, and two audio tracks of different codecs.
	ps := decode(t, &d, 9, "1700000000"+hx(avcC), "9600 68766331 01"+hx(hvcC))
	require.Empty(t, ps)
	require.Len(t, d.Tracks().List, 2)
	require.True(t, d.Tracks().List[0].Default)
	ps = decode(t, &d, 9, "1701000000 0000000465888400", "a603 68766331 01 000000040201d019")
	ps = append(ps, decode(t, &d, 8, "9520 6d703461 00 000002 1210 4f707573 01 000013"+hx(opus),
		"9521 6d703461 00 000002 de02 4f707573 01 000002 fc00",
		"9504 4f707573 01 0006")...)
	require.Len(t, ps, 4)
	require.Equal(t, []int{0, 1, 2, 3}, []int{ps[0].Track, ps[1].Track, ps[2].Track, ps[3].Track})
	list := d.Tracks().List
	require.Equal(t, []int{0, 1, 0, 1}, []int{list[0].ID, list[1].ID, list[2].ID, list[3].ID})
	require.Equal(t, []bool{true, false, true, false}, []bool{list[0].Default, list[1].Default, list[2].Default, list[3].Default})

	// All packets with the final tracks go out and come back.
	for _, p := range ps {
		p.Tracks = ps[3].Tracks
	}
	again := recode(t, ps)
	require.Len(t, again, 4)
	for i := range ps {
		requirePacket(t, ps[i], again[i])
	}

	// An unknown codec does not keep the others from coming.
	got, err := d.Decode(nil, 8, 0, unhex("9521 78787878 02 000001 00 6d703461 00 000002 de02"))
	require.ErrorIs(t, err, stream.ErrUnsupported)
	require.Len(t, got, 1)
}

func TestMultichannel(t *testing.T) {
	var d Decoder
	decode(t, &d, 8, "946d703461 00 06", "906d7034611180", "946d703461 01 06 0000003f", "946d703461 01 06 0000003f")
	require.Equal(t, 6, d.Tracks().List[0].Channels)
	before := d.Tracks()
	decode(t, &d, 8, "906d7034611180")
	require.Same(t, before, d.Tracks())
}

func TestRelayChanges(t *testing.T) {
	var d Decoder
	ps := decode(t, &d, 8, "b230", "b330", "b331", "7231", "7331", "2efffb50c4", "af001210", "af01de02")
	var codecs []stream.Codec
	for _, p := range ps {
		require.Len(t, p.Tracks.List, 1)
		codecs = append(codecs, p.Info().Codec)
	}
	require.Equal(t, []stream.Codec{stream.FLVAudio(11), stream.FLVAudio(11), stream.FLVAudio(11),
		stream.G711A, stream.G711A, stream.MP3, stream.AAC}, codecs)
	require.NotSame(t, ps[0].Tracks, ps[1].Tracks)
	require.Same(t, ps[1].Tracks, ps[2].Tracks)
	require.NotSame(t, ps[3].Tracks, ps[4].Tracks)

	// The size of relayed video is what the metadata says.
	d = Decoder{}
	_, err := d.Decode(nil, TagScript, 0, amf.Append(amf.Append(nil, "onMetaData"),
		amf.Object{{Name: "width", Value: 320.0}, {Name: "height", Value: 180.0}}))
	require.NoError(t, err)
	ps = decode(t, &d, 9, "22 00")
	require.Equal(t, [2]int{320, 180}, [2]int{ps[0].Info().Width, ps[0].Info().Height})
}

func TestTooManyTracks(t *testing.T) {
	var d Decoder
	var err error
	for id := 0; id < 100 && err == nil; id++ {
		_, err = d.Decode(nil, 8, 0, append(unhex("9500 6d703461"), byte(id), 0x12, 0x10))
	}
	require.ErrorIs(t, err, errTracks)
	require.Len(t, d.Tracks().List, maxTracks)
}

func TestMetadata(t *testing.T) {
	meta := amf.Append(amf.Append(nil, "onMetaData"), amf.ECMAArray{
		{Name: "duration", Value: 4.0}, {Name: "width", Value: 320.0}, {Name: "encoder", Value: "x"},
	})
	var d Decoder
	ps, err := d.Decode(nil, TagScript, 0, append(amf.Append(nil, "@setDataFrame"), meta...))
	require.NoError(t, err)
	require.Empty(t, ps)
	first := d.Tracks()
	require.Equal(t, []stream.Field{{Name: "width", Value: 320.0}, {Name: "encoder", Value: "x"}}, first.Meta)
	_, err = d.Decode(nil, TagScript, 0, meta)
	require.NoError(t, err)
	require.Same(t, first, d.Tracks())

	cue := amf.Append(amf.Append(nil, "onCuePoint"), amf.Object{{Name: "a", Value: 1.0}})
	ps, err = d.Decode(nil, TagScript, time.Second, append(amf.Append(nil, "@setDataFrame"), cue...))
	require.NoError(t, err)
	require.Len(t, ps, 1)
	require.Equal(t, &stream.Packet{Tracks: first, Track: stream.Data, Codec: stream.AMF, DTS: time.Second,
		PTS: time.Second, Payload: cue}, ps[0])

	_, err = d.Decode(nil, TagScript, 0, append(amf.Append(nil, "onMetaData"), make([]byte, maxMeta+1)...))
	require.ErrorContains(t, err, "at most")
	ps, err = d.Decode(nil, TagScript, 0, amf.Append(amf.Append(nil, "@clearDataFrame"), "onMetaData"))
	require.NoError(t, err)
	require.Empty(t, ps)
	require.Empty(t, d.Tracks().Meta)
}

func TestDecodeAllocates(t *testing.T) {
	var d Decoder
	decode(t, &d, 9, "1700000000"+hex.EncodeToString(avcC))
	body := append(unhex("1701000000 00000bb8 65"), make([]byte, 2999)...)
	dst := make([]*stream.Packet, 0, 1)
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		dst, _ = d.Decode(dst[:0], TagVideo, 0, body)
	}))
	require.Same(t, &body[5], &dst[0].Payload[0])
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{9}, append(unhex("1700000000"), avcC...))
	f.Add([]byte{9, 9}, unhex("1701000050 0000000465888400"))
	f.Add([]byte{9}, append(unhex("9600 68766331 01"), hvcC...))
	f.Add([]byte{8}, unhex("9521 6d703461 00 000002 de02 4f707573 01 000002 fc00"))
	f.Add([]byte{9}, unhex("a7020003e80700ff1368766331000000040201d019"))
	f.Add([]byte{18}, amf.Append(amf.Append(nil, "onMetaData"), amf.ECMAArray{{Name: "a", Value: 1.0}}))
	f.Fuzz(func(t *testing.T, types, body []byte) {
		var d Decoder
		var ps []*stream.Packet
		decode(t, &d, 9, "1700000000"+hex.EncodeToString(avcC))
		for _, typ := range types[:min(len(types), 4)] {
			ps, _ = d.Decode(ps, typ, 0, body)
		}
		for _, p := range ps {
			if p.Tracks == nil || len(p.Payload) == 0 || p.Track != stream.Data && p.Info() == nil {
				t.Fatalf("%+v", p)
			}
			if p.Track == stream.Data {
				continue
			}
			var d Decoder
			if _, err := d.Decode(nil, tagType(p.Kind()), 0, AppendConfig(nil, p.Tracks, p.Track)); err != nil {
				t.Fatal(err)
			}
			back, err := d.Decode(nil, tagType(p.Kind()), 0, append(AppendPrefix(nil, p), p.Payload...))
			if err != nil || len(back) != 1 || !bytes.Equal(back[0].Payload, p.Payload) {
				t.Fatalf("%v: %+v became %+v", err, p, back)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var d Decoder
	_, _ = d.Decode(nil, TagVideo, 0, append(unhex("1700000000"), avcC...))
	body := append(unhex("2701000000 00000bb8 41"), make([]byte, 2999)...)
	var dst []*stream.Packet
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = d.Decode(dst[:0], TagVideo, 0, body)
	}
}
