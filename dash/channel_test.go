package dash

import (
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

var update = flag.Bool("update", false, "write testdata anew")

// epoch is when streams begin in these tests.
var epoch = time.Date(2026, 11, 22, 7, 48, 37, 0, time.UTC)

var testKey = stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"}

// maker is a channel whose packets come at times that the test says.
type maker struct {
	t      testing.TB
	c      *channel
	pack   *cmaf.Packager
	now    time.Time
	seen   string // manifest
	checks int    // of manifests
}

func newMaker(t testing.TB, v Vhost) *maker {
	t.Helper()
	c, err := newChannel(&Module{}, testKey, v.defaults(), 0)
	require.NoError(t, err)
	t.Cleanup(c.dispose)
	m := &maker{t: t, c: c, now: epoch}
	m.publish()
	return m
}

func (m *maker) publish() {
	m.c.publish(nil)
	m.pack = cmaf.New(m.c.cfg.cuts(), func(p *cmaf.Part) { m.c.part(p, m.now) })
}

// write takes a packet that comes late after its time on the stream's clock.
func (m *maker) write(p *stream.Packet, late time.Duration) {
	m.t.Helper()
	m.now = epoch.Add(p.DTS + late)
	q := *p
	q.NTP = m.now
	require.NoError(m.t, m.pack.WritePacket(&q))
	m.c.drained(m.now)
	m.check()
}

func (m *maker) unpublish() {
	m.t.Helper()
	require.NoError(m.t, m.pack.Close())
	m.c.unpublish(m.now)
	m.c.timer.Stop()
	m.check()
}

// text gives the manifest as it is.
func (m *maker) text() string {
	if t := m.c.text.Load(); t != nil {
		return string(t.Body())
	}
	return ""
}

// parsed reads the manifest.
func (m *maker) parsed() mpd {
	m.t.Helper()
	return parse(m.t, m.text())
}

// check holds the rules that each manifest has to keep, whenever it has changed.
func (m *maker) check() {
	m.t.Helper()
	if m.text() == m.seen {
		return
	}
	m.seen = m.text()
	m.checks++
	x := m.parsed()
	require.NotEmpty(m.t, x.Periods)
	end := time.Duration(-1)
	for _, p := range x.Periods {
		start := p.Attrs.seconds(m.t, "start")
		require.GreaterOrEqual(m.t, start, end-m.c.line.slack()-time.Second, "periods overlap:\n%s", m.text())
		require.NotEmpty(m.t, p.Sets)
		for _, a := range p.Sets {
			require.Len(m.t, a.Reps, 1)
			end = m.checkRep(start, a.Reps[0].Attrs, a.Reps[0].Template)
		}
	}
}

// checkRep holds that what a representation lists can be fetched, and gives the time of its end.
func (m *maker) checkRep(start time.Duration, rep attrs, s template) (end time.Duration) {
	m.t.Helper()
	id, scale := rep.get("id"), s.Attrs.number(m.t, "timescale")
	require.NotEmpty(m.t, rep.get("codecs"))
	require.Positive(m.t, rep.number(m.t, "bandwidth"))
	name := strings.ReplaceAll(s.Attrs.get("initialization"), "$RepresentationID$", id)
	require.NotNil(m.t, m.c.files[name], "%s cannot be fetched", name)
	if s.Timeline == nil {
		require.Positive(m.t, s.Attrs.number(m.t, "duration"))
		return start
	}
	require.NotEmpty(m.t, s.Timeline.S)
	at := uint64(0)
	for i, e := range s.Timeline.S {
		require.Positive(m.t, e.D)
		require.GreaterOrEqual(m.t, e.T, at, "segments overlap:\n%s", m.text())
		at = e.T + e.D
		number := strconv.Itoa(s.Attrs.number(m.t, "startNumber") + i)
		name := strings.NewReplacer("$RepresentationID$", id, "$Number$", number).Replace(s.Attrs.get("media"))
		require.NotNil(m.t, m.c.files[name], "%s cannot be fetched:\n%s", name, m.text())
		require.True(m.t, m.c.files[name].Whole())
	}
	return start + stream.FromTicks(int64(at)-int64(s.Attrs.number(m.t, "presentationTimeOffset")), scale)
}

// golden compares the manifest with a file.
func (m *maker) golden(name string) {
	m.t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		require.NoError(m.t, os.MkdirAll("testdata", 0o755))
		require.NoError(m.t, os.WriteFile(name, []byte(m.text()), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(m.t, err)
	require.Equal(m.t, string(want), m.text())
}

// play writes a clip n times.
func (m *maker) play(clip *streamtest.Clip, n int) {
	m.t.Helper()
	for p, err := range stream.Packets(clip.Loop(n)) {
		require.NoError(m.t, err)
		m.write(p, 0)
	}
}

// TestGolden holds manifests as they are, of each codec.
func TestGolden(t *testing.T) {
	low := LowLatency{PartDuration: 200 * time.Millisecond}
	for _, x := range []struct {
		clip *streamtest.Clip
		low  LowLatency
		name string
	}{
		{streamtest.H264AAC(), LowLatency{}, "h264-aac.mpd"},
		{streamtest.H264AAC(), low, "h264-aac-low.mpd"},
		{streamtest.H264BFramesAAC(), LowLatency{}, "h264-bframes-aac.mpd"},
		{streamtest.AACOnly(), LowLatency{}, "aac.mpd"},
		{streamtest.OpusOnly(), low, "opus-low.mpd"},
		{streamtest.H264Only(), LowLatency{}, "h264.mpd"},
		{streamtest.HEVCAAC(), LowLatency{}, "hevc-aac.mpd"},
		{streamtest.AV1AAC(), LowLatency{}, "av1-aac.mpd"},
		{streamtest.VP9Opus(), LowLatency{}, "vp9-opus.mpd"},
		{streamtest.H264MP3(), LowLatency{}, "h264-mp3.mpd"},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, LowLatency: x.low})
			m.play(x.clip, 2)
			m.golden(x.name)
			require.Greater(t, m.checks, 1)
		})
	}
}

