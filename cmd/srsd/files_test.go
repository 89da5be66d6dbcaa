//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// static is a configuration with files; STATIC is whether the default vhost has a mount too.
var static = strings.Replace(basic, "http_server { ", "http_server { dir ./html; ", 1) + `vhost v.test { http_static { enabled on; mount [vhost]/rec; dir ./rec; } }
vhost __defaultVhost__ { http_static { enabled STATIC; mount [vhost]/rec; dir ./rec; } }
`

// fetch gets a path of the HTTP server with curl.
func (s *server) fetch(path string, args ...string) (status string, body []byte) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "body")
	cmd := exec.Command("curl", append(args, "-sS", "-m", "20", "-o", file, "-w", "%{http_code}", fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path))...)
	out, err := cmd.Output()
	require.NoError(s.t, err, path)
	body, err = os.ReadFile(file)
	if !os.IsNotExist(err) {
		require.NoError(s.t, err)
	}
	return string(out), body
}

// needs skips where a program is not installed.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
}

// TestStaticFiles: the root and a vhost's mount, a directory that comes later, and reloads.
func TestStaticFiles(t *testing.T) {
	needs(t, "curl")
	s := launch(t, strings.ReplaceAll(static, "STATIC", "off"), nil, "-c", "srs.conf")
	require.Equal(t, 1, strings.Count(s.output(), `http_server.dir: "./html" is no directory now`), s.output())
	require.NotContains(t, s.output(), "not applied yet")
	write := func(name, text string) {
		name = filepath.Join(s.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	is := func(want, path string, args ...string) {
		t.Helper()
		status, body := s.fetch(path, append(args, "--path-as-is")...)
		require.Equal(t, want, status+" "+string(body), path)
	}
	const none = "404 Not Found"
	is(none, "/")
	write("html/index.html", "hi")
	write("html/a.txt", "0123456789")
	write("rec/x.ts", "ts")
	write("other/index.html", "other")
	is("200 hi", "/")
	is("206 345", "/a.txt", "-r", "3-5")
	is(none, "/../srs.conf")
	is(none, "/%2e%2e/srs.conf")
	is(none, "/rec/x.ts")
	is("200 ts", "/rec/x.ts", "-H", "Host: v.test")
	is("200 ts", "/rec/x.ts?vhost=v.test")

	s.write(strings.NewReplacer("STATIC", "on", "./html", "./other").Replace(static))
	s.signal(syscall.SIGHUP)
	s.await("reloaded")
	is("200 other", "/")
	is("200 ts", "/rec/x.ts")
	is(none, "/a.txt")
}

// TestRecordings has real players seek in files that ffmpeg made.
func TestRecordings(t *testing.T) {
	needs(t, "curl", "ffmpeg", "ffprobe")
	s := launch(t, strings.ReplaceAll(static, "STATIC", "off"), nil, "-c", "srs.conf")
	dir := filepath.Join(s.dir, "html")
	require.NoError(t, os.Mkdir(dir, 0o755))
	run := func(name string, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
		return string(out)
	}
	mp4, flv := filepath.Join(dir, "a.mp4"), filepath.Join(dir, "a.flv")
	run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=8", "-f", "lavfi", "-i", "sine=duration=8",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", mp4) // the index at the end
	run("ffmpeg", "-v", "error", "-i", mp4, "-c", "copy", "-f", "flv", flv)
	url := fmt.Sprintf("http://127.0.0.1:%d", s.http)

	for _, name := range []string{"/a.mp4", "/a.flv"} {
		packets := run("ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", url+name)
		require.Equal(t, "h264,200", strings.TrimSpace(packets), name)
		require.Empty(t, run("ffmpeg", "-v", "error", "-i", url+name, "-f", "null", "-"), "it decodes without a word")
	}
	first := run("ffprobe", "-v", "error", "-read_intervals", "5%+#1", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", url+"/a.mp4")
	at, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(first), ","), 64)
	require.NoError(t, err, first)
	require.InDelta(t, 5, at, 1, "it went there by a range")

	whole, err := os.ReadFile(flv)
	require.NoError(t, err)
	start := keyframe(whole, 5000)
	query := fmt.Sprintf("/a.flv?start=%d", start)
	status, body := s.fetch(query)
	require.Equal(t, "200", status)
	require.True(t, bytes.HasSuffix(body, whole[start:]))
	file := filepath.Join(s.dir, "part.flv")
	require.NoError(t, os.WriteFile(file, body, 0o644))
	for _, in := range []string{url + query, file} {
		require.Empty(t, run("ffmpeg", "-v", "error", "-i", in, "-f", "null", "-"), in)
		packets := run("ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", in)
		require.Equal(t, "h264,75", strings.TrimSpace(packets), in)
	}
	whole, err = os.ReadFile(mp4)
	require.NoError(t, err)
	for _, query := range []string{"range", "bytes", "start"} {
		status, body = s.fetch("/a.mp4?" + query + "=100-199")
		require.Equal(t, fmt.Sprint(http.StatusPartialContent), status)
		require.Equal(t, whole[100:200], body)
	}
}

// keyframe gives where the first key frame of an FLV file from a time in ms on begins.
func keyframe(b []byte, ms uint32) int {
	for at := 13; at+12 < len(b); {
		size := int(binary.BigEndian.Uint32(b[at:]) & 0xffffff)
		if ts := binary.BigEndian.Uint32(b[at+4:]) >> 8; b[at] == 9 && b[at+11]>>4 == 1 && b[at+12] == 1 && ts >= ms {
			return at
		}
		at += 11 + size + 4
	}
	return 0
}
