// Package playlist writes the playlists of HTTP Live Streaming (RFC 8216 and its successor,
// draft-pantos-hls-rfc8216bis): media playlists, also of low latency, and master playlists. What they
// have in common with plain ones, github.com/grafov/m3u8 writes.
package playlist

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafov/m3u8"
)

// Media is a media playlist (RFC 8216 4.3.3). URIs in it are written as they are, see [Escape].
type Media struct {
	Version        int // EXT-X-VERSION; 0: 3
	TargetDuration int // in seconds
	// Sequence and DiscontinuitySequence are those of the first segment.
	Sequence, DiscontinuitySequence int
	VOD                             bool // EXT-X-PLAYLIST-TYPE
	IndependentSegments             bool
	EndList                         bool
	Segments                        []Segment

	// Low latency (RFC 8216bis 4.4.3.7, 4.4.3.8). PartTarget 0: none.
	CanBlockReload                     bool
	PartTarget, PartHoldBack, HoldBack time.Duration
	// SkipUntil is how far from the end a delta update may leave segments out; Skip makes this one.
	SkipUntil time.Duration
	Skip      bool
	// Open is the segment that is being made, with the parts that there are; nil: none.
	Open *Segment
	// PreloadHint is the URI of the next part.
	PreloadHint      string
	RenditionReports []RenditionReport
}

// Segment is a media segment (RFC 8216 4.3.2).
type Segment struct {
	URI                string
	Duration           time.Duration
	Discontinuity, Gap bool
	Key                *Key // nil: not encrypted
	Map                *Map // nil: none
	ProgramDateTime    time.Time
	Parts              []Part
	// Length is that of a byte range (EXT-X-BYTERANGE) at Offset; 0: the whole resource.
	Length, Offset int64
}

// Key is EXT-X-KEY.
type Key struct {
	Method, URI string
	IV          []byte
}

// Map is EXT-X-MAP.
type Map struct {
	URI string
	// Length and Offset are those of a byte range; 0: the whole resource.
	Length, Offset int64
}

// Part is EXT-X-PART.
type Part struct {
	URI         string
	Duration    time.Duration
	Independent bool
}

// RenditionReport is EXT-X-RENDITION-REPORT. LastPart is -1 where there are no parts.
type RenditionReport struct {
	URI               string
	LastMSN, LastPart int
}

// title is what SRS writes for every segment.
const title = " no desc"

// Append appends the playlist. query, without a question mark, is added to the URIs of segments and their
// maps, of parts and of rendition reports.
func (m *Media) Append(dst []byte, query string) []byte {
	segments := m.Segments
	skipped := 0
	if m.Skip {
		skipped = m.skippable()
		segments = segments[skipped:]
	}
	p, err := m3u8.NewMediaPlaylist(0, uint(max(len(segments), 1)))
	if err != nil {
		panic(err) // a window larger than the capacity
	}
	p.SeqNo, p.TargetDuration, p.DiscontinuitySeq = uint64(m.Sequence), float64(m.TargetDuration), uint64(m.DiscontinuitySequence)
	p.SetVersion(uint8(max(m.Version, 3)))
	if m.VOD {
		p.MediaType = m3u8.VOD
	}
	if head := m.head(skipped); head != "" {
		p.SetCustomTag(tag(head))
	}
	list := lister{query: query}
	if skipped > 0 {
		list.follow(&m.Segments[skipped-1])
	}
	for i := range segments {
		// The capacity is enough.
		_ = p.AppendSegment(list.segment(&segments[i]))
	}
	p.TargetDuration = float64(m.TargetDuration) // AppendSegment raises it
	if m.EndList {
		p.Close()
	}
	if p.SeqNo = uint64(m.Sequence); len(segments) == 0 {
		p.ResetCache()
	}
	dst = append(dst, p.Encode().Bytes()...)
	if m.EndList {
		return dst
	}
	return m.appendTail(dst, &list)
}

// skippable gives how many segments a delta update leaves out: those that end before SkipUntil from
// the end (RFC 8216bis 4.4.5.2).
func (m *Media) skippable() int {
	left := m.SkipUntil
	if m.Open != nil {
		for _, p := range m.Open.Parts {
			left -= p.Duration
		}
	}
	for i, s := range slices.Backward(m.Segments) {
		if left <= 0 {
			return i + 1
		}
		left -= s.Duration
	}
	return 0
}

