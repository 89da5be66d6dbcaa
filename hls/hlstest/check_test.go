package hlstest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// join makes a playlist of lines.
func join(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

const (
	head    = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2"
	lowHead = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:1\n" +
		"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=6\n#EXT-X-PART-INF:PART-TARGET=0.5"
)

// plain gives segments of 2 s, numbered from first.
func plain(first byte, n int) string {
	var lines []string
	for i := range n {
		lines = append(lines, "#EXTINF:2.0,\n"+string(rune(first+byte(i)))+".ts")
	}
	return strings.Join(lines, "\n")
}

// low gives a segment with its parts.
func low(name string) string {
	return join(part0(name, 0), part0(name, 1), "#EXTINF:1.0,", name+".ts")
}

func part0(name string, i int) string {
	return `#EXT-X-PART:DURATION=0.5,URI="` + name + "." + string(rune('0'+i)) + `.ts"`
}

func hint(uri string) string { return `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="` + uri + `"` }

// Each case is a number of versions, of which the last breaks a rule; with an empty text, none.
func TestChecker(t *testing.T) {
	for _, x := range []struct {
		name, wrong string
		versions    []string
	}{
		{"one", "", []string{join(head, plain('a', 3))}},
		{"slides", "", []string{join(head, plain('a', 3)), join(head, plain('a', 4)), join(head, "#EXT-X-MEDIA-SEQUENCE:1", plain('b', 4))}},
		{"no header", "first line", []string{"EXTM3U\n"}},
		{"no target", "no EXT-X-TARGETDURATION", []string{"#EXTM3U\n"}},
		{"no duration", "has no EXTINF", []string{join(head, "a.ts")}},
		{"bad duration", "line 4: #EXTINF", []string{join(head, "#EXTINF:x,")}},
		{"twice", "comes twice", []string{join(head, "#EXT-X-TARGETDURATION:2")}},
		{"long", "longer than the target", []string{join(head, "#EXTINF:2.5,", "a.ts")}},
		{"rounded", "", []string{join(head, "#EXTINF:2.499,", "a.ts")}},
		{"old version", "EXT-X-GAP needs 8", []string{join(head, "#EXT-X-GAP", plain('a', 1))}},
		{"no map", "no EXT-X-MAP", []string{join(head, "#EXTINF:2,", "a.m4s?x=1")}},
		{"map", "", []string{join(head, `#EXT-X-MAP:URI="i.mp4"`, "#EXTINF:2,", "a.m4s")}},
		{"date", "by the one before", []string{join(head, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z", plain('a', 1),
			"#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:03.000Z", plain('b', 1))}},
		{"date behind a discontinuity", "", []string{join(head, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z", plain('a', 1),
			"#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:03.000Z", plain('b', 1))}},
		{"target changes", "target duration changes", []string{join(head, plain('a', 3)), strings.Replace(join(head, plain('a', 3)), "DURATION:2", "DURATION:3", 1)}},
		{"goes back", "come after", []string{join(head, plain('a', 4)), join(head, plain('a', 3))}},
		{"sequence goes back", "come after", []string{join(head, "#EXT-X-MEDIA-SEQUENCE:5", plain('a', 4)), join(head, plain('a', 3))}},
		{"removed without a number", "segment 0 changes", []string{join(head, plain('a', 4)), join(head, plain('b', 4))}},
		{"too short", "less than three", []string{join(head, plain('a', 3)), join(head, "#EXT-X-MEDIA-SEQUENCE:1", plain('b', 2))}},
		{"event", "EVENT forbids", []string{join(head, plain('a', 4)), join(head, "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-MEDIA-SEQUENCE:1", plain('b', 4))}},
		{"discontinuity uncounted", "should be 1", []string{join(head, "#EXT-X-DISCONTINUITY", plain('a', 4)), join(head, "#EXT-X-MEDIA-SEQUENCE:1", plain('b', 4))}},
		{"discontinuity counted", "", []string{join(head, "#EXT-X-DISCONTINUITY", plain('a', 4)),
			join(head, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-MEDIA-SEQUENCE:1", plain('b', 4))}},
		{"counted too early", "should be 0", []string{join(head, plain('a', 1), "#EXT-X-DISCONTINUITY", plain('b', 4)),
			join(head, "#EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-DISCONTINUITY", plain('b', 4))}},
		{"discontinuity goes", "changes its EXT-X-DISC", []string{join(head, plain('a', 1), "#EXT-X-DISCONTINUITY", plain('b', 1)), join(head, plain('a', 2))}},
		{"duration changes", "segment 0 changes", []string{join(head, plain('a', 1)), join(head, "#EXTINF:1.9,", "a.ts")}},
		{"URI again", "have one URI", []string{join(head, plain('a', 2)), join(head, plain('a', 2), plain('a', 1))}},
		{"byte ranges", "", []string{join(head, "#EXT-X-BYTERANGE:10@0", plain('a', 1), "#EXT-X-BYTERANGE:10@10", plain('a', 1))}},
		{"key changes", "changes its key", []string{join(head, plain('a', 1)), join(head, `#EXT-X-KEY:METHOD=AES-128,URI="k"`, plain('a', 1))}},
		{"no key is none", "", []string{join(head, plain('a', 1)), join(head, `#EXT-X-KEY:METHOD=NONE`, plain('a', 1))}},
		{"map changes", "changes its EXT-X-MAP", []string{join(head, `#EXT-X-MAP:URI="i"`, plain('a', 1)), join(head, `#EXT-X-MAP:URI="j"`, plain('a', 1))}},
		{"date changes", "changes its date", []string{join(head, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z", plain('a', 1)), join(head, "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.05Z", plain('a', 1))}},
		{"goes on behind the end", "behind EXT-X-ENDLIST", []string{join(head, plain('a', 1), "#EXT-X-ENDLIST"), join(head, plain('a', 2), "#EXT-X-ENDLIST")}},
	} {
		t.Run(x.name, func(t *testing.T) { try(t, x.wrong, x.versions) })
	}
}

func TestCheckerLow(t *testing.T) {
	for _, x := range []struct {
		name, wrong string
		versions    []string
	}{
		{"grows", "", []string{
			join(lowHead, low("a"), hint("b.0.ts")), join(lowHead, low("a"), part0("b", 0), hint("b.1.ts")),
			join(lowHead, low("a"), low("b"), hint("c.0.ts")), join(lowHead, low("a"), low("b"), part0("c", 0))}},
		{"no info", "without EXT-X-PART-INF", []string{strings.Replace(join(lowHead, low("a")), "#EXT-X-PART-INF:PART-TARGET=0.5\n", "", 1)}},
		{"part target", "part target duration changes", []string{join(lowHead, low("a")), strings.Replace(join(lowHead, low("a")), "TARGET=0.5", "TARGET=0.55", 1)}},
		{"long part", "longer than the part target", []string{join(lowHead, strings.Replace(part0("a", 0), "0.5", "0.51", 1))}},
		{"short part", "less than 85 %", []string{join(lowHead, strings.Replace(part0("a", 0), "0.5", "0.4", 1))}},
		{"short last part", "", []string{join(lowHead, part0("a", 0), strings.Replace(part0("a", 1), "0.5", "0.4", 1), "#EXTINF:0.9,\na.ts")}},
		{"sum", "its parts", []string{join(lowHead, strings.Replace(low("a"), "INF:1.0", "INF:1.1", 1))}},
		{"part hold back", "PART-HOLD-BACK", []string{join(strings.Replace(lowHead, "BACK=1.5", "BACK=0.9", 1), low("a"))}},
		{"hold back", "three target", []string{join(strings.Replace(lowHead, "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.5,HOLD-BACK=2", 1), low("a"))}},
		{"skip until", "six target", []string{join(strings.Replace(lowHead, "UNTIL=6", "UNTIL=5", 1), low("a"))}},
		{"hint is there", "hinted at while", []string{join(lowHead, part0("a", 0), hint("a.0.ts"))}},
		{"hint is broken", "b.1.ts came", []string{join(lowHead, low("a"), part0("b", 0), hint("x.ts")), join(lowHead, low("a"), part0("b", 0), part0("b", 1))}},
		{"hint is broken in the next", "b.0.ts came", []string{join(lowHead, low("a"), hint("x.ts")), join(lowHead, low("a"), low("b"))}},
		{"discontinuity without notice", "", []string{join(lowHead, low("a"), hint("x.ts")), join(lowHead, low("a"), "#EXT-X-DISCONTINUITY", low("b"))}},
		{"part goes", "loses or changes", []string{join(lowHead, low("a"), part0("b", 0)), join(lowHead, low("a"))}},
		{"part changes", "loses or changes", []string{join(lowHead, low("a"), part0("b", 0)), join(lowHead, low("a"), part0("x", 0), part0("b", 1), "#EXTINF:1.0,\nb.ts")}},
		{"parts change", "other parts", []string{join(lowHead, low("a")), join(lowHead, strings.Replace(low("a"), "a.1.ts\"", "a.1.ts\",INDEPENDENT=YES", 1))}},
		{"parts leave", "", []string{join(lowHead, low("a")), join(lowHead, "#EXTINF:1.0,\na.ts", low("b"))}},
		{"map of the open", "changes its EXT-X-MAP", []string{join(lowHead, `#EXT-X-MAP:URI="i"`, part0("a", 0)), join(lowHead, `#EXT-X-MAP:URI="j"`, low("a"))}},
		{"delta", "", []string{join(lowHead, `#EXT-X-MAP:URI="i"`, lows('a', 9)), join(lowHead, "#EXT-X-SKIP:SKIPPED-SEGMENTS=4", lows('e', 6))}},
		{"delta of the unknown", "in no version before", []string{join(lowHead, lows('a', 3)), join(lowHead, "#EXT-X-SKIP:SKIPPED-SEGMENTS=4", lows('e', 6))}},
		{"delta too short", "CAN-SKIP-UNTIL", []string{join(lowHead, lows('a', 9)), join(lowHead, "#EXT-X-SKIP:SKIPPED-SEGMENTS=6", lows('g', 5))}},
		{"delta changes a segment", "changes from", []string{join(lowHead, lows('a', 9)), join(lowHead, "#EXT-X-SKIP:SKIPPED-SEGMENTS=3", lows('p', 7))}},
	} {
		t.Run(x.name, func(t *testing.T) { try(t, x.wrong, x.versions) })
	}
}

func lows(first byte, n int) (out string) {
	for i := range n {
		out += low(string(rune(first + byte(i))))
	}
	return out
}

func try(t *testing.T, wrong string, versions []string) {
	t.Helper()
	var c Checker
	for _, v := range versions[:len(versions)-1] {
		require.NoError(t, c.Check(v, time.Time{}))
	}
	if err := c.Check(versions[len(versions)-1], time.Time{}); wrong == "" {
		require.NoError(t, err)
	} else {
		require.ErrorContains(t, err, wrong)
	}
}

// A playlist that nobody extends is told of, but not one of a stream that is away.
func TestAge(t *testing.T) {
	var c Checker
	at := time.Unix(0, 0)
	text := join(head, plain('a', 3))
	require.NoError(t, c.Check(text, at))
	require.NoError(t, c.Check(text, at.Add(3*time.Second)))
	require.ErrorContains(t, c.Check(text, at.Add(4*time.Second)), "no new segment")
	require.NoError(t, c.Check(text, time.Time{}))
	require.NoError(t, c.Check(text, at.Add(time.Hour)))
	require.NoError(t, c.Check(join(head, plain('a', 4)), at.Add(time.Hour+3*time.Second)))
}

func TestReports(t *testing.T) {
	var c Checker
	msn, _ := c.Newest()
	require.Equal(t, -1, msn)
	require.Empty(t, c.Reports())
	require.NoError(t, c.Check(join(lowHead, "#EXT-X-MEDIA-SEQUENCE:7", low("a"),
		`#EXT-X-RENDITION-REPORT:URI="b,c.m3u8",LAST-MSN=7,LAST-PART=1`, `#EXT-X-RENDITION-REPORT:URI="d",LAST-MSN=6`), time.Time{}))
	require.Equal(t, []Report{{"b,c.m3u8", 7, 1}, {"d", 6, -1}}, c.Reports())
	msn, part := c.Newest()
	require.Equal(t, [2]int{7, 1}, [2]int{msn, part})
	require.NoError(t, c.Check(join(lowHead, "#EXT-X-MEDIA-SEQUENCE:7", low("a"), part0("b", 0)), time.Time{}))
	msn, part = c.Newest()
	require.Equal(t, [2]int{8, 0}, [2]int{msn, part})
	require.Equal(t, 1, c.Segments())
}

// FuzzCheck: nothing that a server sends makes it panic.
func FuzzCheck(f *testing.F) {
	f.Add(join(lowHead, lows('a', 9)), join(lowHead, "#EXT-X-SKIP:SKIPPED-SEGMENTS=4", lows('e', 6)))
	f.Add(join(head, plain('a', 3)), join(head, "#EXT-X-MEDIA-SEQUENCE:1", plain('b', 4), `#EXT-X-RENDITION-REPORT:URI="x,LAST-MSN=1`))
	f.Fuzz(func(_ *testing.T, a, b string) {
		var c Checker
		for _, text := range []string{a, b, a} {
			_ = c.Check(text, time.Unix(0, 0))
		}
		c.Newest()
	})
}
