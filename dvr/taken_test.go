package dvr

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// TestLeftBehind: what a process that was killed has left under a name does not hinder the next
// publication, and is completed under it in its time.
func TestLeftBehind(t *testing.T) {
	clip := streamtest.H264AAC()
	for _, exists := range []Exists{Refuse, Replace, Number} {
		dir := t.TempDir()
		b, _ := unfinished(t, ".mp4", clip.Packets())
		left := filepath.Join(dir, "av.mp4.tmp")
		require.NoError(t, os.WriteFile(left, b, 0o600))
		young := time.Now().Add(time.Hour) // not taken for unfinished yet
		require.NoError(t, os.Chtimes(left, young, young))
		v := Vhost{Enabled: true, Path: "[stream].mp4", Exists: exists}
		r := newRigIn(t, dir, v)
		r.publish(t, live, clip.Packets()...)
		x := r.wait(t, 1)[0]
		require.Equal(t, "av-1.mp4", x.Name)
		require.Equal(t, []string{"av-1.mp4", "av.mp4.tmp"}, r.names(t))
		r.stop(t)

		old := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(left, old, old))
		r = newRigIn(t, dir, v)
		require.Equal(t, "av.mp4", r.wait(t, 1)[0].Name)
		require.Equal(t, []string{"av-1.mp4", "av.mp4"}, r.names(t))
	}
}

// TestTakenMeanwhile: a recording whose name another file has by its end is numbered.
func TestTakenMeanwhile(t *testing.T) {
	clip := streamtest.H264AAC()
	for _, ext := range []string{".flv", ".mp4", ".ts"} {
		r := newRig(t, Vhost{Enabled: true, Path: "[stream]" + ext})
		pub := r.begin(t, live)
		for _, p := range clip.Packets() {
			require.NoError(t, pub.WritePacket(p))
		}
		require.Eventually(t, func() bool { return len(r.module.Recordings()) == 1 }, patience, time.Millisecond)
		other := filepath.Join(r.dir, "av"+ext)
		require.NoError(t, os.WriteFile(other, []byte("mine"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(r.dir, "av-1"+ext), nil, 0o600))
		require.NoError(t, pub.Close(nil))
		x := r.wait(t, 1)[0]
		require.Equal(t, "av-2"+ext, x.Name)
		require.Equal(t, filepath.Join(r.dir, x.Name), x.File)
		require.ElementsMatch(t, []string{"av" + ext, "av-1" + ext, "av-2" + ext}, r.names(t))
		b, err := os.ReadFile(other)
		require.NoError(t, err)
		require.Equal(t, "mine", string(b))
		streamtest.Equal(t, clip.Packets(), readAll(t, x.File, clip.Tracks()),
			streamtest.Compare{AnyConfig: true, FreeSync: true, Tolerance: 2 * time.Millisecond})
	}
}

// TestRecoverTwice: a process was killed between the making of a plain MP4 and the deletion of its
// fragments: that is no second recording.
func TestRecoverTwice(t *testing.T) {
	dir := t.TempDir()
	b, _ := unfinished(t, ".mp4", streamtest.H264AAC().Packets())
	old := time.Now().Add(-time.Hour)
	for range 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "av.mp4.tmp"), b, 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, "av.mp4.tmp"), old, old))
		r := newRigIn(t, dir, Vhost{Enabled: true, Path: "[stream].mp4"})
		r.wait(t, 1)
		require.Equal(t, []string{"av.mp4"}, r.names(t))
		r.stop(t)
	}
}
