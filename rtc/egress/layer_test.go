package egress

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// link is a path of a certain rate to a viewer that tells how its packets arrive.
type link struct {
	peer *fakePeer
	rate float64 // bits a second
	free time.Time
	told int // packets of the peer's that were told of
	fb   uint8
}

// feedback makes transport-wide feedback on what has arrived; nil if nothing has.
func (l *link) feedback(now time.Time) []byte {
	const id, step = 3, 250 * time.Microsecond
	var arrivals []time.Time
	var first uint16
	all := l.peer.of(videoSSRC)
	for _, x := range all[l.told:] {
		b := x.GetExtension(id)
		if b == nil { // from before it was judged
			l.told++
			continue
		}
		at := l.free
		if x.at.After(at) {
			at = x.at
		}
		at = at.Add(time.Duration(float64(8*len(x.raw)) / l.rate * 1e9))
		if at.After(now) {
			break
		}
		if len(arrivals) == 0 {
			first = binary.BigEndian.Uint16(b)
		}
		l.free = at
		l.told++
		arrivals = append(arrivals, at)
	}
	if len(arrivals) == 0 {
		return nil
	}
	ref := arrivals[0].UnixMilli() / 64
	b := []byte{2<<6 | fmtTransportCC, rtcpTransport, 0, 0, 0, 0, 0, 1, 0, 0, 0, videoSSRC}
	b = binary.BigEndian.AppendUint16(b, first)
	b = binary.BigEndian.AppendUint16(b, uint16(len(arrivals)))
	b = append(b, byte(ref>>16), byte(ref>>8), byte(ref), l.fb)
	b = binary.BigEndian.AppendUint16(b, 2<<13|uint16(len(arrivals)))
	last := time.UnixMilli(ref * 64)
	for _, at := range arrivals {
		n := at.Sub(last) / step
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		last = last.Add(n * step)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	l.fb++
	return b
}

// publishLayers publishes pictures of 25 a second, in layers of certain rates, with a key frame each second
// and when one was asked for.
func publishLayers(t *testing.T, pub *stream.Publisher, ask <-chan struct{}, d time.Duration, each func(), rates ...int) {
	t.Helper()
	ts := &stream.Tracks{}
	for i := range rates {
		ts.List = append(ts.List, stream.Track{ID: i + 1, Codec: stream.VP8, Layer: i})
	}
	at := time.Duration(0)
	if p := pub.Stream().Stats(); p.Frames > 0 {
		at = time.Duration(p.Frames/uint64(len(rates))) * 40 * time.Millisecond
	}
	for end := at + d; at < end; at += 40 * time.Millisecond {
		key := at%time.Second == 0
		select {
		case <-ask:
			key = true
		default:
		}
		for i, r := range rates {
			p := &stream.Packet{Tracks: ts, Track: i, DTS: at, PTS: at, Payload: make([]byte, r/25/8)}
			p.Payload[0], p.Payload[1] = 1, byte(i)
			if key {
				p.Flags, p.Payload[0] = stream.KeyFrame, 0
			}
			require.NoError(t, pub.WritePacket(p))
		}
		time.Sleep(40 * time.Millisecond)
		each()
	}
}

// layersOf gives the layers of the frames that came, in order, without repetitions.
func (p *fakePeer) layersOf(t *testing.T, from int) (all []byte) {
	t.Helper()
	for _, b := range p.frames(t, videoSSRC, stream.VP8, nil)[from:] {
		if n := len(all); n == 0 || all[n-1] != b[1] {
			all = append(all, b[1])
		}
	}
	return all
}

// TestLayers: a viewer gets the best layer that its path carries, is changed at key frames, with
// consecutive numbers and rising timestamps, and is tried with a better one from time to time.
func TestLayers(t *testing.T) {
	for _, x := range []struct {
		name string
		rate float64 // of the path
		best byte    // layer that it carries
	}{
		{"wide", 20e6, 2},
		{"narrow", 700e3, 1},
		{"narrowest", 250e3, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, SenderConfig{})
				pub := r.publish(t)
				ask := make(chan struct{}, 1)
				v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) {
					c.Audio, c.Video = nil, videoMedia(stream.VP8)
					c.KeyFrame = func() {
						select {
						case ask <- struct{}{}:
						default:
						}
					}
				})
				defer v.Close()
				l := &link{peer: peer, rate: x.rate}
				n := 0
				tell := func() {
					if n++; n%3 == 0 {
						if b := l.feedback(time.Now()); b != nil {
							v.RTCP(b, time.Now())
						}
					}
				}
				rates := []int{150e3, 500e3, 1500e3}
				publishLayers(t, pub, ask, 10*time.Second, tell, rates...)
				half := len(peer.frames(t, videoSSRC, stream.VP8, nil))
				publishLayers(t, pub, ask, 30*time.Second, tell, rates...)
				synctest.Wait()
				frames := peer.frames(t, videoSSRC, stream.VP8, nil)
				require.InDelta(t, 40*25, len(frames), 25, "each moment has a picture")
				count := map[byte]int{}
				for _, b := range frames[half:] {
					count[b[1]]++
				}
				require.Greater(t, count[x.best], (len(frames)-half)*2/3, "%v, in order %v", count, peer.layersOf(t, 0))
				got := peer.of(videoSSRC)
				for i := 1; i < len(got); i++ {
					d := int32(got[i].Timestamp - got[i-1].Timestamp)
					require.True(t, d > 0 && got[i-1].Marker || d == 0 && !got[i-1].Marker, "packet %d: %d", i, d)
				}
				require.NoError(t, pub.Close(nil))
			})
		})
	}
}

