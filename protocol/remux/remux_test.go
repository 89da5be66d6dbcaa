package remux_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/remux"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func TestMain(m *testing.M) { streamtest.Main(m) }

// rig is a server that plays all formats.
type rig struct {
	hub  *stream.Hub
	addr string
}

func newRig(t *testing.T, x flv.Remux) *rig {
	t.Helper()
	streamtest.CheckLeaks(t)
	x.Enabled = true
	x.Mounts = []string{"[vhost]/[app]/[stream].ts", "[vhost]/[app]/[stream].mp4", "[vhost]/[app]/[stream].aac", "[vhost]/[app]/[stream].mp3"}
	srv := protocol.NewServer(protocol.Config{ServerName: "SRS/6.0.157(Hang)", HTTP: []protocol.HTTPListener{{Name: "http", Listen: []string{"127.0.0.1:0"}}}},
		flv.New(flv.Config{Formats: remux.Formats(), Vhost: func(string) flv.Remux { return x }}))
	srv.Hub().SetSettings(func(stream.Key) (stream.Settings, error) {
		return stream.Settings{Probe: 100 * time.Millisecond, Linger: 10 * time.Millisecond}, nil
	})
	require.NoError(t, srv.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, srv.Shutdown(ctx))
		require.Zero(t, srv.Panics())
	})
	return &rig{srv.Hub(), srv.HTTPAddrs("http")[0].String()}
}

func (r *rig) publish(t *testing.T, name string) *stream.Publisher {
	t.Helper()
	p, err := r.hub.Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: name}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(nil) })
	return p
}

// play gives what a viewer of a whole clip gets, which joins once its first packets are there.
func (r *rig) play(t *testing.T, clip *streamtest.Clip, ext string, open func(url string) io.ReadCloser) []byte {
	t.Helper()
	name := strings.ToLower(clip.Name) + strings.ReplaceAll(ext, ".", "-")
	p := r.publish(t, name)
	all := clip.Packets()
	next, seen := 0, map[int]bool{}
	for ; len(seen) < len(all[0].Tracks.List) || next < 5; next++ {
		seen[all[next].Track] = true
		require.NoError(t, p.WritePacket(all[next]))
	}
	body := open(r.addr + "/live/" + name + ext)
	defer body.Close()
	require.Eventually(t, func() bool { return p.Stream().Stats().Viewers == 1 }, 10*time.Second, time.Millisecond)
	got := make(chan []byte)
	go func() { b, _ := io.ReadAll(body); got <- b }()
	time.Sleep(50 * time.Millisecond)
	for ; next < len(all); next++ {
		require.NoError(t, p.WritePacket(all[next]))
		if next%20 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	require.NoError(t, p.Close(nil))
	return <-got
}

func (r *rig) get(t *testing.T) func(string) io.ReadCloser {
	return func(url string) io.ReadCloser {
		pr, pw := io.Pipe() // the answer comes with the first media
		go func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+url, nil)
			if err == nil {
				var resp *http.Response
				if resp, err = (&http.Transport{DisableKeepAlives: true}).RoundTrip(req); err == nil {
					_, err = io.Copy(pw, resp.Body)
					_ = resp.Body.Close()
				}
			}
			_ = pw.CloseWithError(err)
		}()
		return pr
	}
}

// frames gives a hash of each frame that a demuxer of ffmpeg's finds, and fails on anything it says.
func frames(t *testing.T, b []byte, ext string) (audio, video int) {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("no ffmpeg: ", err)
	}
	for _, x := range []struct {
		kind string
		n    *int
	}{{"a", &audio}, {"v", &video}} {
		cmd := exec.CommandContext(t.Context(), ffmpeg, "-v", "warning", "-i", "pipe:", "-map", "0:"+x.kind+"?", "-f", "framemd5", "-")
		var out, said bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(b), &out, &said
		if err := cmd.Run(); err != nil && strings.Contains(said.String(), "does not contain any stream") {
			continue
		}
		require.Empty(t, said.String(), ext)
		for line := range strings.Lines(out.String()) {
			if !strings.HasPrefix(line, "#") {
				*x.n++
			}
		}
	}
	return audio, video
}

// TestFormats: ffmpeg decodes what viewers get over HTTP, all of it, and has nothing to say.
func TestFormats(t *testing.T) {
	r := newRig(t, flv.Remux{})
	for _, x := range []struct {
		clip         *streamtest.Clip
		ext          string
		audio, video bool
	}{
		{streamtest.H264AAC(), ".ts", true, true}, {streamtest.H264AAC(), ".mp4", true, true}, {streamtest.H264AAC(), ".aac", true, false},
		{streamtest.HEVCAAC(), ".ts", true, true}, {streamtest.HEVCAAC(), ".mp4", true, true}, {streamtest.H264BFramesAAC(), ".ts", true, true},
		{streamtest.H264MP3(), ".ts", true, true}, {streamtest.H264MP3(), ".mp3", true, false}, {streamtest.MP3Only(), ".mp3", true, false},
		{streamtest.AACOnly(), ".aac", true, false}, {streamtest.AACOnly(), ".ts", true, false}, {streamtest.H264Only(), ".ts", false, true},
		{streamtest.AV1AAC(), ".mp4", true, true}, {streamtest.VP9Opus(), ".mp4", true, false}, {streamtest.H264Opus(), ".mp4", true, true},
	} {
		t.Run(x.clip.Name+x.ext, func(t *testing.T) {
			b := r.play(t, x.clip, x.ext, r.get(t))
			audio, video := frames(t, b, x.ext)
			var wantAudio, wantVideo int
			for _, p := range x.clip.Packets() {
				switch {
				case p.Kind() == stream.KindAudio && x.audio:
					wantAudio++
				case p.Kind() == stream.KindVideo && x.video:
					wantVideo++
				}
			}
			if x.audio {
				require.InDelta(t, wantAudio, audio, 4)
			}
			if x.video && x.clip.Name != streamtest.AV1AAC().Name { // ffmpeg may lack a decoder
				require.InDelta(t, wantVideo, video, 3)
			}
		})
	}
}

