package rtc_test

import (
	"bytes"
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
	front  net.PacketConn
	server net.Addr

	mu     sync.Mutex
	back   net.PacketConn
	left   []net.PacketConn // that were back
	stray  int              // datagrams that came to one of those
	down   int              // to the client
	rand   *rand.Rand
	client net.Addr
	flying sync.WaitGroup
}

// relay opens one.
func (r *rig) relay(x path) *relay {
	r.t.Helper()
	y := &relay{path: x, server: r.module.Addrs()[0], rand: rand.New(rand.NewPCG(7, 11))}
	y.front = packets(r.t)
	y.flying.Go(func() { y.pass(y.front, true) })
	y.move(r.t)
	r.t.Cleanup(func() {
		_ = y.front.Close()
		y.mu.Lock()
		for _, pc := range append(y.left, y.back) {
			_ = pc.Close()
		}
		y.mu.Unlock()
		y.flying.Wait()
	})
	return y
}

// eip is what a request says that the client is to send to the relay.
func (y *relay) eip() string { return fmt.Sprintf("eip=%s", y.front.LocalAddr()) }

// packets opens a socket.
func packets(t testing.TB) net.PacketConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	return pc
}

// move has the client come from another address. What is sent to the one before is lost.
func (y *relay) move(t testing.TB) {
	t.Helper()
	back := packets(t)
	y.mu.Lock()
	if y.back != nil {
		y.left = append(y.left, y.back)
	}
	y.back = back
	y.mu.Unlock()
	y.flying.Go(func() { y.pass(back, false) })
}

// strays gives how many datagrams came to addresses that the client has left.
func (y *relay) strays() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.stray
}

// carried gives how many datagrams came for the client.
func (y *relay) carried() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.down
}

// pass carries datagrams in one direction.
func (y *relay) pass(from net.PacketConn, up bool) {
	b := make([]byte, 2048)
	for {
		n, addr, err := from.ReadFrom(b)
		if err != nil {
			return
		}
		y.mu.Lock()
		to, dst := y.back, y.server
		if up {
			y.client = addr
		} else {
			to, dst = y.front, y.client
			y.down++
			if from != y.back {
				y.stray++
				dst = nil
			}
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
			relay := r.relay(x)
			r.publish(clip)
			p := r.newPeer(webrtc.NetworkTypeUDP4)
			got := p.receive()
			p.connect(whep(relay.eip()))
			streamtest.Equal(t, looped(t, clip, stream.KindVideo, 8), got.media(t, clip, stream.KindVideo, 100), loose)
		})
	}
}

// TestPublishLossy: likewise for those who publish. A picture is not waited for for ever, and those that follow
// it until a key frame, which this client makes none of when it is asked, are left out: few are.
func TestPublishLossy(t *testing.T) {
	for name, x := range paths {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clip := newRig(t, rtc.Config{}), streamtest.H264Opus()
			p := r.newPeer(webrtc.NetworkTypeUDP4)
			s := p.send(clip)
			p.connect(whip(r.relay(x).eip()))
			s.run(t)
			mostOf(t, looped(t, clip, stream.KindVideo, 16), r.record(250)[stream.KindVideo])
		})
	}
}

// mostOf tells whether got are packets of want, in their order, most of them from the first on.
func mostOf(t testing.TB, want, got []*stream.Packet) {
	t.Helper()
	at, missing := 0, 0
	for i, p := range got {
		from := at
		for at < len(want) && !bytes.Equal(want[at].Payload, p.Payload) {
			at++
		}
		require.Less(t, at, len(want), "packet %d is none of those that were sent, or comes too late", i)
		if i > 0 {
			missing += at - from
		}
		at++
	}
	require.Less(t, missing, len(got)/3)
}
