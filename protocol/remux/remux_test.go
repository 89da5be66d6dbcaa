package remux_test

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

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
		{streamtest.AV1AAC(), ".mp4", true, true}, {streamtest.VP9Opus(), ".mp4", true, true}, {streamtest.H264MP3(), ".mp4", true, true}, {streamtest.H264Opus(), ".mp4", true, true},
	} {
		t.Run(x.clip.Name+x.ext, func(t *testing.T) {
			b := r.play(t, x.clip, x.ext, over1)
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

// TestTransports: each format comes whole over each kind of HTTP, the same over all.
func TestTransports(t *testing.T) {
	r := newRig(t, flv.Remux{})
	for _, ext := range []string{".flv", ".ts", ".mp4", ".aac"} {
		want := r.play(t, streamtest.H264AAC(), ext, over1)
		for name, open := range map[string]opener{
			"HTTP/1.0": over0, "HTTPS": overTLS, "HTTP/2": over2, "WebSocket": overWebSocket, "WebSocket with TLS": overWebSocketTLS,
		} {
			t.Run(name+" "+ext, func(t *testing.T) {
				require.True(t, bytes.Equal(want, r.play(t, streamtest.H264AAC(), ext, open)))
			})
		}
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
	m := overWebSocket(t, r, "/live/v.aac").(*messages)
	_, err := m.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, ws.StatusUnsupportedData, m.code)
	require.NoError(t, m.Close())
	resp, err := http.Get("http://" + r.addr + "/live/v.ogg")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	_ = resp.Body.Close()
}
