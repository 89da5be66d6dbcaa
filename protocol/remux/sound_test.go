package remux_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol/remux"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestFastCache: who comes gets the sound from so far back, the first one too, and nothing of the
// publication before.
func TestFastCache(t *testing.T) {
	for _, cache := range []time.Duration{500 * time.Millisecond, time.Hour} {
		r := newRig(t, flv.Remux{FastCache: cache})
		for round := range 2 {
			all, sound := markedSound(byte(round))
			last := sound[len(sound)-1].DTS
			p := r.publish(t, "a")
			for i, pkt := range all {
				require.NoError(t, p.WritePacket(pkt))
				if i == 5 {
					time.Sleep(500 * time.Millisecond) // the cache begins while the first pictures are there
				}
			}
			begin := slices.IndexFunc(sound, func(p *stream.Packet) bool { return p.DTS >= last-cache })
			for range 2 {
				in := over1(t, r, "/live/a.aac")
				got := frame(t, in)
				i := slices.IndexFunc(sound, func(p *stream.Packet) bool { return bytes.Equal(p.Payload, got) })
				if cache > last { // sound before the first picture may be there or not
					require.True(t, i >= 0 && sound[i].DTS < 100*time.Millisecond, "round %d: begins with %d", round, i)
				} else {
					require.Equal(t, begin, i, "round %d", round)
				}
				for _, want := range sound[i+1 : len(sound)-1] {
					require.Equal(t, want.Payload, frame(t, in), "cache %v, round %d, %v", cache, round, want.DTS)
				}
				_ = in.Close()
			}
			require.NoError(t, p.Close(nil))
		}
	}
}

// markedSound gives a clip whose sound is told from that of others by its first byte.
func markedSound(mark byte) (all, sound []*stream.Packet) {
	for _, p := range streamtest.H264AAC().Packets() {
		q := *p
		if q.Kind() == stream.KindAudio {
			q.Payload = append([]byte{mark}, p.Payload...)
			sound = append(sound, &q)
		}
		all = append(all, &q)
	}
	return all, sound
}

// frame reads an ADTS frame and gives its payload.
func frame(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var h [7]byte
	_, err := io.ReadFull(r, h[:])
	require.NoError(t, err)
	b := make([]byte, int(h[3]&3)<<11|int(h[4])<<3|int(h[5]>>5)-len(h))
	_, err = io.ReadFull(r, b)
	require.NoError(t, err)
	return b
}

// TestNoCache: who listens does not wait for a picture.
func TestNoCache(t *testing.T) {
	r := newRig(t, flv.Remux{})
	r.hub.SetSettings(func(stream.Key) (stream.Settings, error) { return stream.Settings{NoCache: true}, nil })
	p := r.publish(t, "a")
	all := streamtest.H264AAC().Packets()
	next := 0
	for ; next < 10; next++ {
		require.NoError(t, p.WritePacket(all[next]))
	}
	got := make(chan error, 1)
	go func() {
		resp, err := http.Get("http://" + r.addr + "/live/a.aac")
		if err == nil {
			_, err = io.ReadFull(resp.Body, make([]byte, 100))
			_ = resp.Body.Close()
		}
		got <- err
	}()
	for ; ; next++ {
		require.False(t, all[next].Key(), "a key frame came first")
		require.NoError(t, p.WritePacket(all[next]))
		select {
		case err := <-got:
			require.NoError(t, err)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// encoder gives what makes the bytes of an extension.
func encoder(t testing.TB, ext string, tracks *stream.Tracks) stream.Encoder {
	t.Helper()
	f, err := remux.Formats()[ext].New(&flv.Remux{}, tracks)
	require.NoError(t, err)
	return f.New()
}

// TestSoundTracks: one track is played, the default one if it fits, as long as it is there.
func TestSoundTracks(t *testing.T) {
	first := stream.Track{ID: 1, Codec: stream.AAC, Config: []byte{0x12, 0x10}}
	second := stream.Track{ID: 2, Codec: stream.AAC, Config: []byte{0x11, 0x90}, Default: true}
	other := stream.Track{ID: 3, Codec: stream.MP3, Default: true}
	strange := stream.Track{ID: 4, Codec: stream.AAC, Config: []byte{0xf9, 0x46, 0x40}, Default: true} // USAC
	for _, x := range []struct {
		list []stream.Track
		want int
	}{
		{[]stream.Track{first}, 0}, {[]stream.Track{first, second}, 1}, {[]stream.Track{other, first}, 1},
		{[]stream.Track{strange, first}, 1}, {[]stream.Track{strange}, -1}, {[]stream.Track{other}, -1}, {nil, -1},
	} {
		tracks := &stream.Tracks{List: x.list}
		_, err := remux.Formats()[".aac"].New(&flv.Remux{}, tracks)
		require.Equal(t, x.want < 0, errors.Is(err, stream.ErrUnsupported))
		e := encoder(t, ".aac", &stream.Tracks{List: []stream.Track{first}}) // the tracks have changed since
		for i := range x.list {
			b := e.AppendPacket(nil, &stream.Packet{Tracks: tracks, Track: i, Payload: []byte{1, 2, 3}})
			require.Equal(t, i == x.want, len(b) == 10, "%v: %d", x.list, i)
		}
	}
	tracks := &stream.Tracks{List: []stream.Track{first}}
	e := encoder(t, ".aac", tracks)
	for size, want := range map[int]int{0: 0, 1: 8, 1<<13 - 8: 1<<13 - 1, 1<<13 - 7: 0} {
		require.Len(t, e.AppendPacket(nil, &stream.Packet{Tracks: tracks, Payload: make([]byte, size)}), want)
	}
	require.Empty(t, e.AppendPacket(nil, &stream.Packet{Tracks: tracks, Track: stream.Data, Codec: stream.AMF, Payload: []byte{1}}))
}

func BenchmarkSound(b *testing.B) {
	for ext, clip := range map[string]*streamtest.Clip{".aac": streamtest.AACOnly(), ".mp3": streamtest.MP3Only()} {
		b.Run(ext[1:], func(b *testing.B) {
			all := clip.Packets()
			e := encoder(b, ext, all[0].Tracks)
			dst := make([]byte, 0, 64<<10)
			require.Zero(b, testing.AllocsPerRun(10, func() { e.AppendPacket(dst, all[0]) }))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e.AppendPacket(dst, all[i%len(all)])
			}
		})
	}
}
