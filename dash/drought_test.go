package dash

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestDrought: while no key frame comes, what players can follow is listed, and where that ends, so does the
// period. The next one begins with a key frame, when that was made.
func TestDrought(t *testing.T) {
	const from, to = 6 * time.Second, 36 * time.Second
	for _, x := range []struct {
		name   string
		low    LowLatency
		dry    time.Duration // for how long after the last key frame pictures are listed, at least
		silent bool          // there is no sound
	}{
		{"listed", LowLatency{}, maxGOP - 3*time.Second, false},
		{"no sound", LowLatency{}, maxGOP - 3*time.Second, true},
		{"counted", LowLatency{PartDuration: 200 * time.Millisecond}, time.Second, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 60, LowLatency: x.low})
			var key, back time.Duration // the last key frame before, the first after
			for p, err := range stream.Packets(streamtest.H264AAC().Loop(12)) {
				require.NoError(t, err)
				if p.Kind() == stream.KindVideo && p.Flags&stream.KeyFrame != 0 {
					switch {
					case p.DTS < from:
						key = p.DTS
					case p.DTS < to:
						q := *p
						q.Flags &^= stream.KeyFrame
						p = &q
					case back == 0:
						back = p.DTS
					}
				}
				if p.Kind() == stream.KindVideo || !x.silent {
					m.write(p, 0)
				}
			}
			require.Len(t, m.c.line.periods, 2, "%s", m.text())
			before, after := m.c.line.periods[0], m.c.line.periods[1]
			require.GreaterOrEqual(t, before.at(before.end)-key, x.dry)
			require.LessOrEqual(t, before.at(before.end)-key, maxGOP)
			require.InDelta(t, back.Seconds(), after.start.Seconds(), 0.2)
			for _, r := range after.reps {
				require.True(t, r.sap)
				require.InDelta(t, back.Seconds(), r.segments[0].start.Seconds(), 0.1)
			}
			for _, r := range before.reps {
				for i, s := range r.segments[1:] {
					require.Equal(t, r.segments[i].number+1, s.number)
				}
			}
			listed := m.parsed().Periods[0]
			require.InDelta(t, before.at(before.end).Seconds(), listed.Attrs.seconds(t, "duration").Seconds(), 0.1, "players do not wait for more")
			require.Len(t, listed.Sets, len(before.reps))
		})
	}
}

// TestDroughtWithoutPictures: where pictures end for good in it, the sound goes on.
func TestDroughtWithoutPictures(t *testing.T) {
	m := newMaker(t, Vhost{Enabled: true, Fragment: time.Second, WindowSize: 10})
	for p, err := range stream.Packets(streamtest.H264AAC().Loop(12)) {
		require.NoError(t, err)
		if p.Kind() == stream.KindVideo {
			if p.DTS >= 40*time.Second {
				continue
			}
			q := *p
			if p.DTS >= 6*time.Second {
				q.Flags &^= stream.KeyFrame
			}
			p = &q
		}
		m.write(p, 0)
	}
	x := m.parsed().Periods
	require.Len(t, x[len(x)-1].Sets, 1, "%s", m.text())
	require.Equal(t, "audio", x[len(x)-1].Sets[0].Reps[0].Attrs.get("id"))
	require.Greater(t, m.c.line.depth(), 5*time.Second)
}