// head gives the tags of the playlist that the library lacks, each on a line.
func (m *Media) head(skipped int) string {
	var b []byte
	if m.IndependentSegments {
		b = append(b, "#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	}
	if m.CanBlockReload || m.SkipUntil > 0 || m.HoldBack > 0 || m.PartHoldBack > 0 {
		b = append(b, "#EXT-X-SERVER-CONTROL:"...)
		if m.CanBlockReload {
			b = append(b, "CAN-BLOCK-RELOAD=YES,"...)
		}
		for _, x := range []struct {
			name string
			d    time.Duration
		}{{"CAN-SKIP-UNTIL", m.SkipUntil}, {"HOLD-BACK", m.HoldBack}, {"PART-HOLD-BACK", m.PartHoldBack}} {
			if x.d > 0 {
				b = append(appendSeconds(append(append(b, x.name...), '='), x.d), ',')
			}
		}
		b[len(b)-1] = '\n'
	}
	if m.PartTarget > 0 {
		b = append(appendSeconds(append(b, "#EXT-X-PART-INF:PART-TARGET="...), m.PartTarget), '\n')
	}
	if skipped > 0 {
		b = append(strconv.AppendInt(append(b, "#EXT-X-SKIP:SKIPPED-SEGMENTS="...), int64(skipped), 10), '\n')
	}
	return strings.TrimSuffix(string(b), "\n")
}

// appendTail appends what comes behind the last segment.
func (m *Media) appendTail(dst []byte, list *lister) []byte {
	if s := m.Open; s != nil {
		x := list.segment(s)
		if x.Key != nil {
			dst = appendKey(dst, s.Key)
		}
		if s.Discontinuity {
			dst = append(dst, "#EXT-X-DISCONTINUITY\n"...)
		}
		if x.Map != nil {
			dst = append(list.appendURI(append(dst, `#EXT-X-MAP:URI="`...), s.Map.URI), "\"\n"...)
		}
		if !s.ProgramDateTime.IsZero() {
			dst = append(append(append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...), s.ProgramDateTime.Format(m3u8.DATETIME)...), '\n')
		}
		dst = list.appendParts(dst, s.Parts)
	}
	if m.PreloadHint != "" {
		dst = append(list.appendURI(append(dst, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`...), m.PreloadHint), "\"\n"...)
	}
	for _, r := range m.RenditionReports {
		dst = append(list.appendURI(append(dst, `#EXT-X-RENDITION-REPORT:URI="`...), r.URI), `",LAST-MSN=`...)
		dst = strconv.AppendInt(dst, int64(r.LastMSN), 10)
		if r.LastPart >= 0 {
			dst = strconv.AppendInt(append(dst, ",LAST-PART="...), int64(r.LastPart), 10)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// lister turns segments into those of the library, and knows what applies from the ones before.
type lister struct {
	query string
	key   *Key
	init  Map
}

// follow notes what a segment leaves in force.
func (l *lister) follow(s *Segment) (newKey, newMap bool) {
	newKey = !same(l.key, s.Key)
	l.key = s.Key
	if s.Map != nil && *s.Map != l.init {
		l.init, newMap = *s.Map, true
	}
	return newKey, newMap
}

func same(a, b *Key) bool {
	return a == b || a != nil && b != nil && a.Method == b.Method && a.URI == b.URI && bytes.Equal(a.IV, b.IV)
}

func (l *lister) segment(s *Segment) *m3u8.MediaSegment {
	newKey, newMap := l.follow(s)
	x := &m3u8.MediaSegment{
		URI: s.URI, Title: title, Duration: s.Duration.Seconds(), Discontinuity: s.Discontinuity, ProgramDateTime: s.ProgramDateTime,
		Limit: s.Length, Offset: s.Offset,
	}
	if l.query != "" && s.URI != "" {
		x.URI = string(l.appendURI(nil, s.URI))
	}
	if newKey {
		x.Key = &m3u8.Key{Method: "NONE"}
		if s.Key != nil {
			x.Key = &m3u8.Key{Method: s.Key.Method, URI: s.Key.URI}
			if len(s.Key.IV) > 0 {
				x.Key.IV = "0x" + strings.ToUpper(hex.EncodeToString(s.Key.IV))
			}
		}
	}
	if newMap {
		x.Map = &m3u8.Map{URI: string(l.appendURI(nil, s.Map.URI)), Limit: s.Map.Length, Offset: s.Map.Offset}
	}
	var own []byte
	if s.Gap {
		own = append(own, "#EXT-X-GAP\n"...)
	}
	if own = l.appendParts(own, s.Parts); len(own) > 0 {
		x.Custom = map[string]m3u8.CustomTag{"": tag(own[:len(own)-1])}
	}
	return x
}

func (l *lister) appendParts(dst []byte, parts []Part) []byte {
	for _, p := range parts {
		dst = appendSeconds(append(dst, "#EXT-X-PART:DURATION="...), p.Duration)
		dst = append(l.appendURI(append(dst, `,URI="`...), p.URI), '"')
		if p.Independent {
			dst = append(dst, ",INDEPENDENT=YES"...)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendURI appends a URI with the query.
func (l *lister) appendURI(dst []byte, uri string) []byte {
	dst = append(dst, uri...)
	if l.query != "" {
		mark := byte('?')
		if strings.IndexByte(uri, '?') >= 0 {
			mark = '&'
		}
		dst = append(append(dst, mark), l.query...)
	}
	return dst
}

func appendKey(dst []byte, k *Key) []byte {
	if k == nil {
		return append(dst, "#EXT-X-KEY:METHOD=NONE\n"...)
	}
	dst = append(append(append(dst, "#EXT-X-KEY:METHOD="...), k.Method...), `,URI="`...)
	dst = append(append(dst, k.URI...), '"')
	if len(k.IV) > 0 {
		dst = append(append(dst, ",IV=0x"...), strings.ToUpper(hex.EncodeToString(k.IV))...)
	}
	return append(dst, '\n')
}

// appendSeconds appends a duration in seconds, to the microsecond.
func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendFloat(dst, d.Round(time.Microsecond).Seconds(), 'f', -1, 64)
}

// tag is lines for the library to write.
type tag string

// TagName is one that no other tag has.
func (tag) TagName() string { return "" }

// Encode gives the lines.
func (t tag) Encode() *bytes.Buffer { return bytes.NewBufferString(string(t)) }

// String gives the lines.
func (t tag) String() string { return string(t) }

// Escape writes a name, which may hold anything, as a relative URI (RFC 3986 4.2) that ends no line and
// no quoted string.
func Escape(name string) string {
	const hexDigits = "0123456789ABCDEF"
	var b []byte
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/!$'()*+,;=@", c) >= 0:
			b = append(b, c)
		default: // a colon too: what stands before it would be a scheme
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	if len(b) > 1 && b[0] == '/' && b[1] == '/' { // would be a host
		return "/." + string(b)
	}
	return string(b)
}
