package remux_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
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
