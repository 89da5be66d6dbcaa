package egress

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/wire"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// nullPeer counts.
type nullPeer struct{ n *atomic.Int64 }

func (p nullPeer) AppendRTP(*wire.Batch, []byte, []byte) error { p.n.Add(1); return nil }
func (p nullPeer) WriteRTCP([]byte) error                      { return nil }

// crowd is many viewers of a stream, and a clip without end for them.
type crowd struct {
	sent    atomic.Int64
	viewers []*Viewer
	pub     *stream.Publisher
	src     stream.Source
}

func newCrowd(t testing.TB, n int) *crowd {
	hub := stream.NewHub(stream.HubConfig{})
	pub, err := hub.Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: "v", App: "a", Name: "s"}})
	require.NoError(t, err)
	c := &crowd{pub: pub, src: streamtest.H264Opus().Loop(0)}
	s := NewSender(SenderConfig{NewBatch: func() *wire.Batch { return new(wire.Batch) }, Burst: -1, Ride: -1})
	for range n {
		v, err := s.View(ViewerConfig{Stream: pub.Stream(), Audio: audioMedia(), Video: videoMedia(stream.H264), Peer: nullPeer{&c.sent}})
		require.NoError(t, err)
		c.viewers = append(c.viewers, v)
	}
	t.Cleanup(func() {
		for _, v := range c.viewers {
			v.Close()
		}
		require.NoError(t, hub.Close(context.Background()))
	})
	return c
}

// write publishes a packet and waits until the viewers have it.
func (c *crowd) write(t testing.TB) {
	p, err := c.src.ReadPacket()
	require.NoError(t, err)
	before := c.sent.Load()
	require.NoError(t, c.pub.WritePacket(p))
	for c.sent.Load() < before+int64(len(c.viewers)) {
		runtime.Gosched()
	}
}

// begin waits until all viewers have begun.
func (c *crowd) begin(t testing.TB) {
	time.Sleep(2 * settle)
	for c.sent.Load() == 0 {
		p, err := c.src.ReadPacket()
		require.NoError(t, err)
		require.NoError(t, c.pub.WritePacket(p))
		time.Sleep(time.Millisecond)
	}
	c.write(t)
}

// TestAllocations: a packet costs memory once, however many viewers it has.
func TestAllocations(t *testing.T) {
	const viewers = 200
	c := newCrowd(t, viewers)
	c.begin(t)
	n := testing.AllocsPerRun(500, func() { c.write(t) })
	require.Less(t, n, viewers/10.)
}

// BenchmarkViewers gives what a packet to one of 1,000 viewers costs, without encryption and sending.
func BenchmarkViewers(b *testing.B) {
	c := newCrowd(b, 1000)
	c.begin(b)
	b.ReportAllocs()
	sent := c.sent.Load()
	for b.Loop() {
		c.write(b)
	}
	n := float64(c.sent.Load() - sent)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/packet")
}
