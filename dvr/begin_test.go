package dvr

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// TestBegin: a recording has its publication's first packets, also where the recorder begins after the
// last one: after several key frames, and when the publication is over.
func TestBegin(t *testing.T) {
	clip := streamtest.H264AAC()
	for _, over := range []bool{false, true} {
		r := newRig(t, Vhost{})
		next, late, asked := r.config(Vhost{Enabled: true, Path: "[stream].flv"}), make(chan struct{}), atomic.Bool{}
		settings := next.Vhost
		next.Vhost = func(name string) Vhost {
			if asked.Load() {
				<-late // so does every recorder
			}
			return settings(name)
		}
		r.module.cfg.Store(&next)
		r.Hub().Observe(func(e stream.Event) { // is told after the module
			if e.Type == stream.EventPublish {
				asked.Store(true)
			}
		})
		pub := r.begin(t, live)
		for _, p := range clip.Packets() {
			require.NoError(t, pub.WritePacket(p))
		}
		if over {
			require.NoError(t, pub.Close(nil))
		}
		close(late)
		require.Eventually(t, func() bool { return lines(r, "msg=recording ") == 1 }, patience, time.Millisecond)
		require.NoError(t, pub.Close(nil))
		x := r.wait(t, 1)[0]
		require.Zero(t, x.Gaps)
		streamtest.Equal(t, clip.Packets(), readAll(t, x.File, clip.Tracks()), streamtest.Compare{Tolerance: time.Millisecond})
	}
}
