package rtmp_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/srsgo/srs/protocol/amf"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// TestClientServer takes each clip through the server by both clients.
func TestClientServer(t *testing.T) {
	streamtest.CheckLeaks(t)
	s := runServer(t, serverConfig{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, clip := range streamtest.Clips() {
		t.Run(clip.Name, func(t *testing.T) {
			url := "rtmp://" + s.addr + "/live/" + clip.Name
			pub, err := rtmp.DialPublish(ctx, url, nil)
			require.NoError(t, err)
			play, err := rtmp.DialPlay(ctx, url, &rtmp.ClientConfig{ConnectArgs: []amf.Field{{Name: "srs_id", Value: "x"}}})
			require.NoError(t, err)
			require.NoError(t, stream.Copy(pub, clip.Source()))
			want := clip.Packets()
			last := want[len(want)-1]
			stop := time.AfterFunc(10*time.Second, func() { _ = play.Close() })
			defer stop.Stop()
			var got []*stream.Packet
			for ended := false; !ended; {
				q, err := play.ReadPacket()
				require.NoError(t, err)
				got = append(got, q)
				ended = q.Kind() == last.Kind() && bytes.Equal(q.Payload, last.Payload) && q.DTS >= last.DTS
			}
			require.NoError(t, pub.Close())
			require.NoError(t, play.Close())
			_, relayed := clip.Tracks().List[0].Codec.FLV()
			streamtest.Equal(t, want, got, streamtest.Compare{AnyStart: true, AnyConfig: relayed})
		})
	}
	t.Run("busy", func(t *testing.T) {
		url := "rtmp://" + s.addr + "/live/busy"
		first, err := rtmp.DialPublish(ctx, url, nil)
		require.NoError(t, err)
		defer first.Close()
		live, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- streamtest.Publish(live, first, streamtest.AACOnly().Loop(0), 1) }()
		_, err = rtmp.DialPublish(ctx, url, &rtmp.ClientConfig{NoFCPublish: true})
		require.ErrorIs(t, err, stream.ErrBusy)
		stop()
		require.ErrorIs(t, <-done, context.Canceled, "the first goes on")
	})
}
