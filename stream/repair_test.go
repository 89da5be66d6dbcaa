package stream

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// feed runs packets through a clock at real time and gives their DTS in ms.
func feed(c *clock, ps ...*Packet) (out []int) {
	now := time.Unix(1000, 0)
	for _, p := range ps {
		out = append(out, int(c.fix(p, now).DTS/ms))
		now = now.Add(20 * ms)
	}
	return out
}

func TestClock(t *testing.T) {
	hour := 3_600_000
	for name, tt := range map[string]struct {
		in   []*Packet
		want []int
	}{
		"near zero is kept":      {[]*Packet{video(40, true), audio(23), video(80, false)}, []int{40, 23, 80}},
		"starts anywhere":        {[]*Packet{video(hour, true), audio(hour + 10), video(hour+40, false)}, []int{0, 10, 40}},
		"small step back":        {[]*Packet{video(0, true), video(100, false), video(90, false), video(120, false)}, []int{0, 100, 100, 120}},
		"24-bit wrap":            {[]*Packet{video(1<<24-40, true), audio(1<<24 - 30), video(0, false), audio(10), video(40, false)}, []int{0, 10, 40, 50, 80}},
		"32-bit wrap":            {[]*Packet{video(1<<32-40, true), audio(1<<32 - 30), video(0, false), audio(10), video(40, false)}, []int{0, 10, 40, 50, 80}},
		"both jump ahead":        {[]*Packet{video(0, true), audio(10), video(40, false), audio(50), video(60_000, false), audio(60_010), video(60_040, false)}, []int{0, 10, 40, 50, 80, 90, 120}},
		"both jump back":         {[]*Packet{video(60_000, true), audio(60_010), video(60_040, false), audio(60_050), video(0, false), audio(10), video(40, false)}, []int{0, 10, 40, 50, 80, 90, 120}},
		"one jumps for good":     {[]*Packet{video(0, true), audio(0), video(40, false), audio(23), audio(9_000), video(80, false), audio(9_023), video(120, false)}, []int{0, 0, 40, 23, 46, 80, 69, 120}},
		"late track, other base": {[]*Packet{video(0, true), video(40, false), audio(hour), video(80, false), audio(hour + 23)}, []int{0, 40, 40, 80, 63}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, feed(&clock{}, tt.in...))
		})
	}
}

func TestClockPauseIsNoJump(t *testing.T) {
	c, now := &clock{}, time.Unix(1000, 0)
	c.fix(video(0, true), now)
	p := c.fix(video(30_000, true), now.Add(30*time.Second))
	require.Equal(t, 30*time.Second, p.DTS, "30 s passed on the wall clock too")
	require.Zero(t, p.Flags&Discontinuity)
	p = c.fix(video(90_000, true), now.Add(31*time.Second))
	require.Less(t, p.DTS, 31*time.Second)
	require.NotZero(t, p.Flags&Discontinuity)
}

func TestClockKeepsCompositionTime(t *testing.T) {
	p := video(5_000_000, true)
	p.PTS += 80 * ms
	q := (&clock{}).fix(p, time.Now())
	require.Equal(t, 80*ms, q.PTS-q.DTS)
	require.EqualValues(t, 5_000_000, p.DTS/ms, "the packet itself is not touched")
}

func TestClockOff(t *testing.T) {
	require.Equal(t, []int{9_000_000, 5, 100_000}, feed(&clock{off: true}, video(9_000_000, true), audio(5), video(100_000, false)))
}

func TestLongStream(t *testing.T) {
	c := &clock{}
	now := time.Unix(0, 0)
	// 60 h with an encoder that wraps at 24 bits; 1 s steps keep it quick.
	for s := range 60 * 3600 {
		p := c.fix(video(s*1000&(1<<24-1), true), now)
		require.Equal(t, time.Duration(s)*time.Second, p.DTS)
		now = now.Add(time.Second)
	}
}

