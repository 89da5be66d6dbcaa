package flv

import (
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// viewers opens n players on raw connections, and reads the beginning from each.
func viewers(t testing.TB, r *rig, n int) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	for i := range all {
		c, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, "GET /live/av.flv HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n")
		require.NoError(t, err)
		all[i] = c
	}
	b := make([]byte, 512)
	for _, c := range all {
		_, err := io.ReadFull(c, b)
		require.NoError(t, err)
	}
	return all
}

// TestSharedBytes holds that what is allocated per packet does not grow with the number
// of viewers.
func TestSharedBytes(t *testing.T) {
	perPacket := func(n int) float64 {
		r := newRig(t, Config{})
		f := r.publish(t, liveKey, streamtest.H264AAC())
		for _, c := range viewers(t, r, n) {
			go func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c}) }()
		}
		p := *f.all[0]
		p.Payload = make([]byte, 2000)
		p.DTS = time.Second
		run := func(packets int) {
			for range packets {
				q := p
				p.DTS += 10 * time.Millisecond
				p.PTS = p.DTS
				require.NoError(t, f.pub.WritePacket(&q))
				time.Sleep(200 * time.Microsecond)
			}
		}
		run(100)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run(500)
		runtime.ReadMemStats(&after)
		f.finish()
		return float64(after.TotalAlloc-before.TotalAlloc) / 500
	}
	one, fifty := perPacket(1), perPacket(50)
	t.Logf("%.0f bytes a packet for one viewer, %.0f for fifty", one, fifty)
	require.Less(t, fifty, one+2000, "one more allocation of a packet's size would be 98,000 bytes")
}

// TestMemory tells what a viewer costs, in a process that holds both ends. FLV_VIEWERS
// says how many there are: the more, the less what ran before matters.
func TestMemory(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FLV_VIEWERS"))
	if n == 0 {
		n = 50
	}
	r := newRig(t, Config{})
	f := r.publish(t, liveKey, streamtest.H264AAC())
	viewers(t, r, 10)
	settle := func() {
		for range 3 {
			runtime.GC()
			time.Sleep(100 * time.Millisecond)
		}
	}
	settle()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rss := resident(t)
	all := viewers(t, r, n)
	for range 5 {
		f.write()
		time.Sleep(50 * time.Millisecond)
	}
	peak := resident(t)
	settle()
	runtime.ReadMemStats(&after)
	t.Logf("per viewer, a test's client included: heap %d, stacks %d, RSS %d bytes, %d after collection",
		(after.HeapAlloc-before.HeapAlloc)/uint64(n), (after.StackInuse-before.StackInuse)/uint64(n),
		(peak-rss)/n, (resident(t)-rss)/n)
	t.Logf("goroutines: %d", runtime.NumGoroutine())
	require.Less(t, (after.HeapAlloc-before.HeapAlloc)/uint64(n), uint64(64<<10), "heap of a viewer and its test's client")
	runtime.KeepAlive(all)
}

func resident(t testing.TB) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc")
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	require.NoError(t, err)
	return n * os.Getpagesize()
}
