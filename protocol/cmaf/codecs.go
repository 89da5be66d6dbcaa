package cmaf

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/srsgo/srs/protocol/codec"
	"github.com/srsgo/srs/stream"
)

// Codecs gives the codecs parameter (RFC 6381) for playlists and manifests, of tracks that
// Describe has described: avc1.64001F, hvc1.1.6.L93.B0, av01.0.04M.08, vp09.00.10.08, mp4a.40.2,
// opus, fLaC, ac-3, ec-3, mp3, with commas between several.
func Codecs(tracks ...stream.Track) string {
	var all []string
	for i := range tracks {
		all = append(all, codecString(&tracks[i]))
	}
	return strings.Join(all, ",")
}

func codecString(t *stream.Track) string {
	c := t.Config
	switch {
	case t.Codec == stream.H264 && len(c) >= 4:
		return fmt.Sprintf("avc1.%02X%02X%02X", c[1], c[2], c[3])
	case t.Codec == stream.HEVC && len(c) >= 13:
		return hevcString(c)
	case t.Codec == stream.AV1 && len(c) >= 3: // AV1-ISOBMFF 5
		tier, depth := "M", 8
		if c[2]&0x80 != 0 {
			tier = "H"
		}
		if c[2]&0x40 != 0 {
			depth = 10 + int(c[2]>>5&1)*2
		}
		return fmt.Sprintf("av01.%d.%02d%s.%02d", c[1]>>5, c[1]&31, tier, depth)
	case t.Codec == stream.VP9 && len(c) >= 7:
		return fmt.Sprintf("vp09.%02d.%02d.%02d", c[4], c[5], c[6]>>4)
	case t.Codec == stream.AAC:
		if a, err := codec.ParseAAC(c); err == nil {
			switch {
			case a.PS:
				return "mp4a.40.29"
			case a.SBR:
				return "mp4a.40.5"
			}
			return fmt.Sprintf("mp4a.40.%d", a.ObjectType)
		}
	case t.Codec == stream.Opus:
		return "opus"
	case t.Codec == stream.MP3:
		return "mp3"
	}
	return sampleEntry(t.Codec)
}

// hevcString reads an hvcC as ISO 14496-15 annex E.3 wants it.
func hevcString(c []byte) string {
	var b strings.Builder
	b.WriteString("hvc1.")
	if space := c[1] >> 6; space > 0 {
		b.WriteByte('A' + space - 1)
	}
	compat := uint32(c[2])<<24 | uint32(c[3])<<16 | uint32(c[4])<<8 | uint32(c[5])
	tier := 'L'
	if c[1]&0x20 != 0 {
		tier = 'H'
	}
	fmt.Fprintf(&b, "%d.%X.%c%d", c[1]&31, bits.Reverse32(compat), tier, c[12])
	constraints := c[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, v := range constraints {
		fmt.Fprintf(&b, ".%X", v)
	}
	return b.String()
}

// sampleEntry gives the name of a codec's sample entry box.
func sampleEntry(c stream.Codec) string {
	switch c {
	case stream.H264:
		return "avc1"
	case stream.HEVC:
		return "hvc1"
	case stream.AV1:
		return "av01"
	case stream.VP9:
		return "vp09"
	case stream.Opus:
		return "Opus"
	case stream.FLAC:
		return "fLaC"
	case stream.AC3:
		return "ac-3"
	case stream.EAC3:
		return "ec-3"
	}
	return "mp4a"
}
