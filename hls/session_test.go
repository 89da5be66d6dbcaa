package hls

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

// events notes what the hub tells of viewers.
type events struct {
	mu   sync.Mutex
	list []string
	last *stream.Session
}

func (e *events) observe(v stream.Event) {
	if v.Session.Action != stream.ActionView {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, v.Type.String()+" "+v.Session.ID)
	e.last = v.Session
}

func (e *events) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, ", ")
}

// A viewer's session as a real SRS has it: master, playlist, segments; an id that is not known becomes one.
func TestSession(t *testing.T) {
	want := sample(t, "session-hls_ctx.txt")
	bubble(t, one(Vhost{Fragment: 2 * time.Second, Window: 10 * time.Second}), func(t *testing.T, r *rig) {
		var seen events
		defer r.Hub().Observe(seen.observe)()
		pub := r.begin(t, live)
		require.NoError(t, streamtest.Publish(context.Background(), pub, encoder{clip: streamtest.H264AAC(), gop: time.Second, until: 30 * time.Second}.source(), 1))
		synctest.Wait()

		w := r.get(t, "/live/av.m3u8?ht=3&x=1")
		require.Equal(t, "application/vnd.apple.mpegurl", w.Header().Get("Content-Type"))
		id := regexp.MustCompile(`hls_ctx=([0-9a-z]{8})&`).FindStringSubmatch(w.Body.String())[1]
		require.Equal(t, want[:strings.Index(want, "HTTP/1.1")], strings.ReplaceAll(w.Body.String(), id, "2s4g6a60"))
		require.Equal(t, "play "+id, seen.all())
		require.Equal(t, live, seen.last.Request.Key)
		require.Equal(t, "?ht=3&x=1", seen.last.Request.Param)
		require.Equal(t, "hls-play", seen.last.Request.Type)
		require.Equal(t, "http://h.test/live/av.m3u8?ht=3&x=1", seen.last.Request.URL)

		text := r.body(t, uris(w.Body.String())[0])
		for i, uri := range uris(text) {
			require.Equal(t, fmt.Sprintf("av-%d.ts?hls_ctx=%s", 8+i, id), uri)
			require.Equal(t, http.StatusOK, r.get(t, "/live/"+uri).Code)
		}
		require.Equal(t, "play "+id, seen.all())
		require.Greater(t, seen.last.Stats().Bytes, uint64(100_000))

		w = r.get(t, "/live/av.m3u8?hls_ctx=nosuch12")
		require.Equal(t, want[strings.LastIndex(want, "#EXTM3U"):strings.Index(want, "{")], w.Body.String())
		require.Equal(t, "play "+id+", play nosuch12", seen.all())

		for range 5 { // it lasts for as long as somebody asks
			time.Sleep(10 * time.Second)
			r.body(t, "/live/av.m3u8?hls_ctx="+id)
		}
		time.Sleep(time.Second)
		require.Contains(t, seen.all(), "stop nosuch12")
		require.NotContains(t, seen.all(), "stop "+id)
		time.Sleep(22 * time.Second)
		require.Contains(t, seen.all(), "stop "+id)
		require.NoError(t, pub.Close(nil))
	})
}

// A viewer that was kicked gets 404, for its playlist and its segments.
func TestKick(t *testing.T) {
	bubble(t, one(Vhost{Fragment: 2 * time.Second, Window: 10 * time.Second}), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		uri := uris(r.body(t, "/live/av.m3u8"))[0]
		ts := uris(r.body(t, uri))[0]
		for s := range r.Hub().Sessions() {
			s.Kick(nil)
		}
		require.Equal(t, http.StatusNotFound, r.get(t, uri).Code)
		require.Equal(t, http.StatusNotFound, r.get(t, "/live/"+ts).Code)
	})
}

// Gates decide, and viewers are told what they say; without hls_ctx too.
func TestGates(t *testing.T) {
	for _, noCtx := range []bool{false, true} {
		v := plain(2*time.Second, 10*time.Second)
		v.NoCtx = noCtx
		bubble(t, one(v), func(t *testing.T, r *rig) {
			r.publish(t, live, streamtest.H264AAC().Loop(2))
			asked := 0
			defer r.Hub().AddGate(stream.GateFunc(func(_ context.Context, s *stream.Session) error {
				asked++
				switch s.Request.Param {
				case "?good":
					return nil
				case "?away":
					return &stream.RedirectError{URL: "http://other.test/x.m3u8"}
				}
				return &stream.DeniedError{Public: "No.", Err: errors.New("secret reason")}
			}))()
			w := r.get(t, "/live/av.m3u8?bad")
			require.Equal(t, http.StatusForbidden, w.Code)
			require.Equal(t, "No.", w.Body.String())
			w = r.get(t, "/live/av.m3u8?away")
			require.Equal(t, http.StatusFound, w.Code)
			require.Equal(t, "http://other.test/x.m3u8", w.Header().Get("Location"))
			asked = 0
			w = r.get(t, "/live/av.m3u8?good")
			require.Equal(t, http.StatusOK, w.Code)
			if noCtx {
				r.body(t, "/live/av.m3u8?good")
			} else {
				r.body(t, uris(w.Body.String())[0])
			}
			require.Equal(t, 1, asked)
			require.Equal(t, 1, r.module.Viewers())
		})
	}
}

