package dash

import (
	"encoding/xml"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mpd is a manifest as tests read it: with all attributes as they stand there.
type mpd struct {
	Attrs   attrs       `xml:",any,attr"`
	BaseURL string      `xml:"BaseURL"`
	Periods []mpdPeriod `xml:"Period"`
}

type mpdPeriod struct {
	Attrs attrs `xml:",any,attr"`
	Sets  []struct {
		Attrs attrs `xml:",any,attr"`
		Reps  []struct {
			Attrs    attrs    `xml:",any,attr"`
			Template template `xml:"SegmentTemplate"`
		} `xml:"Representation"`
	} `xml:"AdaptationSet"`
}

type template struct {
	Attrs    attrs `xml:",any,attr"`
	Timeline *struct {
		S []struct {
			T uint64 `xml:"t,attr"`
			D uint64 `xml:"d,attr"`
		}
	} `xml:"SegmentTimeline"`
}

type attrs []xml.Attr

func (a attrs) get(name string) string {
	for _, x := range a {
		if x.Name.Local == name {
			return x.Value
		}
	}
	return ""
}

func (a attrs) number(t testing.TB, name string) int {
	t.Helper()
	s := a.get(name)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, name)
	return n
}

// seconds reads an xs:duration of seconds alone.
func (a attrs) seconds(t testing.TB, name string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(a.get(name), "PT")))
	require.NoError(t, err, name)
	return d
}

func parse(t testing.TB, text string) (x mpd) {
	t.Helper()
	require.NoError(t, xml.Unmarshal([]byte(text), &x), "%s", text)
	return x
}