// TestLayersClimb: a viewer whose path was narrow for a while gets the best layer back soon after: what had failed
// then does not delay the next layer when the one below it holds now.
func TestLayersClimb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		ask := make(chan struct{}, 1)
		v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) {
			c.Audio, c.Video = nil, videoMedia(stream.VP8)
			c.KeyFrame = func() {
				select {
				case ask <- struct{}{}:
				default:
				}
			}
		})
		defer v.Close()
		l, n := &link{peer: peer, rate: 20e6}, 0
		tell := func() {
			if n++; n%3 == 0 {
				if b := l.feedback(time.Now()); b != nil {
					v.RTCP(b, time.Now())
				}
			}
		}
		run := func(rate float64, d time.Duration) byte {
			l.rate = rate
			publishLayers(t, pub, ask, d, tell, 150e3, 500e3, 1500e3)
			synctest.Wait()
			all := peer.layersOf(t, 0)
			return all[len(all)-1]
		}
		require.EqualValues(t, 2, run(20e6, 10*time.Second))
		require.EqualValues(t, 0, run(400e3, 12*time.Second))
		took := time.Duration(0)
		for run(20e6, time.Second) != 2 {
			took += time.Second
			require.Less(t, took, 20*time.Second, "layers %v", peer.layersOf(t, 0))
		}
		require.NoError(t, pub.Close(nil))
	})
}

// TestLayerGone: a layer that is no longer sent is left.
func TestLayerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) { c.Audio, c.Video = nil, videoMedia(stream.VP8) })
		defer v.Close()
		publishLayers(t, pub, nil, 10*time.Second, func() {}, 150e3, 500e3)
		publishLayers(t, pub, nil, 10*time.Second, func() {}, 150e3)
		synctest.Wait()
		all := peer.layersOf(t, 0)
		require.EqualValues(t, 0, all[len(all)-1], "%v", all)
		require.Contains(t, all, byte(1))
		require.NoError(t, pub.Close(nil))
	})
}

// TestLayerStart: the first viewer, before whom nobody knew the layers' rates, gets the best one soon.
func TestLayerStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, SenderConfig{})
		pub := r.publish(t)
		publishLayers(t, pub, nil, 3*time.Second, func() {}, 1500e3, 500e3, 150e3)
		v, peer := r.view(t, pub.Stream(), func(c *ViewerConfig) { c.Audio, c.Video = nil, videoMedia(stream.VP8) })
		defer v.Close()
		publishLayers(t, pub, nil, 4*time.Second, func() {}, 1500e3, 500e3, 150e3)
		synctest.Wait()
		frames := peer.frames(t, videoSSRC, stream.VP8, nil)
		require.Greater(t, len(frames), 80)
		for _, b := range frames[75:] {
			require.EqualValues(t, 0, b[1])
		}
		require.NoError(t, pub.Close(nil))
	})
}
