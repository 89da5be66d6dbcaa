package stream

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var statsTracks = &Tracks{List: []Track{{ID: 0, Codec: H264}, {ID: 1, Codec: AAC}}}

// feedSeconds writes seconds of 25 frames and 50 audio packets each, a key frame a second.
func feedSeconds(t *testing.T, p *Publisher, from, seconds int, ahead time.Duration) {
	t.Helper()
	for i := from * 50; i < (from+seconds)*50; i++ {
		at := time.Duration(i) * 20 * time.Millisecond
		require.NoError(t, p.WritePacket(&Packet{Tracks: statsTracks, Track: 1, DTS: at + ahead, PTS: at + ahead, Payload: make([]byte, 100)}))
		if i%2 == 0 {
			pkt := &Packet{Tracks: statsTracks, DTS: at, PTS: at, Payload: make([]byte, 1000)}
			if i%50 == 0 {
				pkt.Flags = KeyFrame
			}
			require.NoError(t, p.WritePacket(pkt))
		}
	}
}

func TestStats(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(context.Background())
	ctx := context.Background()
	k := Key{DefaultVhost, "live", "s"}
	conn, err := h.Connect(ctx, Request{Key: Key{Vhost: DefaultVhost, App: "live"}})
	require.NoError(t, err)
	conn.SetReceived(3073)
	conn.AddSent(3073)
	pub, err := h.Publish(ctx, Request{Key: k, Conn: conn})
	require.NoError(t, err)
	play, err := h.Play(ctx, Request{Key: k})
	require.NoError(t, err)
	feedSeconds(t, pub, 0, 10, 0)
	conn.SetReceived(3073 + 400_000)
	conn.AddSent(17)
	pkt, err := play.ReadPacket()
	require.NoError(t, err)

	s := pub.Stream().Stats()
	require.Equal(t, 1, s.Viewers)
	require.EqualValues(t, 250, s.Frames)
	require.EqualValues(t, 750, s.Packets)
	require.EqualValues(t, 10, s.KeyFrames)
	require.Equal(t, time.Second, s.KeyInterval)
	require.InDelta(t, 0, s.AVOffset.Seconds(), 0.03)
	require.EqualValues(t, 400_000, s.Received, "what the connection brought since the publication began")
	require.EqualValues(t, len(pkt.Payload)+17, s.Sent)

	require.EqualValues(t, 400_000, pub.Session.Stats().Received)
	require.EqualValues(t, 17, pub.Session.Stats().Sent)
	q := play.Session().Stats()
	require.EqualValues(t, 1, q.Packets)
	require.EqualValues(t, len(pkt.Payload), q.Sent)
	require.Greater(t, q.Queue, 500*time.Millisecond, "it has read one packet of the last GOP")
	all := h.Stats()
	require.Equal(t, []int{1, 2, 1}, []int{all.Streams, all.Clients, all.Publishers})

	require.NoError(t, play.CloseCause(errors.New("lost")))
	require.NoError(t, pub.Close(nil))
	conn.Close(nil)
	all = h.Stats()
	require.Equal(t, 0, all.Clients)
	require.EqualValues(t, 2, all.TotalClients)
	require.EqualValues(t, 1, all.FailedClients)
	require.EqualValues(t, 400_000, all.Received)
	require.EqualValues(t, len(pkt.Payload)+17, all.Sent)
	vhosts := h.Vhosts()
	require.Len(t, vhosts, 1)
	require.Equal(t, DefaultVhost, vhosts[0].Name)
	require.EqualValues(t, 400_000, vhosts[0].Received)
	require.EqualValues(t, 400_000, pub.Stream().Stats().Received, "what ended still counts")
}

func TestAVOffset(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(context.Background())
	h.SetSettings(func(Key) (Settings, error) { return Settings{Jitter: JitterOff}, nil })
	pub, err := h.Publish(context.Background(), Request{Key: Key{DefaultVhost, "live", "s"}})
	require.NoError(t, err)
	feedSeconds(t, pub, 0, 20, 300*time.Millisecond)
	require.InDelta(t, 0.3, pub.Stream().Stats().AVOffset.Seconds(), 0.05)
}

func TestTrafficRates(t *testing.T) {
	start := time.Now()
	var tr traffic
	at := func(s int, received uint64) Traffic {
		return tr.measure(received, 0, start, start.Add(time.Duration(s)*time.Second))
	}
	require.InDelta(t, 8000, at(5, 5000).Received30s, 1, "from the start while there is nothing older")
	for s := 10; s <= 60; s += 5 {
		at(s, uint64(s)*1000)
	}
	got := at(65, 60_000) // nothing more
	require.Less(t, got.Received30s, 8000.0)
	for s := 70; s <= 120; s += 5 {
		got = at(s, 60_000)
	}
	require.Zero(t, got.Received30s)
	require.InDelta(t, 4000, got.Received5m, 100, "60 kB in 120 s")
	require.Zero(t, at(121, 10).Received30s, "totals never count backwards")
}

// TestOpenStage: on a connection gates are asked twice, and give back what they hold.
func TestOpenStage(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(context.Background())
	var stages []Action
	held := make(chan struct{}, 8)
	h.AddGate(GateFunc(func(_ context.Context, s *Session) error {
		stages = append(stages, s.Action)
		context.AfterFunc(s.Context(), func() { held <- struct{}{} })
		return nil
	}))
	refuse := false
	h.AddGate(GateFunc(func(_ context.Context, s *Session) error {
		if refuse && s.Action == ActionPlay {
			return &DeniedError{}
		}
		return nil
	}))
	ctx := context.Background()
	k := Key{DefaultVhost, "live", "s"}
	c, err := h.Connect(ctx, Request{})
	require.NoError(t, err)
	p, err := h.Publish(ctx, Request{Key: k, Conn: c})
	require.NoError(t, err)
	require.Equal(t, []Action{ActionConnect, ActionOpen, ActionPublish}, stages)
	require.Equal(t, ActionPublish, p.Action)
	refuse, stages = true, nil
	_, err = h.Play(ctx, Request{Key: k})
	require.Error(t, err)
	require.Equal(t, []Action{ActionPlay}, stages, "no connection, no such stage")
	<-held
	require.NoError(t, p.Close(nil))
	<-held
	<-held
}

// TestSessionID: what a gate saw as a session's id stays it, also for those that ask for one id at the
// same time.
func TestSessionID(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(context.Background())
	const many = 3
	var both sync.WaitGroup
	both.Add(many)
	var seen sync.Map
	h.AddGate(GateFunc(func(_ context.Context, s *Session) error {
		seen.Store(s, s.ID)
		both.Done()
		both.Wait()
		return nil
	}))
	sessions := make(chan *Session, many)
	for range many {
		go func() {
			s, err := h.View(context.Background(), Request{ID: "mine", Key: Key{DefaultVhost, "live", "s"}})
			assert.NoError(t, err)
			sessions <- s
		}()
	}
	ids := map[string]bool{}
	for range many {
		s := <-sessions
		before, _ := seen.Load(s)
		require.Equal(t, before, s.ID)
		ids[s.ID] = true
	}
	require.Len(t, ids, many)
	require.Contains(t, ids, "mine")
	require.Empty(t, h.reserved)
}
