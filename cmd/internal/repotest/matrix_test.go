package repotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// matrixServer is a server with every protocol there is.
type matrixServer struct {
	*protocol.Server
	rtmp, http, post string
}

func newMatrixServer(t *testing.T) *matrixServer {
	s := &matrixServer{rtmp: freeAddr(t), http: freeAddr(t), post: freeAddr(t)}
	s.Server = protocol.NewServer(
		protocol.Config{HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{s.http}}}},
		rtmp.New(rtmp.Config{Listen: []string{s.rtmp}}),
		flv.New(flv.Config{Ingest: flv.Ingest{Listen: []string{s.post}}}),
	)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.Zero(t, s.Panics())
	})
	return s
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

type closer interface{ Close() error }

// inProcess is a publication without a protocol.
type inProcess struct{ *stream.Publisher }

func (p inProcess) Close() error { return p.Publisher.Close(nil) }

var ingests = map[string]func(*matrixServer, context.Context, string) (protocol.SinkCloser, error){
	"hub": func(s *matrixServer, ctx context.Context, name string) (protocol.SinkCloser, error) {
		p, err := s.Hub().Publish(ctx, stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name}})
		return inProcess{p}, err
	},
	"rtmp": func(s *matrixServer, ctx context.Context, name string) (protocol.SinkCloser, error) {
		return rtmp.DialPublish(ctx, "rtmp://"+s.rtmp+"/live/"+name, nil)
	},
	"post": func(s *matrixServer, ctx context.Context, name string) (protocol.SinkCloser, error) {
		return flv.Push(ctx, "http://"+s.post+"/live/"+name+".flv", nil)
	},
}

var egresses = map[string]func(*matrixServer, context.Context, string) (stream.Source, closer, error){
	"hub": func(s *matrixServer, ctx context.Context, name string) (stream.Source, closer, error) {
		p, err := s.Hub().Play(ctx, stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name}})
		return p, p, err
	},
	"rtmp": func(s *matrixServer, ctx context.Context, name string) (stream.Source, closer, error) {
		c, err := rtmp.DialPlay(ctx, "rtmp://"+s.rtmp+"/live/"+name, nil)
		return c, c, err
	},
	"http-flv": func(s *matrixServer, ctx context.Context, name string) (stream.Source, closer, error) {
		c, err := flv.Pull(ctx, "http://"+s.http+"/live/"+name+".flv", nil)
		return c, c, err
	},
}

// TestMatrix sends every clip, and files that an independent muxer made, through every
// ingest to every egress, and wants the same frames out as went in.
func TestMatrix(t *testing.T) {
	s := newMatrixServer(t)
	sources := map[string][]*stream.Packet{}
	for _, c := range streamtest.Clips() {
		sources[c.Name] = c.Packets()
	}
	files, err := filepath.Glob("../../../flv/testdata/*.flv")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		sources[strings.TrimSuffix(filepath.Base(f), ".flv")] = readFile(t, f)
	}
	for name, packets := range sources {
		for in, publish := range ingests {
			t.Run(name+"/"+in, func(t *testing.T) {
				t.Parallel()
				through(t, s, name+"-"+in, packets, publish)
			})
		}
	}
}

func readFile(t *testing.T, name string) (packets []*stream.Packet) {
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	for p, err := range stream.Packets(flv.NewReader(f)) {
		require.NoError(t, err)
		if p.Track != stream.Data {
			packets = append(packets, p)
		}
	}
	require.NotEmpty(t, packets)
	return packets
}

// through publishes packets in one way and plays them in all ways.
func through(t *testing.T, s *matrixServer, name string, packets []*stream.Packet,
	publish func(*matrixServer, context.Context, string) (protocol.SinkCloser, error)) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	type result struct {
		egress string
		got    []*stream.Packet
		err    error
	}
	results := make(chan result, len(egresses))
	for egress, play := range egresses {
		go func() {
			got, err := collect(ctx, s, name, len(packets), play)
			results <- result{egress, got, err}
		}()
	}
	require.Eventually(t, func() bool { // all wait for the first packet
		st := s.Hub().Stream(stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name})
		return st != nil && st.Stats().Viewers == len(egresses)
	}, 10*time.Second, 5*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	sink, err := publish(s, ctx, name)
	require.NoError(t, err)
	require.NoError(t, streamtest.Publish(ctx, sink, streamtest.Source(packets...), 20))
	require.NoError(t, sink.Close())
	for range egresses {
		r := <-results
		require.NoError(t, r.err, r.egress)
		// HTTP-FLV looks at the first packets before it answers, and then begins at the key frame.
		late := streamtest.Compare{AnyStart: r.egress == "http-flv"}
		// The clip leaves its relayed audio's first byte to the encoder.
		late.AnyConfig = strings.HasPrefix(name, streamtest.FLV1Speex().Name)
		require.NoError(t, streamtest.Diff(packets, r.got, late), r.egress)
		require.Greater(t, len(r.got), len(packets)*9/10, r.egress)
	}
}

// collect reads n media packets.
func collect(ctx context.Context, s *matrixServer, name string, n int,
	play func(*matrixServer, context.Context, string) (stream.Source, closer, error)) (got []*stream.Packet, err error) {
	src, c, err := play(s, ctx, name)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	for len(got) < n {
		p, err := src.ReadPacket()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, fmt.Errorf("after %d packets of %d: %w", len(got), n, err)
		}
		if p.Track != stream.Data {
			got = append(got, p)
		}
	}
	return got, nil
}
