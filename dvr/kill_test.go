package dvr

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// killed names the directory in which TestKilled is the process that is killed.
const killed = "DVR_TEST_KILLED"

// TestKilled: of a recording whose process is killed at most a part is lost.
func TestKilled(t *testing.T) {
	clip := streamtest.H264AAC()
	if dir := os.Getenv(killed); dir != "" {
		m := New(Config{Vhost: func(string) Vhost { return Vhost{Enabled: true, Path: dir + "/[stream]" + os.Getenv(killed+"_EXT")} }})
		s := protocol.NewServer(protocol.Config{}, m)
		require.NoError(t, s.Start(context.Background()))
		pub, err := s.Hub().Publish(context.Background(), stream.Request{Key: live})
		require.NoError(t, err)
		_ = streamtest.Publish(context.Background(), pub, clip.Loop(0), 40)
		return
	}
	for _, ext := range []string{".mp4", ".flv", ".ts"} {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			temp := filepath.Join(dir, "av"+ext+".tmp")
			c := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.timeout=1m")
			c.Env = append(os.Environ(), killed+"="+dir, killed+"_EXT="+ext)
			require.NoError(t, c.Start())
			size := func() int64 {
				if info, err := os.Stat(temp); err == nil {
					return info.Size()
				}
				return 0
			}
			grown := false
			for end := time.Now().Add(patience); !grown && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				grown = size() > 150<<10 // some seconds
			}
			require.NoError(t, c.Process.Kill())
			_ = c.Wait() // it says that it was killed
			require.True(t, grown)

			old := time.Now().Add(-time.Hour)
			require.NoError(t, os.Chtimes(temp, old, old))
			r := newRigIn(t, dir, Vhost{Enabled: true, Path: "[stream]" + ext})
			x := r.wait(t, 1)[0]
			require.True(t, x.Recovered)
			require.Equal(t, []string{"av" + ext}, r.names(t))
			got := readAll(t, x.File, clip.Tracks())
			var want []*stream.Packet
			for p, err := range stream.Packets(clip.Loop(0)) {
				require.NoError(t, err)
				if want = append(want, p); p.DTS > x.Duration+2*time.Second {
					break
				}
			}
			streamtest.Equal(t, want, got, streamtest.Compare{AnyEnd: true, AnyConfig: true, FreeSync: ext == ".mp4", Tolerance: 25 * time.Millisecond})
			decodes(t, x.File)
		})
	}
}
