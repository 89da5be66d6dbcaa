package dash

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
)

// The elements of a manifest that are used (ISO/IEC 23009-1 5.3), in the order of the schema.
type (
	xmlMPD struct {
		XMLName        xml.Name `xml:"urn:mpeg:dash:schema:mpd:2011 MPD"`
		Profiles       string   `xml:"profiles,attr"`
		Type           string   `xml:"type,attr"`
		UpdatePeriod   string   `xml:"minimumUpdatePeriod,attr"`
		Depth          string   `xml:"timeShiftBufferDepth,attr"`
		Begin          string   `xml:"availabilityStartTime,attr"`
		Published      string   `xml:"publishTime,attr"`
		MaxSegment     string   `xml:"maxSegmentDuration,attr"`
		MinBuffer      string   `xml:"minBufferTime,attr"`
		SuggestedDelay string   `xml:"suggestedPresentationDelay,attr"`

		BaseURL string
		Service *xmlService `xml:"ServiceDescription"`
		Periods []xmlPeriod `xml:"Period"`
		UTC     xmlProperty `xml:"UTCTiming"`
	}
	xmlService struct {
		ID      int `xml:"id,attr"`
		Latency struct {
			Reference int   `xml:"referenceId,attr"`
			Target    int64 `xml:"target,attr"` // ms
			Min       int64 `xml:"min,attr"`
			Max       int64 `xml:"max,attr"`
		}
		Rate struct {
			Min string `xml:"min,attr"`
			Max string `xml:"max,attr"`
		} `xml:"PlaybackRate"`
	}
	xmlPeriod struct {
		ID       string          `xml:"id,attr"`
		Start    string          `xml:"start,attr"`
		Duration string          `xml:"duration,attr,omitempty"`
		Sets     []xmlAdaptation `xml:"AdaptationSet"`
	}
	xmlAdaptation struct {
		ID         int          `xml:"id,attr"`
		MimeType   string       `xml:"mimeType,attr"`
		Lang       string       `xml:"lang,attr,omitempty"`
		Aligned    bool         `xml:"segmentAlignment,attr"`
		SAP        int          `xml:"startWithSAP,attr,omitempty"`
		Continuity *xmlProperty `xml:"SupplementalProperty"`
		Label      string       `xml:",omitempty"`
		Producer   *xmlProducer `xml:"ProducerReferenceTime"`
		Rep        xmlRep       `xml:"Representation"`
	}
	xmlProducer struct {
		ID           int         `xml:"id,attr"`
		Inband       bool        `xml:"inband,attr"`
		Type         string      `xml:"type,attr"`
		WallClock    string      `xml:"wallClockTime,attr"`
		Presentation int64       `xml:"presentationTime,attr"`
		UTC          xmlProperty `xml:"UTCTiming"`
	}
	xmlProperty struct {
		Scheme string `xml:"schemeIdUri,attr"`
		Value  string `xml:"value,attr"`
	}
	xmlRep struct {
		ID        string       `xml:"id,attr"`
		Bandwidth int          `xml:"bandwidth,attr"`
		Codecs    string       `xml:"codecs,attr"`
		Width     int          `xml:"width,attr,omitempty"`
		Height    int          `xml:"height,attr,omitempty"`
		FrameRate string       `xml:"frameRate,attr,omitempty"`
		Sampling  int          `xml:"audioSamplingRate,attr,omitempty"`
		Channels  *xmlProperty `xml:"AudioChannelConfiguration"`
		Template  xmlTemplate  `xml:"SegmentTemplate"`
	}
	xmlTemplate struct {
		Init      string  `xml:"initialization,attr"`
		Media     string  `xml:"media,attr"`
		First     int     `xml:"startNumber,attr"`
		Last      int     `xml:"endNumber,attr,omitempty"`
		Timescale int     `xml:"timescale,attr"`
		Offset    int64   `xml:"presentationTimeOffset,attr,omitempty"`
		Duration  int64   `xml:"duration,attr,omitempty"`
		Ahead     string  `xml:"availabilityTimeOffset,attr,omitempty"`
		Complete  string  `xml:"availabilityTimeComplete,attr,omitempty"`
		Timeline  *[]xmlS `xml:"SegmentTimeline>S"`
	}
	xmlS struct {
		Time     int64 `xml:"t,attr"`
		Duration int64 `xml:"d,attr"`
	}
)

