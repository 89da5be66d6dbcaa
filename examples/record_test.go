package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// What was published over RTMP is an MP4 with both tracks once the publisher has left; while it is
// published the file has a name of its own.
func record(t *testing.T, program string) {
	rtmpAddr, dir := freeAddr(t), t.TempDir()
	out := start(t, program, "-rtmp", rtmpAddr, "-dir", dir)
	stop := publish(t, "rtmp://"+rtmpAddr+"/live/livestream", streamtest.H264AAC())
	eventually(t, "a part is on disk", func() bool {
		list, _ := filepath.Glob(dir + "/live/livestream.*.mp4.tmp")
		info, err := os.Stat(strings.Join(list, ""))
		return err == nil && info.Size() > 0
	})
	stop()
	eventually(t, "the recording is told of", func() bool { return strings.Contains(out.String(), "recorded "+dir) })
	list, err := filepath.Glob(dir + "/live/livestream.*")
	require.NoError(t, err)
	require.Len(t, list, 1)
	f, err := os.Open(list[0])
	require.NoError(t, err)
	defer f.Close()
	var p pmp4.Presentation
	require.NoError(t, p.Unmarshal(f))
	require.Len(t, p.Tracks, 2)
	for _, track := range p.Tracks {
		require.Greater(t, len(track.Samples), 20)
	}
}
