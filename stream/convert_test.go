package stream_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// relabel is a converter that says of sound that it is AAC, and counts how often it was asked to.
type relabel struct {
	mu   sync.Mutex
	made int
	ends int
	fail bool
}

func (r *relabel) To(from stream.Track, accept []stream.Codec) (stream.Codec, bool) {
	return accept[0], from.Codec == stream.Opus
}

func (r *relabel) New(to stream.Codec, dst stream.Sink) stream.Sink {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	return &relabelSink{r: r, to: to, dst: dst}
}

type relabelSink struct {
	r   *relabel
	to  stream.Codec
	dst stream.Sink
	in  *stream.Tracks
	out *stream.Tracks
}

func (s *relabelSink) WritePacket(p *stream.Packet) error {
	if s.r.fail {
		panic("broken")
	}
	if p.Tracks != s.in {
		s.in, s.out = p.Tracks, &stream.Tracks{Meta: p.Tracks.Meta}
		for _, t := range p.Tracks.List {
			if t.Codec == stream.Opus {
				t.Codec = s.to
			}
			s.out.List = append(s.out.List, t)
		}
	}
	q := *p
	q.Tracks = s.out
	return s.dst.WritePacket(&q)
}

func (s *relabelSink) Close() error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.ends++
	return nil
}

// codecFormat writes the codec of each packet.
type codecFormat struct{}

func (codecFormat) AppendStart(b []byte) []byte { return b }
func (codecFormat) AppendTracks(b []byte, _ *stream.Tracks, _ time.Duration) []byte {
	return b
}

func (codecFormat) AppendPacket(b []byte, p *stream.Packet) []byte {
	return append(b, p.Info().Codec.String()+" "...)
}

var codecs = &stream.Format{Name: "codecs", New: func() stream.Encoder { return codecFormat{} }}

// bufferWriter is a viewer's connection.
type bufferWriter struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *bufferWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *bufferWriter) SetWriteDeadline(time.Time) error { return nil }

func (w *bufferWriter) contains(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.b.Bytes(), []byte(s))
}

func (w *bufferWriter) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Reset()
}

// TestAccept: viewers get sound that they can play, converted once for all of them and only while they
// are there; others get what is published.
func TestAccept(t *testing.T) {
	conv := &relabel{}
	hub := stream.NewHub(stream.HubConfig{})
	defer func() { require.NoError(t, hub.Close(context.Background())) }()
	hub.SetSettings(func(stream.Key) (stream.Settings, error) {
		return stream.Settings{Convert: conv, Linger: time.Millisecond}, nil
	})
	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "sound"}
	play := func(accept ...stream.Codec) (*stream.Player, *bufferWriter, chan error) {
		p, err := hub.Play(context.Background(), stream.Request{Key: key, Persist: true})
		require.NoError(t, err)
		p.Accept(accept...)
		w, done := &bufferWriter{}, make(chan error, 1)
		go func() { done <- p.Serve(w, codecs) }()
		return p, w, done
	}
	early, earlyOut, earlyDone := play(stream.AAC, stream.MP3)
	publish := func(clip *streamtest.Clip) (stop func()) {
		pub, err := hub.Publish(context.Background(), stream.Request{Key: key})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = streamtest.Publish(ctx, pub, clip.Loop(0), 10)
		}()
		return func() { cancel(); <-done; require.NoError(t, pub.Close(nil)) }
	}
	stop := publish(streamtest.H264Opus())
	late, lateOut, lateDone := play(stream.AAC)
	plain, plainOut, plainDone := play()
	shows := func(w *bufferWriter, codec string) {
		t.Helper()
		require.Eventually(t, func() bool { return w.contains(codec) }, time.Minute, time.Millisecond)
	}
	for _, w := range []*bufferWriter{earlyOut, lateOut} {
		shows(w, "AAC")
		shows(w, "H264")
		require.False(t, w.contains("Opus"))
	}
	shows(plainOut, "Opus")
	require.Equal(t, 1, hub.Stats().Streams, "the converted one does not show")
	require.Equal(t, 3, hub.Stream(key).Stats().Viewers)
	require.Equal(t, 1, conv.made)

	// The next publication may have sound that can be played, and the one after that not.
	stop()
	stop = publish(streamtest.H264AAC())
	shows(plainOut, "AAC")
	fresh, freshOut, freshDone := play(stream.AAC)
	shows(freshOut, "AAC")
	stop()
	stop = publish(streamtest.H264Opus())
	plainOut.reset()
	shows(plainOut, "Opus")
	freshOut.reset()
	shows(freshOut, "AAC")
	require.False(t, freshOut.contains("Opus"))
	stop()
	for _, p := range []*stream.Player{early, late, plain, fresh} {
		require.NoError(t, p.Close())
	}
	for _, done := range []chan error{earlyDone, lateDone, plainDone, freshDone} {
		<-done
	}
	// What nobody reads is not made.
	require.Eventually(t, func() bool {
		conv.mu.Lock()
		defer conv.mu.Unlock()
		return hub.Stream(key) == nil && conv.ends == conv.made
	}, time.Minute, 10*time.Millisecond)
}

// TestConvertFails: a converter that breaks ends its viewers alone.
func TestConvertFails(t *testing.T) {
	hub := stream.NewHub(stream.HubConfig{})
	defer func() { require.NoError(t, hub.Close(context.Background())) }()
	conv := &relabel{fail: true}
	hub.SetSettings(func(stream.Key) (stream.Settings, error) { return stream.Settings{Convert: conv}, nil })
	key := stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "sound"}
	pub, err := hub.Publish(context.Background(), stream.Request{Key: key})
	require.NoError(t, err)
	p, err := hub.Play(context.Background(), stream.Request{Key: key})
	require.NoError(t, err)
	defer p.Close()
	p.Accept(stream.AAC)
	done := make(chan error, 1)
	go func() { done <- p.Serve(&bufferWriter{}, codecs) }()
	ctx, cancel := context.WithCancel(context.Background())
	fed := make(chan error, 1)
	go func() { fed <- streamtest.Publish(ctx, pub, streamtest.H264Opus().Loop(0), 10) }()
	require.ErrorContains(t, <-done, "broken")
	require.NoError(t, pub.Err())
	cancel()
	<-fed
	require.NoError(t, pub.Close(nil))
}