// TestWebSocket: the same bytes come in messages, the initialization segment first.
func TestWebSocket(t *testing.T) {
	r := newRig(t, flv.Remux{})
	for _, ext := range []string{".ts", ".mp4"} {
		b := r.play(t, streamtest.H264AAC(), ext, func(url string) io.ReadCloser {
			conn, br, _, err := ws.Dial(t.Context(), "ws://"+url)
			require.NoError(t, err)
			pr, pw := io.Pipe()
			var in io.Reader = conn
			if br != nil {
				in = io.MultiReader(br, conn)
			}
			go func() {
				defer conn.Close()
				for {
					f, err := ws.ReadFrame(in)
					if err != nil || f.Header.OpCode == ws.OpClose {
						_ = pw.Close()
						return
					}
					_, _ = pw.Write(f.Payload)
				}
			}()
			return pr
		})
		audio, video := frames(t, b, ext)
		require.Greater(t, audio, 40)
		require.Greater(t, video, 40)
	}
}

// TestHeads are SRS's headers and first bytes (http-media-headers of the reference).
func TestHeads(t *testing.T) {
	r := newRig(t, flv.Remux{})
	for _, x := range []struct {
		clip             *streamtest.Clip
		ext, kind, first string
	}{
		{streamtest.H264AAC(), ".ts", "video/MP2T", "\x47\x40\x00"}, {streamtest.AACOnly(), ".aac", "audio/x-aac", "\xff\xf1"},
		{streamtest.MP3Only(), ".mp3", "audio/mpeg", "ID3\x03\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff"},
		{streamtest.H264AAC(), ".mp4", "video/mp4", "\x00\x00\x00"},
	} {
		p := r.publish(t, "heads"+x.ext[1:])
		for _, pkt := range x.clip.Packets() {
			require.NoError(t, p.WritePacket(pkt))
		}
		resp, err := http.Get("http://" + r.addr + "/live/heads" + x.ext[1:] + x.ext)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Equal(t, x.kind, resp.Header.Get("Content-Type"))
		require.Equal(t, "SRS/6.0.157(Hang)", resp.Header.Get("Server"))
		b := make([]byte, len(x.first))
		_, err = io.ReadFull(resp.Body, b)
		require.NoError(t, err)
		require.Equal(t, x.first, string(b), x.ext)
		_ = resp.Body.Close()
		head, err := http.Head("http://" + r.addr + "/live/heads" + x.ext[1:] + x.ext)
		require.NoError(t, err)
		require.Equal(t, x.kind, head.Header.Get("Content-Type"))
		_ = head.Body.Close()
		require.NoError(t, p.Close(nil))
	}
}

// TestNothingToPlay: a stream without what a format carries is refused at once.
func TestNothingToPlay(t *testing.T) {
	r := newRig(t, flv.Remux{})
	p := r.publish(t, "v")
	for _, pkt := range streamtest.H264Only().Packets() {
		require.NoError(t, p.WritePacket(pkt))
	}
	for _, ext := range []string{".aac", ".mp3"} {
		resp, err := http.Get("http://" + r.addr + "/live/v" + ext)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnsupportedMediaType, resp.StatusCode)
		_ = resp.Body.Close()
	}
	resp, err := http.Get("http://" + r.addr + "/live/v.ogg")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	_ = resp.Body.Close()
}

// TestFastCache: with it, who comes later gets what the first viewer got, as far back as it goes.
func TestFastCache(t *testing.T) {
	for _, cache := range []time.Duration{0, time.Hour} {
		r := newRig(t, flv.Remux{FastCache: cache})
		p := r.publish(t, "a")
		all := streamtest.AACOnly().Packets()
		half := len(all) / 2
		for _, pkt := range all[:half] {
			require.NoError(t, p.WritePacket(pkt))
		}
		// one gives the first bytes of a viewer that comes now, while the next packets are written.
		next := half
		one := func() []byte {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addr+"/live/a.aac", nil)
			require.NoError(t, err)
			got := make(chan []byte)
			go func() {
				b := make([]byte, 64)
				if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
					_, _ = io.ReadFull(resp.Body, b)
					t.Cleanup(func() { _ = resp.Body.Close() })
				}
				got <- b
			}()
			for ; ; next++ {
				select {
				case b := <-got:
					return b
				case <-time.After(5 * time.Millisecond):
					require.NoError(t, p.WritePacket(all[next]))
				}
			}
		}
		a := one()
		for range 5 {
			require.NoError(t, p.WritePacket(all[next]))
			next++
		}
		b := one()
		require.Equal(t, cache > 0, sha256.Sum256(a) == sha256.Sum256(b))
		require.NoError(t, p.Close(nil))
	}
}
