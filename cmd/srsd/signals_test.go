//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/srsgo/srs/rtmp"
	"github.com/srsgo/srs/stream"
	"github.com/stretchr/testify/require"
)

func TestServesAndReloads(t *testing.T) {
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	s.publish("a")
	require.NoError(t, s.picture("a"))
	s.await("<- CPB time=")
	s.await("Hybrid cpu=")
	require.NotContains(t, s.output(), "VERYSECRET")
	pid, err := os.ReadFile(filepath.Join(s.dir, "srs.pid"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(s.cmd.Process.Pid), string(pid))
	id, err := os.ReadFile(filepath.Join(s.dir, "srs.id"))
	require.NoError(t, err)
	require.Regexp(t, "^vid-[0-9a-z]{7}$", string(id))

	// A broken file changes nothing.
	s.write(basic + "vhost __defaultVhost__ { http_remux { enabled off; } }\nnothing on;\n")
	s.signal(syscall.SIGHUP)
	s.await(`srs.conf:5: unknown directive "nothing"`)
	s.await("reload failed, the old configuration stays")
	require.NoError(t, s.picture("a"))

	// Nor does one whose port is taken.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s.write(strings.Replace(basic, "RTMP", "RTMP "+taken.Addr().String(), 1) + playable)
	s.signal(syscall.SIGHUP)
	require.Eventually(t, func() bool { return strings.Count(s.output(), "the old configuration stays") == 2 }, patience, 10*time.Millisecond)
	require.NoError(t, s.picture("a"))

	// A good one does: players get nothing any more, publishers go on.
	s.write(basic + "utc_time on;\nvhost __defaultVhost__ { http_remux { enabled off; } exec { enabled on; } }\n")
	s.signal(syscall.SIGHUP)
	s.await("reloaded, config=srs.conf")
	s.await("srs.conf:5: vhost.exec.enabled is known and not applied yet")
	s.await(`utc_time: "off" → "on" takes effect at the next start`)
	require.Error(t, s.picture("a"))
	s.write(basic + playable)
	s.signal(syscall.SIGHUP)
	require.Eventually(t, func() bool { return strings.Count(s.output(), "reloaded, ") == 2 }, patience, 10*time.Millisecond)
	require.NoError(t, s.picture("a"))

	// So does one without the vhost.
	s.write(basic + "vhost other { }\n")
	s.signal(syscall.SIGHUP)
	require.Eventually(t, func() bool { return strings.Count(s.output(), "reloaded, ") == 3 }, patience, 10*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = rtmp.DialPublish(ctx, fmt.Sprintf("rtmp://127.0.0.1:%d/live/b", s.rtmp), nil)
	require.Error(t, err)

	s.signal(syscall.SIGTERM)
	require.Zero(t, s.exits())
	require.Contains(t, s.output(), "fast quit")
}

func TestReopensLog(t *testing.T) {
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	log := filepath.Join(s.dir, "srs.log")
	require.NoError(t, os.Rename(log, log+".1"))
	s.signal(syscall.SIGUSR1)
	s.await("log file opened anew")
	s.signal(syscall.SIGINT)
	require.Zero(t, s.exits())
	b, err := os.ReadFile(log + ".1")
	require.NoError(t, err)
	require.Contains(t, string(b), "the server is up")
}

// TestSessionLines holds that the lines by which SRS's users follow a session are in the log.
func TestSessionLines(t *testing.T) {
	s := launch(t, basic+playable+"vhost off.test { enabled off; }\n", nil, "-c", "srs.conf")
	stop := s.publish("a")
	require.NoError(t, s.picture("a"))
	url := fmt.Sprintf("rtmp://127.0.0.1:%d/live", s.rtmp)
	_, err := rtmp.DialPublish(t.Context(), url+"/a", nil)
	require.ErrorIs(t, err, stream.ErrBusy)
	_, err = rtmp.DialPublish(t.Context(), url+"/a?vhost=off.test", nil)
	require.Error(t, err)
	c, err := rtmp.DialPlay(t.Context(), url+"/a", nil)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	stop()
	const info, warn, fail = `\[INFO\]\[\d+\]\[(\w{8})\] `, `\[WARN\]\[\d+\]\[(\w{8})\]\[\d+\] `, `\[ERROR\]\[\d+\]\[(\w{8})\]\[\d+\] `
	session := ""
	for _, want := range []string{
		info + `RTMP client ip=127\.0\.0\.1:\d+`,
		info + fmt.Sprintf(`connect app, tcUrl=%s[^,]*, pageUrl=, swfUrl=, schema=rtmp, vhost=127\.0\.0\.1, port=%d, app=live, args=null`, url, s.rtmp),
		info + `client identified, type=fmle-publish, vhost=127\.0\.0\.1, app=live, stream=a, param=\?token=\*\*\*, duration=0ms`,
		info + `source url=/live/a, ip=127\.0\.0\.1, cache=1/2500, is_edge=0, source_id=/`,
	} {
		s.awaitMatch(want)
		id := regexp.MustCompile(want).FindStringSubmatch(s.output())[1]
		require.True(t, session == "" || session == id, "the lines of a session have its id")
		session = id
	}
	s.awaitMatch(warn + `client disconnect peer\. ret=1007`)
	s.awaitMatch(info + `client identified, type=rtmp-play, vhost=127\.0\.0\.1, app=live, stream=a, `)
	s.awaitMatch(fail + `serve error code=1028\(StreamBusy\)`)
	s.awaitMatch(fail + `serve error code=2014\(NoVhost\)`)
	s.awaitMatch(info + fmt.Sprintf(`HTTP #0 127\.0\.0\.1:\d+ GET http://127\.0\.0\.1:%d/live/a\.flv, content-length=-1`, s.http))
	// From a player to its publisher, and from a request to its end.
	s.awaitMatch(info + fmt.Sprintf(`source url=/live/a, ip=127\.0\.0\.1, cache=1/2500, is_edge=0, source_id=%s/%[1]s`, session))
	request := regexp.MustCompile(info + `HTTP #0 .*live/a\.flv`).FindStringSubmatch(s.output())[1]
	s.awaitMatch(`\[` + request + `\] source url=/live/a, .*source_id=` + session)
	s.awaitMatch(`\[` + request + `\]\[\d+\] client disconnect peer\. ret=1007`)
	s.awaitMatch(`thread \[\d+\]\[\w{8}\]: rtmp\.\(\*conn\)\.\w+\(\) \[\./rtmp/\w+\.go:\d+\]\[errno=0\]`)
}

// TestLogRotates: a log file that may have 1 MB has no more, and no line is lost.
func TestLogRotates(t *testing.T) {
	s := launch(t, "srs_log_max_size 1; srs_log_max_files 100;\n"+basic+playable, nil, "-c", "srs.conf")
	const requests = 800
	url := fmt.Sprintf("http://127.0.0.1:%d/none?x=%s", s.http, strings.Repeat("x", 2000))
	for i := range requests {
		r, err := http.Get(fmt.Sprintf("%s&i=%d,", url, i))
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
	}
	s.signal(syscall.SIGINT)
	require.Zero(t, s.exits())
	files, err := filepath.Glob(filepath.Join(s.dir, "srs.log*"))
	require.NoError(t, err)
	require.Greater(t, len(files), 1)
	var all strings.Builder
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.LessOrEqual(t, len(b), 1<<20)
		all.Write(b)
	}
	for i := range requests {
		require.Equal(t, 1, strings.Count(all.String(), fmt.Sprintf("&i=%d,", i)), i)
	}
}

func TestDrains(t *testing.T) {
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	stop := s.publish("a")
	require.NoError(t, s.picture("a"))
	s.signal(syscall.SIGQUIT)
	s.await("graceful quit waits for 1 connections since 1s")
	_, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.rtmp), time.Second)
	require.Error(t, err, "it still accepts")
	s.await("since 2s")
	select {
	case <-s.ended:
		t.Fatal("it did not wait for the publisher")
	default:
	}
	stop()
	require.Zero(t, s.exits())
	require.NotContains(t, s.output(), "fast quit")
}

