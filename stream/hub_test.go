package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testTracks = &Tracks{List: []Track{{ID: 0, Codec: H264, Config: []byte{1}}, {ID: 1, Codec: AAC, Config: []byte{2}}}}

// lineEncoder writes S at the start, T per track set and P + key + DTS ms per packet.
type lineEncoder struct{}

func (lineEncoder) AppendStart(dst []byte) []byte { return append(dst, 'S') }
func (lineEncoder) AppendTracks(dst []byte, t *Tracks, at time.Duration) []byte {
	return append(dst, 'T')
}
func (lineEncoder) AppendPacket(dst []byte, p *Packet) []byte {
	k := byte('P')
	if p.Key() {
		k = 'K'
	}
	dst = append(dst, k)
	dst = binary.BigEndian.AppendUint32(dst, uint32(p.DTS.Milliseconds()))
	return append(dst, p.Payload...)
}

var lineFormat = &Format{Name: "line", New: func() Encoder { return lineEncoder{} }}

func video(ms int, key bool) *Packet {
	p := &Packet{Tracks: testTracks, Track: 0, DTS: time.Duration(ms) * time.Millisecond, PTS: time.Duration(ms) * time.Millisecond, Payload: []byte("v")}
	if key {
		p.Flags = KeyFrame
	}
	return p
}

func audio(ms int) *Packet {
	return &Packet{Tracks: testTracks, Track: 1, DTS: time.Duration(ms) * time.Millisecond, PTS: time.Duration(ms) * time.Millisecond, Payload: []byte("a")}
}

type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// words reads the sink's bytes back: S, T, K10, P20v …
func (s *sink) words() (w []string) {
	b := []byte(s.String())
	for len(b) > 0 {
		switch b[0] {
		case 'S', 'T':
			w = append(w, string(b[:1]))
			b = b[1:]
		default:
			w = append(w, string(b[:1])+time.Duration(int(binary.BigEndian.Uint32(b[1:5]))*1e6).String()+string(b[5:6]))
			b = b[6:]
		}
	}
	return w
}

func closeHub(t *testing.T, h *Hub) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		require.NoError(t, h.Close(ctx))
	})
}

var key = Key{DefaultVhost, "live", "x"}

func TestServeStartsAtKeyFrame(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	for i := range 10 {
		require.NoError(t, pub.WritePacket(video(i*40, i%5 == 0)))
		require.NoError(t, pub.WritePacket(audio(i*40)))
	}
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pl.Close()
	var out sink
	done := make(chan error, 1)
	go func() { done <- pl.Serve(&out, lineFormat) }()
	require.Eventually(t, func() bool { return len(out.words()) == 12 }, time.Second, time.Millisecond)
	require.Equal(t, []string{"S", "T", "K200msv", "P200msa", "P240msv"}, out.words()[:5])
	require.NoError(t, pub.WritePacket(video(400, true)))
	require.NoError(t, pub.Close(nil))
	require.NoError(t, <-done)
	require.Equal(t, "K400msv", out.words()[12])
	require.Equal(t, 13, len(out.words()))
	require.EqualValues(t, 1, h.Stream(key).Stats().Viewers)
}

func TestPersistentPlayerSeesNextPublication(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	pl, err := h.Play(t.Context(), Request{Key: key, Persist: true})
	require.NoError(t, err)
	defer pl.Close()
	var out sink
	done := make(chan error, 1)
	go func() { done <- pl.Serve(&out, lineFormat) }()
	time.Sleep(20 * time.Millisecond)
	for range 3 {
		pub, err := h.Publish(t.Context(), Request{Key: key})
		require.NoError(t, err)
		for i := range 3 {
			require.NoError(t, pub.WritePacket(video(i*40, i == 0)))
		}
		require.NoError(t, pub.Close(nil))
	}
	assert.Eventually(t, func() bool { return len(out.words()) == 11 }, time.Second, time.Millisecond)
	// The later publications begin at 0 too and continue the timeline.
	require.Equal(t, []string{"S", "T", "K0sv", "P40msv", "P80msv", "K100msv", "P140msv", "P180msv", "K200msv", "P240msv", "P280msv"}, out.words())
	pl.Session().Kick(nil)
	require.ErrorIs(t, <-done, ErrKicked)
}

func TestReadPacket(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	got := make(chan int)
	go func() {
		n := 0
		for _, err := range Packets(pl) {
			if err != nil {
				panic(err)
			}
			n++
		}
		got <- n
	}()
	time.Sleep(10 * time.Millisecond)
	for i := range 100 {
		require.NoError(t, pub.WritePacket(video(i*40, i%25 == 0)))
	}
	pub.Close(nil)
	require.Equal(t, 100, <-got)
	pl.Close()
	_, err = pl.ReadPacket()
	require.Error(t, err)
}

