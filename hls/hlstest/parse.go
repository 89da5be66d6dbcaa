package hlstest

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// list is a version of a media playlist.
type list struct {
	version, target              int
	sequence, discontinuities    int
	partTarget, holdBack         float64 // in seconds; 0: absent
	partHoldBack, skipUntil      float64
	skipped                      int
	kind                         string // EXT-X-PLAYLIST-TYPE
	end                          bool
	segments                     []segment
	open                         segment // what stands behind the last URI
	hint                         string
	reports                      []Report
	needs                        int    // the version that the tags need,
	why                          string // and which of them
	hasTarget, hasInfo, hasParts bool
}

type segment struct {
	uri, bytes string
	key, init  string // tags in force; empty where none was seen before
	duration   float64
	disc, gap  bool
	date       time.Time
	parts      []part
}

type part struct {
	uri, bytes       string
	duration         float64
	independent, gap bool
}

// Report is an EXT-X-RENDITION-REPORT. Part is -1 where it has none.
type Report struct {
	URI       string
	MSN, Part int
}

var errHeader = errors.New("the first line is not #EXTM3U")

// parse reads a media playlist. Tags that it does not know it passes over, as players do.
func parse(text string) (*list, error) {
	p := &list{version: 1, needs: 1}
	s := segment{duration: -1}
	key, init := "", ""
	once := map[string]bool{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if n == 1 {
			if line != "#EXTM3U" {
				return nil, errHeader
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		var err error
		switch ok := false; {
		case line == "", strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#EXT"):
		case !strings.HasPrefix(line, "#"):
			if s.duration < 0 {
				return nil, fmt.Errorf("line %d: %s has no EXTINF", n, line)
			}
			s.uri, s.key, s.init = line, key, init
			p.segments = append(p.segments, s)
			s = segment{duration: -1}
		case name == "#EXT-X-KEY":
			key = cmp.Or(strings.TrimPrefix(value, "METHOD=NONE"), "none")
			if strings.Contains(value, ",IV=") {
				p.need(2, name)
			}
		case name == "#EXT-X-MAP":
			init = value
			p.need(6, name)
		default:
			if ok, err = p.segmentTag(&s, name, value); ok {
				break
			}
			if once[name] {
				return nil, fmt.Errorf("line %d: %s comes twice", n, name)
			}
			once[name] = name != "#EXT-X-RENDITION-REPORT" && name != "#EXT-X-PRELOAD-HINT" && name != "#EXT-X-DATERANGE"
			err = p.listTag(name, value)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", n, name, err)
		}
	}
	s.key, s.init, s.duration = key, init, 0
	p.open = s
	return p, nil
}

func (p *list) need(version int, tag string) {
	if version > p.needs {
		p.needs, p.why = version, tag
	}
}

// segmentTag reads a tag that belongs to the segment behind it, and tells whether it is one.
func (p *list) segmentTag(s *segment, name, value string) (ok bool, err error) {
	switch name {
	default:
		return false, nil
	case "#EXTINF":
		length, _, _ := strings.Cut(value, ",")
		if strings.Contains(length, ".") {
			p.need(3, name)
		}
		s.duration, err = seconds(length)
	case "#EXT-X-DISCONTINUITY":
		s.disc = true
	case "#EXT-X-GAP":
		s.gap = true
		p.need(8, name)
	case "#EXT-X-BYTERANGE":
		s.bytes = value
		p.need(4, name)
	case "#EXT-X-PROGRAM-DATE-TIME":
		s.date, err = time.Parse(time.RFC3339Nano, value)
	case "#EXT-X-PART":
		p.hasParts = true
		a := attributes(value)
		x := part{uri: a["URI"], bytes: a["BYTERANGE"], independent: a["INDEPENDENT"] == "YES", gap: a["GAP"] == "YES"}
		if x.uri == "" {
			return true, errors.New("no URI")
		}
		x.duration, err = seconds(a["DURATION"])
		s.parts = append(s.parts, x)
	}
	return true, err
}

func (p *list) listTag(name, value string) (err error) {
	a := attributes(value)
	switch name {
	case "#EXT-X-VERSION":
		p.version, err = number(value)
	case "#EXT-X-TARGETDURATION":
		p.hasTarget = true
		p.target, err = number(value)
	case "#EXT-X-MEDIA-SEQUENCE":
		p.sequence, err = number(value)
	case "#EXT-X-DISCONTINUITY-SEQUENCE":
		p.discontinuities, err = number(value)
	case "#EXT-X-PLAYLIST-TYPE":
		p.kind = value
	case "#EXT-X-ENDLIST":
		p.end = true
	case "#EXT-X-PART-INF":
		p.hasInfo = true
		p.partTarget, err = seconds(a["PART-TARGET"])
	case "#EXT-X-SERVER-CONTROL":
		for attribute, to := range map[string]*float64{"HOLD-BACK": &p.holdBack, "PART-HOLD-BACK": &p.partHoldBack, "CAN-SKIP-UNTIL": &p.skipUntil} {
			if v, ok := a[attribute]; ok && err == nil {
				*to, err = seconds(v)
			}
		}
	case "#EXT-X-SKIP":
		p.need(9, name)
		p.skipped, err = number(a["SKIPPED-SEGMENTS"])
	case "#EXT-X-PRELOAD-HINT":
		if a["TYPE"] == "PART" {
			p.hint = a["URI"]
		}
	case "#EXT-X-RENDITION-REPORT":
		r := Report{URI: a["URI"], Part: -1}
		if v, ok := a["LAST-PART"]; ok {
			r.Part, err = number(v)
		}
		if err == nil {
			r.MSN, err = number(a["LAST-MSN"])
		}
		p.reports = append(p.reports, r)
	}
	return err
}

// number reads an integer (RFC 8216 4.2).
func number(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 53)
	return int(n), err
}

func seconds(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err == nil && !(v >= 0 && v < 1e6) {
		err = fmt.Errorf("%s s", s)
	}
	return v, err
}

// attributes reads an attribute list (RFC 8216 4.2); quoted strings come without their quotes.
func attributes(s string) map[string]string {
	out := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		var value string
		if quoted, found := strings.CutPrefix(rest, `"`); found {
			value, rest, _ = strings.Cut(quoted, `"`)
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		out[name], s = value, rest
	}
	return out
}
