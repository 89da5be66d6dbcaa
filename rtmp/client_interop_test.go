package rtmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
	"github.com/stretchr/testify/require"
)

// program finds a program, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// start runs a program until the test's end, and shows its output if the test fails.
func start(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	var out bytes.Buffer
	c := exec.Command(path, args...)
	c.Stdout, c.Stderr = &out, &out
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(path), out.String())
		}
	})
	return c
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startNginx runs nginx with its RTMP module and gives the URL of an app.
func startNginx(t *testing.T) string {
	nginx := program(t, "nginx")
	const module = "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	if _, err := os.Stat(module); err != nil {
		t.Skip("nginx has no RTMP module: " + err.Error())
	}
	dir, port := t.TempDir(), freePort(t)
	conf := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, `
load_module %s;
daemon off;
master_process off;
worker_processes 1;
pid %s/pid;
error_log stderr warn;
events { worker_connections 64; }
rtmp { server {
	listen 127.0.0.1:%d;
	access_log off;
	application live { live on; idle_streams off; wait_key off; }
} }
`, module, dir, port), 0o600))
	start(t, nginx, "-p", dir, "-c", conf)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "nginx does not listen")
	return "rtmp://" + addr + "/live"
}

// roundTrip publishes packets to a server and plays them from there.
func roundTrip(t *testing.T, url string, packets []*stream.Packet, c streamtest.Compare) {
	t.Helper()
	ctx := testContext(t)
	pub, err := DialPublish(ctx, url, nil)
	require.NoError(t, err)
	// The first packet goes ahead: some servers know no stream before it has media.
	require.NoError(t, pub.WritePacket(packets[0]))
	play, err := DialPlay(ctx, url, nil)
	require.NoError(t, err)
	var got []*stream.Packet
	var wg sync.WaitGroup
	var playErr error
	wg.Go(func() {
		for len(got) < 2*len(packets) {
			var q *stream.Packet
			if q, playErr = play.ReadPacket(); playErr != nil {
				return
			}
			got = append(got, q)
		}
	})
	require.NoError(t, streamtest.Publish(ctx, pub, streamtest.Source(packets[1:]...), 4))
	require.NoError(t, pub.Close())
	time.AfterFunc(time.Second, func() { _ = play.Close() }) // where the server ends nothing
	wg.Wait()
	_ = play.Close()
	if playErr != nil && !errors.Is(playErr, stream.ErrClosed) {
		require.ErrorContains(t, playErr, "EOF")
	}
	require.Greater(t, len(got), len(packets)/2)
	streamtest.Equal(t, packets, got, c)
}

func TestClientNginx(t *testing.T) {
	streamtest.CheckLeaks(t)
	url := startNginx(t)
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.H264BFramesAAC()} {
		t.Run(clip.Name, func(t *testing.T) {
			roundTrip(t, url+"/"+clip.Name, clip.Packets(), streamtest.Compare{AnyStart: true, AnyEnd: true})
		})
	}
	t.Run("busy", func(t *testing.T) {
		first, err := DialPublish(testContext(t), url+"/busy", nil)
		require.NoError(t, err)
		defer first.Close()
		_, err = DialPublish(testContext(t), url+"/busy", nil)
		require.ErrorIs(t, err, stream.ErrBusy)
	})
	t.Run("no app", func(t *testing.T) {
		_, err := DialPlay(testContext(t), strings.Replace(url, "live", "none", 1)+"/a", nil)
		require.Error(t, err)
	})
}