// TestPackaging: what HLS by default, with and without low latency, cuts alike is packaged once for both.
func TestPackaging(t *testing.T) {
	const part = 250 * time.Millisecond
	v := Vhost{}.defaults()
	require.Equal(t, cmaf.Config{SegmentDuration: 10 * time.Second}, v.cuts())
	v = Vhost{LowLatency: LowLatency{PartDuration: part}}.defaults()
	require.Equal(t, cmaf.Config{SegmentDuration: 10 * time.Second, PartDuration: part, ProducerTime: true}, v.cuts())
}

// TestBeforeZero: pictures that are shown before time zero make no number negative, which the schema forbids.
func TestBeforeZero(t *testing.T) {
	for _, low := range []LowLatency{{}, {PartDuration: 200 * time.Millisecond}} {
		m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, LowLatency: low})
		for p, err := range stream.Packets(streamtest.H264AAC().Loop(1)) {
			require.NoError(t, err)
			q := *p
			q.PTS -= 100 * time.Millisecond
			m.write(&q, 0)
		}
		require.NotEmpty(t, m.text())
		require.NotContains(t, m.text(), `="-`)
	}
}

// TestCapture: an encoder that sends at once what it kept while it was connecting does not make players
// think that all is captured that late.
func TestCapture(t *testing.T) {
	m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, LowLatency: LowLatency{PartDuration: 200 * time.Millisecond}})
	captured := func() time.Time {
		s := regexp.MustCompile(`wallClockTime="([^"]*)" presentationTime="(\d+)"[\s\S]*timescale="(\d+)"`).FindStringSubmatch(m.text())
		require.NotNil(t, s, m.text())
		at, err := time.Parse(time.RFC3339, s[1])
		require.NoError(t, err)
		ticks, _ := strconv.ParseInt(s[2], 10, 64)
		scale, _ := strconv.Atoi(s[3])
		return at.Add(-stream.FromTicks(ticks, scale))
	}
	before := time.Time{}
	for p, err := range stream.Packets(streamtest.H264Only().Loop(4)) {
		require.NoError(t, err)
		m.write(p, max(0, 1500*time.Millisecond-p.DTS))
		if before.IsZero() && m.text() != "" {
			before = captured()
		}
	}
	require.WithinDuration(t, epoch.Add(1500*time.Millisecond), before, captureSlack)
	require.WithinDuration(t, epoch, captured(), captureSlack)
}

