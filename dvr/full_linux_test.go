package dvr

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// TestDiskFull: a real disk that is full, and one that cannot be written to. Where none can be mounted
// (who is not root) TestTrouble stands for it.
func TestDiskFull(t *testing.T) {
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
				t.Logf("no disk of our own: %v", err)
				return
			}
			t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
			clip := streamtest.H264AAC()
			r := newRigIn(t, dir, Vhost{Enabled: true, Path: "[stream]-[seq]" + ext})
			pub := r.begin(t, live)
			done := make(chan error, 1)
			feed, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			go func() { done <- streamtest.Publish(feed, pub, clip.Loop(0), 40) }()
			x := r.wait(t, 1)[0] // what there was room for
			require.Eventually(t, func() bool { return lines(r, "recording stops") == 1 }, patience, time.Millisecond)
			require.NoError(t, pub.Err())
			require.Equal(t, ext == ".mp4", x.Fragmented, "there is no room for another copy")
			require.Greater(t, x.Duration, time.Second)
			copied := filepath.Join(t.TempDir(), "x"+ext) // ffmpeg has no business on a full disk
			b, err := os.ReadFile(x.File)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(copied, b, 0o600))
			decodes(t, copied)

			packets := pub.Stats().Packets
			require.Eventually(t, func() bool { return pub.Stats().Packets > packets+100 }, patience, time.Millisecond, "the stream does not go on")
			stop()
			<-done
			require.NoError(t, pub.Close(nil))
			require.Equal(t, 1, lines(r, "recording stops"))
			r.stop(t)
		})
	}
}

// TestReadOnly: nothing can be written from the beginning on.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, ""); err != nil {
		t.Logf("no disk of our own: %v", err)
		return
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	r := newRigIn(t, dir, Vhost{Enabled: true, Path: "[app]/[stream].mp4"})
	r.publish(t, live, streamtest.H264AAC().Packets()...)
	require.Eventually(t, func() bool { return lines(r, "recording stops") == 1 }, patience, time.Millisecond)
	require.Empty(t, r.names(t))
	r.stop(t)
}
