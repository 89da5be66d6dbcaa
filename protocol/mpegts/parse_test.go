package mpegts

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestADTS(t *testing.T) {
	for _, config := range [][]byte{{0x12, 0x10}, {0x11, 0x90}, {0x08, 0x38}, {0x15, 0x88}, {0x11, 0xb8}} {
		a, err := codec.ParseAAC(config)
		require.NoError(t, err)
		es := elementary{codec: stream.AAC}
		var ok bool
		es.adts, ok = codec.NewADTS(a)
		require.True(t, ok)
		b := append(es.appendFrame(nil, make([]byte, 1000)), make([]byte, 1000)...)
		f, ok := parseFrame(stream.AAC, b)
		require.True(t, ok)
		require.Equal(t, frame{size: 1007, skip: 7, samples: 1024, rate: a.SampleRate, config: [2]byte(config)}, f)

		b[1] &^= 1 // a checksum follows
		f, ok = parseADTS(b)
		require.True(t, ok)
		require.Equal(t, 9, f.skip)
		b[6] |= 1 // two blocks
		f, ok = parseADTS(b)
		require.True(t, ok && f.drop)
		b[2] = 0x3c // no such rate
		_, ok = parseADTS(b)
		require.False(t, ok)
	}
	for _, a := range []codec.AAC{{ObjectType: 23, SampleRate: 48000, Channels: 2}, {ObjectType: 2, SampleRate: 12345, Channels: 2},
		{ObjectType: 2, SampleRate: 48000, Channels: 7}, {ObjectType: 2, SampleRate: 48000, Channels: 24}} {
		_, ok := codec.NewADTS(a)
		require.False(t, ok, "%+v", a)
	}
}

func TestOpusHeader(t *testing.T) {
	for _, n := range []int{1, 254, 255, 256, 700} {
		es := elementary{codec: stream.Opus}
		b := append(es.appendFrame(nil, make([]byte, n)), bytes.Repeat([]byte{7}, n)...)
		packet, rest, ok := cutOpus(append(b, 1, 2))
		require.True(t, ok)
		require.Len(t, packet, n)
		require.Equal(t, []byte{1, 2}, rest)
		for cut := range b {
			_, _, ok := cutOpus(b[:cut])
			require.False(t, ok)
		}
	}
	full := []byte{0x7f, 0xfc, 3, 1, 2, 3, 4, 2, 9, 9, 'a', 'b', 'c'} // trimmed at both ends, with an extension
	packet, rest, ok := cutOpus(full)
	require.True(t, ok)
	require.Equal(t, "abc", string(packet))
	require.Empty(t, rest)
	for cut := range full {
		_, _, ok := cutOpus(full[:cut])
		require.False(t, ok)
	}
	for n := range 10 {
		x := stream.Track{Codec: stream.Opus, Config: opusHead(n)}
		require.NoError(t, codec.FillTrack(&x))
		want := max(1, n)
		if n > 8 {
			want = 2
		}
		require.Equal(t, want, x.Channels)
	}
}

// TestDescriptors: what a map says of an elementary stream.
func TestDescriptors(t *testing.T) {
	for _, x := range []struct {
		typ    byte
		text   string
		codec  stream.Codec
		lang   string
		detail string
	}{
		{typ: typeH264, codec: stream.H264},
		{typ: typeMP3Low, codec: stream.MP3, text: "\x0a\x04deu\x00", lang: "deu"},
		{typ: typePrivate, text: "\x6a\x01\x00", codec: stream.AC3, detail: "DVB"},
		{typ: typePrivate, text: "\x7a\x01\x00\x0a\x04fra\x00", codec: stream.EAC3, lang: "fra", detail: "DVB"},
		{typ: typePrivate, text: "\x05\x04AC-3", codec: stream.AC3},
		{typ: typePrivate, text: "\x05\x04EAC3", codec: stream.EAC3},
		{typ: typePrivate, text: "\x05\x04KLVA", codec: KLV},
		{typ: typePrivate, text: "\x05\x04VC-1"},
		{typ: typePrivate},
		{typ: typeMeta, text: "\x26\x09\x01\x00\xffKLVA\x00\x0f", codec: KLV},
		{typ: typeMeta, text: "\x26\x0d\xff\xffID3 \xffID3 \x00\x0f", codec: ID3},
		{typ: typeMeta, text: "\x26\x02\xff\xff"},
		{typ: typeMeta, text: "\x26\x09\x01\x00\xffABCD\x00\x0f"},
		{typ: 0x02, detail: "MPEG-2"},
		{typ: 0x11, detail: "LATM"},
		{typ: typeAAC, text: "\x0a\x04d", codec: stream.AAC, detail: "cut"},
	} {
		f := &inflow{typ: x.typ}
		f.describe([]byte(x.text))
		require.Equal(t, x.codec, f.codec, "%#x %q %s", x.typ, x.text, x.detail)
		require.Equal(t, x.lang, f.language)
	}
}

// TestKLV: both kinds of an independent writer.
func TestKLV(t *testing.T) {
	var b bytes.Buffer
	sync, async := &mpegts.Track{Codec: &codecs.KLV{Synchronous: true}}, &mpegts.Track{Codec: &codecs.KLV{}}
	w := &mpegts.Writer{W: &b, Tracks: []*mpegts.Track{sync, async}}
	require.NoError(t, w.Initialize())
	unit := bytes.Repeat([]byte("\x06\x0e\x2b\x34"), 90)
	require.NoError(t, w.WriteKLV(sync, 90000, unit))
	require.NoError(t, w.WriteKLV(async, 0, unit[:8]))
	got := read(t, &b)
	require.Len(t, got, 2)
	require.Equal(t, unit, got[0].Payload)
	require.Equal(t, time.Second, got[0].PTS)
	require.Equal(t, unit[:8], got[1].Payload)
	require.Equal(t, time.Second, got[1].PTS, "has no time of its own")
}

// TestNoStamps: pictures and sound without time stamps go on as those before.
func TestNoStamps(t *testing.T) {
	clip := streamtest.H264AAC()
	b := encode(clip.Packets())
	n := 0
	for i := 0; i < len(b); i += packetSize {
		p := b[i : i+packetSize]
		for _, id := range []byte{idVideo, idAudio} {
			if at := bytes.Index(p, []byte{0, 0, 1, id}); p[1]&0x40 != 0 && at > 0 && at+9 < len(p) && i > len(b)/2 {
				if n++; n%4 == 0 {
					p[at+7] = 0 // the bytes of the stamps are stuffing now
				}
			}
		}
	}
	streamtest.Equal(t, clip.Packets(), read(t, bytes.NewReader(b)), streamtest.Compare{Tolerance: 2 * time.Millisecond})
}

// TestDependentSubstream: those of E-AC-3 have no packets.
func TestDependentSubstream(t *testing.T) {
	frame := make([]byte, 64)
	copy(frame, []byte{0x0b, 0x77, 0, 31, 0x34, 0x80}) // 64 bytes, 48 kHz, six blocks, stereo; bsid 16
	f, ok := parseFrame(stream.EAC3, frame)
	require.True(t, ok)
	require.Equal(t, 64, f.size)
	require.False(t, f.drop)
	require.Equal(t, 1536, f.samples)
	frame[2] = 0x40
	f, ok = parseFrame(stream.EAC3, frame)
	require.True(t, ok && f.drop)
	require.Zero(t, f.samples)
	frame[5] = 0
	_, ok = parseFrame(stream.EAC3, frame)
	require.False(t, ok, "AC-3 by its number")
}