// TestSRS compares with what a real SRS makes of the same kind of stream, where that is meant to be the
// same.
func TestSRS(t *testing.T) {
	sample, err := os.ReadFile(filepath.Join("testdata", "srs.mpd"))
	require.NoError(t, err)
	want := parse(t, string(sample))
	m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second})
	m.play(streamtest.H264AAC(), 3)
	got := m.parsed()
	same := func(a, b attrs, names ...string) {
		t.Helper()
		for _, name := range names {
			require.NotEmpty(t, a.get(name), name)
			require.Equal(t, a.get(name), b.get(name), name)
		}
	}
	same(want.Attrs, got.Attrs, "profiles", "type")
	require.Equal(t, want.BaseURL, got.BaseURL)
	require.Len(t, got.Periods, len(want.Periods))
	for i, a := range want.Periods[0].Sets {
		b := got.Periods[0].Sets[i]
		same(a.Attrs, b.Attrs, "mimeType", "segmentAlignment", "startWithSAP")
		c, d := a.Reps[0], b.Reps[0]
		same(c.Attrs, d.Attrs, "id")
		require.Equal(t, c.Attrs.get("codecs")[:4], d.Attrs.get("codecs")[:4])
		require.Equal(t, c.Attrs.get("width") == "", d.Attrs.get("width") == "")
		same(c.Template.Attrs, d.Template.Attrs, "initialization", "media")
		require.NotEmpty(t, d.Template.Attrs.get("startNumber"))
		require.Len(t, d.Template.Timeline.S, len(c.Template.Timeline.S))
	}
}

// TestRepublish: the timeline goes on with another period, and what was there before can be played still.
func TestRepublish(t *testing.T) {
	for _, low := range []LowLatency{{}, {PartDuration: 200 * time.Millisecond}} {
		m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 10, LowLatency: low})
		clip := streamtest.H264AAC()
		m.play(clip, 1)
		m.unpublish()
		before := m.parsed()
		require.Len(t, before.Periods, 1)
		m.publish()
		const gap = 7 * time.Second // the stream's clock stands still meanwhile
		for p, err := range stream.Packets(clip.Loop(2)) {
			require.NoError(t, err)
			if p.DTS >= clip.Duration() {
				m.write(p, gap)
			}
		}
		after := m.parsed()
		require.Len(t, after.Periods, 2)
		const begin = "availabilityStartTime"
		require.Equal(t, before.Attrs.get(begin), after.Attrs.get(begin))
		require.InDelta(t, (clip.Duration() + gap).Seconds(), after.Periods[1].Attrs.seconds(t, "start").Seconds(), 0.5)
		first := after.Periods[1].Sets[0].Reps[0].Template.Attrs
		segments := m.c.line.periods[0].reps[0].segments
		require.Greater(t, first.number(t, "startNumber"), segments[len(segments)-1].number)
		require.Equal(t, "$RepresentationID$-init.mp4", first.get("initialization"), "the same bytes")
	}
}

