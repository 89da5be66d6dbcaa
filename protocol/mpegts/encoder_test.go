package mpegts

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// encode gives the stream of a viewer that was there from the beginning.
func encode(packets []*stream.Packet) []byte {
	e := &Encoder{}
	b := e.AppendStart(nil)
	for _, p := range packets {
		b = e.AppendPacket(b, p)
	}
	return b
}

// mux gives what a Writer writes.
func mux(t testing.TB, packets []*stream.Packet) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, Options{})
	require.NoError(t, stream.Copy(w, streamtest.Source(packets...)))
	require.NoError(t, w.Flush())
	return b.Bytes()
}

// checked fails the test if b breaks a rule.
func checked(t testing.TB, b []byte) *checker {
	t.Helper()
	c, err := check(b)
	require.NoError(t, err)
	return c
}

// program gives the path of a program that the test needs.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	return path
}

// decodes fails the test if ffmpeg has anything to say about b.
func decodes(t *testing.T, b []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.ts")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	out, err := exec.Command(program(t, "ffmpeg"), "-v", "warning", "-i", file, "-map", "0", "-f", "null", "-").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, string(out))
}

// TestFFmpegDecodes: what is written keeps the rules and ffmpeg decodes it without a word.
func TestFFmpegDecodes(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		if clip.Name == "FLV1Speex" {
			continue // has nothing that a transport stream carries
		}
		t.Run(clip.Name, func(t *testing.T) {
			b := encode(clip.Packets())
			checked(t, b)
			decodes(t, b)
			b = mux(t, clip.Packets())
			checked(t, b)
			decodes(t, b)
		})
	}
}

// TestTables: PIDs and first bytes are those of SRS.
func TestTables(t *testing.T) {
	for clip, pids := range map[*streamtest.Clip][]uint16{
		streamtest.H264AAC(): {0x100, 0x101},
		streamtest.H264MP3(): {0x100, 0x102},
		streamtest.AACOnly(): {0x101},
		streamtest.MP3Only(): {0x102},
	} {
		e := &Encoder{}
		b := e.AppendTracks(e.AppendStart(nil), clip.Tracks(), 0)
		require.Equal(t, "474000100000b00d0001c100000001f0012e701905ffffff", hex.EncodeToString(b[:24]))
		require.Len(t, b, 2*packetSize)
		c := checked(t, b)
		require.Equal(t, pids[0], c.clock, clip.Name)
		require.Len(t, c.pids, len(pids))
		for _, p := range pids {
			require.True(t, c.pids[p], "%s: %#x", clip.Name, p)
		}
		require.Empty(t, e.AppendTracks(nil, clip.Tracks().WithMeta(nil), 0), "nothing new")
	}
}

// TestTracksChange: the map gets a new version with other tracks, not with another
// configuration, whose parameter sets come at once.
func TestTracksChange(t *testing.T) {
	e := &Encoder{}
	var b []byte
	at := time.Duration(0)
	write := func(clip *streamtest.Clip, n int) {
		for _, p := range clip.Packets()[:n] {
			q := *p
			q.DTS, q.PTS = p.DTS+at, p.PTS+at
			b = e.AppendPacket(b, &q)
		}
		at += 2 * time.Second
	}
	b = e.AppendStart(b)
	write(streamtest.H264AAC(), 100)
	write(streamtest.H264Resize(), 100)
	require.Equal(t, []byte{0}, checked(t, b).versions)
	write(streamtest.HEVCAAC(), 100)
	write(streamtest.H264MP3(), 100)
	require.Equal(t, []byte{0, 1, 2}, checked(t, b).versions)
	for range 100 {
		b = e.AppendTracks(b[:0], streamtest.H264AAC().Tracks(), at)
		b = e.AppendTracks(b, streamtest.AACOnly().Tracks(), at)
		v := checked(t, b).versions
		require.Len(t, v, 2)
		require.NotZero(t, v[0]*v[1], "version 0 is for who has just come")
	}

	tracks := streamtest.H264AAC().Tracks()
	x := tracks.List[tracks.First(stream.KindVideo)]
	e = &Encoder{}
	p := &stream.Packet{Tracks: tracks, Track: tracks.First(stream.KindVideo), Payload: []byte("\x00\x00\x00\x02\x41\x9a")}
	require.True(t, bytes.Contains(e.AppendPacket(nil, p), []byte(startCode+"\x67")), "first of all")
	require.False(t, bytes.Contains(e.AppendPacket(nil, p), []byte(startCode+"\x67")), "no key frame")
	other := streamtest.H264Resize().Packets()
	x.Config = other[len(other)-1].Tracks.List[other[len(other)-1].Tracks.First(stream.KindVideo)].Config
	p.Tracks = tracks.With(x)
	require.True(t, bytes.Contains(e.AppendPacket(nil, p), []byte(startCode+"\x67")), "another configuration")
}

