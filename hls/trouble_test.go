package hls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/storage"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// lengths gives the durations of a playlist, and fails if one, rounded, is more than the target.
func lengths(t testing.TB, text string) (out []float64, sum float64) {
	t.Helper()
	target, err := strconv.Atoi(tag(text, "EXT-X-TARGETDURATION")[0])
	require.NoError(t, err)
	for _, v := range tag(text, "EXTINF") {
		s, err := strconv.ParseFloat(v[:strings.IndexByte(v, ',')], 64)
		require.NoError(t, err)
		require.LessOrEqual(t, int(math.Round(s)), target, text)
		out = append(out, s)
		sum += s
	}
	return out, sum
}

// trouble is what goes wrong with live streams.
type trouble struct {
	name  string
	src   stream.Source
	sum   float64 // seconds
	marks int     // of discontinuity
	most  float64 // the longest segment
	// lost is what tracks in playlists of their own lose: up to the next key frame where tracks change, and
	// the end of a segment of which there is no more.
	lost float64
}

func troubles() []trouble {
	clip := streamtest.H264AAC()
	all := clip.Tracks()
	pictures := &stream.Tracks{List: []stream.Track{all.List[all.First(stream.KindVideo)]}, Meta: all.Meta}
	return []trouble{
		{"smooth", encoder{clip: clip, gop: time.Second, until: 20 * time.Second}.source(), 20, 0, 2.1, 0},
		{"another resolution", streamtest.H264Resize().Source(), 4, 1, 2.1, 0},
		// Time is repaired before it comes here; the mark tells that something is missing.
		{"jump of a minute", encoder{clip: clip, gop: time.Second, until: 20 * time.Second, drop: func(p *stream.Packet) bool {
			if p.DTS > 10*time.Second {
				p.DTS, p.PTS = p.DTS+time.Minute, p.PTS+time.Minute
			}
			return false
		}}.source(), 20, 1, 2.1, 0},
		{"jump back", encoder{clip: clip, gop: time.Second, until: 20 * time.Second, drop: func(p *stream.Packet) bool {
			if p.DTS > 10*time.Second {
				p.DTS, p.PTS = p.DTS-9*time.Second, p.PTS-9*time.Second
			}
			return false
		}}.source(), 20, 1, 2.1, 0},
		{"no key frame for 30 s", encoder{clip: clip, gop: time.Second, until: 60 * time.Second, drop: func(p *stream.Packet) bool {
			if p.DTS > 10*time.Second && p.DTS < 40*time.Second {
				p.Flags &^= stream.KeyFrame
			}
			return false
		}}.source(), 60, 0, 4.3, 0},
		{"sound is silent", encoder{clip: clip, gop: time.Second, until: 20 * time.Second, drop: func(p *stream.Packet) bool {
			return p.Kind() == stream.KindAudio && p.DTS > 5*time.Second && p.DTS < 15*time.Second
		}}.source(), 20, 0, 2.1, 0},
		{"sound comes late", encoder{clip: clip, gop: time.Second, until: 20 * time.Second, drop: func(p *stream.Packet) bool {
			if p.DTS >= 7300*time.Millisecond {
				return false
			}
			if p.Kind() == stream.KindAudio {
				return true
			}
			p.Tracks, p.Track = pictures, 0
			return false
		}}.source(), 20, 1, 2.1, 0.7},
		{"pictures end", encoder{clip: clip, gop: time.Second, until: 30 * time.Second, drop: func(p *stream.Packet) bool {
			return p.Kind() == stream.KindVideo && p.DTS > 10*time.Second
		}}.source(), 30, 0, 4.3, 2},
		{"key frames far apart", encoder{clip: clip, gop: 3 * time.Second, until: 30 * time.Second}.source(), 30, 0, 3.1, 0},
		{"key frames 20 ms apart", encoder{clip: clip, gop: 40 * time.Millisecond, until: 10 * time.Second}.source(), 10, 0, 2.1, 0},
	}
}

// burst publishes all at once: a jump of time is to be no pause.
func (r *rig) burst(t testing.TB, src stream.Source) {
	t.Helper()
	pub := r.begin(t, live)
	for i, p := range pull(src) {
		require.NoError(t, pub.WritePacket(p))
		if i == 0 {
			synctest.Wait() // the module begins to read
		}
	}
	require.NoError(t, pub.Close(nil))
	synctest.Wait()
}