// TestAbsence: players that count go on asking while nobody publishes, and get empty segments. The period
// ends when there is another one, which the window then begins with.
func TestAbsence(t *testing.T) {
	m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 5, LowLatency: LowLatency{PartDuration: 200 * time.Millisecond}})
	clip := streamtest.H264AAC()
	m.play(clip, 1)
	m.unpublish()
	segments := m.c.line.current().reps[0].segments
	last := segments[len(segments)-1].number
	left := m.parsed()
	require.Len(t, left.Periods, 1)
	require.NotContains(t, m.text(), "endNumber")
	require.Greater(t, left.Attrs.seconds(t, "timeShiftBufferDepth"), keepFor)

	const gap = 40 * time.Second
	m.now = m.now.Add(gap)
	empty := func(id string, n int) bool {
		f := m.c.find(fmt.Sprintf("%s-%d.m4s", id, n), m.now)
		return f != nil && f.Whole() && f.Len() == 0
	}
	for _, n := range []int{last + 1, last + 10, last + 40} {
		require.True(t, empty("video", n), n)
		require.True(t, empty("audio", n), n)
	}
	for _, name := range []string{"video2-9.m4s", "video-099.m4s", "video-9.mp4", "video-x.m4s", "video.m4s", "video--9.m4s", fmt.Sprintf("video-%d.m4s", last+100)} {
		require.Nil(t, m.c.find(name, m.now), name)
	}
	following := m.c.following(m.now)
	m.publish()
	first := m.c.following(m.now.Add(time.Second))
	for p, err := range stream.Packets(clip.Loop(4)) {
		require.NoError(t, err)
		if p.DTS < clip.Duration() {
			continue
		}
		m.write(p, gap)
		if x := m.parsed(); p.DTS < clip.Duration()+3*time.Second && len(x.Periods) == 2 {
			require.Equal(t, last, x.Periods[0].Sets[0].Reps[0].Template.Attrs.number(t, "endNumber"))
			at := x.Periods[1].Sets[0].Reps[0].Template.Attrs.number(t, "startNumber")
			require.GreaterOrEqual(t, at, following)
			require.InDelta(t, first, at, 1)
			require.True(t, empty("video", at-1), "for who has not heard of it yet")
			require.False(t, empty("video", at))
			require.LessOrEqual(t, x.Attrs.seconds(t, "timeShiftBufferDepth"), m.now.Sub(epoch)-clip.Duration()-gap+time.Second)
		}
	}
	require.Len(t, m.parsed().Periods, 1)
	require.Equal(t, 5*time.Second, m.parsed().Attrs.seconds(t, "timeShiftBufferDepth"))
	require.Empty(t, m.c.blanks)
}

// TestResize: other bytes of an initialization segment have another name, in a period that follows on.
func TestResize(t *testing.T) {
	for _, low := range []LowLatency{{}, {PartDuration: 200 * time.Millisecond}} {
		m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 10, LowLatency: low})
		m.play(streamtest.H264Resize(), 1)
		m.unpublish()
		x := m.parsed()
		require.Len(t, x.Periods, 2)
		for i, want := range []string{"$RepresentationID$-init.mp4", "$RepresentationID$-init-2.mp4"} {
			v := x.Periods[i].Sets[1].Reps[0]
			require.Equal(t, want, v.Template.Attrs.get("initialization"))
			require.Equal(t, 320*(i+1), v.Attrs.number(t, "width"))
		}
		require.InDelta(t, 2, x.Periods[1].Attrs.seconds(t, "start").Seconds(), 0.1)
	}
}

// TestLateAudio: sound that comes later begins a period with it, and one without it when it ends.
func TestLateAudio(t *testing.T) {
	for _, low := range []LowLatency{{}, {PartDuration: 200 * time.Millisecond}} {
		m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 30, LowLatency: low})
		for p, err := range stream.Packets(streamtest.H264AAC().Loop(3)) {
			require.NoError(t, err)
			if p.Kind() == stream.KindVideo || p.DTS >= 3*time.Second && p.DTS < 8*time.Second {
				m.write(p, 0)
			}
		}
		var sets []int
		for _, p := range m.parsed().Periods {
			sets = append(sets, len(p.Sets))
		}
		require.Equal(t, []int{1, 2, 1}, sets, "%s", m.text())
	}
}