// gortmpServer relays messages between clients by another implementation of the protocol,
// which reads and writes each of them anew.
func gortmpServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); _ = l.Close(); wg.Wait() })
	var mu sync.Mutex
	var players []*gortmplib.ServerConn
	var begin []message.Message // what a player needs first
	serve := func(nc net.Conn) error {
		sc := &gortmplib.ServerConn{RW: nc}
		if err := sc.Initialize(); err != nil {
			return err
		}
		if err := sc.Accept(); err != nil {
			return err
		}
		if !sc.Publish {
			mu.Lock()
			for _, m := range begin {
				_ = sc.Write(m)
			}
			players = append(players, sc)
			mu.Unlock()
			<-ctx.Done()
			return nil
		}
		for {
			m, err := sc.Read()
			if err != nil {
				return err
			}
			mu.Lock()
			switch m := m.(type) {
			case *message.DataAMF0, *message.AudioExSequenceStart, *message.VideoExSequenceStart:
				begin = append(begin, m)
			case *message.Audio:
				if m.Codec == message.CodecMPEG4Audio && m.AACType == message.AudioAACTypeConfig {
					begin = append(begin, m)
				}
			case *message.Video:
				if m.Type == message.VideoTypeConfig {
					begin = append(begin, m)
				}
			case *message.AudioExCodedFrames, *message.VideoExCodedFrames, *message.VideoExFramesX:
			default:
				mu.Unlock()
				continue
			}
			for _, p := range players {
				_ = p.Write(m)
			}
			mu.Unlock()
		}
	}
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
				if err := serve(nc); err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
					t.Log("gortmplib: ", err)
				}
			})
		}
	})
	return "rtmp://" + l.Addr().String() + "/live/a"
}

func TestClientGortmplib(t *testing.T) {
	streamtest.CheckLeaks(t)
	for _, clip := range []*streamtest.Clip{streamtest.HEVCAAC(), streamtest.AV1AAC(), streamtest.VP9Opus(), streamtest.H264MP3()} {
		t.Run(clip.Name, func(t *testing.T) {
			// It writes decoder configurations anew, not all fields as they came.
			roundTrip(t, gortmpServer(t), clip.Packets(), streamtest.Compare{AnyStart: true, AnyEnd: true, AnyConfig: true})
		})
	}
}

// TestClientFFmpeg publishes to ffmpeg as a server, and has ffprobe read what it stored.
func TestClientFFmpeg(t *testing.T) {
	streamtest.CheckLeaks(t)
	ffmpeg, ffprobe := program(t, "ffmpeg"), program(t, "ffprobe")
	for _, clip := range []*streamtest.Clip{streamtest.H264AAC(), streamtest.H264BFramesAAC()} {
		t.Run(clip.Name, func(t *testing.T) {
			url := fmt.Sprintf("rtmp://127.0.0.1:%d/live/a", freePort(t))
			file := filepath.Join(t.TempDir(), "out.mp4")
			c := exec.Command(ffmpeg, "-v", "warning", "-y", "-listen", "1", "-i", url, "-c", "copy", file)
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			require.NoError(t, c.Start())
			done := make(chan error, 1)
			go func() { done <- c.Wait() }()
			finished := false
			defer func() {
				if !finished {
					_ = c.Process.Kill()
					<-done
					t.Log(out.String())
				}
			}()
			ctx := testContext(t)
			var pub *PublishConn
			require.Eventually(t, func() bool {
				var err error
				pub, err = DialPublish(ctx, url, nil)
				return err == nil
			}, 15*time.Second, 50*time.Millisecond, "ffmpeg does not listen")
			require.NoError(t, streamtest.Publish(ctx, pub, clip.Source(), 8))
			_ = pub.Close()
			select {
			case err := <-done:
				finished = true
				require.NoError(t, err, out.String())
			case <-ctx.Done():
				t.Fatal("ffmpeg does not end")
			}
			probe, err := exec.Command(ffprobe, "-v", "error", "-count_packets", "-show_entries",
				"stream=codec_name,nb_read_packets", "-of", "csv=p=0", file).Output()
			require.NoError(t, err)
			for i := range clip.Tracks().List {
				name := map[stream.Codec]string{stream.H264: "h264", stream.AAC: "aac"}[clip.Tracks().List[i].Codec]
				require.Contains(t, string(probe), fmt.Sprintf("%s,%d", name, count(clip.Packets(), i)))
			}
		})
	}
}

func count(packets []*stream.Packet, track int) (n int) {
	for _, p := range packets {
		if p.Track == track {
			n++
		}
	}
	return n
}
