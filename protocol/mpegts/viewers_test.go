package mpegts

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// viewer is a stream.Writer that keeps what it gets.
type viewer struct {
	mu sync.Mutex
	b  []byte
}

func (v *viewer) Write(b []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.b = append(v.b, b...)
	return len(b), nil
}

func (v *viewer) SetWriteDeadline(time.Time) error { return nil }

func (v *viewer) bytes() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return bytes.Clone(v.b)
}

// TestViewers: all viewers of a stream share its bytes, begin where they come, and each
// gets a stream that is right in itself, over a change of tracks too.
func TestViewers(t *testing.T) {
	for _, clips := range [][]*streamtest.Clip{
		{streamtest.H264AAC(), streamtest.H264Resize(), streamtest.HEVCAAC()},
		{streamtest.AACOnly(), streamtest.AACOnly(), streamtest.MP3Only()},
	} {
		hub := stream.NewHub(stream.HubConfig{})
		defer hub.Close(t.Context())
		key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: clips[0].Name}
		pub, err := hub.Publish(t.Context(), stream.Request{Key: key})
		require.NoError(t, err)
		var viewers []*viewer
		var done sync.WaitGroup
		var sent []*stream.Packet
		at := time.Duration(0)
		join := func() {
			v := &viewer{}
			viewers = append(viewers, v)
			pl, err := hub.Play(t.Context(), stream.Request{Key: key})
			require.NoError(t, err)
			done.Go(func() {
				defer pl.Close()
				require.NoError(t, pl.Serve(v, NewFormat(false, false)))
			})
			require.Eventually(t, func() bool { return len(v.bytes()) > 0 }, 30*time.Second, time.Millisecond)
		}
		for _, clip := range clips {
			for i, p := range clip.Packets() {
				q := *p
				q.DTS, q.PTS = p.DTS+at, p.PTS+at
				sent = append(sent, &q)
				require.NoError(t, pub.WritePacket(&q))
				if i%61 == 60 {
					join()
				}
			}
			at += clip.Duration()
		}
		require.NoError(t, pub.Close(nil))
		done.Wait()
		for i, v := range viewers {
			c := checked(t, v.bytes())
			require.Equal(t, []uint16{pidPAT, pidPMT}, c.first[:2])
			got := read(t, bytes.NewReader(v.bytes()))
			require.NotEmpty(t, got)
			first := slices.IndexFunc(got, func(p *stream.Packet) bool { return p.Key() || !p.Tracks.Has(stream.KindVideo) && p == got[0] })
			start := slices.IndexFunc(sent, func(p *stream.Packet) bool {
				return p.Kind() == got[first].Kind() && p.DTS+Lead == got[first].DTS
			})
			require.GreaterOrEqual(t, start, 0)
			streamtest.Equal(t, sent[start:], got, streamtest.Compare{Tolerance: time.Second / hz})
			require.Zero(t, got[0].Flags&stream.Discontinuity, i)
		}
	}
}

// TestJoinedLate: the stream that a viewer joins may have had many maps before.
func TestJoinedLate(t *testing.T) {
	wire := &Encoder{}
	clip := streamtest.H264AAC()
	wire.AppendTracks(nil, streamtest.AACOnly().Tracks(), 0)
	wire.AppendTracks(nil, streamtest.H264MP3().Tracks(), 0)
	var b []byte
	joined := false
	for i, p := range clip.Packets() {
		if b = wire.AppendPacket(b, p); i > 50 && p.Key() && !joined {
			joined = true
			e := &Encoder{}
			b = e.AppendTracks(e.AppendStart(nil), p.Tracks, p.DTS)
			b = wire.AppendPacket(b, p)
		}
	}
	c := checked(t, b)
	require.Equal(t, byte(0), c.versions[0])
	require.Len(t, c.versions, 2)
	require.NotZero(t, c.jumps)
}
