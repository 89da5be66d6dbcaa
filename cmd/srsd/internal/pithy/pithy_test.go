package pithy

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/srsgo/srs/cmd/srsd/internal/apply"
	"github.com/srsgo/srs/cmd/srsd/internal/srslog"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// buffer is what lines go to; the printer has its own goroutine.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// take gives what came since the last call.
func (b *buffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.b.Reset()
	return b.b.String()
}

type source struct{}

func (source) Interval() time.Duration { return 10 * time.Second }

func (source) Vhost(string) apply.Pithy {
	return apply.Pithy{
		ReadWindow: 350 * time.Millisecond, WriteWindow: 350 * time.Millisecond, WriteMessages: 8,
		FirstPacket: 20 * time.Second, NextPacket: time.Minute,
	}
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := stream.NewHub(stream.HubConfig{})
		hub.SetSettings(func(stream.Key) (stream.Settings, error) { return stream.Settings{Idle: time.Minute}, nil })
		var b buffer
		p := Start(hub, slog.New(srslog.New(&b, srslog.Options{ID: "process0"})), source{})
		k := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "a"}
		pub, err := hub.Publish(t.Context(), stream.Request{Key: k, Protocol: "rtmp"})
		require.NoError(t, err)
		var players []*stream.Player
		for _, protocol := range []string{"rtmp", "rtmp", "flv"} {
			pl, err := hub.Play(t.Context(), stream.Request{Key: k, Protocol: protocol})
			require.NoError(t, err)
			players = append(players, pl)
		}
		source := streamtest.H264AAC().Source()
		for pkt, err := source.ReadPacket(); err == nil; pkt, err = source.ReadPacket() {
			require.NoError(t, pub.WritePacket(pkt))
		}
		sent := pub.Session.Stats()
		take := func() []string {
			b.take()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			pub.Touch()
			return strings.Split(strings.TrimSpace(regexp.MustCompile(`(?m)^\[[^]]*\]\[INFO\]\[\d+\]`).ReplaceAllString(b.take(), "")), "\n")
		}
		pub.Touch()
		lines := take()
		require.Len(t, lines, 4, "one of a kind")
		require.Equal(t, fmt.Sprintf("[%s] <- CPB time=10000000, okbps=0,0,0, ikbps=%d,0,0, mr=0/350, p1stpt=20000, pnt=60000",
			pub.ID, sent.Bytes*8/10_000), lines[0])
		require.Regexp(t, `^\[\w{8}\] -> PLA time=10000000, msgs=0, okbps=0,0,0, ikbps=0,0,0, mw=350/8$`, lines[1])
		require.Equal(t, "["+players[2].Session().ID+"] -> HTS http: got 0 msgs, age=10000000, min=8, mw=350", lines[2])
		require.Regexp(t, `^\[process0\] Hybrid cpu=\d+\.\d\d%,\d+MB$`, lines[3])

		next := take()
		require.NotEqual(t, lines[1][:10], next[1][:10], "they take turns")
		require.Equal(t, lines[1][:10], take()[1][:10])
		for _, pl := range players {
			_ = pl.Close()
		}
		_ = pub.Close(nil)
		require.Len(t, take(), 1)
		require.Empty(t, p.seen)
		p.Stop()
		require.NoError(t, hub.Close(t.Context()))
	})
}

func TestRate(t *testing.T) {
	now := time.Unix(0, 0)
	r := rate{window: 30 * time.Second, since: now}
	r.update(now.Add(29*time.Second), 1000)
	require.Zero(t, r.kbps)
	r.update(now.Add(30*time.Second), 3_750_000)
	require.Equal(t, 1000, r.kbps)
	r.update(now.Add(31*time.Second), 9_000_000)
	require.Equal(t, 1000, r.kbps)
	r.update(now.Add(60*time.Second), 3_750_000)
	require.Zero(t, r.kbps)
	require.Zero(t, kbps(1000, 0))
	require.True(t, strings.HasPrefix((&usage{}).update(now), "cpu=0.00%,"))
}