// TestSelection: which tracks are written.
func TestSelection(t *testing.T) {
	a := streamtest.H264AAC().Tracks()
	aac, avc := a.List[a.First(stream.KindAudio)], a.List[a.First(stream.KindVideo)]
	second, third, small := aac, aac, avc
	aac.Language = "eng"
	second.ID, second.Language, second.Default = 11, "fra", true
	third.ID, third.Language = 12, "x"
	small.ID, small.Layer = 13, 1
	avc.Default = true
	tracks := &stream.Tracks{List: []stream.Track{aac, small, second, avc, third,
		{ID: 14, Codec: stream.G711A}, {ID: 15, Codec: stream.AV1}, {ID: 16, Codec: stream.AAC, Config: []byte{0xff}}}}
	e := &Encoder{}
	b := e.AppendTracks(nil, tracks, 0)
	c := checked(t, b)
	require.Equal(t, map[uint16]bool{0x100: true, 0x101: true, 0x103: true, 0x104: true}, c.pids)
	require.EqualValues(t, 0x100, c.clock)
	require.Equal(t, 1, bytes.Count(b, []byte("\x0a\x04eng\x00")))
	require.Equal(t, 1, bytes.Count(b, []byte("\x0a\x04fra\x00")))
	require.Equal(t, 2, bytes.Count(b, []byte{tagLanguage, 4}), "no language without a code of ISO 639")
	require.Zero(t, e.list[1].pid, "not the default picture")

	c = checked(t, (&Encoder{Options: Options{HasAudio: true}}).AppendTracks(nil, tracks, 0))
	require.Equal(t, map[uint16]bool{0x101: true, 0x103: true, 0x104: true}, c.pids)
	require.EqualValues(t, 0x101, c.clock)
	c = checked(t, (&Encoder{Options: Options{HasVideo: true}}).AppendTracks(nil, tracks, 0))
	require.Equal(t, map[uint16]bool{0x100: true}, c.pids)
	only := func(_ *stream.Tracks, i int) bool { return i == 1 || i == 6 }
	c = checked(t, (&Encoder{Options: Options{Select: only}}).AppendTracks(nil, tracks, 0))
	require.Equal(t, map[uint16]bool{0x100: true}, c.pids, "AV1 cannot be selected")
	c = checked(t, (&Encoder{}).AppendTracks(nil, &stream.Tracks{}, 0))
	require.Empty(t, c.pids)
	require.EqualValues(t, pidNone, c.clock)
}

// TestManyTracks: a map that no single packet holds is cut.
func TestManyTracks(t *testing.T) {
	aac := streamtest.AACOnly().Tracks().List[0]
	tracks := &stream.Tracks{}
	for i := range 60 {
		aac.ID, aac.Language = i, "deu"
		tracks.List = append(tracks.List, aac)
	}
	payload := streamtest.AACOnly().Packets()[0].Payload
	e := &Encoder{}
	var b []byte
	for i := range tracks.List {
		b = e.AppendPacket(b, &stream.Packet{Tracks: tracks, Track: i, Payload: payload})
	}
	b = e.AppendPacket(b, &stream.Packet{Tracks: tracks, Track: stream.Data, Codec: ID3, Payload: []byte("ID3")})
	got := read(t, bytes.NewReader(b))
	require.Len(t, got, maxTracks+1)
	require.Len(t, got[maxTracks].Tracks.List, maxTracks)
	require.Equal(t, "deu", got[maxTracks].Tracks.List[39].Language)
}

// TestClock: without pictures, or with few, the clock still comes in time.
func TestClock(t *testing.T) {
	clip := streamtest.H264AAC()
	var packets []*stream.Packet
	for i, p := range clip.Packets() {
		if p.Kind() == stream.KindAudio || i > 100 && p.Key() {
			packets = append(packets, p)
		}
	}
	c := checked(t, encode(packets))
	require.EqualValues(t, 0x100, c.clock, "video is announced")
	checked(t, mux(t, packets))
	packets = packets[:0]
	for _, p := range clip.Packets() {
		if p.Key() {
			packets = append(packets, p) // one picture a second
		}
	}
	require.Greater(t, checked(t, encode(packets)).clocks, 30)

	late := clip.Packets() // sound that comes half a second late is no harm in a file
	slices.SortStableFunc(late, func(a, b *stream.Packet) int { return cmp.Compare(arrival(a), arrival(b)) })
	checked(t, mux(t, late))
}

func arrival(p *stream.Packet) time.Duration {
	if p.Kind() == stream.KindAudio {
		return p.DTS + 500*time.Millisecond
	}
	return p.DTS
}

