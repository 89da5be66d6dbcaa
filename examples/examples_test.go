// Package examples runs each example program as its comment says: it is built, publishers and
// players talk to it, and it leaves when it is interrupted.
package examples

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

var update = flag.Bool("update", false, "write testdata anew")

// tests has one for each directory here.
var tests = map[string]func(t *testing.T, program string){
	"smallest":     smallest,
	"authgate":     authgate,
	"callbacks":    callbacks,
	"signedurl":    signedurl,
	"publishfile":  publishfile,
	"pullremote":   pullremote,
	"customsink":   customsink,
	"custommodule": custommodule,
	"dashboard":    dashboard,
	"hlsserver":    hlsserver,
	"dashserver":   dashserver,
	"record":       record,

	"whip2rtmp":     whip2rtmp,
	"rtmp2whep":     rtmp2whep,
	"recordbrowser": recordbrowser,
}

func TestExamples(t *testing.T) {
	dir := build(t)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			run := tests[e.Name()]
			require.NotNil(t, run, "the example has no test")
			t.Parallel()
			run(t, filepath.Join(dir, e.Name()))
		})
	}
}

// What is published over RTMP is what RTMP and HTTP-FLV play.
func smallest(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr)
	clip := streamtest.H264BFramesAAC()
	publish(t, "rtmp://"+rtmpAddr+"/live/livestream", clip)

	got := playRTMP(t, "rtmp://"+rtmpAddr+"/live/livestream", time.Second)
	streamtest.Equal(t, rounds(t, clip), got, late)
	got = playFLV(t, "http://"+httpAddr+"/live/livestream.flv", time.Second)
	streamtest.Equal(t, rounds(t, clip), got, late)
}

// Without the right token a publisher is told why, over RTMP; with it all goes on. Players need
// none.
func authgate(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	out := start(t, program, "-token", "secret", "-rtmp", rtmpAddr, "-http", httpAddr)
	url := "rtmp://" + rtmpAddr + "/live/livestream"
	ctx := bounded(t)
	for _, param := range []string{"", "?token=", "?token=wrong", "?token=secret2", "?secret", "?token=%zz"} {
		conn, err := retry(t, func() (*rtmp.PublishConn, error) { return rtmp.DialPublish(ctx, url+param, nil) })
		if err == nil {
			_ = conn.Close()
			t.Fatalf("%q was let in", param)
		}
		var status *rtmp.StatusError
		require.ErrorAs(t, err, &status, "%q", param)
		require.Equal(t, "NetStream.Publish.Denied", status.Code, "%q", param)
		require.Equal(t, "A token is needed to publish.", status.Description, "%q", param)
	}
	eventually(t, "the log tells of a refusal", func() bool { return strings.Contains(out.String(), "wrong token for /live/livestream") })

	clip := streamtest.H264AAC()
	publish(t, url+"?token=secret", clip)
	streamtest.Equal(t, rounds(t, clip), playRTMP(t, url, time.Second), late)
	streamtest.Equal(t, rounds(t, clip), playFLV(t, "http://"+httpAddr+"/live/livestream.flv", time.Second), late)
}

// Who has a good URL plays, over HTTP-FLV and RTMP; who has none, an expired one, one of another
// stream or one that was tampered with is told so.
func signedurl(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	out := start(t, program, "-key", "planted", "-rtmp", rtmpAddr, "-http", httpAddr)
	rtmpURL, httpURL := "rtmp://"+rtmpAddr+"/live/livestream", "http://"+httpAddr+"/live/livestream.flv"
	clip := streamtest.H264AAC()
	publish(t, rtmpURL, clip)
	sign := func(path, valid string) string {
		query, err := exec.CommandContext(bounded(t), program, "-key", "planted", "-sign", path, "-for", valid).Output()
		require.NoError(t, err)
		return "?" + strings.TrimSpace(string(query))
	}

	good := sign("/live/livestream", "1h")
	streamtest.Equal(t, rounds(t, clip), playFLV(t, httpURL+good, time.Second), late)
	streamtest.Equal(t, rounds(t, clip), playRTMP(t, rtmpURL+good, time.Second), late)

	tampered := []byte(good)
	tampered[strings.Index(good, "=")+1]++
	for query, answer := range map[string]string{
		"":                             "A token is needed.",
		sign("/live/livestream", "0s"): "The token is expired.",
		sign("/live/other", "1h"):      "The token is not valid.",
		string(tampered):               "The token is not valid.",
	} {
		res, err := http.Get(httpURL + query)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, res.StatusCode, "%q", query)
		require.Equal(t, answer, string(body), "%q", query)
		_, err = rtmp.DialPlay(bounded(t), rtmpURL+query, nil)
		require.ErrorContains(t, err, answer, "%q", query)
	}
	eventually(t, "the log tells of a refusal", func() bool { return strings.Contains(out.String(), "token: wrong signature") })
	require.NotContains(t, out.String(), "planted")
}

const clipFile = "publishfile/testdata/clip.flv"

// TestClip holds that the file which publishfile is tested with has what its test expects.
func TestClip(t *testing.T) {
	clip := streamtest.H264AAC()
	if *update {
		var b bytes.Buffer
		require.NoError(t, stream.Copy(flv.NewWriter(&b, nil), clip.Source()))
		require.NoError(t, os.WriteFile(clipFile, b.Bytes(), 0o644))
	}
	f, err := os.Open(clipFile)
	require.NoError(t, err)
	defer f.Close()
	var got streamtest.Recorder
	require.NoError(t, stream.Copy(&got, flv.NewReader(f)))
	streamtest.Equal(t, clip.Packets(), got.Packets(), streamtest.Compare{})
}