func TestMixer(t *testing.T) {
	var m mixer
	var out []int
	write := func(p *Packet) { out = append(out, int(p.DTS/ms)) }
	for _, p := range []*Packet{audio(30), video(0, true), audio(10), video(40, false), audio(53)} {
		m.write(p, write)
	}
	m.flush(write)
	require.Equal(t, []int{0, 10, 30, 40, 53}, out)
	out = nil
	for i := range 12 {
		m.write(audio(i), write)
	}
	require.Len(t, out, 3)
}

func TestViewerClock(t *testing.T) {
	full, zero := viewerClock{full: true}, viewerClock{}
	var a, b []int
	for _, at := range []int{5000, 5040, 5030, 9000, 9040, 1000} {
		a = append(a, int(full.fix(video(at, true)).DTS/ms))
		b = append(b, int(zero.fix(video(at, true)).DTS/ms))
	}
	require.Equal(t, []int{0, 40, 30, 40, 80, 90}, a)
	require.Equal(t, []int{0, 40, 30, 4000, 4040, 0}, b)
}

func TestShareWriteBudget(t *testing.T) {
	h := NewHub(HubConfig{})
	mk := func(viewers, packets, video float64) demand {
		return demand{stream: newStream(h, key, Settings{}.withDefaults()), viewers: viewers, packets: packets, video: video}
	}
	small, mid, crowd := mk(2, 68, 25), mk(60, 68, 25), mk(5000, 68, 25)
	share(10_000, []demand{crowd, small, mid})
	require.Zero(t, small.stream.flush.window, "a crowd elsewhere costs two viewers nothing")
	require.GreaterOrEqual(t, crowd.stream.flush.window, 300*ms)

	one := mk(100, 68, 25)
	share(10_000, []demand{one})
	require.Zero(t, one.stream.flush.window)
	one = mk(300, 68, 25)
	share(10_000, []demand{one})
	require.True(t, one.stream.flush.video)
	one = mk(2000, 68, 25)
	share(10_000, []demand{one})
	require.False(t, one.stream.flush.video)
	require.InDelta(t, 200*ms, one.stream.flush.window, float64(ms))
	audioOnly := mk(300, 43, 0)
	share(10_000, []demand{audioOnly})
	require.Equal(t, audioWindow, audioOnly.stream.flush.window)
}

func TestTicks(t *testing.T) {
	for _, hz := range []int{1, 1000, 8000, 11025, 22050, 44100, 48000, 90000, 96000, 192000} {
		for _, n := range []int64{0, 1, 2, 3, 1023, 1024, 44099, 1 << 31, 1<<32 + 1, -1, -90001} {
			require.Equal(t, n, Ticks(FromTicks(n, hz), hz), "%d at %d Hz", n, hz)
		}
	}
	require.Equal(t, time.Duration(1<<63-1), FromTicks(1<<62, 1))
}

// TestATCAuto: a publisher whose metadata says so keeps its time.
func TestATCAuto(t *testing.T) {
	for _, x := range []struct {
		auto  bool
		value any
		want  time.Duration
	}{{true, "true", time.Hour}, {false, "true", 0}, {true, "false", 0}, {true, true, 0}} {
		h := NewHub(HubConfig{})
		h.SetSettings(func(Key) (Settings, error) { return Settings{ATCAuto: x.auto}, nil })
		pub, err := h.Publish(context.Background(), Request{Key: Key{DefaultVhost, "live", "s"}})
		require.NoError(t, err)
		play, err := h.Play(context.Background(), Request{Key: Key{DefaultVhost, "live", "s"}})
		require.NoError(t, err)
		tracks := &Tracks{List: []Track{{Codec: AAC}}, Meta: []Field{{Name: "bravo_atc", Value: x.value}}}
		require.NoError(t, pub.WritePacket(&Packet{Tracks: tracks, DTS: time.Hour, PTS: time.Hour, Payload: []byte{1}}))
		p, err := play.ReadPacket()
		require.NoError(t, err)
		require.Equal(t, x.want, p.DTS, "%+v", x)
		require.NoError(t, h.Close(context.Background()))
	}
}