const (
	profiles   = "urn:mpeg:dash:profile:isoff-live:2011,http://dashif.org/guidelines/dash-if-simple"
	profilesLL = "urn:mpeg:dash:profile:isoff-live:2011,http://www.dashif.org/guidelines/low-latency-live-v5"
	continuity = "urn:mpeg:dash:period-continuity:2015"
	xsdate     = "urn:mpeg:dash:utc:http-xsdate:2014"
	channels   = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"

	timeName = "time" // where the server's time is served, below the channel's directory
	timeForm = "2006-01-02T15:04:05.000Z"

	minBuffer = 2 * time.Second
)

// manifest makes the manifest of what there is.
func (c *channel) manifest() []byte {
	t, v := &c.line, &c.cfg
	longest := t.longest()
	m := xmlMPD{
		Profiles: profiles, Type: "dynamic", UpdatePeriod: duration(v.UpdatePeriod), Depth: duration(t.depth()),
		Begin: t.begin.UTC().Format(timeForm), Published: c.published.UTC().Format(timeForm),
		MaxSegment: duration(longest), MinBuffer: duration(min(longest, minBuffer)),
		// A segment is played when it is complete, listed, known to players and fetched.
		SuggestedDelay: duration(longest + v.UpdatePeriod + minBuffer),
		BaseURL:        c.base, UTC: xmlProperty{xsdate, timeName},
	}
	if p := t.current(); v.lowLatency() && (p == nil || p.each > 0) {
		m.Profiles = profilesLL
		if !c.full {
			m.Depth = duration(c.depth(longest))
		}
		m.MaxSegment = duration(longest.Round(100*time.Millisecond) + 100*time.Millisecond)
		m.MinBuffer = duration(v.LowLatency.PartDuration)
		m.SuggestedDelay = duration(v.LowLatency.Target)
		m.Service = service(v.LowLatency.Target)
	}
	for i, p := range t.periods {
		if p.empty() && p.each == 0 {
			continue
		}
		var before *period
		if i > 0 {
			before = t.periods[i-1]
		}
		x := c.period(p, before)
		if i+1 < len(t.periods) && t.periods[i+1].gap {
			x.Duration = duration(p.end - p.offset) // else players wait for what is not there
		}
		m.Periods = append(m.Periods, x)
	}
	b, _ := xml.MarshalIndent(m, "", "  ")                 // cannot fail: no value is of a kind that does
	b = bytes.ReplaceAll(b, []byte("></S>"), []byte("/>")) // most of the manifest
	return append(append([]byte(xml.Header), b...), '\n')
}

// depth is timeShiftBufferDepth where players count: it does not change all the time. Players that have
// come to the end of a publication stay there, since nothing could be played where the window goes, and
// leave it as soon as there is another one.
func (c *channel) depth(longest time.Duration) time.Duration {
	d := time.Duration(c.cfg.WindowSize) * longest.Round(100*time.Millisecond)
	if c.ended {
		return d + c.keepFor()
	}
	if since, ok := c.line.sinceGap(); ok {
		return min(d, since)
	}
	return d
}

// service tells players which latency to hold.
func service(target time.Duration) *xmlService {
	s := &xmlService{}
	s.Latency.Target = target.Milliseconds()
	s.Latency.Min, s.Latency.Max = s.Latency.Target/2, 3*s.Latency.Target
	s.Rate.Min, s.Rate.Max = "0.96", "1.04"
	return s
}