func TestConflict(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	set := Settings{Conflict: Refuse}
	h.SetSettings(func(Key) (Settings, error) { return set, nil })
	a, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	_, err = h.Publish(t.Context(), Request{Key: key})
	require.ErrorIs(t, err, ErrBusy)

	set = Settings{Conflict: TakeOver}
	b, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	require.ErrorIs(t, a.WritePacket(video(0, true)), ErrTakenOver)
	require.ErrorIs(t, a.Err(), ErrTakenOver)

	set = Settings{Silence: 200 * time.Millisecond}
	c, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err, "b has been silent")
	require.ErrorIs(t, b.Err(), ErrTakenOver)
	go func() {
		for c.WritePacket(audio(0)) == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err = h.Publish(t.Context(), Request{Key: key})
	require.ErrorIs(t, err, ErrBusy)
	c.Close(nil)
}

func TestGateRefuses(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	remove := h.AddGate(GateFunc(func(_ context.Context, s *Session) error {
		return &DeniedError{Public: "no " + s.Action.String(), Err: errors.New("secret reason")}
	}))
	_, err := h.Play(t.Context(), Request{Key: key})
	var denied *DeniedError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, "no play", denied.Public)
	_, err = h.Connect(t.Context(), Request{})
	require.Error(t, err)
	remove()
	c, err := h.Connect(t.Context(), Request{})
	require.NoError(t, err)
	c.Close(nil)
	n := 0
	for range h.Sessions() {
		n++
	}
	require.Zero(t, n)
	require.Nil(t, h.Stream(key))
}

func TestSlowTCPViewer(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	h.SetSettings(func(Key) (Settings, error) {
		return Settings{Stall: 300 * time.Millisecond, Flush: Flush{Mode: FlushEach}}, nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	srv, err := l.Accept()
	require.NoError(t, err)
	defer srv.Close()
	require.NoError(t, srv.(*net.TCPConn).SetWriteBuffer(64<<10))
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pl.Close()
	done := make(chan error, 1)
	go func() { done <- pl.Serve(srv, lineFormat) }()
	big := bytes.Repeat([]byte("x"), 100_000)
	for i := 0; ; i++ {
		p := video(i*40, true)
		p.Payload = big
		require.NoError(t, pub.WritePacket(p))
		select {
		case err := <-done:
			require.ErrorIs(t, err, ErrSlow)
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestIdleAndUnusedStreams(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	h.SetSettings(func(Key) (Settings, error) {
		return Settings{FirstPacket: 100 * time.Millisecond, Linger: time.Millisecond}, nil
	})
	for i := range 1000 {
		pl, err := h.Play(t.Context(), Request{Key: Key{"", "live", string(rune(i))}})
		require.NoError(t, err)
		pl.Close()
	}
	for range h.Streams() {
		t.Fatal("a stream that was only asked for is left")
	}
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	<-pub.Context().Done()
	require.ErrorIs(t, pub.Err(), ErrIdle)
	require.Eventually(t, func() bool { return h.Stream(key) == nil }, 5*time.Second, 10*time.Millisecond)
}

func TestEncoderPanicEndsItsWireAlone(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	bad := &Format{Name: "bad", New: func() Encoder { return badEncoder{} }}
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pl.Close()
	good, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer good.Close()
	done := make(chan error, 2)
	go func() { done <- pl.Serve(&sink{}, bad) }()
	var out sink
	go func() { done <- good.Serve(&out, lineFormat) }()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, pub.WritePacket(video(0, true)))
	require.ErrorContains(t, <-done, "panicked")
	require.NoError(t, pub.WritePacket(video(40, false)))
	pub.Close(nil)
	require.NoError(t, <-done)
	require.Len(t, out.words(), 4)
}

type badEncoder struct{ lineEncoder }

func (badEncoder) AppendPacket([]byte, *Packet) []byte { panic("bad") }

var _ io.Writer = &sink{}

func TestSettingsReachLiveStreams(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pub.Close(nil)
	require.NoError(t, pub.WritePacket(video(0, true)))
	h.SetSettings(func(Key) (Settings, error) {
		return Settings{NoCache: true, Flush: Flush{Mode: FlushWindow, Window: time.Second}}, nil
	})
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pl.Close()
	go func() {
		_ = pub.WritePacket(video(40, false))
		time.Sleep(20 * time.Millisecond)
		_ = pub.WritePacket(video(80, true))
	}()
	p, err := pl.ReadPacket()
	require.NoError(t, err)
	require.Equal(t, 80*time.Millisecond, p.DTS, "without a cache a player waits for the next key frame")
	require.Equal(t, time.Second, h.Stream(key).flush.window)
}

func TestWaitingPlayerGetsAudioBeforeTheFirstPicture(t *testing.T) {
	h := NewHub(HubConfig{})
	closeHub(t, h)
	pl, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer pl.Close()
	var out sink
	done := make(chan error, 1)
	go func() { done <- pl.Serve(&out, lineFormat) }()
	time.Sleep(20 * time.Millisecond)
	pub, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	for _, p := range []*Packet{audio(0), audio(23), video(40, true), audio(46)} {
		require.NoError(t, pub.WritePacket(p))
	}
	late, err := h.Play(t.Context(), Request{Key: key})
	require.NoError(t, err)
	defer late.Close()
	p, err := late.ReadPacket()
	require.NoError(t, err)
	require.True(t, p.Key(), "who comes later begins at the key frame")
	pub.Close(nil)
	require.NoError(t, <-done)
	require.Equal(t, []string{"S", "T", "P0sa", "P23msa", "K40msv", "P46msa"}, out.words())
}