// Requests for what there is not, whatever they are called, find nothing and leave nothing.
func TestAbsent(t *testing.T) {
	bubble(t, one(Vhost{Fragment: 2 * time.Second}), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		before := r.module.reg.len()
		for _, path := range []string{"/live/none.m3u8", "/live/av-99.ts", "/live/../live/av.m3u8", "/live/%2e%2e/live/av.m3u8", "//live/av.m3u8",
			"/live/av.m3u8%00", "/live/av%2em3u8x", "/" + strings.Repeat("a", 10<<10) + ".m3u8", "/live/av.m3u8/", "/live/AV.m3u8", "/av.m3u8"} {
			for range 100 {
				require.Contains(t, []int{http.StatusNotFound, http.StatusBadRequest}, r.get(t, path).Code, path)
			}
		}
		require.Equal(t, before, r.module.reg.len())
		require.Zero(t, r.module.Viewers())
		require.Equal(t, http.StatusMethodNotAllowed, r.do(t, http.MethodDelete, "/live/av.m3u8").Code)
	})
}

// Playlists are compressed for who takes that, and not sent again to who has them; segments too.
func TestConditional(t *testing.T) {
	bubble(t, one(plain(time.Second, time.Minute)), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(8))
		w := r.get(t, "/live/av.m3u8", "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.Less(t, w.Body.Len(), len(r.body(t, "/live/av.m3u8"))/2)
		require.Equal(t, http.StatusNotModified, r.get(t, "/live/av.m3u8", "Accept-Encoding", "gzip", "If-None-Match", w.Header().Get("ETag")).Code)
		w = r.get(t, "/live/av-3.ts")
		require.Equal(t, "public, max-age=60", w.Header().Get("Cache-Control"))
		require.Equal(t, http.StatusNotModified, r.get(t, "/live/av-3.ts", "If-None-Match", w.Header().Get("ETag")).Code)
		part := r.get(t, "/live/av-3.ts", "Range", "bytes=188-375")
		require.Equal(t, http.StatusPartialContent, part.Code)
		require.Equal(t, w.Body.Bytes()[188:376], part.Body.Bytes())
		w = r.do(t, http.MethodHead, "/live/av.m3u8")
		require.Equal(t, http.StatusOK, w.Code)
		require.Zero(t, w.Body.Len())
		require.Equal(t, 1, r.module.Viewers())
	})
}

// A vhost that the URL names is in what the playlists name.
func TestVhost(t *testing.T) {
	for _, format := range []Format{TS, FMP4} {
		cfg := one(Vhost{Fragment: 2 * time.Second, Window: 10 * time.Second, Format: format})
		synctest.Test(t, func(t *testing.T) {
			r := &rig{module: New(cfg)}
			r.Server = protocol.NewServer(protocol.Config{Vhosts: protocol.VhostSet{stream.DefaultVhost: true, "other.test": true}}, r.module)
			require.NoError(t, r.Start(context.Background()))
			r.handler = r.Handler("http")
			defer r.stop(t)
			k := live
			k.Vhost = "other.test"
			r.publish(t, k, streamtest.H264AAC().Loop(2))
			require.Equal(t, http.StatusNotFound, r.get(t, "/live/av.m3u8").Code)
			list := r.body(t, "/live/av.m3u8?vhost=other.test")
			n := 0
			var walk func(text string)
			walk = func(text string) {
				all := uris(text)
				for _, m := range regexp.MustCompile(`URI="([^"]*)"`).FindAllStringSubmatch(text, -1) {
					all = append(all, m[1])
				}
				for _, uri := range all {
					if !strings.HasPrefix(uri, "/") {
						uri = "/live/" + uri
					}
					if text := r.body(t, uri); strings.Contains(uri, ".m3u8") {
						walk(text)
					} else {
						n++
					}
				}
			}
			walk(list)
			require.GreaterOrEqual(t, n, 4)
		})
	}
}

// Who asks for a track's playlist without the master's hls_ctx is one viewer, not one for each request.
func TestTrackAlone(t *testing.T) {
	bubble(t, one(low()), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		for range 5 {
			r.body(t, "/live/av.v1.m3u8")
		}
		require.Equal(t, 1, r.module.Viewers())
	})
	v := low()
	v.NoCtx = false
	bubble(t, one(v), func(t *testing.T, r *rig) {
		r.publish(t, live, streamtest.H264AAC().Loop(2))
		for range 5 {
			r.body(t, "/live/av.v1.m3u8")
		}
		require.Equal(t, 1, r.module.Viewers())
		w := r.get(t, "/live/av.v1.m3u8", "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
		z, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		b, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, r.body(t, "/live/av.v1.m3u8"), string(b))
	})
}
