package api

import (
	"strconv"

	"github.com/srsgo/srs/stream"
)

// videoInfo and audioInfo are the tracks of a stream as the API shows them.
type (
	videoInfo struct {
		Codec   string `json:"codec"`
		Profile string `json:"profile"`
		Level   string `json:"level"`
		Width   int    `json:"width"`
		Height  int    `json:"height"`
	}
	audioInfo struct {
		Codec string `json:"codec"`
		// SRS tells the rate that an FLV tag can say, 44100 for all AAC; this is the true one.
		SampleRate int    `json:"sample_rate"`
		Channel    int    `json:"channel"`
		Profile    string `json:"profile"`
	}
)

// other is what SRS says of codecs, profiles and levels that it does not know.
const other = "Other"

// showTracks gives the default video and audio track, nil for what a stream has not.
func showTracks(t *stream.Tracks) (v *videoInfo, a *audioInfo) {
	if t == nil {
		return nil, nil
	}
	if i := t.First(stream.KindVideo); i >= 0 {
		x := &t.List[i]
		v = &videoInfo{Codec: codecName(x.Codec), Width: x.Width, Height: x.Height}
		v.Profile, v.Level = videoProfile(x)
	}
	if i := t.First(stream.KindAudio); i >= 0 {
		x := &t.List[i]
		a = &audioInfo{Codec: codecName(x.Codec), SampleRate: x.SampleRate, Channel: x.Channels, Profile: audioProfile(x)}
	}
	return v, a
}

// codecName gives SRS's name of a codec, or our own of one that SRS does not have.
func codecName(c stream.Codec) string {
	if c == stream.FLVVideo(4) || c == stream.FLVVideo(5) {
		return "VP6"
	}
	if _, ok := c.FLV(); ok {
		return other
	}
	return c.String()
}

var (
	avcProfiles = map[byte]string{66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High(10)",
		122: "High(422)", 144: "High(444)", 244: "High(444+Predictive)"}
	hevcProfiles = map[byte]string{1: "Main", 2: "Main10", 3: "Main Still Picture", 4: "Rext"}
	av1Profiles  = map[byte]string{0: "Main", 1: "High", 2: "Professional"}
	aacProfiles  = map[byte]string{1: "Main", 2: "LC", 3: "SSR", 5: "HE", 29: "HEv2"}
)

// videoProfile reads the profile and level that a decoder configuration begins with: avcC and
// hvcC (ISO 14496-15 5.3.3.1, 8.3.3.1), av1C (AV1-ISOBMFF 2.3).
func videoProfile(t *stream.Track) (profile, level string) {
	c := t.Config
	switch {
	case t.Codec == stream.H264 && len(c) > 3:
		return name(avcProfiles, c[1]), levelName(int(c[3]), 10)
	case t.Codec == stream.HEVC && len(c) > 12:
		return name(hevcProfiles, c[1]&0x1f), levelName(int(c[12]), 30)
	case t.Codec == stream.AV1 && len(c) > 1:
		x := int(c[1] & 0x1f) // seq_level_idx: four to a major level, from 2.0 on
		return name(av1Profiles, c[1]>>5), levelName(20+x/4*10+x%4, 10)
	}
	return other, other
}

// audioProfile reads the object type of an AudioSpecificConfig (ISO 14496-3 1.6.2.1).
func audioProfile(t *stream.Track) string {
	if t.Codec != stream.AAC || len(t.Config) == 0 {
		return other
	}
	return name(aacProfiles, t.Config[0]>>3)
}

func name(names map[byte]string, id byte) string {
	if s := names[id]; s != "" {
		return s
	}
	return other
}

// levelName prints a level that is counted in parts of 1/unit: 31 of 10 is 3.1, 120 of 30 is 4.
func levelName(n, unit int) string {
	if n < unit || n >= 10*unit {
		return other
	}
	s := strconv.Itoa(n / unit)
	if tenth := n % unit * 10 / unit; tenth > 0 {
		s += "." + strconv.Itoa(tenth)
	}
	return s
}
