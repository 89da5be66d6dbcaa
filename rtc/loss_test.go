package rtc_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// path is what a network does to datagrams, in both directions.
type path struct {
	loss          float64
	delay, jitter time.Duration
}

// relay is a bad network between one client and the server.
type relay struct {
	path
	front, back net.PacketConn
	server      net.Addr

	mu     sync.Mutex
	rand   *rand.Rand
	client net.Addr
	flying sync.WaitGroup
}

// relay opens one, and gives the port that the client is to send to.
func (r *rig) relay(x path) int {
	r.t.Helper()
	y := &relay{path: x, server: r.module.Addrs()[0], rand: rand.New(rand.NewPCG(7, 11))}
	var err error
	y.front, err = net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(r.t, err)
	y.back, err = net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(r.t, err)
	y.flying.Add(2)
	go y.pass(y.front, y.back, true)
	go y.pass(y.back, y.front, false)
	r.t.Cleanup(func() {
		_ = y.front.Close()
		_ = y.back.Close()
		y.flying.Wait()
	})
	return y.front.LocalAddr().(*net.UDPAddr).Port
}

// pass carries datagrams in one direction.
func (y *relay) pass(from, to net.PacketConn, up bool) {
	defer y.flying.Done()
	b := make([]byte, 2048)
	for {
		n, addr, err := from.ReadFrom(b)
		if err != nil {
			return
		}
		y.mu.Lock()
		dst := y.server
		if up {
			y.client = addr
		} else {
			dst = y.client
		}
		lost, late := y.rand.Float64() < y.loss, y.delay
		if y.jitter > 0 {
			late += time.Duration(y.rand.Int64N(int64(y.jitter)))
		}
		y.mu.Unlock()
		if lost || dst == nil {
			continue
		}
		data := append([]byte(nil), b[:n]...)
		y.flying.Add(1)
		time.AfterFunc(late, func() {
			defer y.flying.Done()
			_, _ = to.WriteTo(data, dst)
		})
	}
}

var paths = map[string]path{
	"5 percent":        {loss: 0.05},
	"10 percent":       {loss: 0.10},
	"5 percent, far":   {loss: 0.05, delay: 100 * time.Millisecond},
	"5 percent, mixed": {loss: 0.05, jitter: 100 * time.Millisecond},
}

// TestPlayLossy: over a network that loses and mixes datagrams all pictures arrive.
func TestPlayLossy(t *testing.T) {
	for name, x := range paths {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
			port := r.relay(x)
			r.publish(clip)
			p := r.newPeer(webrtc.NetworkTypeUDP4)
			got := p.receive()
			p.connect(whep(fmt.Sprintf("eip=127.0.0.1:%d", port)))
			streamtest.Equal(t, looped(t, clip, stream.KindVideo, 8), got.media(t, clip, stream.KindVideo, 100), loose)
		})
	}
}

// TestPublishLossy: likewise for those who publish.
func TestPublishLossy(t *testing.T) {
	for name, x := range paths {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
			p := r.newPeer(webrtc.NetworkTypeUDP4)
			s := p.send(clip)
			p.connect(whip(fmt.Sprintf("eip=127.0.0.1:%d", r.relay(x))))
			s.run(t)
			got := r.record(250)
			streamtest.Equal(t, looped(t, clip, stream.KindVideo, 8), got[stream.KindVideo], inOrder)
		})
	}
}
