package sdp

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

// encoding is a codec as a=rtpmap names it.
type encoding struct {
	codec     stream.Codec
	name      string
	clockRate int
	channels  int
}

// encodings are the codecs that are understood, of each kind in the order in which they are liked: what
// others can play without conversion comes first.
func encodings() []encoding {
	return []encoding{
		{stream.H264, "H264", 90000, 0},
		{stream.HEVC, "H265", 90000, 0},
		{stream.AV1, "AV1", 90000, 0},
		{stream.VP9, "VP9", 90000, 0},
		{stream.VP8, "VP8", 90000, 0},
		{stream.Opus, "opus", 48000, 2},
		{stream.G711U, "PCMU", 8000, 1},
		{stream.G711A, "PCMA", 8000, 1},
	}
}

// encodingOf finds a codec by what a=rtpmap says: name/rate or name/rate/channels. Without channels it is
// whatever the codec has: some pipelines of GStreamer offer OPUS/48000, against RFC 7587 section 7.
func encodingOf(v string) (encoding, bool) {
	f := strings.Split(v, "/")
	if len(f) < 2 {
		return encoding{}, false
	}
	rate, err := strconv.Atoi(f[1])
	if err != nil {
		return encoding{}, false
	}
	channels := 0
	if len(f) > 2 {
		if channels, err = strconv.Atoi(f[2]); err != nil {
			return encoding{}, false
		}
	}
	for _, e := range encodings() {
		if strings.EqualFold(f[0], e.name) && rate == e.clockRate && (len(f) < 3 || cmp.Or(e.channels, 1) == channels) {
			return e, true
		}
	}
	return encoding{}, false
}

func encodingFor(c stream.Codec) (encoding, bool) {
	for _, e := range encodings() {
		if e.codec == c {
			return e, true
		}
	}
	return encoding{}, false
}

// parseCodecs reads the codecs of a section that are understood, in its order.
func parseCodecs(m *pion.MediaDescription) (list []desc.Codec) {
	maps, params, feedback := map[string]string{"0": "PCMU/8000", "8": "PCMA/8000"}, map[string]string{}, map[string][]string{}
	for _, a := range m.Attributes {
		pt, v, _ := strings.Cut(strings.TrimSpace(a.Value), " ")
		switch v = strings.TrimSpace(v); a.Key {
		case "rtpmap":
			maps[pt] = v
		case "fmtp":
			params[pt] = v
		case "rtcp-fb":
			if len(feedback[pt]) < 32 {
				feedback[pt] = append(feedback[pt], v)
			}
		}
	}
	rtx := map[string]uint8{} // by what they repeat
	for _, pt := range m.MediaName.Formats {
		n, err := strconv.ParseUint(pt, 10, 7)
		if err != nil {
			continue
		}
		if strings.EqualFold(maps[pt], "rtx/90000") {
			if apt := Param(params[pt], "apt"); apt != "" && rtx[apt] == 0 {
				rtx[apt] = uint8(n)
			}
			continue
		}
		e, ok := encodingOf(maps[pt])
		if !ok || len(params[pt]) > maxParams || !printable(params[pt]) {
			continue
		}
		if slices.ContainsFunc(list, func(c desc.Codec) bool { return c.PT == uint8(n) }) {
			continue
		}
		c := desc.Codec{Codec: e.codec, PT: uint8(n), ClockRate: e.clockRate, Channels: e.channels, Params: params[pt]}
		addFeedback(&c, feedback[pt])
		addFeedback(&c, feedback["*"])
		list = append(list, c)
	}
	for i := range list {
		list[i].RTX = rtx[strconv.Itoa(int(list[i].PT))]
	}
	return list
}

func addFeedback(c *desc.Codec, list []string) {
	for _, v := range list {
		switch v {
		case "nack":
			c.NACK = true
		case "nack pli":
			c.PLI = true
		case "ccm fir":
			c.FIR = true
		case "transport-cc":
			c.TransportCC = true
		case "goog-remb":
			c.REMB = true
		}
	}
}

// Param gives a parameter of an fmtp value (a=b;c=d), empty where it is not there.
func Param(params, name string) string {
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// rate tells how well a codec's parameters suit: the more the better, 0 not at all. Decoders bear more than
// they tell, so that what is most widely played is preferred, and the rest taken.
func rate(c *desc.Codec) int {
	switch c.Codec {
	case stream.H264: // RFC 6184 8.1
		n := 1
		switch Param(c.Params, "packetization-mode") {
		case "1":
			n += 8
		case "", "0":
		default:
			return 0 // interleaved
		}
		switch profile := strings.ToLower(Param(c.Params, "profile-level-id")); {
		case profile == "42e01f":
			n += 3
		case strings.HasPrefix(profile, "42e0"), strings.HasPrefix(profile, "42c0"):
			n += 2
		case strings.HasPrefix(profile, "4200"), profile == "":
			n++
		}
		return n
	case stream.HEVC: // RFC 7798 7.1
		if mode := Param(c.Params, "tx-mode"); mode != "" && mode != "SRST" {
			return 0
		}
		if p := Param(c.Params, "profile-id"); (p == "" || p == "1") && cmp.Or(Param(c.Params, "tier-flag"), "0") == "0" {
			return 2
		}
	case stream.AV1: // RTP payload format for AV1 7.2
		if cmp.Or(Param(c.Params, "profile"), "0") == "0" {
			return 2
		}
	case stream.VP9: // RFC 9628 7
		if cmp.Or(Param(c.Params, "profile-id"), "0") == "0" {
			return 2
		}
	}
	return 1
}

// choose finds the best of the offered codecs for one that is wanted; nil: none.
func choose(offered []desc.Codec, want stream.Codec) (best *desc.Codec) {
	most := 0
	for i := range offered {
		c := &offered[i]
		if c.Codec != want {
			continue
		}
		if n := rate(c); n > most {
			best, most = c, n
		}
	}
	return best
}
