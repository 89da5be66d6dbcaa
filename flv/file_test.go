package flv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/stream"
)

var (
	_ stream.Source  = (*Reader)(nil)
	_ stream.Sink    = (*Writer)(nil)
	_ stream.Encoder = (*Encoder)(nil)
)

func readAll(t *testing.T, r io.Reader) (ps []*stream.Packet, tracks *stream.Tracks) {
	t.Helper()
	x := NewReader(r)
	for p, err := range stream.Packets(x) {
		require.NoError(t, err)
		ps = append(ps, p)
	}
	return ps, x.Tracks()
}

func writeAll(t *testing.T, ps []*stream.Packet, e *Encoder) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, e)
	for _, p := range ps {
		require.NoError(t, w.WritePacket(p))
	}
	return out.Bytes()
}

var clips = []struct {
	name         string
	codecs       []stream.Codec
	video, audio int
}{
	{"aac-only", []stream.Codec{stream.AAC}, 0, 174},
	{"enhanced-av1-aac", []stream.Codec{stream.AV1, stream.AAC}, 100, 189},
	{"enhanced-hevc-aac", []stream.Codec{stream.HEVC, stream.AAC}, 100, 189},
	{"enhanced-vp9-aac", []stream.Codec{stream.VP9, stream.AAC}, 100, 189},
	{"g711a", []stream.Codec{stream.G711A}, 0, 32},
	{"h263-sorenson", []stream.Codec{stream.FLVVideo(2)}, 100, 0},
	{"h264-baseline-aac", []stream.Codec{stream.H264, stream.AAC}, 100, 189},
	{"h264-bframes-aac", []stream.Codec{stream.H264, stream.AAC}, 100, 189},
	{"h264-mp3", []stream.Codec{stream.H264, stream.MP3}, 100, 155},
	{"speex", []stream.Codec{stream.FLVAudio(11)}, 0, 200},
}

func count(ps []*stream.Packet) (video, audio, keys int) {
	for _, p := range ps {
		switch p.Kind() {
		case stream.KindVideo:
			video++
			if p.Key() {
				keys++
			}
		case stream.KindAudio:
			audio++
		}
	}
	return video, audio, keys
}

func TestClips(t *testing.T) {
	for _, c := range clips {
		t.Run(c.name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join("testdata", c.name+".flv"))
			require.NoError(t, err)
			ps, tracks := readAll(t, bytes.NewReader(file))
			video, audio, keys := count(ps)
			require.Equal(t, [2]int{c.video, c.audio}, [2]int{video, audio})
			require.Equal(t, c.video > 0, keys > 0)
			require.Len(t, tracks.List, len(c.codecs))
			for i, x := range tracks.List {
				require.Equal(t, c.codecs[i], x.Codec)
				if x.Kind() == stream.KindVideo {
					require.Equal(t, [2]int{320, 180}, [2]int{x.Width, x.Height})
				} else {
					require.NotZero(t, x.SampleRate)
					require.Equal(t, 1, min(1, x.Channels))
				}
			}

			out := writeAll(t, ps, nil)
			require.Equal(t, file[4], out[4], "presence flags")
			again, _ := readAll(t, iotest.HalfReader(bytes.NewReader(out)))
			require.Len(t, again, len(ps))
			for i := range ps {
				requirePacket(t, ps[i], again[i])
			}
			require.Equal(t, tracks.Meta, again[len(again)-1].Tracks.Meta)
		})
	}
}

// TestFFprobe holds that another program reads the same packets and times in what the
// Writer wrote as in the original.
func TestFFprobe(t *testing.T) {
	probe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed")
	}
	packets := func(file string) []string {
		out, err := exec.Command(probe, "-v", "error", "-show_entries", "packet=codec_type,pts,dts,flags,size",
			"-of", "csv=p=0", file).Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	for _, c := range clips {
		if strings.HasPrefix(c.name, "enhanced") {
			continue // newer than the oldest ffprobe that this runs with
		}
		t.Run(c.name, func(t *testing.T) {
			source := filepath.Join("testdata", c.name+".flv")
			f, err := os.Open(source)
			require.NoError(t, err)
			defer f.Close()
			ps, _ := readAll(t, f)
			file := filepath.Join(t.TempDir(), "out.flv")
			require.NoError(t, os.WriteFile(file, writeAll(t, ps, nil), 0o600))
			got := packets(file)
			require.Len(t, got, c.video+c.audio)
			require.Equal(t, packets(source), got)
		})
	}
}

// tag is a tag with the size field before it, as the Reader takes them.
func tag(typ uint8, ts uint32, body []byte) []byte {
	return append([]byte{1, 2, 3, 4}, AppendTag(nil, typ, ts, nil, body)[:tagHeader+len(body)]...)
}

func TestReaderTolerates(t *testing.T) {
	mp3 := unhex("2efffb50c400")
	file := unhex("464c5601 00 0000000c 000000") // says it has nothing, and a longer header
	file = append(file, tag(1, 0, []byte("unknown type"))...)
	file = append(file, tag(TagAudio|0x20, 0, []byte("encrypted"))...)
	file = append(file, tag(TagVideo, 0, unhex("1800"))...) // unknown codec
	file = append(file, tag(TagVideo, 0, nil)...)
	file = append(file, tag(TagAudio, 7, mp3)...)
	for _, end := range []string{"", "00", "00000000"} {
		ps, _ := readAll(t, bytes.NewReader(append(bytes.Clone(file), unhex(end)...)))
		require.Len(t, ps, 1)
		require.Equal(t, 7*time.Millisecond, ps[0].DTS)
	}

	// A malformed body is an error, and reading goes on.
	r := NewReader(bytes.NewReader(append(append(bytes.Clone(file), tag(TagVideo, 0, unhex("17"))...), tag(TagAudio, 8, mp3)...)))
	_, err := r.ReadPacket()
	require.NoError(t, err)
	_, err = r.ReadPacket()
	require.ErrorContains(t, err, "flv: video: H264 header")
	p, err := r.ReadPacket()
	require.NoError(t, err)
	require.Equal(t, 8*time.Millisecond, p.DTS)
	_, err = r.ReadPacket()
	require.Equal(t, io.EOF, err)
}