// TestWrap: time stamps have 33 bits, and go on from zero.
func TestWrap(t *testing.T) {
	const start = (1<<33)*time.Second/hz - 2*time.Second
	var packets []*stream.Packet
	for _, p := range streamtest.H264BFramesAAC().Packets() {
		q := *p
		q.DTS, q.PTS = p.DTS+start, p.PTS+start
		packets = append(packets, &q)
	}
	for _, b := range [][]byte{encode(packets), mux(t, packets)} {
		checked(t, b)
		got := read(t, bytes.NewReader(b))
		streamtest.Equal(t, packets, got, streamtest.Compare{Tolerance: 5 * time.Millisecond})
		require.Greater(t, got[len(got)-1].DTS, got[0].DTS)
	}
}

// TestDiscontinuity is told by the indicator of the packet's own PID.
func TestDiscontinuity(t *testing.T) {
	packets := streamtest.H264AAC().Packets()
	for i, p := range packets {
		if i == 90 || i == 91 {
			q := *p
			q.Flags |= stream.Discontinuity
			packets[i] = &q
		}
		if i > 89 { // and time jumps
			q := *packets[i]
			q.DTS, q.PTS = q.DTS+time.Hour, q.PTS+time.Hour
			packets[i] = &q
		}
	}
	for _, b := range [][]byte{encode(packets), mux(t, packets)} {
		jumps := 0
		for _, p := range read(t, bytes.NewReader(b)) {
			if p.Flags&stream.Discontinuity != 0 {
				jumps++
			}
		}
		require.Equal(t, 2, jumps)
	}
}

// TestData: timed metadata comes back, and is announced.
func TestData(t *testing.T) {
	packets := streamtest.H264AAC().Packets()
	var with, data []*stream.Packet
	for i, p := range packets {
		with = append(with, p)
		if i%20 == 10 {
			d := &stream.Packet{Tracks: p.Tracks, Track: stream.Data, Codec: KLV, DTS: p.DTS, PTS: p.DTS, Payload: bytes.Repeat([]byte{byte(i)}, i)}
			if i%40 == 10 {
				d.Codec, d.Payload = ID3, []byte("ID3\x04\x00\x00\x00\x00\x00\x0bTXXX\x00\x00\x00\x01\x00\x00\x03")
			}
			data = append(data, d)
			with = append(with, d)
		}
	}
	with = append(with, &stream.Packet{Tracks: packets[0].Tracks, Track: stream.Data, Codec: stream.AMF, Payload: []byte{2}})
	for _, b := range [][]byte{encode(with), mux(t, with)} {
		require.Equal(t, []byte{0, 1, 2}, checked(t, b).versions)
		var got, rest []*stream.Packet
		for _, p := range read(t, bytes.NewReader(b)) {
			if p.Track == stream.Data {
				got = append(got, p)
			} else {
				rest = append(rest, p)
			}
		}
		streamtest.Equal(t, packets, rest, streamtest.Compare{Tolerance: 5 * time.Millisecond})
		require.Len(t, got, len(data))
		for i, p := range got {
			require.Equal(t, data[i].Codec, p.Codec)
			require.Equal(t, data[i].Payload, p.Payload)
			require.Equal(t, data[i].PTS+Lead, p.PTS)
		}
		decodes(t, b)
	}
}

// TestNoAllocations: packets of a stream that goes on cost no memory but their bytes.
func TestNoAllocations(t *testing.T) {
	for _, clip := range streamtest.Clips() {
		packets := clip.Packets()
		e, m := &Encoder{}, &Muxer{}
		buf := make([]byte, 0, 4<<20)
		require.Zero(t, testing.AllocsPerRun(5, func() {
			b, c := buf[:0], buf[2<<20:2<<20]
			for _, p := range packets[:90] {
				b = e.AppendPacket(b, p)
				c = m.AppendPacket(c, p)
			}
		}), clip.Name)
	}
}

func TestOdd(t *testing.T) {
	clip := streamtest.H264AAC()
	tracks := clip.Tracks()
	video, audio := tracks.First(stream.KindVideo), tracks.First(stream.KindAudio)
	e := &Encoder{}
	for _, p := range []*stream.Packet{
		{Tracks: tracks, Track: video},
		{Tracks: tracks, Track: audio, Payload: make([]byte, 9000)}, // more than ADTS can tell
		{Tracks: tracks, Track: 7, Payload: []byte{1}},
		{Tracks: tracks, Track: -5, Payload: []byte{1}},
		{Tracks: tracks, Track: stream.Data, Codec: KLV, Payload: make([]byte, 70000)},
	} {
		require.Empty(t, e.AppendPacket(nil, p))
	}
	big := make([]byte, 300000)
	big[1], big[2], big[3], big[4] = 4, 147, 220, 0x41
	checked(t, e.AppendPacket(nil, &stream.Packet{Tracks: tracks, Track: video, Payload: big}))
}