// TestJump: a jump of the publisher's clock is one of the media, not of the manifest's timeline.
func TestJump(t *testing.T) {
	for _, low := range []LowLatency{{}, {PartDuration: 200 * time.Millisecond}} {
		m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 30, LowLatency: low})
		const jump = 1000 * time.Second
		jumped := map[int]bool{}
		for p, err := range stream.Packets(streamtest.H264AAC().Loop(2)) {
			require.NoError(t, err)
			if p.DTS >= 4*time.Second {
				q := *p
				q.DTS, q.PTS = q.DTS+jump, q.PTS+jump
				if !jumped[p.Track] {
					q.Flags |= stream.Discontinuity
				}
				jumped[p.Track] = true
				m.write(&q, -jump)
				continue
			}
			m.write(p, 0)
		}
		x := m.parsed()
		last := x.Periods[len(x.Periods)-1]
		require.InDelta(t, 4, last.Attrs.seconds(t, "start").Seconds(), 0.5)
		v := last.Sets[1].Reps[0].Template.Attrs
		require.InDelta(t, 1004, float64(v.number(t, "presentationTimeOffset"))/float64(v.number(t, "timescale")), 0.5)
	}
}

// gops writes video whose groups of pictures last as long as length says, with times in milliseconds.
func (m *maker) gops(total time.Duration, late func(at time.Duration) time.Duration, length func() int, frame time.Duration) {
	m.t.Helper()
	var key, other *stream.Packet
	for _, p := range streamtest.H264Only().Packets() {
		if p.Key() {
			key = p
		} else {
			other = p
		}
	}
	left := 0
	for n := 0; ; n++ {
		p := *other
		if left == 0 {
			p, left = *key, length()
		}
		left--
		at := time.Duration(n) * frame
		p.DTS = at.Round(time.Millisecond)
		p.PTS = p.DTS
		if at > total {
			return
		}
		m.write(&p, late(at))
	}
}

func never(time.Duration) time.Duration { return 0 }

// punctual holds that the manifest says of each number what comes under it: the segment begins at most so
// far from where @duration says.
func (m *maker) punctual(off time.Duration) {
	m.t.Helper()
	for _, p := range m.c.line.periods {
		for _, s := range p.reps[0].segments {
			require.NotZero(m.t, p.each)
			require.InDelta(m.t, p.nominal(s.number).Seconds(), s.start.Seconds(), off.Seconds())
		}
	}
}

// TestNumbered: groups of pictures of 1.001 s, in milliseconds, need no period after the first in an hour.
// Such as are a little off need few, and no number is ever far from its time.
func TestNumbered(t *testing.T) {
	low := Vhost{Enabled: true, Fragment: time.Second, LowLatency: LowLatency{PartDuration: 250 * time.Millisecond}}
	m := newMaker(t, low)
	m.gops(time.Hour, never, func() int { return 30 }, time.Second*1001/30000)
	require.Equal(t, 1, m.c.line.next)
	m.punctual(250 * time.Millisecond)
	require.Less(t, m.checks, 10, "the manifest changes with segments")

	m = newMaker(t, low)
	n := 0
	m.gops(10*time.Minute, never, func() int { n++; return 25 + n%2 }, 40*time.Millisecond) // 1 and 1.04 s
	require.LessOrEqual(t, m.c.line.next, 3)
	m.punctual(300 * time.Millisecond)
}

// TestIrregular: a stream whose key frames come at no regular distance has its segments listed.
func TestIrregular(t *testing.T) {
	m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, LowLatency: LowLatency{PartDuration: 250 * time.Millisecond}})
	r := rand.New(rand.NewPCG(1, 2))
	m.gops(3*time.Minute, never, func() int { return 10 + r.IntN(60) }, 40*time.Millisecond)
	require.LessOrEqual(t, m.c.line.next, maxIrregular+2)
	last := m.parsed().Periods
	require.NotNil(t, last[len(last)-1].Sets[0].Reps[0].Template.Timeline)
}

