package stream

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBegin: a reader from within gets a publication from its beginning, and nothing of the one before,
// which another reader still holds.
func TestBegin(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(context.Background())
	key := Key{Vhost: "v", App: "a", Name: "s"}
	first, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	s := first.Stream()
	slow := s.Open(t.Context(), Begin)
	defer slow.Close()
	require.NoError(t, first.WritePacket(video(0, true)))
	_, err = slow.ReadPacket()
	require.NoError(t, err)
	require.NoError(t, first.WritePacket(video(40, false)))
	require.NoError(t, first.Close(nil))

	second, err := h.Publish(t.Context(), Request{Key: key})
	require.NoError(t, err)
	for i := range 3 { // before the first key frame of this publication
		require.NoError(t, second.WritePacket(video(i*40, i == 2)))
	}
	whole := s.Open(t.Context(), Begin)
	defer whole.Close()
	for i := range 3 {
		p, err := whole.ReadPacket()
		require.NoError(t, err)
		require.Equal(t, i == 2, p.Key(), i)
	}
	require.NoError(t, second.Close(nil))
	_, err = whole.ReadPacket()
	require.ErrorIs(t, err, io.EOF)
	_, err = slow.ReadPacket()
	require.NoError(t, err)
	_, err = slow.ReadPacket()
	require.ErrorIs(t, err, io.EOF)
}

// TestBeginLate: what came after Open is there, however late it is read.
func TestBeginLate(t *testing.T) {
	h := NewHub(HubConfig{})
	defer h.Close(context.Background())
	pub, err := h.Publish(t.Context(), Request{Key: Key{Vhost: "v", App: "a", Name: "s"}})
	require.NoError(t, err)
	p := pub.Stream().Open(t.Context(), Begin)
	defer p.Close()
	for i := range 4 {
		require.NoError(t, pub.WritePacket(video(i*40, true)))
	}
	require.NoError(t, pub.Close(nil))
	for range 4 {
		_, err := p.ReadPacket()
		require.NoError(t, err)
	}
	_, err = p.ReadPacket()
	require.ErrorIs(t, err, io.EOF)
}
