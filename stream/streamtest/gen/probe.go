package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/stream"
)

// track is one stream of a file, with its packets as they lie in the file.
type track struct {
	info  stream.Track
	ticks struct{ num, den int64 } // time base
	pkts  []probed
}

type probed struct {
	Stream int    `json:"stream_index"`
	PTS    int64  `json:"pts"`
	DTS    int64  `json:"dts"`
	Flags  string `json:"flags"`
	Size   string `json:"size"`
	Data   string `json:"data"`
}

type probedStream struct {
	Codec     string `json:"codec_name"`
	TimeBase  string `json:"time_base"`
	Width     int    `json:"width"`
	Height    int    `json:"height"`
	Rate      string `json:"sample_rate"`
	Channels  int    `json:"channels"`
	Extradata string `json:"extradata"`
}

var codecs = map[string]stream.Codec{
	"h264": stream.H264, "hevc": stream.HEVC, "av1": stream.AV1, "vp9": stream.VP9,
	"aac": stream.AAC, "opus": stream.Opus, "mp3": stream.MP3,
	"flv1": stream.FLVVideo(2), "speex": stream.FLVAudio(11),
}

// probe has ffprobe list the streams and packets of a file.
func probe(file string) ([]*track, error) {
	out, err := exec.Command("ffprobe", "-v", "error", "-of", "json",
		"-show_streams", "-show_packets", "-show_data", file).Output()
	if err != nil {
		return nil, fmt.Errorf("ffprobe: %w", err)
	}
	var all struct {
		Streams []probedStream `json:"streams"`
		Packets []probed       `json:"packets"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("ffprobe: %w", err)
	}
	var tracks []*track
	for i := range all.Streams {
		t, err := newTrack(&all.Streams[i], file)
		if err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	for _, p := range all.Packets {
		if p.Data, err = undump(p.Data); err != nil {
			return nil, err
		}
		if strconv.Itoa(len(p.Data)) != p.Size {
			return nil, fmt.Errorf("ffprobe: a packet of %s bytes was dumped as %d", p.Size, len(p.Data))
		}
		tracks[p.Stream].pkts = append(tracks[p.Stream].pkts, p)
	}
	return tracks, nil
}

func newTrack(s *probedStream, file string) (*track, error) {
	codec, ok := codecs[s.Codec]
	if !ok {
		return nil, fmt.Errorf("ffprobe: unexpected codec %q", s.Codec)
	}
	t := &track{info: stream.Track{
		Codec: codec, Width: s.Width, Height: s.Height, Channels: s.Channels,
	}}
	if codec.Kind() == stream.KindAudio {
		t.info.SampleRate, _ = strconv.Atoi(s.Rate)
	}
	if _, err := fmt.Sscanf(s.TimeBase, "%d/%d", &t.ticks.num, &t.ticks.den); err != nil {
		return nil, fmt.Errorf("ffprobe: time base %q: %w", s.TimeBase, err)
	}
	config, err := undump(s.Extradata)
	if err != nil {
		return nil, err
	}
	switch codec {
	case stream.AAC:
		// ffmpeg appends "no SBR" in the backward compatible form (56e500), which most
		// carriers of AAC have no room for and which says nothing here.
		t.info.Config = []byte(config[:2])
	case stream.VP9:
		t.info.Config, err = boxContent(file, "vpcC")
	case stream.H264, stream.HEVC, stream.AV1, stream.Opus:
		t.info.Config = []byte(config)
	}
	return t, err
}

// boxContent gives what the first box of a type holds, the version and flags of a full
// box included. The types asked for do not occur elsewhere in the small files made here.
func boxContent(file, name string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	i := bytes.Index(b, []byte(name))
	if i < 4 || i+4 > len(b) {
		return nil, fmt.Errorf("%s: no %s box", file, name)
	}
	return b[i+4 : i-4+int(b[i-1])], nil
}

// undump reads the hex dump of ffprobe: lines of an offset, 16 bytes, and their text.
func undump(s string) (string, error) {
	const first, last = len("00000000: "), len("00000000: ") + 40
	var b strings.Builder
	for line := range strings.Lines(s) {
		if len(line) < last {
			continue // the first line is empty
		}
		x, err := hex.DecodeString(strings.ReplaceAll(line[first:last], " ", ""))
		if err != nil {
			return "", fmt.Errorf("ffprobe: dump: %w", err)
		}
		b.Write(x)
	}
	return b.String(), nil
}

// packets gives the track's packets in the form of package stream, moved by offset.
func (t *track) packets(offset time.Duration) []timed {
	at := func(ticks int64) time.Duration {
		return stream.FromTicks(ticks*t.ticks.num, int(t.ticks.den)) + offset
	}
	var list []timed
	for _, p := range t.pkts {
		pkt := &stream.Packet{DTS: at(p.DTS), PTS: at(p.PTS), Payload: []byte(p.Data)}
		if t.info.Kind() == stream.KindVideo && strings.HasPrefix(p.Flags, "K") {
			pkt.Flags |= stream.KeyFrame
		}
		switch t.info.Codec {
		case stream.H264, stream.HEVC:
			pkt.Payload = withoutHeaders(t.info.Codec, pkt.Payload)
		}
		if t.info.Codec == stream.H264 && disposable(pkt.Payload) {
			pkt.Flags |= stream.Disposable
		}
		list = append(list, timed{t, pkt})
	}
	return list
}

// withoutHeaders drops parameter sets and access unit delimiters.
func withoutHeaders(codec stream.Codec, payload []byte) []byte {
	drop := func(nal []byte) bool { return slices.Contains([]byte{7, 8, 9}, nal[0]&31) }
	if codec == stream.HEVC {
		drop = func(nal []byte) bool { return slices.Contains([]byte{32, 33, 34, 35}, nal[0]>>1&63) }
	}
	var out []byte
	for unit := range units(payload) {
		if !drop(unit[4:]) {
			out = append(out, unit...)
		}
	}
	return out
}

// disposable tells whether no slice of an H.264 picture is referred to (nal_ref_idc).
func disposable(payload []byte) bool {
	for unit := range units(payload) {
		if typ := unit[4] & 31; typ >= 1 && typ <= 5 && unit[4]&0x60 != 0 {
			return false
		}
	}
	return true
}

// units ranges over the NAL units of a payload, each with its length.
func units(b []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 4 {
			n := 4 + int(b[0])<<24 + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}
