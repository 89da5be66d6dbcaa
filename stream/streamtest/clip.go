// Package streamtest helps to test what reads and writes streams: sample clips of
// each codec, a publisher that keeps time, a sink that records and compares, and a
// check for leaked goroutines.
//
// The clips were made by ffmpeg from its test pattern and a sine: about 4 s, 320x180,
// 25 frames and one key frame a second. Their packets are interleaved by DTS, start
// at DTS 0, and all times are whole milliseconds, so that a trip through RTMP gives
// them back exactly. Payloads have the form that package stream documents.
package streamtest

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest/internal/clipfile"
)

//go:generate go run ./gen

//go:embed clips/*.clip
var files embed.FS

// Clip is a short recorded stream. It is immutable and may be shared.
type Clip struct {
	// Name is that of the function that gives the clip, like "H264AAC".
	Name string

	packets  []*stream.Packet
	duration time.Duration
}

// The clips are parsed when first asked for: a test binary that uses one of them
// does not pay for all.
var (
	h264AAC        = load("H264AAC")
	h264BFramesAAC = load("H264BFramesAAC")
	hevcAAC        = load("HEVCAAC")
	av1AAC         = load("AV1AAC")
	vp9Opus        = load("VP9Opus")
	h264Opus       = load("H264Opus")
	h264MP3        = load("H264MP3")
	aacOnly        = load("AACOnly")
	mp3Only        = load("MP3Only")
	opusOnly       = load("OpusOnly")
	h264Only       = load("H264Only")
	h264Resize     = load("H264Resize")
	flv1Speex      = load("FLV1Speex")
)

// H264AAC is H.264 of the constrained baseline profile without B-frames, and AAC-LC
// of 44.1 kHz. It starts with an AAC packet, as the encoder's delay puts it first.
func H264AAC() *Clip { return h264AAC() }

// H264BFramesAAC is H.264 with B-frames, the unreferenced ones marked
// stream.Disposable, and AAC.
func H264BFramesAAC() *Clip { return h264BFramesAAC() }

// HEVCAAC is HEVC of the main profile without B-frames, and AAC.
func HEVCAAC() *Clip { return hevcAAC() }

// AV1AAC is AV1 of the main profile without hidden frames, and AAC.
func AV1AAC() *Clip { return av1AAC() }

// VP9Opus is VP9 of profile 0 without hidden frames, and Opus in packets of 20 ms.
func VP9Opus() *Clip { return vp9Opus() }

// H264Opus is H.264 without B-frames, and Opus: what WebRTC carries.
func H264Opus() *Clip { return h264Opus() }

// H264MP3 is H.264 without B-frames, and MP3 of 44.1 kHz.
func H264MP3() *Clip { return h264MP3() }

// AACOnly is AAC without video.
func AACOnly() *Clip { return aacOnly() }

// MP3Only is MP3 without video.
func MP3Only() *Clip { return mp3Only() }

// OpusOnly is Opus without video.
func OpusOnly() *Clip { return opusOnly() }

// H264Only is H.264 without B-frames and without audio.
func H264Only() *Clip { return h264Only() }

// H264Resize is as H264AAC for 2 s, and goes on with 640x360 in other Tracks.
func H264Resize() *Clip { return h264Resize() }

// FLV1Speex is Sorenson H.263 and Speex, which are relayed and never parsed:
// stream.FLVVideo(2) and stream.FLVAudio(11). Only the protocols of FLV carry them.
func FLV1Speex() *Clip { return flv1Speex() }

// Clips gives all clips.
func Clips() []*Clip {
	return []*Clip{
		H264AAC(), H264BFramesAAC(), HEVCAAC(), AV1AAC(), VP9Opus(), H264Opus(), H264MP3(),
		AACOnly(), MP3Only(), OpusOnly(), H264Only(), H264Resize(), FLV1Speex(),
	}
}

func load(name string) func() *Clip {
	return sync.OnceValue(func() *Clip {
		b, err := files.ReadFile("clips/" + strings.ToLower(name) + ".clip")
		if err != nil {
			panic(fmt.Sprintf("streamtest: clip %s: %v", name, err))
		}
		packets, err := clipfile.Parse(b)
		if err != nil {
			panic(fmt.Sprintf("streamtest: clip %s: %v", name, err))
		}
		return &Clip{Name: name, packets: packets, duration: length(packets)}
	})
}

// length gives the time from DTS 0 to where the longest track would have its next
// packet.
func length(packets []*stream.Packet) time.Duration {
	last, step := map[int]time.Duration{}, map[int]time.Duration{}
	var end time.Duration
	for _, p := range packets {
		step[p.Track] = p.DTS - last[p.Track]
		last[p.Track] = p.DTS
	}
	for i := range last {
		end = max(end, last[i]+step[i])
	}
	return end
}

// Tracks gives the tracks at the start of the clip. Tracks.Meta has the usual fields
// of onMetaData.
func (c *Clip) Tracks() *stream.Tracks { return c.packets[0].Tracks }

// Packets gives the packets in order. The caller may change the slice, but no packet.
func (c *Clip) Packets() []*stream.Packet {
	return append([]*stream.Packet(nil), c.packets...)
}

// Duration is the time from the start of the clip to where the next repetition of it
// may start.
func (c *Clip) Duration() time.Duration { return c.duration }

// String gives the clip's name.
func (c *Clip) String() string { return c.Name }