// Durations stay true, and marks stand where content does not continue.
func TestTrouble(t *testing.T) {
	for _, x := range troubles() {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, one(plain(2*time.Second, 100*time.Second)), func(t *testing.T, r *rig) {
				r.burst(t, x.src)
				text := r.body(t, "/live/av.m3u8")
				all, sum := lengths(t, text)
				require.InDelta(t, x.sum, sum, 0.2, text)
				require.Equal(t, x.marks, strings.Count(text, "#EXT-X-DISCONTINUITY\n"), text)
				for _, d := range all {
					require.LessOrEqual(t, d, x.most, text)
				}
			})
		})
	}
}

// The playlists of all tracks have the same numbers, and end together.
func TestTroubleTracks(t *testing.T) {
	for _, x := range troubles() {
		t.Run(x.name, func(t *testing.T) {
			v := plain(2*time.Second, 100*time.Second)
			v.Format = FMP4
			bubble(t, one(v), func(t *testing.T, r *rig) {
				r.burst(t, x.src)
				ends := map[int]bool{}
				for _, uri := range uris(r.body(t, "/live/av.m3u8")) {
					text := r.body(t, "/live/"+uri)
					_, sum := lengths(t, text)
					require.InDelta(t, x.sum-x.lost/2, sum, 0.2+x.lost/2, text)
					msn, err := strconv.Atoi(tag(text, "EXT-X-MEDIA-SEQUENCE")[0])
					require.NoError(t, err)
					ends[msn+len(uris(text))] = true
					for _, u := range uris(text) {
						if !strings.Contains(u, ".gap") {
							r.body(t, "/live/"+u)
						}
					}
				}
				require.Len(t, ends, 1)
			})
		})
	}
}

// Settings that change begin anew under the numbers that follow; others change nothing.
func TestReload(t *testing.T) {
	v := plain(2*time.Second, 12*time.Second)
	cfg := one(v)
	bubble(t, cfg, func(t *testing.T, r *rig) {
		reload := func(v Vhost) {
			c := one(v)
			require.NoError(t, r.Reload(context.Background(), protocol.Config{}, New(c)))
			synctest.Wait()
		}
		stop := r.start(t, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 10 * time.Minute})
		time.Sleep(9 * time.Second)
		synctest.Wait()
		before := r.body(t, "/live/av.m3u8")
		v.OnError = Disconnect
		reload(v)
		require.Equal(t, before, r.body(t, "/live/av.m3u8"))
		v.Fragment = 4 * time.Second
		reload(v)
		time.Sleep(13 * time.Second)
		synctest.Wait()
		text := r.body(t, "/live/av.m3u8")
		require.Equal(t, []string{"4"}, tag(text, "EXT-X-TARGETDURATION"), text)
		n, err := strconv.Atoi(tag(text, "EXT-X-MEDIA-SEQUENCE")[0])
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, len(uris(before)), fmt.Sprint(before, text))
		r2 := Config{Vhost: func(string) Vhost { return Vhost{} }}
		require.NoError(t, r.Reload(context.Background(), protocol.Config{}, New(r2)))
		synctest.Wait()
		require.Equal(t, 404, r.get(t, "/live/av.m3u8").Code)
		reload(v)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.NotEmpty(t, uris(r.body(t, "/live/av.m3u8")))
		stop()
	})
}

// Streams of a group share a master, and cut alike.
func TestVariants(t *testing.T) {
	v := plain(2*time.Second, 20*time.Second)
	v.Variants = []string{"[stream]_720p", "[stream]_360p", "[stream]"}
	bubble(t, one(v), func(t *testing.T, r *rig) {
		big, small, source := live, live, live
		big.Name, small.Name, source.Name = "cam_720p", "cam_360p", "cam"
		r.publish(t, big, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 20 * time.Second}.source())
		r.publish(t, small, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 20 * time.Second, from: 0}.source())
		master := r.body(t, "/live/cam.m3u8")
		require.Equal(t, []string{"cam_720p.ts.m3u8", "cam_360p.ts.m3u8"}, uris(master), master)
		require.Contains(t, master, "BANDWIDTH=")
		a, b := r.body(t, "/live/cam_360p.ts.m3u8"), r.body(t, "/live/cam_720p.ts.m3u8")
		require.Equal(t, tag(a, "EXTINF"), tag(b, "EXTINF"))
		require.Equal(t, tag(a, "EXT-X-MEDIA-SEQUENCE"), tag(b, "EXT-X-MEDIA-SEQUENCE"))
		require.NotEmpty(t, tag(a, "EXT-X-PROGRAM-DATE-TIME"))
		r.publish(t, source, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 20 * time.Second}.source())
		require.Len(t, uris(r.body(t, "/live/cam.m3u8")), 3)
	})
}

