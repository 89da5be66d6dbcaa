package playlist

import (
	"bytes"
	"strconv"

	"github.com/grafov/m3u8"
)

// Master is a master playlist (RFC 8216 4.3.4).
type Master struct {
	Version             int // EXT-X-VERSION; 0: 6
	IndependentSegments bool
	Variants            []Variant
	Renditions          []Rendition
}

// Variant is EXT-X-STREAM-INF.
type Variant struct {
	URI string
	// Bandwidth is the peak and AverageBandwidth the mean, in bits a second.
	Bandwidth, AverageBandwidth int
	Codecs                      string
	Width, Height               int
	FrameRate                   float64 // frames a second; 0: not known
	Audio                       string  // the group of renditions; empty: none
}

// Rendition is EXT-X-MEDIA.
type Rendition struct {
	Type                    string // AUDIO, SUBTITLES
	GroupID, Name, Language string
	Channels                string
	URI                     string // empty: it is in the variants themselves
	Default, AutoSelect     bool
}

// Append appends the playlist.
func (m *Master) Append(dst []byte) []byte {
	p := m3u8.NewMasterPlaylist()
	version := m.Version
	if version == 0 {
		version = 6
	}
	p.SetVersion(uint8(version))
	p.SetIndependentSegments(m.IndependentSegments)
	p.SetCustomTag(tag(m.renditions()))
	if len(m.Renditions) == 0 {
		p.Custom = nil
	}
	for _, v := range m.Variants {
		x := m3u8.VariantParams{
			Bandwidth: uint32(min(max(v.Bandwidth, 1), 1<<32-1)), AverageBandwidth: uint32(min(max(v.AverageBandwidth, 0), 1<<32-1)),
			Codecs: quotable(v.Codecs), FrameRate: v.FrameRate, Audio: quotable(v.Audio),
		}
		if v.Width > 0 && v.Height > 0 {
			x.Resolution = strconv.Itoa(v.Width) + "x" + strconv.Itoa(v.Height)
		}
		p.Append(v.URI, nil, x)
	}
	// PROGRAM-ID went with version 6.
	return append(dst, bytes.ReplaceAll(p.Encode().Bytes(), []byte("#EXT-X-STREAM-INF:PROGRAM-ID=0,"), []byte("#EXT-X-STREAM-INF:"))...)
}

// renditions gives the tags of all renditions: the library writes those of a variant, and again with
// each other variant that has them.
func (m *Master) renditions() string {
	var b []byte
	quoted := func(name, value string) {
		if value != "" {
			b = append(append(append(append(append(b, ','), name...), `="`...), quotable(value)...), '"')
		}
	}
	for i, r := range m.Renditions {
		if i > 0 {
			b = append(b, '\n')
		}
		b = append(append(b, "#EXT-X-MEDIA:TYPE="...), r.Type...)
		quoted("GROUP-ID", r.GroupID)
		quoted("NAME", r.Name)
		quoted("LANGUAGE", r.Language)
		for _, x := range []struct {
			name string
			on   bool
		}{{",DEFAULT=", r.Default}, {",AUTOSELECT=", r.AutoSelect || r.Default}} {
			b = append(b, x.name...)
			if x.on {
				b = append(b, "YES"...)
			} else {
				b = append(b, "NO"...)
			}
		}
		quoted("CHANNELS", r.Channels)
		quoted("URI", r.URI)
	}
	return string(b)
}

// quotable leaves out what cannot stand in a quoted string (RFC 8216 4.2).
func quotable(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c != '"' && c != 0x7f {
			b = append(b, c)
		}
	}
	return string(b)
}

// AppendCtxMaster appends the master playlist with which SRS gives a viewer its hls_ctx. It names codecs only if
// there are some, which SRS does not.
func AppendCtxMaster(dst []byte, uri, codecs string) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1"...)
	if codecs != "" {
		dst = append(append(append(dst, `,CODECS="`...), quotable(codecs)...), '"')
	}
	return append(append(append(dst, '\n'), uri...), '\n')
}
