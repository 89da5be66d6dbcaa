package hls

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/cmaf"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

func low() Vhost {
	v := plain(time.Second, 10*time.Second)
	v.PartDuration = 200 * time.Millisecond
	return v
}

// start publishes in the background until the returned function is called.
func (r *rig) start(t testing.TB, e encoder) (stop func()) {
	t.Helper()
	pub := r.begin(t, live)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = streamtest.Publish(ctx, pub, e.source(), 1)
	}()
	return func() {
		cancel()
		<-done
		require.NoError(t, pub.Close(nil))
		synctest.Wait()
	}
}

// ask asks in the background.
func (r *rig) ask(t testing.TB, ctx context.Context, path string) <-chan *httptest.ResponseRecorder {
	out := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://h.test"+path, nil)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		out <- w
	}()
	return out
}

// All tracks of every codec, each in a playlist of its own, play.
func TestFMP4(t *testing.T) {
	program(t, "ffmpeg")
	for _, clip := range streamtest.Clips() {
		if clip.Name == "FLV1Speex" {
			continue
		}
		t.Run(clip.Name, func(t *testing.T) {
			dir, alone := t.TempDir(), []string(nil)
			v := plain(2*time.Second, time.Minute)
			v.Format, v.Dir, v.Dispose, v.EndList = FMP4, dir, -1, true
			bubble(t, one(v), func(t *testing.T, r *rig) {
				r.publish(t, live, clip.Loop(3))
				master := r.body(t, "/live/av.m3u8")
				b, err := os.ReadFile(filepath.Join(dir, "live/av.m3u8"))
				require.NoError(t, err)
				require.Equal(t, len(uris(string(b))), len(uris(master)))
				require.NotEmpty(t, tag(master, "EXT-X-STREAM-INF"), master)
				require.Contains(t, master, "CODECS=")
				for _, uri := range uris(master) {
					text := r.body(t, "/live/"+uri)
					require.Contains(t, text, "#EXT-X-MAP:URI=")
					init := ""
					for line := range strings.Lines(text) {
						line = strings.TrimSpace(line)
						if m := regexp.MustCompile(`^#EXT-X-MAP:URI="(.*)"`).FindStringSubmatch(line); m != nil {
							init = r.body(t, "/live/"+m[1])
						} else if !strings.HasPrefix(line, "#") {
							alone = append(alone, init+r.body(t, "/live/"+line))
						}
					}
				}
			})
			var names []string
			for i, b := range alone {
				names = append(names, filepath.Join(dir, fmt.Sprintf("alone-%d.mp4", i)))
				require.NoError(t, os.WriteFile(names[i], []byte(b), 0o644))
			}
			require.Empty(t, decodeEach(t, names...))
			if clip.Name != "H264Resize" { // ffmpeg passes over a second moov
				require.Empty(t, decode(t, "-allowed_extensions", "ALL", "-i", filepath.Join(dir, "live/av.m3u8")))
			}
		})
	}
}

// A player that asks for the next part is answered when it is there, with that part last.
func TestBlocking(t *testing.T) {
	bubble(t, one(low()), func(t *testing.T, r *rig) {
		stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: time.Minute})
		time.Sleep(10*time.Second + 10*time.Millisecond)
		synctest.Wait()
		master := r.body(t, "/live/av.m3u8")
		require.Contains(t, master, "av.v1.m3u8")
		text := r.body(t, "/live/av.v1.m3u8")
		require.Contains(t, text, "CAN-BLOCK-RELOAD=YES")
		msn, part := newest(t, text)
		for range 12 {
			if part++; part == 5 {
				msn, part = msn+1, 0
			}
			began := time.Now()
			hint := regexp.MustCompile(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"`).FindStringSubmatch(text)[1]
			hinted := r.ask(t, t.Context(), "/live/"+hint)
			w := <-r.ask(t, t.Context(), fmt.Sprintf("/live/av.v1.m3u8?_HLS_msn=%d&_HLS_part=%d", msn, part))
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			text = w.Body.String()
			gotMSN, gotPart := newest(t, text)
			require.Equal(t, [2]int{msn, part}, [2]int{gotMSN, gotPart}, text)
			require.InDelta(t, 0.2, time.Since(began).Seconds(), 0.05)
			w = <-hinted
			require.Equal(t, http.StatusOK, w.Code)
			require.NotZero(t, w.Body.Len())
			require.Contains(t, text, `URI="`+hint+`"`)
		}
		stop()
	})
}

// newest gives the number of the newest part of a playlist.
func newest(t testing.TB, text string) (msn, part int) {
	t.Helper()
	_, err := fmt.Sscanf(tag(text, "EXT-X-MEDIA-SEQUENCE")[0], "%d", &msn)
	require.NoError(t, err)
	msn += len(uris(text))
	if skipped := tag(text, "EXT-X-SKIP"); len(skipped) > 0 {
		var n int
		_, err = fmt.Sscanf(skipped[0], "SKIPPED-SEGMENTS=%d", &n)
		require.NoError(t, err)
		msn += n
	}
	last := 0 // parts of the newest whole segment
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#EXTINF"):
			last, part = part, 0
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			part++
		}
	}
	if part == 0 {
		return msn - 1, last - 1
	}
	return msn, part - 1
}

