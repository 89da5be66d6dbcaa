// Command gen makes the sample clips of package streamtest: it has ffmpeg encode its
// test pattern and a sine, and ffprobe take the files apart. Run it by "go generate";
// it needs ffmpeg with libx264, libx265, libaom, libvpx, libopus, libmp3lame and
// libspeex. The encoders are asked for reproducible output, but other versions of
// them give other bytes.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest/internal/clipfile"
)

// run is one call of ffmpeg, and where its output goes on the clip's time line.
type run struct {
	offset time.Duration
	ext    string // container
	args   []string
}

// recipe makes one clip. Later runs continue the tracks of the first one, by kind.
type recipe struct {
	name string
	runs []run
}

// What the encoders are told. A group of pictures is 25 frames, which is 1 s.
const (
	h264  = "-c:v libx264 -profile:v baseline -preset medium -crf 30 -g 25 -sc_threshold 0 -pix_fmt yuv420p"
	h264B = "-c:v libx264 -profile:v main -preset medium -crf 30 -g 25 -sc_threshold 0 -bf 2 -pix_fmt yuv420p"
	hevc  = "-c:v libx265 -preset medium -crf 32 -pix_fmt yuv420p -tag:v hvc1 " +
		"-x265-params bframes=0:keyint=25:min-keyint=25:scenecut=0:open-gop=0:info=0:pools=none:frame-threads=1:log-level=error"
	av1  = "-c:v libaom-av1 -usage realtime -cpu-used 7 -lag-in-frames 0 -crf 45 -b:v 0 -g 25 -keyint_min 25 -pix_fmt yuv420p"
	vp9  = "-c:v libvpx-vp9 -deadline realtime -cpu-used 5 -lag-in-frames 0 -auto-alt-ref 0 -crf 45 -b:v 0 -g 25 -keyint_min 25 -pix_fmt yuv420p"
	flv1 = "-c:v flv -b:v 60k -g 25 -pix_fmt yuv420p"

	aac   = "-c:a aac -ar 44100 -ac 2 -b:a 40k"
	opus  = "-c:a libopus -ar 48000 -ac 2 -b:a 32k -strict -2"
	mp3   = "-c:a libmp3lame -ar 44100 -ac 2 -b:a 40k"
	speex = "-c:a libspeex -ar 16000 -ac 1 -b:a 16k"
)

func recipes() []recipe {
	one := func(name, ext, video, audio string) recipe {
		return recipe{name, []run{{ext: ext, args: encode(video, "320x180", 4, audio)}}}
	}
	resize := recipe{"h264resize", []run{
		{ext: "mp4", args: encode(h264, "320x180", 2, aac)},
		{ext: "mp4", args: encode(h264, "640x360", 2, ""), offset: 2 * time.Second},
	}}
	return []recipe{
		one("h264aac", "mp4", h264, aac),
		one("h264bframesaac", "mp4", h264B, aac),
		one("hevcaac", "mp4", hevc, aac),
		one("av1aac", "mp4", av1, aac),
		one("vp9opus", "mp4", vp9, opus),
		one("h264opus", "mp4", h264, opus),
		one("h264mp3", "mp4", h264, mp3),
		one("aaconly", "mp4", "", aac),
		one("mp3only", "mp4", "", mp3),
		one("opusonly", "mp4", "", opus),
		one("h264only", "mp4", h264, ""),
		one("flv1speex", "flv", flv1, speex),
		resize,
	}
}

// encode gives the arguments for seconds of video and always 4 s of audio; either
// codec may be none.
func encode(video, size string, seconds int, audio string) []string {
	args := []string{"-v", "error", "-y", "-filter_threads", "1"}
	if video != "" {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("testsrc=size=%s:rate=25:duration=%d", size, seconds))
	}
	if audio != "" {
		args = append(args, "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=48000:duration=4")
	}
	args = append(args, "-threads", "1", "-fflags", "+bitexact", "-flags", "+bitexact")
	return append(args, strings.Fields(video+" "+audio)...)
}

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "clips", "where the clips go")
	flag.Parse()
	for _, r := range recipes() {
		if err := r.make(*dir); err != nil {
			log.Fatalf("gen: %s: %v", r.name, err)
		}
	}
}