func TestFastQuitEndsDrain(t *testing.T) {
	s := launch(t, "force_grace_quit on;\n"+basic+playable, nil, "-c", "srs.conf")
	s.publish("a")
	s.signal(syscall.SIGTERM)
	s.await("graceful quit waits for")
	s.signal(syscall.SIGTERM) // it means the same again
	s.await("since 2s")
	s.signal(syscall.SIGINT)
	require.Zero(t, s.exits())
}

func TestSecondInstance(t *testing.T) {
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	out, _, status := runSrsd(t, s.dir, nil, "-c", "srs.conf")
	require.Equal(t, 11, status)
	require.Contains(t, out, "code=1035(PidFileProcessExists)")

	conf := strings.Replace(basic, "./srs.pid", "./other.pid", 1)
	s.write(conf + playable)
	out, _, status = runSrsd(t, s.dir, nil, "-c", "srs.conf")
	require.Equal(t, 1002&0xff, status, "its ports are taken")
	require.Contains(t, out, "code=1002(SocketBind)")
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.exits())
}

func TestDaemon(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t)}
	s.write(strings.Replace(basic, "daemon off", "daemon on; disable_daemon_for_docker off", 1) + playable)
	out, errs, status := runSrsd(t, s.dir, nil, "-c", "srs.conf")
	require.Zero(t, status, out)
	require.Empty(t, errs)
	b, err := os.ReadFile(filepath.Join(s.dir, "srs.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(b))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	// It is up when the command has ended, in a session of its own.
	s.publish("a")
	require.NoError(t, s.picture("a"))
	if sid, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0); errno == 0 {
		require.EqualValues(t, pid, sid)
	}
	out, _, status = runSrsd(t, s.dir, nil, "-c", "srs.conf")
	require.Equal(t, 11, status, "a failure of the one in the background is told")
	require.Contains(t, out, "code=1035(PidFileProcessExists)")
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
	s.await("srsd ended")
}

