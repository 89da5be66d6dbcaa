package dvr

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestSync: picture and sound of an MP4 begin when those of the stream do, reordered pictures too.
func TestSync(t *testing.T) {
	clip := streamtest.H264BFramesAAC()
	late := 500 * time.Millisecond
	var packets []*stream.Packet
	first := map[stream.Kind]time.Duration{}
	for _, p := range clip.Packets() {
		q := *p
		if p.Kind() == stream.KindAudio {
			q.DTS, q.PTS = p.DTS+late, p.PTS+late
		}
		if at, ok := first[q.Kind()]; !ok || q.PTS < at {
			first[q.Kind()] = q.PTS
		}
		packets = append(packets, &q)
	}
	r := newRig(t, Vhost{Enabled: true, Path: "[stream].mp4"})
	r.publish(t, live, packets...)
	x := r.wait(t, 1)[0]
	decodes(t, x.File)
	var probe struct {
		Streams []struct {
			Kind  string `json:"codec_type"`
			Start string `json:"start_time"`
		}
		Format struct{ Duration string }
	}
	require.NoError(t, json.Unmarshal([]byte(output(t, "ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", x.File)), &probe))
	starts := map[string]float64{}
	for _, s := range probe.Streams {
		v, err := strconv.ParseFloat(s.Start, 64)
		require.NoError(t, err)
		starts[s.Kind] = v
	}
	require.InDelta(t, (first[stream.KindAudio] - first[stream.KindVideo]).Seconds(), starts["audio"]-starts["video"], 0.002)
	require.InDelta(t, 0, starts["video"], 0.002)
	d, err := strconv.ParseFloat(probe.Format.Duration, 64)
	require.NoError(t, err)
	require.InDelta(t, x.Duration.Seconds(), d, 0.002)
}

// TestFaststart: the index comes before the media.
func TestFaststart(t *testing.T) {
	r := newRig(t, Vhost{Enabled: true, Path: "[stream].mp4"})
	r.publish(t, live, streamtest.H264AAC().Packets()...)
	x := r.wait(t, 1)[0]
	f, err := os.Open(x.File)
	require.NoError(t, err)
	defer f.Close()
	var names []string
	for at := int64(0); at < x.Bytes; {
		b, err := boxAt(f, at, x.Bytes)
		require.NoError(t, err)
		names = append(names, b.name)
		at = b.end
	}
	require.Equal(t, []string{"ftyp", "moov", "mdat"}, names)
	decodes(t, x.File)
	output(t, "ffmpeg", "-v", "warning", "-xerror", "-ss", "2.5", "-i", x.File, "-f", "null", "-")
}

// TestLarge: offsets beyond 4 GiB have 64 bits.
func TestLarge(t *testing.T) {
	b, _ := unfinished(t, ".mp4", streamtest.H264AAC().Packets())
	m, err := parseMovie(&memory{b}, int64(len(b)))
	require.NoError(t, err)
	from, to, _ := m.span()
	short, long := m.moov(time.Now(), from, to, 0, false), m.moov(time.Now(), from, to, 5<<30, true)
	chunks := 0
	for _, track := range m.tracks {
		chunks += len(track.chunks)
	}
	require.Len(t, long, len(short)+4*chunks)
	trak := child(child(long, "moov"), "trak")
	require.Nil(t, descend(trak, "mdia", "minf", "stbl", "stco"))
	require.NotNil(t, descend(trak, "mdia", "minf", "stbl", "co64"))
}

// BenchmarkIndex measures what an hour of a recording needs in memory while its MP4 is made plain.
func BenchmarkIndex(b *testing.B) {
	clip := streamtest.H264AAC()
	disk, err := storage.NewDisk(b.TempDir())
	require.NoError(b, err)
	defer disk.Close()
	draft, err := disk.Create("hour.mp4")
	require.NoError(b, err)
	defer draft.Close()
	f := newMP4(&out{draft: draft})
	for p, err := range stream.Packets(clip.Loop(int(time.Hour / clip.Duration()))) {
		require.NoError(b, err)
		q := *p
		q.Payload = p.Payload[:min(len(p.Payload), 8)] // their sizes do not count
		require.NoError(b, f.WritePacket(&q))
	}
	require.NoError(b, f.finish())
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		m, err := parseMovie(draft, f.out.size.Load())
		require.NoError(b, err)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc)-float64(before.HeapAlloc), "B/hour")
		runtime.KeepAlive(m)
	}
}

// TestLateDescription: a track that only its first frame describes begins another file when that comes
// late, and nothing is lost between the two.
func TestLateDescription(t *testing.T) {
	clip := streamtest.H264MP3()
	bare := &stream.Tracks{List: slices.Clone(clip.Tracks().List)}
	for i := range bare.List {
		if bare.List[i].Kind() == stream.KindAudio {
			bare.List[i].SampleRate, bare.List[i].Channels = 0, 0
		}
	}
	var packets []*stream.Packet
	frames := 0
	for _, p := range clip.Packets() {
		if q := *p; q.Kind() == stream.KindVideo || q.DTS > 2500*time.Millisecond {
			q.Tracks = bare
			packets = append(packets, &q)
			if q.Kind() == stream.KindVideo {
				frames++
			}
		}
	}
	r := newRig(t, Vhost{Enabled: true, Path: "[stream]-[seq].mp4"})
	r.publish(t, live, packets...)
	for i, x := range r.wait(t, 2) {
		if i == 0 { // the other begins between two key frames
			decodes(t, x.File)
		}
		f, err := os.Open(x.File)
		require.NoError(t, err)
		defer f.Close()
		var p pmp4.Presentation
		require.NoError(t, p.Unmarshal(f))
		require.Len(t, p.Tracks, i+1)
		for _, track := range p.Tracks {
			if _, ok := track.Codec.(*codecs.H264); ok {
				frames -= len(track.Samples)
			}
		}
	}
	require.Zero(t, frames)
}