func (r recipe) make(dir string) error {
	tmp, err := os.MkdirTemp("", "clip")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var all []timed
	for i, u := range r.runs {
		file := filepath.Join(tmp, fmt.Sprintf("%d.%s", i, u.ext))
		cmd := exec.Command("ffmpeg", append(u.args, file)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
		}
		tracks, err := probe(file)
		if err != nil {
			return err
		}
		for _, t := range tracks {
			all = append(all, t.packets(u.offset)...)
		}
	}
	packets := interleave(all)
	b, err := clipfile.Encode(packets)
	if err != nil {
		return err
	}
	fmt.Printf("%-16s %4d packets %6d bytes\n", r.name, len(packets), len(b))
	return os.WriteFile(filepath.Join(dir, r.name+".clip"), b, 0o644)
}

// timed is a packet whose track is not yet a part of a set.
type timed struct {
	track *track
	pkt   *stream.Packet
}

// interleave sorts the packets of all tracks by DTS, moves the first to 0, rounds to
// milliseconds (what FLV can tell) and gives them their track sets.
func interleave(all []timed) []*stream.Packet {
	// Video comes first where the times are equal, so that a key frame starts the clip.
	slices.SortStableFunc(all, func(a, b timed) int {
		return cmp.Or(cmp.Compare(a.pkt.DTS, b.pkt.DTS), cmp.Compare(a.track.info.Kind(), b.track.info.Kind()))
	})
	// The set before the first packet holds the first track of each kind: a publisher
	// announces all its tracks before it sends media.
	set := &stream.Tracks{}
	current := map[stream.Kind]*track{}
	for _, k := range []stream.Kind{stream.KindVideo, stream.KindAudio} {
		if i := slices.IndexFunc(all, func(x timed) bool { return x.track.info.Kind() == k }); i >= 0 {
			current[k] = all[i].track
			set = set.With(all[i].track.info)
		}
	}
	set = set.WithMeta(metadata(set.List))
	start := all[0].pkt.DTS
	var packets []*stream.Packet
	for _, x := range all {
		k := x.track.info.Kind()
		if current[k] != x.track {
			current[k] = x.track
			set = set.With(x.track.info)
			set = set.WithMeta(metadata(set.List))
		}
		x.pkt.Tracks, x.pkt.Track = set, set.First(k)
		x.pkt.DTS = (x.pkt.DTS - start).Round(time.Millisecond)
		x.pkt.PTS = (x.pkt.PTS - start).Round(time.Millisecond)
		packets = append(packets, x.pkt)
	}
	return packets
}

// metadata gives the fields that encoders put into onMetaData.
func metadata(tracks []stream.Track) []stream.Field {
	meta := []stream.Field{{Name: "duration", Value: 0.0}}
	add := func(name string, value any) { meta = append(meta, stream.Field{Name: name, Value: value}) }
	for _, t := range tracks {
		switch t.Kind() {
		case stream.KindVideo:
			add("width", float64(t.Width))
			add("height", float64(t.Height))
			add("framerate", 25.0)
			add("videocodecid", codecID(t.Codec))
		case stream.KindAudio:
			add("audiosamplerate", float64(t.SampleRate))
			add("audiosamplesize", 16.0)
			add("stereo", t.Channels == 2)
			add("audiocodecid", codecID(t.Codec))
		}
	}
	add("encoder", "streamtest")
	return meta
}

// codecID is the id of FLV where the codec has one, else the FourCC as a number, as
// Enhanced RTMP says.
func codecID(c stream.Codec) float64 {
	switch c {
	case stream.H264:
		return 7
	case stream.MP3:
		return 2
	case stream.AAC:
		return 10
	}
	if id, ok := c.FLV(); ok {
		return float64(id)
	}
	return float64(c)
}
