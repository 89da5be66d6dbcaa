package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/stream"
	"github.com/srsgo/srs/stream/streamtest"
)

type clientObject struct {
	ID, Vhost, Stream, IP, PageURL, SwfURL, TCURL, URL, Name, Type string
	Publish                                                        bool
	Alive                                                          float64
	Sent                                                           uint64 `json:"send_bytes"`
	Recv                                                           uint64 `json:"recv_bytes"`
	Protocol                                                       string
	Packets                                                        uint64
}

func (r *rig) clients(t testing.TB, query string) []clientObject {
	t.Helper()
	var x struct{ Clients []clientObject }
	r.getInto(t, "/api/v1/clients/"+query, &x)
	return x.Clients
}

// byType gives the clients by their type, once there are so many with media.
func (r *rig) byType(t testing.TB, n int) map[string]clientObject {
	t.Helper()
	var out map[string]clientObject
	eventually(t, "the clients are not there", func() bool {
		out = map[string]clientObject{}
		for _, c := range r.clients(t, "") {
			if c.Packets > 0 && c.Sent+c.Recv > 10_000 {
				out[c.Type] = c
			}
		}
		return len(out) == n
	})
	return out
}

func TestLive(t *testing.T) {
	r := newRig(t, api.Config{})
	r.publish(t, "av")
	r.play(t, "av")
	r.playFLV(t, "av")
	got := r.byType(t, 3)
	vhost, id := r.Identity().VhostID(stream.DefaultVhost), r.Identity().StreamID(stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "av"})
	for _, want := range []clientObject{
		{Type: "fmle-publish", Name: "av", TCURL: "rtmp://" + r.rtmp + "/live", Publish: true, Protocol: "rtmp"},
		{Type: "rtmp-play", Name: "av", TCURL: "rtmp://" + r.rtmp + "/live", Protocol: "rtmp"},
		{Type: "flv-play", Name: "av.flv", TCURL: "http://127.0.0.1/live", Protocol: "flv"},
	} {
		c := got[want.Type]
		require.Len(t, c.ID, 8)
		want.ID, want.Vhost, want.Stream, want.IP, want.URL = c.ID, vhost, id, "127.0.0.1", "/live/av"
		want.Sent, want.Recv, want.Packets, want.Alive = c.Sent, c.Recv, c.Packets, c.Alive
		require.Equal(t, want, c)
		var one struct{ Client clientObject }
		r.getInto(t, "/api/v1/clients/"+c.ID, &one)
		require.Equal(t, c.Type, one.Client.Type)
	}
	var s struct {
		Stream struct {
			ID, Name, Vhost, App, TCURL, URL string
			LiveMS                           int64 `json:"live_ms"`
			Clients, Frames                  int
			Publish                          struct {
				Active bool
				CID    string
			}
			Video struct {
				Codec, Profile, Level string
				Width, Height         int
			}
			Audio struct {
				Codec, Profile string
				SampleRate     int `json:"sample_rate"`
				Channel        int
			}
			KeyInterval int64 `json:"key_frame_interval_ms"`
			Cached      int   `json:"cached_bytes"`
			FPS         float64
		}
	}
	eventually(t, "no figures yet", func() bool {
		r.getInto(t, "/api/v1/streams/"+id, &s)
		return s.Stream.KeyInterval > 0 && s.Stream.FPS > 0
	})
	x := s.Stream
	require.Equal(t, []string{id, "av", vhost, "live", "rtmp://" + r.rtmp + "/live", "/live/av"},
		[]string{x.ID, x.Name, x.Vhost, x.App, x.TCURL, x.URL})
	require.Equal(t, 3, x.Clients)
	require.InDelta(t, time.Now().UnixMilli(), x.LiveMS, 60_000)
	require.True(t, x.Publish.Active)
	require.Equal(t, got["fmle-publish"].ID, x.Publish.CID)
	track := streamtest.H264AAC().Tracks().List[streamtest.H264AAC().Tracks().First(stream.KindVideo)]
	require.Equal(t, []any{"H264", "Baseline", fmt.Sprintf("%.2g", float64(track.Config[3])/10), 320, 180},
		[]any{x.Video.Codec, x.Video.Profile, x.Video.Level, x.Video.Width, x.Video.Height})
	require.Equal(t, []any{"AAC", "LC", 44100}, []any{x.Audio.Codec, x.Audio.Profile, x.Audio.SampleRate})
	require.EqualValues(t, 1000, x.KeyInterval)
	require.Positive(t, x.Cached)
	require.Positive(t, x.Frames)

	var v struct {
		Vhost struct {
			ID, Name         string
			Enabled          bool
			Clients, Streams int
			HLS              struct{ Enabled bool }
		}
	}
	eventually(t, "the vhost does not count its clients", func() bool {
		r.getInto(t, "/api/v1/vhosts/"+vhost, &v)
		return v.Vhost.Clients == 3
	})
	require.Equal(t, stream.DefaultVhost, v.Vhost.Name)
	require.True(t, v.Vhost.Enabled)
	require.Equal(t, 1, v.Vhost.Streams)
	require.False(t, v.Vhost.HLS.Enabled)
	require.NotContains(t, r.get(t, "/api/v1/vhosts/"+vhost), "fragment")
}