// Requests that make no sense, go too far, or wait too long.
func TestBlockingLimits(t *testing.T) {
	cfg := one(low())
	cfg.MaxHeld = 10
	bubble(t, cfg, func(t *testing.T, r *rig) {
		stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 10 * time.Second})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for _, q := range []string{"_HLS_part=1", "_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=1&_HLS_part=x", "_HLS_msn=99", "_HLS_msn=4294967296"} {
			require.Equal(t, http.StatusBadRequest, r.get(t, "/live/av.v1.m3u8?"+q).Code, q)
		}
		require.Equal(t, http.StatusOK, r.get(t, "/live/av.v1.m3u8?_HLS_msn=1").Code)
		stop()
		// Nobody publishes: what is waited for does not come.
		text := r.body(t, "/live/av.v1.m3u8")
		msn, _ := newest(t, text)
		began := time.Now()
		require.Equal(t, http.StatusServiceUnavailable, r.get(t, fmt.Sprintf("/live/av.v1.m3u8?_HLS_msn=%d", msn+1)).Code)
		require.Equal(t, 3*time.Second, time.Since(began))
		// Too many wait; those who leave are forgotten.
		ctx, cancel := context.WithCancel(t.Context())
		var wait []<-chan *httptest.ResponseRecorder
		for range 10 {
			wait = append(wait, r.ask(t, ctx, fmt.Sprintf("/live/av.v1.m3u8?_HLS_msn=%d", msn+1)))
		}
		synctest.Wait()
		require.EqualValues(t, 10, r.module.held.Load())
		require.Equal(t, http.StatusServiceUnavailable, r.get(t, fmt.Sprintf("/live/av.v1.m3u8?_HLS_msn=%d", msn+1)).Code)
		cancel()
		for _, w := range wait {
			<-w
		}
		require.Zero(t, r.module.held.Load())
	})
}

// A delta update has less, and says how much.
func TestDelta(t *testing.T) {
	v := low()
	v.Window = 30 * time.Second
	bubble(t, one(v), func(t *testing.T, r *rig) {
		stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: time.Minute})
		time.Sleep(40 * time.Second)
		synctest.Wait()
		whole := r.body(t, "/live/av.v1.m3u8")
		delta := r.body(t, "/live/av.v1.m3u8?_HLS_skip=YES")
		var skipped int
		_, err := fmt.Sscanf(tag(delta, "EXT-X-SKIP")[0], "SKIPPED-SEGMENTS=%d", &skipped)
		require.NoError(t, err)
		require.Equal(t, uris(whole)[skipped:], uris(delta))
		require.Greater(t, skipped, 20)
		stop()
	})
}

// The reports of the other tracks are the truth.
func TestReports(t *testing.T) {
	bubble(t, one(low()), func(t *testing.T, r *rig) {
		stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: time.Minute})
		for range 20 {
			time.Sleep(130 * time.Millisecond)
			synctest.Wait()
			w := r.get(t, "/live/av.v1.m3u8")
			if w.Code == http.StatusNotFound {
				continue
			}
			report := regexp.MustCompile(`#EXT-X-RENDITION-REPORT:URI="([^"]+)",LAST-MSN=(\d+),LAST-PART=(\d+)`).FindStringSubmatch(w.Body.String())
			if report == nil {
				continue
			}
			msn, part := newest(t, r.body(t, "/live/"+report[1]))
			require.Equal(t, report[2]+" "+report[3], fmt.Sprintf("%d %d", msn, part))
		}
		stop()
	})
}

// A track that has nothing for a while leaves gaps, and all tracks count alike.
func TestGap(t *testing.T) {
	v := plain(time.Second, time.Minute)
	v.Format = FMP4
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 20 * time.Second, drop: func(p *stream.Packet) bool {
			return p.Kind() == stream.KindAudio && p.DTS > 5*time.Second && p.DTS < 12*time.Second
		}}.source())
		video, audio := r.body(t, "/live/av.v1.m3u8"), r.body(t, "/live/av.a1.m3u8")
		require.Equal(t, len(uris(video)), len(uris(audio)), "%s\n%s", video, audio)
		require.GreaterOrEqual(t, strings.Count(audio, "#EXT-X-GAP"), 3, audio)
		require.Equal(t, []string{"8"}, tag(audio, "EXT-X-VERSION"))
	})
}