// TestClock: a publisher whose clock runs slow or fast, or that is held up for good, does not make the
// manifest promise what is not there.
func TestClock(t *testing.T) {
	for name, late := range map[string]func(time.Duration) time.Duration{
		"slow":    func(at time.Duration) time.Duration { return at / 1000 },
		"fast":    func(at time.Duration) time.Duration { return -at / 1000 },
		"held up": func(at time.Duration) time.Duration { return at / (10 * time.Minute) * 5 * time.Second },
	} {
		for _, low := range []LowLatency{{}, {PartDuration: 250 * time.Millisecond}} {
			t.Run(name, func(t *testing.T) {
				m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, LowLatency: low})
				m.gops(25*time.Minute, late, func() int { return 25 }, 40*time.Millisecond)
				p := m.c.line.current()
				off := m.now.Sub(m.c.line.begin) - p.at(p.end)
				require.Less(t, off, m.c.line.slack()+2*time.Second)
				if low.PartDuration > 0 {
					require.Greater(t, off, -m.c.line.slack()-time.Second)
					require.Less(t, m.c.line.next, 10)
				}
			})
		}
	}
}

// TestTimeShift: the window has segments for as long as TimeShift says, and no longer.
func TestTimeShift(t *testing.T) {
	m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 2, TimeShift: 5 * time.Second})
	m.play(streamtest.H264AAC(), 4)
	depth := m.parsed().Attrs.seconds(t, "timeShiftBufferDepth")
	require.InDelta(t, 5.5, depth.Seconds(), 0.6)
	require.LessOrEqual(t, m.c.stats().Segments, 2*6)
	require.LessOrEqual(t, len(m.c.files), 2*(6+kept+ahead+2))
}

// TestMemory: what a stream may have in memory is bounded in bytes. The oldest segments leave, and what the
// manifest says is there is.
func TestMemory(t *testing.T) {
	const limit = 100_000
	for _, low := range []LowLatency{{}, {PartDuration: 200 * time.Millisecond}} {
		m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 30, MaxMemory: limit, LowLatency: low})
		var log strings.Builder
		m.c.m.host = &protocol.Host{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		most := 0
		for p, err := range stream.Packets(streamtest.H264AAC().Loop(15)) {
			require.NoError(t, err)
			m.write(p, 0)
			most = max(most, m.c.memory())
		}
		require.Less(t, most, limit+50_000, "the one that is being made comes on top")
		require.Greater(t, most, limit/2)
		x := m.parsed()
		require.Less(t, x.Attrs.seconds(t, "timeShiftBufferDepth"), 20*time.Second)
		require.Less(t, m.c.line.depth(), 20*time.Second)
		require.Greater(t, m.c.line.depth(), 2*time.Second)
		require.Equal(t, 1, strings.Count(log.String(), "leave early"))
	}
}

// TestNames: what a publisher names a track or a stream comes into the manifest as text, or not at all.
func TestNames(t *testing.T) {
	for in, want := range map[string]string{"en": "en", "zh-Hant": "zh-Hant", "": "", "a b": "", "<x>": "", "1x": "", "toolongtag": "", "a--b": ""} {
		require.Equal(t, want, language(in), "%q", in)
	}
	require.Equal(t, "a<b", label("a\x00<\nb"))
	require.LessOrEqual(t, len(label(strings.Repeat("é", 1000))), maxLabel)
	for name, want := range map[string]string{"a&<\"'": "a&%3C%22%27/", "rtmp:x": "./rtmp:x/", "x y": "x%20y/", "a/b": "a/b/"} {
		c, err := newChannel(&Module{}, stream.Key{App: "live", Name: name}, Vhost{}.defaults(), 0)
		require.NoError(t, err)
		require.Equal(t, want, strings.ReplaceAll(c.base, "'", "%27"))
	}
}

// BenchmarkPacket is what a packet costs, from packaging on.
func BenchmarkPacket(b *testing.B) {
	for name, low := range map[string]LowLatency{"listed": {}, "low": {PartDuration: 200 * time.Millisecond}} {
		b.Run(name, func(b *testing.B) {
			m := newMaker(b, Vhost{Enabled: true, Fragment: 2 * time.Second, LowLatency: low})
			src := streamtest.H264AAC().Loop(0)
			b.ReportAllocs()
			for b.Loop() {
				p, err := src.ReadPacket()
				require.NoError(b, err)
				m.now = epoch.Add(p.DTS)
				require.NoError(b, m.pack.WritePacket(p))
				m.c.drained(m.now)
			}
		})
	}
}