// TestKick ends each kind of client.
func TestKick(t *testing.T) {
	r := newRig(t, api.Config{})
	ended := map[string]<-chan error{"fmle-publish": r.publish(t, "k"), "rtmp-play": r.play(t, "k"), "flv-play": r.playFLV(t, "k")}
	got := r.byType(t, 3)
	for _, kind := range []string{"rtmp-play", "flv-play", "fmle-publish"} {
		res, body := r.do(t, http.MethodDelete, "/api/v1/clients/"+got[kind].ID, nil)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, fits(kind, decodeNode(t, `{"code":0,"server":"","service":"","pid":""}`), decodeNode(t, body)))
		require.Error(t, await(t, kind+" lives on", ended[kind]))
		eventually(t, "it is still known", func() bool {
			return r.code(t, http.MethodDelete, "/api/v1/clients/"+got[kind].ID) == 2049
		})
		require.Equal(t, 2049, r.code(t, http.MethodGet, "/api/v1/clients/"+got[kind].ID))
	}
	eventually(t, "the list has them", func() bool { return len(r.clients(t, "")) == 0 })
}

// TestJSONPKick: with JSONP, a GET may stand for another method.
func TestJSONPKick(t *testing.T) {
	r := newRig(t, api.Config{})
	s := view(t, r.Hub(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "j"}})
	require.Contains(t, r.get(t, "/api/v1/clients/"+s.ID+"?method=DELETE"), `"name":"j"`)
	require.NoError(t, s.Err())
	body := r.get(t, "/api/v1/clients/"+s.ID+"?callback=done&method=DELETE")
	require.True(t, strings.HasPrefix(body, `done({"code":0,`), body)
	require.ErrorIs(t, s.Err(), stream.ErrKicked)
}

func TestPaging(t *testing.T) {
	r := newRig(t, api.Config{})
	for i := range 25 {
		view(t, r.Hub(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: fmt.Sprint(i)}})
		pub, err := r.Hub().Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: fmt.Sprint("v", i), App: "live", Name: "p"}})
		require.NoError(t, err)
		t.Cleanup(func() { _ = pub.Close(nil) })
	}
	type row struct{ ID string }
	ids := func(kind, query string) (out []string) {
		var all map[string]json.RawMessage
		r.getInto(t, "/api/v1/"+kind+"/"+query, &all)
		var rows []row
		require.NoError(t, json.Unmarshal(all[kind], &rows))
		for _, x := range rows {
			out = append(out, x.ID)
		}
		return out
	}
	for kind, n := range map[string]int{"clients": 50, "streams": 25, "vhosts": 26} {
		var all []string
		eventually(t, "not all "+kind+" are there", func() bool { all = ids(kind, "?count=1000"); return len(all) == n })
		require.True(t, slices.IsSorted(all), kind)
		for query, want := range map[string][]string{
			"?start=0&count=10": all[:10], "?start=5": all[5:15], "?count=3": all[:10], "?count=-1": all[:10],
			"?count=12": all[:12], "?start=20&count=100": all[20:], "?start=-4&count=x": all[:10], "?start=7junk": all[7:17],
			"?start=99999999999999999999&count=99999999999999999999": {}, "?start=" + fmt.Sprint(n-1): all[n-1:],
		} {
			require.ElementsMatch(t, want, ids(kind, query), "%s%s", kind, query)
		}
		first := all[:10]
		if kind == "vhosts" {
			first = all
		}
		require.Equal(t, first, ids(kind, ""))
	}
}