func TestReaderErrors(t *testing.T) {
	head := "464c560105 00000009 00000000"
	for _, c := range []struct {
		in  string
		err error
	}{
		{"", io.EOF}, {head, io.EOF}, {"464c56", io.ErrUnexpectedEOF}, {"474c560105 00000009", nil},
		{"464c560105 00100000", nil}, {"464c560105 00000010 00", io.ErrUnexpectedEOF},
		{head + "08", io.ErrUnexpectedEOF}, {head + "08 ffffff 000000 00 000000 af", io.ErrUnexpectedEOF},
		{head + "01 ffffff 000000 00 000000 af", io.ErrUnexpectedEOF},
	} {
		_, err := NewReader(bytes.NewReader(unhex(c.in))).ReadPacket()
		require.Error(t, err, c.in)
		if c.err != nil {
			require.ErrorIs(t, err, c.err, c.in)
		}
	}
	boom := errors.New("boom")
	_, err := NewReader(io.MultiReader(bytes.NewReader(unhex(head+"08")), iotest.ErrReader(boom))).ReadPacket()
	require.ErrorIs(t, err, boom)
}

func TestReaderLargeBody(t *testing.T) {
	body := append(unhex("72"), bytes.Repeat([]byte{5}, 300_000)...)
	file := append(unhex("464c56010500000009"), tag(TagAudio, 0, body)...)
	ps, _ := readAll(t, iotest.HalfReader(bytes.NewReader(file)))
	require.Len(t, ps, 1)
	require.Equal(t, body[1:], ps[0].Payload)
}

func TestTimestampsWrap(t *testing.T) {
	file := unhex("464c56010500000009")
	// Sequence headers are at 0 though the stream is at 2^32 - 20 ms.
	file = append(file, tag(TagVideo, 0, append(unhex("1700000000"), avcC...))...)
	for _, ts := range []uint32{0xffffffec, 0, 0xfffffff4, 20} {
		file = append(file, tag(TagAudio, ts, unhex("72d5"))...)
	}
	ps, _ := readAll(t, bytes.NewReader(file))
	require.Len(t, ps, 4)
	for i, want := range []int64{-20, 0, -12, 20} {
		require.Equal(t, stream.FromTicks(1<<32+want, 1000), ps[i].DTS)
		require.Equal(t, uint32(want), binary.BigEndian.Uint32(timestamp(ps[i])))
	}

	// A year of half-hour steps.
	file = unhex("464c56010500000009")
	for i := range 366 * 48 {
		file = append(file, tag(TagAudio, uint32(i*1_800_000), unhex("72d5"))...)
	}
	ps, _ = readAll(t, bytes.NewReader(file))
	require.Equal(t, 366*24*time.Hour-30*time.Minute, ps[len(ps)-1].DTS)
}

func timestamp(p *stream.Packet) []byte {
	var e Encoder
	b := e.AppendPacket(nil, p)
	return []byte{b[7], b[4], b[5], b[6]}
}

func TestWriterChanges(t *testing.T) {
	a := &stream.Tracks{List: []stream.Track{{Codec: stream.AAC, Config: unhex("1210")}}}
	b := a.WithMeta([]stream.Field{{Name: "a", Value: 1.0}})
	c := b.With(stream.Track{Codec: stream.H264, Config: avcC})
	var ps []*stream.Packet
	for i, ts := range []*stream.Tracks{a, a, b, b, c, c} {
		ps = append(ps, &stream.Packet{Tracks: ts, DTS: time.Duration(i) * time.Second, Payload: []byte{1}})
	}
	out := writeAll(t, ps, nil)
	require.Equal(t, byte(4), out[4])
	var types []byte
	for at := 13; at < len(out); {
		types = append(types, out[at])
		at += tagHeader + ui24(out[at+1:]) + 4
	}
	require.Equal(t, []byte{18, 8, 8, 8, 18, 8, 8, 8, 9, 8, 8}, types)

	require.Equal(t, byte(5), writeAll(t, ps[:1], &Encoder{})[4])
	require.ErrorIs(t, NewWriter(brokenWriter{}, nil).WritePacket(ps[0]), io.ErrClosedPipe)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func FuzzReader(f *testing.F) {
	for _, name := range []string{"speex", "aac-only", "enhanced-vp9-aac"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".flv"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:6000])
	}
	f.Add(append(unhex("464c56010500000009"), tag(TagScript, 0, amf.Append(nil, "a"))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bytes.NewReader(b))
		var e Encoder
		for n := 0; n <= len(b); n++ {
			p, err := r.ReadPacket()
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil && !r.started {
				return
			}
			if err == nil {
				e.AppendPacket(nil, p)
			}
		}
		t.Fatal("more packets than bytes: " + strconv.Itoa(len(b)))
	})
}

func BenchmarkReader(b *testing.B) {
	file, err := os.ReadFile("testdata/h264-bframes-aac.flv")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r := NewReader(bytes.NewReader(file))
		for {
			if _, err := r.ReadPacket(); err != nil {
				break
			}
		}
	}
}
