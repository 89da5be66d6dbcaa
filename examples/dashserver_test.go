package examples

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// What is published over RTMP is described by a manifest for low latency, and its segments can be fetched:
// also the one that is being made, as it grows.
func dashserver(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr)
	publish(t, "rtmp://"+rtmpAddr+"/live/livestream", streamtest.H264AAC())

	base := "http://" + httpAddr + "/live/livestream"
	eventually(t, "there is a manifest", func() bool {
		res, err := http.Get(base + ".mpd")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	require.Contains(t, string(get(t, base+".mpd")), `availabilityTimeOffset="0.8"`)
	for _, name := range []string{"video", "audio"} {
		require.Equal(t, "ftyp", string(get(t, base+"/"+name+"-init.mp4")[4:8]))
		for _, number := range []string{"0", "1"} {
			require.Equal(t, "styp", string(get(t, base+"/"+name+"-"+number+".m4s")[4:8]))
		}
	}
}
