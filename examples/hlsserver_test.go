package examples

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// What is published over RTMP is listed as HLS with low latency: a master playlist, the playlists of its
// tracks, and in those segments and parts that can be fetched.
func hlsserver(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr)
	publish(t, "rtmp://"+rtmpAddr+"/live/livestream", streamtest.H264AAC())

	base := "http://" + httpAddr + "/live/"
	eventually(t, "there is a playlist", func() bool {
		res, err := http.Get(base + "livestream.m3u8")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	master := string(get(t, base+"livestream.m3u8"))
	tracks := regexp.MustCompile(`livestream\.[av]1\.m3u8\?[^"\n]*`).FindAllString(master, -1)
	require.Len(t, tracks, 2, master)
	for _, track := range tracks {
		list := string(get(t, base+track))
		require.Contains(t, list, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES")
		init := regexp.MustCompile(`#EXT-X-MAP:URI="([^"]*)"`).FindStringSubmatch(list)
		require.NotNil(t, init, list)
		require.Equal(t, "ftyp", string(get(t, base+init[1])[4:8]))
		part := regexp.MustCompile(`#EXT-X-PART:.*URI="([^"]*)"`).FindStringSubmatch(list)
		require.NotNil(t, part, list)
		require.NotEmpty(t, get(t, base+part[1]))
		for line := range strings.Lines(list) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				require.NotEmpty(t, get(t, base+line))
			}
		}
	}
}
