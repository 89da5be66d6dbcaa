package flv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func post(t testing.TB, addr, path string, body io.Reader) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr+path, body)
	require.NoError(t, err)
	resp, err := httpClient(t, false).Do(req)
	require.NoError(t, err)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func file(t testing.TB, clip *streamtest.Clip) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, stream.Copy(NewWriter(&b, nil), clip.Source()))
	return b.Bytes()
}

func TestPostAnswers(t *testing.T) {
	r := newRig(t, Config{Ingest: Ingest{Output: "rtmp://127.0.0.1/[app]/[stream]_x"}})
	var seen []stream.Request
	var refusal error
	r.hub.AddGate(gate(func(s *stream.Session) error {
		seen = append(seen, s.Request)
		return refusal
	}))
	whole := file(t, streamtest.H264AAC())
	header := whole[:13]
	junk := AppendTag(nil, TagVideo, 0, nil, []byte{0x17})
	chunks := func(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }
	for _, c := range []struct {
		name, path string
		body       io.Reader
		code       int
	}{
		{"length", "/live/a.flv", bytes.NewReader(whole), 200},
		{"chunked", "/live/a.flv?k=v", chunks(whole), 200},
		{"without extension", "/live/a", chunks(whole), 200},
		{"some malformed", "/live/a.flv", chunks(bytes.Join([][]byte{header, bytes.Repeat(junk, badLimit), whole[13:]}, nil)), 200},
		{"all malformed", "/live/a.flv", chunks(append(bytes.Clone(header), bytes.Repeat(junk, badLimit+1)...)), 400},
		{"not FLV", "/live/a.flv", strings.NewReader(strings.Repeat("x", 100)), 400},
		{"empty", "/live/a.flv", chunks(nil), 400},
		{"cut short", "/live/a.flv", chunks(whole[:len(whole)-10]), 400},
		{"no name", "/live/.flv", chunks(whole), 400},
		{"bad name", "/live/a%3Fvhost=x.flv", chunks(whole), 400},
		{"no body", "/live/a.flv", nil, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen = nil
			require.Equal(t, c.code, post(t, r.ingest, c.path, c.body))
			if c.code == 200 {
				require.Len(t, seen, 1)
				require.Equal(t, stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "a_x"}, seen[0].Key)
				require.Equal(t, "flv-publish", seen[0].Type)
			}
			if c.name == "chunked" {
				require.Equal(t, "?k=v", seen[0].Param)
			}
		})
	}
	refusal = &stream.DeniedError{Public: "no"}
	require.Equal(t, 403, post(t, r.ingest, "/live/a.flv", bytes.NewReader(whole)))
	waitFor(t, "all is gone", func() bool { return r.sessions() == 0 })
	resp := get(t, httpClient(t, false), "http://"+r.ingest+"/live/a.flv")
	require.Equal(t, 405, resp.StatusCode)
}

func TestPostConflict(t *testing.T) {
	r := newRig(t, Config{})
	r.settings(stream.Settings{Conflict: stream.Refuse, Idle: 100 * time.Millisecond, FirstPacket: 100 * time.Millisecond})
	r.publish(t, liveKey, streamtest.H264AAC())
	require.Equal(t, 409, post(t, r.ingest, "/live/av.flv", bytes.NewReader(file(t, streamtest.AACOnly()))))
	_, err := Push(t.Context(), "http://"+r.ingest+"/live/av.flv", nil)
	require.ErrorIs(t, err, stream.ErrBusy)
	// A publisher that stops sending is told to go.
	for i, n := range []int{0, 13, 2000} {
		pr, pw := io.Pipe()
		go func() { _, _ = pw.Write(file(t, streamtest.AACOnly())[:n]) }()
		require.Equal(t, 408, post(t, r.ingest, fmt.Sprintf("/live/%d.flv", i), pr), n)
		_ = pw.Close()
	}
	require.Zero(t, r.srv.Panics())
}

// TestPostKicked holds that the publisher's write fails once it was kicked.
func TestPostKicked(t *testing.T) {
	r := newRig(t, Config{})
	out, err := Push(t.Context(), "http://"+r.ingest+"/live/av.flv", nil)
	require.NoError(t, err)
	waitFor(t, "it publishes", func() bool { return r.sessions() == 1 })
	for s := range r.hub.Sessions() {
		s.Kick(nil)
	}
	src := streamtest.H264AAC().Loop(0)
	for err == nil {
		var p *stream.Packet
		p, err = src.ReadPacket()
		require.NoError(t, err)
		err = out.WritePacket(p)
	}
	require.Error(t, out.Close())
	waitFor(t, "it is gone", func() bool { return r.sessions() == 0 })
}

// TestFFmpegPosts takes what ffmpeg posts.
func TestFFmpegPosts(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	r := newRig(t, Config{})
	f, err := os.Open("testdata/h264-bframes-aac.flv")
	require.NoError(t, err)
	defer f.Close()
	want, _ := readAll(t, f)
	var got streamtest.Recorder
	copied := make(chan struct{})
	r.hub.OnLive(func(_ context.Context, s *stream.Stream) {
		defer close(copied)
		p := s.Open(context.Background(), stream.Oldest)
		defer p.Close()
		_ = stream.Copy(&got, p)
	})
	out, err := exec.Command(ffmpeg, "-v", "error", "-readrate", "20", "-i", f.Name(), "-c", "copy", "-f", "flv",
		"http://"+r.ingest+"/live/ff.flv").CombinedOutput()
	require.NoError(t, err, string(out))
	select {
	case <-copied:
	case <-time.After(10 * time.Second):
		t.Fatal("the publication did not end")
	}
	streamtest.Equal(t, want, got.Packets(), streamtest.Compare{Tolerance: time.Millisecond, AnyStart: true})
}
