package hls

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// life checks the versions of one playlist against one another (RFC 8216 6.2.1, RFC 8216bis 6.2.1).
type life struct {
	target string
	first  int               // number of the first segment
	disc   int               // discontinuity sequence
	seen   map[int]string    // what a number's segment was
	marks  map[int]bool      // numbers with a discontinuity
	parts  map[string]string // of URIs
}

var (
	seconds = regexp.MustCompile(`^#EXTINF:([0-9.]+),`)
	partTag = regexp.MustCompile(`^#EXT-X-PART:DURATION=([0-9.]+),URI="([^"]+)"`)
)

func (l *life) check(t *testing.T, text string) {
	t.Helper()
	number := func(name string) int {
		v := tag(text, name)
		if len(v) == 0 {
			return 0
		}
		n, err := strconv.Atoi(v[0])
		require.NoError(t, err)
		return n
	}
	target := tag(text, "EXT-X-TARGETDURATION")[0]
	if l.seen == nil {
		l.target, l.first, l.seen, l.marks, l.parts = target, number("EXT-X-MEDIA-SEQUENCE"), map[int]string{}, map[int]bool{}, map[string]string{}
		l.disc = number("EXT-X-DISCONTINUITY-SEQUENCE")
	}
	require.Equal(t, l.target, target, "the target duration changes")
	first := number("EXT-X-MEDIA-SEQUENCE")
	require.GreaterOrEqual(t, first, l.first)
	for ; l.first < first; l.first++ {
		if l.marks[l.first] {
			l.disc++
		}
	}
	require.Equal(t, l.disc, number("EXT-X-DISCONTINUITY-SEQUENCE"), text)
	n, length, sum, mark := first, 0.0, 0.0, false
	limit, _ := strconv.Atoi(target)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "#EXT-X-DISCONTINUITY":
			mark = true
		case seconds.MatchString(line):
			length, _ = strconv.ParseFloat(seconds.FindStringSubmatch(line)[1], 64)
			require.LessOrEqual(t, int(math.Round(length)), limit, text)
		case partTag.MatchString(line):
			m := partTag.FindStringSubmatch(line)
			d, _ := strconv.ParseFloat(m[1], 64)
			require.LessOrEqual(t, d, 0.2)
			if old, ok := l.parts[m[2]]; ok {
				require.Equal(t, old, line, "a part changes")
			}
			l.parts[m[2]] = line
			sum += d
		case !strings.HasPrefix(line, "#"):
			what := line + " " + strconv.FormatFloat(length, 'f', 3, 64)
			if old, ok := l.seen[n]; ok {
				require.Equal(t, old, what, "segment %d changes", n)
				require.Equal(t, l.marks[n], mark)
			}
			if sum > 0 {
				require.InDelta(t, length, sum, 0.001, text)
			}
			l.seen[n], l.marks[n] = what, mark
			n, sum, mark = n+1, 0, false
		}
	}
}

// Ten minutes of each form, with a publisher that comes back.
func TestLife(t *testing.T) {
	v := low()
	f := plain(2*time.Second, 12*time.Second)
	f.Format = FMP4
	for _, x := range []struct {
		name  string
		vhost Vhost
		lists []string
	}{
		{"TS", plain(2*time.Second, 12*time.Second), []string{"/live/av.m3u8"}},
		{"fMP4", f, []string{"/live/av.v1.m3u8", "/live/av.a1.m3u8"}},
		{"low latency", v, []string{"/live/av.v1.m3u8", "/live/av.a1.m3u8"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, one(x.vhost), func(t *testing.T, r *rig) {
				lives := make([]life, len(x.lists))
				for range 4 {
					stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 10 * time.Minute})
					for range 750 {
						time.Sleep(200 * time.Millisecond)
						synctest.Wait()
						for i, path := range x.lists {
							if w := r.get(t, path); w.Code == 200 {
								lives[i].check(t, w.Body.String())
							}
						}
					}
					stop()
					time.Sleep(3 * time.Second)
				}
				for i := range lives {
					require.Greater(t, len(lives[i].seen), 250)
					require.Equal(t, 3, lives[i].disc+strings.Count(r.body(t, x.lists[i]), "#EXT-X-DISCONTINUITY\n"))
				}
			})
		})
	}
}