func (c *channel) period(p, before *period) xmlPeriod {
	x := xmlPeriod{ID: strconv.Itoa(p.id), Start: duration(p.start)}
	for _, kind := range [...]stream.Kind{stream.KindAudio, stream.KindVideo} { // as SRS
		for _, r := range p.reps {
			if r.info().Kind() != kind || p.each == 0 && len(r.segments) == 0 {
				continue
			}
			a := adaptation(r)
			if before != nil && before.at(before.end) == p.start {
				if old := before.find(r.track); old != nil && old.init == r.init {
					a.Continuity = &xmlProperty{continuity, strconv.Itoa(before.id)}
				}
			}
			if p.each > 0 {
				c.numbered(&a, p, r)
			} else {
				timed(&a.Rep.Template, r, p)
			}
			x.Sets = append(x.Sets, a)
		}
	}
	return x
}

// adaptation describes a track.
func adaptation(r *rep) xmlAdaptation {
	t := r.info()
	a := xmlAdaptation{ID: r.track, MimeType: typeOf(r.id), Lang: language(t.Language), Aligned: true, Label: label(t.Name)}
	if r.sap {
		a.SAP = 1
	}
	a.Rep = xmlRep{ID: r.id, Bandwidth: r.bandwidth, Codecs: r.init.Codecs, Width: t.Width, Height: t.Height}
	switch {
	case t.Kind() == stream.KindAudio:
		a.Rep.Sampling = t.SampleRate
		if t.Channels > 0 {
			a.Rep.Channels = &xmlProperty{channels, strconv.Itoa(t.Channels)}
		}
	case r.rate.den == 1:
		a.Rep.FrameRate = strconv.Itoa(r.rate.num)
	case r.rate.den > 1:
		a.Rep.FrameRate = fmt.Sprintf("%d/%d", r.rate.num, r.rate.den)
	}
	a.Rep.Template = xmlTemplate{
		Init: "$RepresentationID$" + strings.TrimPrefix(r.init.name, r.id), Media: "$RepresentationID$-$Number$.m4s",
		Timescale: cmaf.Timescale(t),
	}
	return a
}

// timed lists the segments.
func timed(x *xmlTemplate, r *rep, p *period) {
	x.First = r.segments[0].number
	x.Offset = stream.Ticks(p.offset, x.Timescale)
	list := make([]xmlS, 0, len(r.segments))
	for i, s := range r.segments {
		at, end := max(0, stream.Ticks(s.start, x.Timescale)), stream.Ticks(s.start+s.duration, x.Timescale)
		if i+1 < len(r.segments) { // without holes that come from rounding, or from another order of frames
			if next := stream.Ticks(r.segments[i+1].start, x.Timescale); next > at && next-end < int64(x.Timescale)/50 {
				end = next
			}
		}
		list = append(list, xmlS{at, end - at})
	}
	x.Timeline = &list
}

// numbered says how segments follow one another.
func (c *channel) numbered(a *xmlAdaptation, p *period, r *rep) {
	x := &a.Rep.Template
	x.First = p.first
	if p.last >= 0 {
		x.Last = p.last
	}
	x.Offset = stream.Ticks(p.offset, x.Timescale)
	x.Duration = stream.Ticks(p.each, x.Timescale)
	x.Ahead = strconv.FormatFloat(max(0, p.each-c.cfg.LowLatency.PartDuration).Round(time.Millisecond).Seconds(), 'f', -1, 64)
	x.Complete = "false"
	if !r.ntp.IsZero() {
		at := max(0, r.ntpOf) // presentationTime has no sign
		a.Producer = &xmlProducer{
			Inband: true, Type: "encoder", WallClock: r.ntp.Add(at - r.ntpOf).UTC().Format(timeForm), Presentation: stream.Ticks(at, x.Timescale),
			UTC: xmlProperty{xsdate, timeName},
		}
	}
}

// duration writes d as xs:duration, to the millisecond.
func duration(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Round(time.Millisecond).Seconds(), 'f', 3, 64) + "S"
}

// language gives a language tag if s has the form of one (xs:language).
func language(s string) string {
	for i, part := range strings.Split(s, "-") {
		other := func(c rune) bool {
			return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9')
		}
		if part == "" || len(part) > 8 || i > 4 || strings.ContainsFunc(part, other) {
			return ""
		}
	}
	return s
}

// maxLabel is what a track's name may have, in bytes.
const maxLabel = 256

// label gives a track's name without what XML cannot have.
func label(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffd || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, s)
}
