package cmaf

import (
	"fmt"

	"github.com/srsgo/srs/stream"
)

// videoScale is the timescale of video tracks, in Hz.
const videoScale = 90000

// Timescale gives the ticks in a second of a described track: 90,000 for video, the sample rate for
// audio.
func Timescale(t *stream.Track) int {
	if t.Kind() == stream.KindAudio {
		return t.SampleRate
	}
	return videoScale
}

// Init makes an initialization segment: ftyp and moov (ISO 14496-12 8.2), for parts of the tracks in
// this order, whose track ids are 1, 2, …. Equal tracks give equal bytes. Codecs that need a frame to
// be described must have been, by Describe; the errors are its.
func Init(tracks []stream.Track) ([]byte, error) {
	if len(tracks) == 0 {
		return nil, fmt.Errorf("cmaf: initialization segment: no tracks: %w", stream.ErrUnsupported)
	}
	b, at := begin(nil, "ftyp")
	b = append(b, "iso6\x00\x00\x00\x00iso6mp41"...)
	if len(tracks) == 1 {
		b = append(b, "cmfc"...) // CMAF tracks are in files of their own
	}
	b = end(b, at)
	b, moov := begin(b, "moov")
	b, at = full(b, "mvhd", 0, 0)
	b = u32(b, 0, 0, 1000, 0, 1<<16)
	b = u16(b, 1<<8)
	b = zeros(b, 10)
	b = zeros(matrix(b), 24)
	b = end(u32(b, uint32(len(tracks)+1)), at)
	for i := range tracks {
		t, err := Describe(tracks[i], nil)
		if err != nil {
			return nil, err
		}
		b = trak(b, &t, uint32(i+1))
	}
	b, mvex := begin(b, "mvex")
	for i := range tracks {
		b, at = full(b, "trex", 0, 0)
		b = end(u32(b, uint32(i+1), 1, 0, 0, 0), at)
	}
	return end(end(b, mvex), moov), nil
}

// matrix appends the unity matrix.
func matrix(b []byte) []byte { return u32(b, 1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30) }

func trak(b []byte, t *stream.Track, id uint32) []byte {
	video := t.Kind() == stream.KindVideo
	b, trak := begin(b, "trak")
	b, at := full(b, "tkhd", 0, 3) // enabled, in movie
	b = u32(b, 0, 0, id, 0, 0, 0, 0)
	if video {
		b = zeros(b, 8)
	} else {
		b = u16(b, 0, 1, 1<<8, 0) // one alternate group, full volume
	}
	b = u32(matrix(b), uint32(t.Width)<<16, uint32(t.Height)<<16)
	b = end(b, at)
	b, mdia := begin(b, "mdia")
	b, at = full(b, "mdhd", 0, 0)
	b = u32(b, 0, 0, uint32(Timescale(t)), 0)
	b = end(u16(b, language(t.Language), 0), at)
	b, at = full(b, "hdlr", 0, 0)
	handler, name := "soun", "SoundHandler\x00"
	if video {
		handler, name = "vide", "VideoHandler\x00"
	}
	b = append(append(u32(b, 0), handler...), make([]byte, 12)...)
	b = end(append(b, name...), at)
	b, minf := begin(b, "minf")
	if video {
		b = box(b, "vmhd", 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	} else {
		b = box(b, "smhd", 0, 0, 0, 0, 0, 0, 0, 0)
	}
	b, dinf := begin(b, "dinf")
	b, at = full(b, "dref", 0, 0)
	b = box(u32(b, 1), "url ", 0, 0, 0, 1) // the media are in this file
	b = end(end(b, at), dinf)
	b, stbl := begin(b, "stbl")
	b, at = full(b, "stsd", 0, 0)
	b = end(entry(u32(b, 1), t, id), at)
	b = box(b, "stts", 0, 0, 0, 0, 0, 0, 0, 0)
	b = box(b, "stsc", 0, 0, 0, 0, 0, 0, 0, 0)
	b = box(b, "stsz", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = box(b, "stco", 0, 0, 0, 0, 0, 0, 0, 0)
	return end(end(end(end(b, stbl), minf), mdia), trak)
}

// language packs an ISO 639-2 code (ISO 14496-12 8.4.2.3); any other value is undetermined.
func language(s string) int {
	v := 0
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return language("und")
		}
		v = v<<5 | int(s[i]-0x60)
	}
	if len(s) != 3 {
		return language("und")
	}
	return v
}
