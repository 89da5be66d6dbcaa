package examples

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// The application refuses publishers and players of each protocol, and hears of all others in SRS's
// order, by HTTP as by functions.
func callbacks(t *testing.T, program string) {
	for name, args := range map[string][]string{"http": nil, "functions": {"-functions"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			callbacksOf(t, program, args)
		})
	}
}

func callbacksOf(t *testing.T, program string, args []string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	out := start(t, program, append(args, "-key", "secret", "-rtmp", rtmpAddr, "-http", httpAddr)...)
	url, ctx := "rtmp://"+rtmpAddr+"/live/", bounded(t)
	heard := regexp.MustCompile(`(?m)^on_\w+.*$`)
	mark := 0
	// hears waits until the application has heard so much since it was asked last.
	hears := func(want ...string) {
		t.Helper()
		var list []string
		eventually(t, strings.Join(want, ", "), func() bool {
			list = heard.FindAllString(out.String(), -1)[mark:]
			return len(list) >= len(want)
		})
		mark += len(list)
		for i := range list {
			list[i], _, _ = strings.Cut(list[i], " ")
		}
		require.Equal(t, want, list)
	}
	denied := func(err error) {
		t.Helper()
		var e *stream.DeniedError
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.Public, "Refused by on_p")
	}

	_, err := retry(t, func() (*rtmp.PublishConn, error) { return rtmp.DialPublish(ctx, url+"a?key=wrong", nil) })
	denied(err)
	hears("on_connect", "on_publish", "on_close")
	p, err := rtmp.DialPlay(ctx, url+"private", nil)
	if err == nil { // told as the answer to play was
		_, err = p.ReadPacket()
		_ = p.Close()
	}
	denied(err)
	hears("on_connect", "on_play", "on_close")
	_, err = flv.Pull(ctx, "http://"+httpAddr+"/live/private.flv", nil)
	require.ErrorContains(t, err, "403")
	hears("on_play")

	clip := streamtest.H264AAC()
	stop := publish(t, url+"a?key=secret", clip)
	hears("on_connect", "on_publish")
	streamtest.Equal(t, rounds(t, clip), playRTMP(t, url+"a", time.Second), late)
	hears("on_connect", "on_play", "on_stop", "on_close")
	streamtest.Equal(t, rounds(t, clip), playFLV(t, "http://"+httpAddr+"/live/a.flv", time.Second), late)
	hears("on_play", "on_stop")
	stop()
	hears("on_unpublish", "on_close")
}
