//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream/streamtest"
)

// list asks for a document until it has a text.
func (s *server) list(path, text string) (body string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path))
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		body = string(b)
		return err == nil && strings.Contains(body, text)
	}, patience, 50*time.Millisecond, "%s has %q", path, text)
	return body
}

// probe gives what ffprobe finds in a file or URL; anything that it says is a failure.
func probe(t *testing.T, what string) (duration float64, packets map[string]int) {
	t.Helper()
	needs(t, "ffprobe")
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "warning", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets:format=duration", "-of", "json", what)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.NoError(t, err, said.String())
	require.Empty(t, said.String(), what)
	var x struct {
		Streams []struct {
			Codec   string `json:"codec_name"`
			Packets int    `json:"nb_read_packets,string"`
		}
		Format struct {
			Duration float64 `json:"duration,string"`
		}
	}
	require.NoError(t, json.Unmarshal(out, &x), string(out))
	packets = map[string]int{}
	for _, s := range x.Streams {
		packets[s.Codec] = s.Packets
	}
	return x.Format.Duration, packets
}

// TestSegments: an encoder's stream leaves as HLS and DASH, is written to disk and recorded; callbacks and
// the API know of all.
func TestSegments(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe")
	c := startCallee(t)
	more := ""
	for _, name := range []string{"on_dvr", "on_hls"} {
		more += fmt.Sprintf(" %s %s/%s;", name, c.URL, name)
	}
	s := launch(t, basic+`http_api { enabled on; listen 127.0.0.1:API; }
vhost __defaultVhost__ {
	hls { enabled on; hls_fragment 1; hls_window 5; hls_dispose 1; }
	dash { enabled on; dash_fragment 1; dash_dispose 1; }
	dvr { enabled on; dvr_path ./rec/[app]/[stream].mp4; dvr_play on; }
	`+c.hooks(more)+"}\n", nil, "-c", "srs.conf")
	stop := s.publish("a")
	master := s.list("/live/a.m3u8", "hls_ctx=")
	ctx := regexp.MustCompile(`hls_ctx=(\w+)`).FindStringSubmatch(master)[1]
	media := s.list("/live/a.m3u8?hls_ctx="+ctx, "a-2.ts")
	require.Contains(t, media, "#EXT-X-TARGETDURATION:")
	root := filepath.Join(s.dir, "objs/nginx/html/live")
	segments, err := filepath.Glob(filepath.Join(root, "a-*.ts"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	for _, f := range segments {
		duration, packets := probe(t, f)
		require.InDelta(t, 1, duration, 1)
		require.Positive(t, packets["h264"])
		require.Positive(t, packets["aac"])
	}
	s.list("/live/a.mpd", "$RepresentationID$-$Number$.m4s")
	require.FileExists(t, filepath.Join(root, "a.mpd"))
	require.FileExists(t, filepath.Join(root, "a/video-init.mp4"))

	// The viewer is a client: told to the callbacks, listed and kicked.
	require.Eventually(t, func() bool { return len(c.told(ctx)) > 0 }, patience, 10*time.Millisecond)
	require.Equal(t, []string{"on_play"}, c.told(ctx))
	status, body := s.request(http.MethodGet, "/api/v1/clients/"+ctx)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"type":"hls-play"`)
	_, body = s.request(http.MethodDelete, "/api/v1/clients/"+ctx)
	require.Contains(t, body, `"code":0`)
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/live/a.m3u8?hls_ctx=%s", s.http, ctx))
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, http.StatusNotFound, resp.StatusCode)

	// A recording is cut and ended by the API.
	streams := s.get("/api/v1/streams")["streams"].([]any)
	id := streams[0].(map[string]any)["id"].(string)
	require.Len(t, s.get("/api/v1/dvr")["recordings"], 1)
	_, body = s.request(http.MethodDelete, "/api/v1/dvr/"+id)
	require.Contains(t, body, `"code":0`)
	file := filepath.Join(s.dir, "rec/live/a.mp4")
	require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, patience, 10*time.Millisecond)
	duration, packets := probe(t, file)
	require.Greater(t, duration, 2.0)
	require.InDelta(t, duration*25, packets["h264"], 3)
	require.NotContains(t, string(first(t, file, 64)), "moof", "the index is in front")
	s.list("/record/live/a.json", "a.mp4")
	again, _ := probe(t, fmt.Sprintf("http://127.0.0.1:%d/record/live/a.mp4", s.http))
	require.InDelta(t, duration, again, 0.3)
	again, _ = probe(t, fmt.Sprintf("http://127.0.0.1:%d/record/live/a.m3u8", s.http))
	require.InDelta(t, duration, again, 0.5)
	told := func(action string) (list []map[string]any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, body := range c.calls {
			if body["action"] == action {
				list = append(list, body)
			}
		}
		return list
	}
	require.Eventually(t, func() bool { return len(told("on_dvr")) == 1 }, patience, 10*time.Millisecond)
	require.Contains(t, told("on_dvr")[0]["file"], "rec/live/a.mp4")
	hls := told("on_hls")
	require.NotEmpty(t, hls)
	require.Equal(t, "live/a.m3u8", hls[0]["m3u8_url"])
	require.Equal(t, "live/a-0.ts", hls[0]["url"])

	// Nobody publishes any more: what is disposed of goes.
	stop()
	require.Eventually(t, func() bool {
		left, _ := filepath.Glob(filepath.Join(root, "a*"))
		return len(left) == 0
	}, patience, 50*time.Millisecond, "disposed of")
	resp, err = http.Get(fmt.Sprintf("http://127.0.0.1:%d/live/a.m3u8", s.http))
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func first(t *testing.T, file string, n int) []byte {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, n)
	_, err = io.ReadFull(f, b)
	require.NoError(t, err)
	return b
}

// TestKilled: a recording that a killed server leaves is there after the next start, but for its last part.
func TestKilled(t *testing.T) {
	needs(t, "ffprobe")
	var clip int64 // 4 s
	for _, p := range streamtest.H264AAC().Packets() {
		clip += int64(len(p.Payload))
	}
	for _, ext := range []string{"mp4", "flv", "ts"} {
		t.Run(ext, func(t *testing.T) {
			s := launch(t, basic+"vhost __defaultVhost__ { dvr { enabled on; dvr_path ./rec/[stream]."+ext+"; } }\n", nil, "-c", "srs.conf")
			stop := s.publishFast("a", 4)
			file := filepath.Join(s.dir, "rec/a."+ext)
			require.Eventually(t, func() bool { f, err := os.Stat(file + ".tmp"); return err == nil && f.Size() > 3*clip/2 }, patience, 10*time.Millisecond)
			require.NoError(t, s.cmd.Process.Kill())
			<-s.ended
			stop()
			require.FileExists(t, file+".tmp")
			old := time.Now().Add(-time.Minute) // else it might be another process's
			require.NoError(t, os.Chtimes(file+".tmp", old, old))
			s.ended = make(chan struct{})
			s.run(program(s.dir, nil, "-c", "srs.conf"))
			require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, patience, 50*time.Millisecond)
			duration, packets := probe(t, file)
			require.Greater(t, duration, 3.0)
			require.Greater(t, packets["h264"], 70)
		})
	}
}

// TestBucket: segments, playlists and recordings get to a bucket; what waits when the server ends is sent
// by the next one.
func TestBucket(t *testing.T) {
	needs(t, "ffprobe")
	gateway := os.Getenv("SRS_VERSITYGW")
	if gateway == "" {
		var err error
		if gateway, err = exec.LookPath("versitygw"); err != nil {
			home, _ := os.UserHomeDir()
			if gateway = filepath.Join(home, "go/bin/versitygw"); !exists(gateway) {
				t.Skip("no versitygw: set SRS_VERSITYGW")
			}
		}
	}
	dir, port := t.TempDir(), freePort(t)
	bucket := filepath.Join(dir, "bucket")
	require.NoError(t, os.Mkdir(bucket, 0o755))
	serve := func() {
		cmd := exec.Command(gateway, "--port", fmt.Sprintf("127.0.0.1:%d", port), "posix", dir)
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=planted-access", "ROOT_SECRET_KEY=planted-secret")
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	s := launch(t, basic+fmt.Sprintf(`vhost __defaultVhost__ {
	hls { enabled on; hls_fragment 1; hls_window 5; }
	dvr { enabled on; dvr_path ./rec/[app]/[stream].mp4; }
	s3 { enabled on; endpoint 127.0.0.1:%d; bucket bucket; access_key planted-access; secret_key planted-secret; tls off; prefix cdn; spool ./spool; }
}
`, port), nil, "-c", "srs.conf")
	stop := s.publish("a")
	s.awaitMatch("cannot be sent") // nobody is there yet
	serve()
	playlist := filepath.Join(bucket, "cdn/live/a.m3u8")
	require.Eventually(t, func() bool { return exists(playlist) }, patience, 50*time.Millisecond)
	b, err := os.ReadFile(playlist)
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			require.FileExists(t, filepath.Join(bucket, "cdn/live", strings.TrimSpace(line)), "listed, and there")
		}
	}
	stop()
	movie := filepath.Join(bucket, "cdn/live/a.mp4")
	require.Eventually(t, func() bool { return exists(movie) }, patience, 50*time.Millisecond)
	duration, _ := probe(t, movie)
	require.Greater(t, duration, 1.0)
	require.NotContains(t, s.output(), "planted-")
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