// The file plays, and after its end from the start, on one timeline.
func publishfile(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr, clipFile)
	clip := streamtest.H264AAC()
	seam := streamtest.Compare{AnyStart: true, AnyEnd: true, Tolerance: 60 * time.Millisecond}

	began := time.Now()
	got := playRTMP(t, "rtmp://"+rtmpAddr+"/live/file", clip.Duration()+time.Second)
	require.Greater(t, time.Since(began), clip.Duration()-time.Second, "the file is not played in real time")
	streamtest.Equal(t, rounds(t, clip), got, seam)
	last := map[int]time.Duration{}
	for _, p := range got {
		if before, ok := last[p.Track]; ok {
			require.Greater(t, p.DTS, before, "time goes back in track %d", p.Track)
		}
		last[p.Track] = p.DTS
	}
	got = playFLV(t, "http://"+httpAddr+"/live/file.flv", time.Second)
	streamtest.Equal(t, rounds(t, clip), got, seam)
}

// The program tells codecs, sizes and rates of what a server plays.
func pullremote(t *testing.T, program string) {
	ctx := bounded(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := protocol.NewServer(protocol.Config{Listeners: map[string]net.Listener{"here": l}},
		rtmp.New(rtmp.Config{Listen: []string{"here"}}))
	require.NoError(t, server.Start(ctx))
	t.Cleanup(func() { require.NoError(t, server.Shutdown(context.Background())) }) // after the publisher's end
	url := "rtmp://" + l.Addr().String() + "/live/livestream"
	clip := streamtest.H264AAC()
	publish(t, url, clip)

	out, err := exec.CommandContext(ctx, program, "-for", "2200ms", url).Output()
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	require.Len(t, lines, 2, "%s", out)
	row := regexp.MustCompile(`^ *(\d) s \| AAC 44100 Hz, 2 channels (\d+) kb/s \| H264 320x180 (\d+) kb/s, 2[456]\.\d frames/s, [12] key frames$`)
	var size int
	for _, p := range clip.Packets() {
		size += len(p.Payload)
	}
	want := float64(size) * 8 / 1000 / clip.Duration().Seconds()
	for i, line := range lines {
		m := row.FindSubmatch(line)
		require.NotNil(t, m, "%s", line)
		require.Equal(t, strconv.Itoa(i+1), string(m[1]))
		audio, _ := strconv.Atoi(string(m[2]))
		video, _ := strconv.Atoi(string(m[3]))
		require.InEpsilon(t, want, audio+video, 0.5, "%s", line)
	}
}

// The file has a whole key frame at any time, which opens in a decoder.
func customsink(t *testing.T, program string) {
	addr, dir := freeAddr(t), t.TempDir()
	out := start(t, program, "-rtmp", addr, "-out", dir)
	clip := streamtest.H264Only()
	stop := publish(t, "rtmp://"+addr+"/live/eu/livestream", clip)
	var want [][]byte // the last NAL unit of each key frame
	for _, p := range clip.Packets() {
		if p.Key() {
			rest := p.Payload
			for n := binary.BigEndian.Uint32(rest); int(n) < len(rest)-4; n = binary.BigEndian.Uint32(rest) {
				rest = rest[4+n:]
			}
			want = append(want, rest[4:])
		}
	}
	file := filepath.Join(dir, "live-eu-livestream.h264")
	eventually(t, "there is a file", func() bool { _, err := os.Stat(file); return err == nil })
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(got, []byte{0, 0, 0, 1, 0x67}), "no sequence parameter set at the start: % x", got[:8])
	require.True(t, slices.ContainsFunc(want, func(w []byte) bool { return bytes.HasSuffix(got, w) }), "none of the clip's key frames")
	stop()
	ended := regexp.MustCompile(`livestream [1-9]\d* key frames, error: <nil>`)
	eventually(t, "the sink tells of its end", func() bool { return ended.MatchString(out.String()) })

	t.Run("ffprobe", func(t *testing.T) {
		if _, err := exec.LookPath("ffprobe"); err != nil {
			t.Skip("ffprobe is not installed")
		}
		got, err := exec.CommandContext(bounded(t), "ffprobe", "-v", "error", "-count_frames",
			"-show_entries", "stream=codec_name,width,height,nb_read_frames", "-of", "csv", file).CombinedOutput()
		require.NoError(t, err, "%s", got)
		require.Equal(t, "stream,h264,320,180,1\n", string(got))
	})
}

// The list follows what is published and watched.
func custommodule(t *testing.T, program string) {
	rtmpAddr, httpAddr := freeAddr(t), freeAddr(t)
	start(t, program, "-rtmp", rtmpAddr, "-http", httpAddr)
	list := "http://" + httpAddr + "/streams.json"
	require.JSONEq(t, `[]`, string(get(t, list)))

	stop := publish(t, "rtmp://"+rtmpAddr+"/live/livestream", streamtest.H264AAC())
	p, err := rtmp.DialPlay(bounded(t), "rtmp://"+rtmpAddr+"/live/livestream", nil)
	require.NoError(t, err)
	defer p.Close()
	var streams []map[string]any
	eventually(t, "the list has the stream, key frames and a viewer", func() bool {
		streams = nil
		require.NoError(t, json.Unmarshal(get(t, list), &streams))
		return len(streams) == 1 && streams[0]["key_frames"].(float64) >= 2 && streams[0]["viewers"] == 1.0
	})
	one := streams[0]
	require.Equal(t, "/live/livestream", one["url"])
	require.ElementsMatch(t, []any{"H264", "AAC"}, one["codecs"])
	require.Equal(t, 1000.0, one["key_frame_distance_ms"])
	require.Greater(t, one["kbps"], 0.0)

	stop()
	eventually(t, "the list is empty", func() bool { return string(get(t, list)) == "[]\n" })
}