func TestEnvironmentOnly(t *testing.T) {
	s := launch(t, "", []string{"SRS_LISTEN=RTMP", "SRS_HTTP_SERVER_ENABLED=on", "SRS_HTTP_SERVER_LISTEN=HTTP",
		"SRS_VHOST_HTTP_REMUX_ENABLED=on", "SRSD_LOG_FORMAT=json"}, "-e")
	s.publish("a")
	require.NoError(t, s.picture("a"))
	require.Contains(t, s.output(), `"level":"INFO","msg":"the server is up"`)
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.exits())
}

func TestDemo(t *testing.T) {
	s := launch(t, "", []string{"SRS_LISTEN=RTMP", "SRS_HTTP_SERVER_LISTEN=HTTP"}, "-demo")
	require.NoError(t, s.picture("livestream"))
	s.await(fmt.Sprintf("ffplay rtmp://127.0.0.1:%d/live/livestream\n", s.rtmp))
	s.await(fmt.Sprintf("ffplay http://127.0.0.1:%d/live/livestream.flv\n", s.http))
	s.await(fmt.Sprintf("ws://127.0.0.1:%d/live/livestream.flv", s.http))
	for path, kind := range map[string]string{"/": "text/html", "/mpegts.js": "text/javascript", "/mpegts.js.LICENSE": "text/plain"} {
		r, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path))
		require.NoError(t, err)
		r.Body.Close()
		require.Equal(t, http.StatusOK, r.StatusCode, path)
		require.Contains(t, r.Header.Get("Content-Type"), kind)
	}
	files, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Empty(t, files, "a demo leaves nothing behind")
	s.signal(syscall.SIGINT)
	require.Zero(t, s.exits())
}

// TestFFmpeg publishes and plays with a program that is not ours.
func TestFFmpeg(t *testing.T) {
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	s := launch(t, basic+playable, nil, "-c", "srs.conf")
	url := fmt.Sprintf("rtmp://127.0.0.1:%d/live/f", s.rtmp)
	ff := exec.Command("ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", "internal/demo/clip.flv", "-c", "copy", "-f", "flv", url)
	require.NoError(t, ff.Start())
	defer func() { _ = ff.Process.Kill(); _ = ff.Wait() }()
	s.await("<- CPB")
	for _, u := range []string{url, fmt.Sprintf("http://127.0.0.1:%d/live/f.flv", s.http)} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0", u).CombinedOutput()
		cancel()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "h264,640", u)
	}
}

func TestFollowsParent(t *testing.T) {
	s := &server{t: t, dir: t.TempDir(), rtmp: freePort(t), http: freePort(t)}
	s.write("asprocess on;\n" + basic + playable)
	inner := program(s.dir, nil)
	sh := exec.Command("sh", "-c", `"$0" -c srs.conf & sleep 1`, inner.Path)
	sh.Dir, sh.Env = s.dir, inner.Env
	require.NoError(t, sh.Run())
	b, err := os.ReadFile(filepath.Join(s.dir, "srs.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(b))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	s.awaitMatch(`code=1073\(SystemAsProcess\).* : asprocess: the parent process is gone`)
}