// Viewers may go back as far as the vhost lets them.
func TestRewind(t *testing.T) {
	v := plain(2*time.Second, 10*time.Second)
	v.Rewind = 60 * time.Second
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 200 * time.Second}.source())
		require.Len(t, uris(r.body(t, "/live/av.m3u8")), 6)
		text := r.body(t, "/live/av.m3u8?rewind=1")
		_, sum := lengths(t, text)
		require.Greater(t, sum, 60.0)
		for _, uri := range uris(text) {
			r.body(t, "/live/"+uri)
		}
	})
}

// What a stream may have in memory is bounded in bytes: what is on disk is served from there, and else the
// oldest segments leave.
func TestMemory(t *testing.T) {
	const limit = 100_000
	for name, set := range map[string]func(*Vhost){
		"ts": func(*Vhost) {}, "fmp4": func(v *Vhost) { v.Format = FMP4 }, "low": func(v *Vhost) { v.PartDuration = 200 * time.Millisecond },
		"disk": func(v *Vhost) { v.Dir = t.TempDir() }, "fmp4 disk": func(v *Vhost) { v.Format, v.Dir = FMP4, t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			v := plain(time.Second, 20*time.Second)
			v.MaxMemory = limit
			set(&v)
			var log strings.Builder
			bubble(t, one(v), func(t *testing.T, r *rig) {
				r.module.host.Logger = slog.New(slog.NewTextHandler(&log, nil))
				pub := r.begin(t, live)
				src := encoder{clip: streamtest.H264AAC(), gop: time.Second, until: time.Minute}.source()
				go func() { _ = streamtest.Publish(context.Background(), pub, src, 1) }()
				most := 0
				for range 61 {
					time.Sleep(time.Second)
					synctest.Wait()
					for s := range r.module.Streams() {
						most = max(most, s.Memory)
					}
				}
				require.NoError(t, pub.Close(nil))
				synctest.Wait()
				require.Less(t, most, limit+50_000, "the one that is being made comes on top")
				require.Greater(t, most, limit/2)
				path := "/live/av.m3u8"
				if v.Format == FMP4 || v.PartDuration > 0 {
					path = "/live/av.v1.m3u8"
				}
				list := uris(r.body(t, path))
				for _, uri := range list {
					r.body(t, "/live/"+uri)
				}
				if v.Dir != "" {
					require.Len(t, list, 21)
					require.NotContains(t, log.String(), "leave early")
				} else {
					require.Greater(t, len(list), 1)
					require.Less(t, len(list), 20)
					require.Equal(t, 1, strings.Count(log.String(), "leave early"))
				}
			})
		})
	}
}

// Segments wait for a slow disk up to as many bytes.
func TestWaiting(t *testing.T) {
	bubble(t, one(Vhost{}), func(t *testing.T, r *rig) {
		slow := &slow{Storage: storage.NewMemory(), let: make(chan struct{})}
		v := Vhost{Upload: slow, MaxMemory: 1000, OnError: Continue}
		c, err := newChannel(r.module, live, v.defaults(), 0, 0)
		require.NoError(t, err)
		for i := range 10 {
			b := make([]byte, 300)
			c.store.put(job{name: "live/" + strconv.Itoa(i), segment: true, size: len(b), body: func() (io.ReadSeeker, int64) { return bytes.NewReader(b), int64(len(b)) }})
		}
		_, failed := c.store.stats()
		require.EqualValues(t, 10-3, failed)
		close(slow.let)
		synctest.Wait()
		require.Zero(t, c.store.bytes)
	})
}

// slow is a storage that waits.
type slow struct {
	storage.Storage
	let chan struct{}
}

func (s *slow) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	<-s.let
	return s.Storage.Put(ctx, name, r, size)
}