// Viewers that wait are woken together, and those that go leave nothing.
func TestCrowd(t *testing.T) {
	bubble(t, one(low()), func(t *testing.T, r *rig) {
		stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: time.Minute})
		time.Sleep(5*time.Second + 10*time.Millisecond)
		synctest.Wait()
		msn, _ := newest(t, r.body(t, "/live/av.v1.m3u8"))
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range 2000 {
			c := t.Context()
			if i%2 == 0 {
				c = ctx
			}
			group.Add(1)
			go func() {
				defer group.Done()
				w := <-r.ask(t, c, fmt.Sprintf("/live/av.v1.m3u8?_HLS_msn=%d", msn+1))
				if c != ctx && w.Code != http.StatusOK {
					t.Errorf("answered %d: %s", w.Code, w.Body)
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.EqualValues(t, 1000, r.module.held.Load())
		group.Wait()
		require.Zero(t, r.module.held.Load())
		stop()
	})
}

// Clients that close their connections while they wait leave nothing.
func TestHungUp(t *testing.T) {
	const clients = 100
	v := low()
	v.Fragment = 10 * time.Second // none is answered before it has hung up
	r := newRig(t, one(v))
	defer r.stop(t)
	srv := httptest.NewServer(r.handler)
	defer srv.Close()
	pub := r.begin(t, live)
	defer pub.Close(nil)
	begun := func() bool {
		for s := range r.module.Streams() {
			return s.Memory > 0
		}
		return false
	}
	for i, p := range pull(encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 15 * time.Second}.source()) {
		require.NoError(t, pub.WritePacket(p))
		if i == 50 {
			require.Eventually(t, begun, time.Minute, time.Millisecond)
		}
	}
	require.Eventually(t, func() bool { return r.get(t, "/live/av.v1.m3u8?_HLS_msn=0").Code == http.StatusOK }, time.Minute, 10*time.Millisecond)
	msn, _ := newest(t, r.body(t, "/live/av.v1.m3u8"))
	var conns []net.Conn
	for range clients {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		conns = append(conns, c)
		_, err = fmt.Fprintf(c, "GET /live/av.v1.m3u8?_HLS_msn=%d HTTP/1.1\r\nHost: h.test\r\n\r\n", msn+1)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return r.module.held.Load() == clients }, time.Minute, time.Millisecond)
	for _, c := range conns {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool { return r.module.held.Load() == 0 }, time.Minute, time.Millisecond)
}

// The date of a segment is that of the one before and its length.
func TestDates(t *testing.T) {
	v := plain(2*time.Second, time.Minute)
	v.Format = FMP4
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 30 * time.Second}.source())
		for _, list := range []string{"/live/av.v1.m3u8", "/live/av.a1.m3u8"} {
			text := r.body(t, list)
			all, _ := lengths(t, text)
			var last time.Time
			for i, date := range tag(text, "EXT-X-PROGRAM-DATE-TIME") {
				at, err := time.Parse(time.RFC3339Nano, date)
				require.NoError(t, err)
				if i > 0 {
					require.WithinDuration(t, last.Add(time.Duration(all[i-1]*float64(time.Second))), at, 2*time.Millisecond, text)
				}
				last = at
			}
			require.False(t, last.IsZero())
		}
	})
}

// What is stored of a low-latency stream names only what is stored.
func TestLowLatencyFiles(t *testing.T) {
	dir := t.TempDir()
	v := low()
	v.Dir, v.Dispose, v.EndList = dir, -1, true
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(5))
	})
	for _, name := range []string{"live/av.v1.m3u8", "live/av.a1.m3u8"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NotContains(t, string(b), "PART")
		require.Contains(t, string(b), "#EXT-X-ENDLIST")
		for _, uri := range uris(string(b)) {
			require.FileExists(t, filepath.Join(dir, "live", uri))
		}
	}
	if _, err := exec.LookPath("ffmpeg"); err == nil {
		require.Empty(t, decode(t, "-allowed_extensions", "ALL", "-i", filepath.Join(dir, "live/av.m3u8")))
	}
}

// A server that ends does not wait for those who wait.
func TestDrain(t *testing.T) {
	bubble(t, one(low()), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		msn, _ := newest(t, r.body(t, "/live/av.v1.m3u8"))
		w := r.ask(t, t.Context(), fmt.Sprintf("/live/av.v1.m3u8?_HLS_msn=%d", msn+1))
		synctest.Wait()
		began := time.Now()
		r.stop(t)
		require.Equal(t, http.StatusServiceUnavailable, (<-w).Code)
		require.Equal(t, began, time.Now())
	})
}

// What DASH by default, with and without low latency, cuts alike is packaged once for both.
func TestPackaging(t *testing.T) {
	const part = 250 * time.Millisecond
	require.Equal(t, cmaf.Config{SegmentDuration: 10 * time.Second}, new(Vhost{Format: FMP4}.defaults()).packaging())
	require.Equal(t, cmaf.Config{SegmentDuration: 10 * time.Second, PartDuration: part, ProducerTime: true}, new(Vhost{PartDuration: part}.defaults()).packaging())
}