// TestHostileNames: whatever peers call things, answers are JSON, and have nothing in them that a
// page would take for markup.
func TestHostileNames(t *testing.T) {
	r := newRig(t, api.Config{})
	names := []string{`a"b`, "a\nb\r\tc\x00\x1f\x7f", "<script>alert(1)</script>", "\xff\xfe\xc3", strings.Repeat("n", 10_000), `\u0000\`, "\u2028&"}
	for _, name := range names {
		view(t, r.Hub(), stream.Request{
			Key:  stream.Key{Vhost: stream.DefaultVhost, App: name, Name: name},
			Type: name, Protocol: name, Remote: name, Param: name, URL: name, PageURL: name, SwfURL: name, UserAgent: name,
		})
		pub, err := r.Hub().Publish(t.Context(), stream.Request{Key: stream.Key{Vhost: name, App: name, Name: name}, URL: "rtmp://" + name})
		require.NoError(t, err)
		t.Cleanup(func() { _ = pub.Close(nil) })
	}
	for _, path := range []string{"/api/v1/clients/?count=100", "/api/v1/streams/?count=100", "/api/v1/vhosts/?count=100",
		"/api/v1/clusters?app=%3Cscript%3E%22%0a&stream=%ff", "/api/v1/raw?rpc=%3Cscript%3E", "/api/v1/clients/%3Cscript%3E%22"} {
		body := r.get(t, path)
		require.True(t, json.Valid([]byte(body)), "%s: %s", path, body)
		require.True(t, utf8.ValidString(body), path)
		require.NotContains(t, body, "<", path)
		require.NotContains(t, body, "\u2028", path)
	}
	list := r.clients(t, "?count=100")
	require.Len(t, list, 2*len(names))
	for _, name := range names {
		require.True(t, slices.ContainsFunc(list, func(c clientObject) bool {
			return c.Name == strings.ToValidUTF8(name, "\ufffd") ||
				utf8.ValidString(name) == false
		}), "%q", name)
	}
}

// TestNoSecrets: what a client proves itself by is not shown.
func TestNoSecrets(t *testing.T) {
	r := newRig(t, api.Config{})
	for _, u := range []string{"rtmp://host/live?token=planted", "rtmp://user:planted@host/live", "rtmp://host/live?planted",
		"rtmp://host/live?vhost=v&x=planted", "http://user:planted@host/live/s.flv?k=planted", "http://host/live/s.m3u8?planted=planted",
		"srt://host?streamid=planted", "webrtc://host/live/s?sign=planted", "rtmp://host/live?a=1?token=planted", ":// ?token=planted"} {
		view(t, r.Hub(), stream.Request{Key: stream.Key{Vhost: stream.DefaultVhost, App: "live", Name: "s"}, URL: u, Type: "x-play",
			Param: "?token=planted", PageURL: "http://user:planted@host/?access_token=planted", SwfURL: "http://host/?password=planted"})
	}
	body := r.get(t, "/api/v1/clients/?count=100")
	require.NotContains(t, body, "planted")
	require.Contains(t, body, "rtmp://host/live?vhost=v\\u0026x=***")
	require.NotContains(t, r.get(t, "/api/v1/streams/?count=100"), "planted")
}

func TestClusters(t *testing.T) {
	r := newRig(t, api.Config{RTMP: "19350"})
	r.publish(t, "c")
	_, port, _ := strings.Cut(r.api, ":")
	type origin struct {
		IP, Vhost, API string
		Port           int
		Routers        []string
	}
	ask := func(r *rig, query url.Values) *origin {
		var x struct{ Data struct{ Origin *origin } }
		res, body := r.do(t, http.MethodPost, "/api/v1/clusters?"+query.Encode(), nil)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, json.Unmarshal([]byte(body), &x))
		return x.Data.Origin
	}
	q := url.Values{"vhost": {"__defaultVhost__"}, "app": {"live"}, "stream": {"c"}}
	require.Equal(t, &origin{"127.0.0.1", "__defaultVhost__", "127.0.0.1:" + port, 19350, []string{"127.0.0.1:" + port}}, ask(r, q))
	q.Set("coworker", "origin.test:1985")
	require.Equal(t, &origin{"origin.test", "__defaultVhost__", "origin.test:" + port, 19350, []string{"origin.test:" + port}}, ask(r, q))
	q.Set("stream", "other")
	require.Nil(t, ask(r, q))

	named := newRig(t, api.Config{RTMP: "192.0.2.7:1936"})
	named.publish(t, "c")
	q.Set("stream", "c")
	_, port, _ = strings.Cut(named.api, ":")
	require.Equal(t, &origin{"192.0.2.7", "__defaultVhost__", "192.0.2.7:" + port, 1936, []string{"192.0.2.7:" + port}}, ask(named, q))
}
