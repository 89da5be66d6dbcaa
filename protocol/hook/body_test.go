package hook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// field is one field of a JSON object, in its order.
type field struct {
	name  string
	value any
}

func fields(t *testing.T, text string) (list []field) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	next := func() json.Token {
		tok, err := d.Token()
		require.NoError(t, err, "%s", text)
		return tok
	}
	require.Equal(t, json.Delim('{'), next())
	for d.More() {
		name := next().(string)
		var v any
		require.NoError(t, d.Decode(&v))
		list = append(list, field{name, v})
	}
	return list
}

// made are the fields whose values a server makes up, and their form.
var made = map[string]*regexp.Regexp{
	"service_id": regexp.MustCompile(`^[0-9a-z]{8}$`),
	"client_id":  regexp.MustCompile(`^[0-9a-z]{8}$`),
	"stream_id":  regexp.MustCompile(`^vid-[0-9a-z]{7}$`),
	"cwd":        regexp.MustCompile(`^/`),
}

// sameFields holds a body against SRS's: names, order, types and values.
func sameFields(t *testing.T, want, got string) {
	t.Helper()
	w, g := fields(t, want), fields(t, got)
	for i := range w {
		require.Greater(t, len(g), i, "ends before %s: %s", w[i].name, got)
		require.Equal(t, w[i].name, g[i].name, "%s", got)
		if form := made[w[i].name]; form != nil {
			require.Regexp(t, form, w[i].value, "the sample's %s", w[i].name)
			require.IsType(t, "", g[i].value, "%s", got)
			require.Regexp(t, form, g[i].value, "%s", w[i].name)
			continue
		}
		require.Equal(t, w[i].value, g[i].value, "%s", w[i].name)
	}
	require.Len(t, g, len(w), "%s", got)
}

// Bodies of SRS 6.0.157, for the requests that led to them.
const (
	rtmpConnect   = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_connect","client_id":"2e5s5872","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"av","param":"?token=abc","tcUrl":"rtmp://127.0.0.1:1935/live","pageUrl":"http://page.test/p.html"}`
	rtmpPublish   = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_publish","client_id":"2e5s5872","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"av","param":"?token=abc","stream_url":"/live/av","stream_id":"vid-11if133"}`
	rtmpUnpublish = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_unpublish","client_id":"2e5s5872","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"av","param":"?token=abc","stream_url":"/live/av","stream_id":"vid-11if133"}`
	rtmpClose     = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_close","client_id":"216t3897","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","send_bytes":4386,"recv_bytes":114389}`
	rtmpPlay      = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_play","client_id":"4gqz4155","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"av","tcUrl":"rtmp://127.0.0.1:1935/live","param":"?token=abc","pageUrl":"http://page.test/p.html","stream_url":"/live/av","stream_id":"vid-11if133"}`
	rtmpStop      = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_stop","client_id":"8896r3au","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"av","param":"?token=abc","stream_url":"/live/av","stream_id":"vid-11if133"}`

	srtConnect   = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_connect","client_id":"99v8h514","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"srt","param":"sk=9","tcUrl":"srt://192.0.2.1/live","pageUrl":""}`
	srtPublish   = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_publish","client_id":"7z53m3n0","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"srt://192.0.2.1/live","stream":"srt","param":"sk=9","stream_url":"/live/srt","stream_id":"vid-7k1r426"}`
	srtUnpublish = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_unpublish","client_id":"315820on","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"srt://192.0.2.1/live","stream":"srt","param":"sk=9","stream_url":"/live/srt","stream_id":"vid-1660655"}`
	srtPlay      = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_play","client_id":"99v8h514","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"srt","tcUrl":"srt://192.0.2.1/live","param":"","pageUrl":"","stream_url":"/live/srt","stream_id":"vid-7k1r426"}`
	srtStop      = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_stop","client_id":"2475o1p0","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"srt://192.0.2.1/live","stream":"srt","param":"","stream_url":"/live/srt","stream_id":"vid-7k1r426"}`

	flvPlay = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_play","client_id":"53951si3","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"av","tcUrl":"rtmp://__defaultVhost__/live","param":"?ft=2","pageUrl":"http://ref.test/x","stream_url":"/live/av","stream_id":"vid-11if133"}`
	flvStop = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_stop","client_id":"9g0x8944","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://__defaultVhost__/live","stream":"av","param":"?ft=2","stream_url":"/live/av","stream_id":"vid-11if133"}`
	hlsPlay = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_play","client_id":"2s4g6a60","ip":"198.51.100.7","vhost":"__defaultVhost__","app":"live","stream":"av.m3u8","tcUrl":"http://127.0.0.1/live","param":"?ht=3&x=1","pageUrl":"http://ref.test/h","stream_url":"/live/av","stream_id":"vid-11if133"}`
	hlsStop = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_stop","client_id":"59384102","ip":"198.51.100.7","vhost":"__defaultVhost__","app":"live","tcUrl":"http://127.0.0.1/live","stream":"av.m3u8","param":"?ht=3&x=1","stream_url":"/live/av","stream_id":"vid-11if133"}`

	whepPlay      = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_play","client_id":"6l9z638y","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"av","tcUrl":"","param":"app=live&stream=av","pageUrl":"","stream_url":"/live/av","stream_id":"vid-11if133"}`
	whepStop      = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_stop","client_id":"6l9z638y","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"","stream":"av","param":"app=live&stream=av","stream_url":"/live/av","stream_id":"vid-11if133"}`
	whipPublish   = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_publish","client_id":"si5645i4","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"","stream":"whip","param":"app=live&stream=whip&eip=192.0.2.1&tk=9","stream_url":"/live/whip","stream_id":"vid-2133685"}`
	whipUnpublish = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_unpublish","client_id":"si5645i4","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"","stream":"whip","param":"app=live&stream=whip&eip=192.0.2.1&tk=9","stream_url":"/live/whip","stream_id":"vid-2133685"}`
	rtcPlay       = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_play","client_id":"5d4l96p5","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","stream":"av","tcUrl":"webrtc://127.0.0.1/live","param":"?eip=192.0.2.1&pp=1","pageUrl":"","stream_url":"/live/av","stream_id":"vid-11if133"}`
	rtcStop       = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_stop","client_id":"5d4l96p5","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"webrtc://127.0.0.1/live","stream":"av","param":"?eip=192.0.2.1&pp=1","stream_url":"/live/av","stream_id":"vid-11if133"}`
	rtcPublish    = `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_publish","client_id":"83516qm7","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"webrtc://127.0.0.1/live","stream":"rtcpub","param":"?eip=192.0.2.1&tk=8&upstream=rtc","stream_url":"/live/rtcpub","stream_id":"vid-59a5113"}`
)

// sent and received are what on_close tells.
const sent, received = 4386, 114389

// TestBodies: each session leads to the callbacks of SRS, with its bodies, in its order.
func TestBodies(t *testing.T) {
	t.Parallel()
	const publish, play, view = stream.ActionPublish, stream.ActionPlay, stream.ActionView
	r := func(protocol, name, url, param string) stream.Request {
		r := request(protocol, name)
		r.URL, r.Param = url, param
		return r
	}
	rtmp := r("rtmp", "av", "rtmp://127.0.0.1:1935/live", "?token=abc")
	rtmp.PageURL = "http://page.test/p.html"
	flv := r("flv", "av", "http://127.0.0.1:8080/live/av.flv?ft=2", "?ft=2")
	flv.PageURL = "http://ref.test/x"
	hls := r("hls", "av", "http://127.0.0.1:8080/live/av.m3u8?ht=3&x=1", "?ht=3&x=1")
	hls.PageURL, hls.Remote = "http://ref.test/h", "198.51.100.7:41000"
	for _, x := range []struct {
		name    string
		request stream.Request
		action  stream.Action
		conn    bool
		want    []string
	}{
		{"rtmp publish", rtmp, publish, true, []string{rtmpConnect, rtmpPublish, rtmpUnpublish, rtmpClose}},
		{"rtmp play", rtmp, play, true, []string{rtmpConnect, rtmpPlay, rtmpStop, rtmpClose}},
		{"srt publish", r("srt", "srt", "srt://192.0.2.1/live", "?sk=9"), publish, true,
			[]string{srtConnect, srtPublish, srtUnpublish, rtmpClose}},
		{"srt play", r("srt", "srt", "srt://192.0.2.1/live", ""), play, true,
			[]string{strings.Replace(srtConnect, "sk=9", "", 1), srtPlay, srtStop, rtmpClose}},
		{"http-flv play", flv, play, false, []string{flvPlay, flvStop}},
		{"hls view", hls, view, false, []string{hlsPlay, hlsStop}},
		{"whep", r("rtc", "av", "http://127.0.0.1:1985/rtc/v1/whep/?app=live&stream=av", "?app=live&stream=av"), play, false,
			[]string{whepPlay, whepStop}},
		{"whip", r("rtc", "whip", "http://127.0.0.1:1985/rtc/v1/whip/", "?app=live&stream=whip&eip=192.0.2.1&tk=9"), publish, false,
			[]string{whipPublish, whipUnpublish}},
		{"rtc play", r("rtc", "av", "webrtc://127.0.0.1/live", "?eip=192.0.2.1&pp=1"), play, false, []string{rtcPlay, rtcStop}},
		{"rtc publish", r("rtc", "rtcpub", "webrtc://127.0.0.1/live", "?eip=192.0.2.1&tk=8&upstream=rtc"), publish, false,
			[]string{rtcPublish, strings.Replace(rtcPublish, onPublish, onUnpublish, 1)}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newCallee(t, nil)
			srv := run(t, same(all(c.url)))
			srv.session(x.request, x.action, x.conn)
			srv.shutdown()
			seen := c.wait(t, len(x.want))
			require.Len(t, seen, len(x.want), "%v", c.hooks())
			for i, g := range seen {
				sameFields(t, x.want[i], g.body)
				require.Equal(t, "/"+fields(t, x.want[i])[2].value.(string), g.uri)
			}
		})
	}
}

// session runs one session from its start to its end.
func (r *rig) session(q stream.Request, a stream.Action, conn bool) {
	r.t.Helper()
	ctx := context.Background()
	if conn {
		c := r.connect(&q)
		c.SetReceived(received)
		c.AddSent(sent)
		defer c.Close(nil)
	}
	switch a {
	case stream.ActionPublish:
		p, err := r.Hub().Publish(ctx, q)
		require.NoError(r.t, err)
		require.NoError(r.t, p.Close(nil))
	case stream.ActionPlay:
		require.NoError(r.t, r.play(q))
	default:
		s, err := r.Hub().View(ctx, q)
		require.NoError(r.t, err)
		r.Hub().EndView(s, nil)
	}
}

// TestHeaders: a request is one that SRS's callees understand.
func TestHeaders(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	u := strings.Replace(c.url, "://", "://user:p%40ss@", 1) + "on_play?k=v"
	cfg := same(Vhost{OnPlay: []string{u}})
	srv := run(t, cfg)
	require.NoError(t, srv.play(request("flv", "a")))
	cfg.UserAgent = "SRS/6.0.157(Hang)"
	require.NoError(t, srv.m.Reload(New(cfg)))
	require.NoError(t, srv.play(request("flv", "a")))
	seen := c.wait(t, 2)
	for i, agent := range []string{"srsgo", "SRS/6.0.157(Hang)"} {
		h := seen[i].header
		require.Equal(t, "POST", seen[i].method)
		require.Equal(t, "/on_play?k=v", seen[i].uri)
		require.Equal(t, "application/json", h.Get("Content-Type"))
		require.Equal(t, agent, h.Get("User-Agent"))
		require.Equal(t, "Basic dXNlcjpwQHNz", h.Get("Authorization"))
		require.NotEmpty(t, h.Get("Content-Length"))
		require.Empty(t, h.Get("Accept-Encoding"))
		require.Equal(t, strings.Trim(strings.TrimPrefix(c.url, "http:"), "/"), h.Get("Host"))
	}
}

// TestNames: what peers make up stays one JSON string.
func TestNames(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	srv := run(t, same(Vhost{OnPlay: []string{c.url}}))
	name := "a\"b\\c\n<script>&\x00é" + strings.Repeat("x", 10<<10)
	q := request("flv", name)
	q.Remote, q.Param, q.PageURL = "[2001:db8::1]:443", "?a=\"},{", "\r\n"
	require.NoError(t, srv.play(q))
	g := c.wait(t, 1)[0]
	var body map[string]string
	require.NoError(t, json.Unmarshal([]byte(g.body), &body))
	require.Equal(t, name, body["stream"])
	require.Equal(t, "2001:db8::1", body["ip"])
	require.Equal(t, q.Param, body["param"])
	require.Equal(t, "\r\n", body["pageUrl"])
	require.Contains(t, g.body, `<script>&`, "escaped for HTML")
}

// TestFiles: on_dvr and on_hls have SRS's bodies, on_hls_notify its URL.
func TestFiles(t *testing.T) {
	t.Parallel()
	c := newCallee(t, nil)
	v := all(c.url)
	notify := c.url + "api/v1/on_hls_notify/[server_id]/[service_id]/[app]/[stream]/[ts_url][param]"
	v.OnHLSNotify = []string{notify, notify + "&second=1"}
	c.answer = func(w http.ResponseWriter, g got) {
		if g.method == http.MethodGet { // its answer does not count
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "0")
	}
	srv := run(t, same(v))
	q := request("rtmp", "av")
	q.URL, q.Param = "rtmp://127.0.0.1:1935/live", "?token=abc"
	s := &stream.Session{ID: "2e5s5872", Action: stream.ActionPublish, Request: q}
	seg := Segment{
		Duration: 2*time.Second + 16*time.Millisecond, File: "./objs/nginx/html/live/av-0.ts", URI: "av-0.ts",
		Playlist: "./objs/nginx/html/live/av.m3u8", PlaylistURL: "live/av.m3u8",
	}
	srv.m.HLS(s, seg)
	srv.m.DVR(s, "./objs/nginx/html/dvr/live/av.1795333109568.flv")
	q.Protocol, q.Param, q.Key.Name = "srt", "?sk=9", "srt"
	other := &stream.Session{ID: "7z53m3n0", Action: stream.ActionPublish, Request: q}
	seen := c.wait(t, 4)
	seg.URI = "srt-0.ts"
	srv.m.HLS(other, seg)
	seen = append(seen, c.wait(t, 7)[4:]...)
	seg.URI = c.url + "prefix/av-1.ts"
	srv.m.HLS(s, seg)
	seen = append(seen, c.wait(t, 10)[7:]...)

	sameFields(t, `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_hls","client_id":"2e5s5872","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"av","param":"?token=abc","duration":2.02,"cwd":"/srs","file":"./objs/nginx/html/live/av-0.ts","url":"live/av-0.ts","m3u8":"./objs/nginx/html/live/av.m3u8","m3u8_url":"live/av.m3u8","seq_no":0,"stream_url":"/live/av","stream_id":"vid-11if133"}`,
		seen[0].body)
	sameFields(t, `{"server_id":"vid-5481ey2","service_id":"10a08x57","action":"on_dvr","client_id":"2e5s5872","ip":"127.0.0.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://127.0.0.1:1935/live","stream":"av","param":"?token=abc","cwd":"/srs","file":"./objs/nginx/html/dvr/live/av.1795333109568.flv","stream_url":"/live/av","stream_id":"vid-11if133"}`,
		seen[3].body)
	ids := "/" + srv.Identity().Server + "/" + srv.Identity().Service
	want := "/api/v1/on_hls_notify" + ids + "/live/av/av-0.ts?token=abc"
	require.Equal(t, []string{want, want + "&second=1"}, []string{seen[1].uri, seen[2].uri})
	require.Equal(t, "/api/v1/on_hls_notify"+ids+"/live/srt/srt-0.tssk=9", seen[5].uri)
	for _, g := range []got{seen[1], seen[5]} {
		require.Equal(t, "GET", g.method)
		require.Empty(t, g.body)
		require.Equal(t, "application/json", g.header.Get("Content-Type"))
	}
	require.Contains(t, seen[7].body, `"url":"`+seg.URI+`"`)
	require.Equal(t, "/prefix/av-1.ts", seen[8].uri)
	require.Equal(t, "/prefix/av-1.ts", seen[9].uri)
}

// TestExpand: values that clients choose stay in the path and query of the operator's URL. A variable
// outside of these is not replaced, and makes it no URL.
func TestExpand(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ template, param, want string }{
		{"http://cdn.test/[app]/[ts_url][param]", "?k=v", "http://cdn.test/live/a.ts?k=v"},
		{"http://cdn.test/[app]/[ts_url][param]", "?a b\tc", ""},
		{"http://cdn.test/[app]/[ts_url][param]", "?a b", "http://cdn.test/live/a.ts?a%20b"},
		{"http://cdn.test/[app]/[ts_url][param]", " HTTP/1.1", "http://cdn.test/live/a.ts%20HTTP/1.1"},
		{"http://cdn.test/[app]/[ts_url][param]", "\r\nHost: x", ""},
		{"http://cdn.test/[app]/[ts_url][param]", "#x", "http://cdn.test/live/a.ts"},
		{"http://cdn.test/[param]", "//evil.test/x", "http://cdn.test/evil.test/x"},
		{"http://cdn.test[param]", "@evil.test/x", "http://cdn.test[param]/"},
		{"http://u:p@cdn.test/[param]", "x", "http://u:p@cdn.test/x"},
		{"[param]", "http://evil.test/", "[param]:///"},
	} {
		vars := strings.NewReplacer("[app]", "live", "[ts_url]", "a.ts", "[param]", x.param)
		require.Equal(t, x.want, expand(x.template, vars), "%q %q", x.template, x.param)
		if strings.Contains(x.want, "[") {
			_, err := parseURL(x.want)
			require.Error(t, err, "%q", x.want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("live", "av", "av-0.ts", "?token=abc")
	f.Add("a/b", "..", "x y.ts", "/../@evil.test:1/#")
	f.Add("", "//evil.test", "\r\nHost: evil.test", " HTTP/1.1\r\n\r\n")
	f.Add("%zz", "[param]", "[::1]", "?%zz")
	f.Fuzz(func(t *testing.T, app, name, uri, param string) {
		vars := strings.NewReplacer("[app]", app, "[stream]", name, "[ts_url]", uri, "[param]", param)
		got := expand("http://u:p@cdn.test:81/[app]/[stream]/[ts_url][param]", vars)
		if got == "" {
			return
		}
		u, err := parseURL(got)
		if err != nil {
			return // and nobody is called
		}
		if u.Host != "cdn.test:81" || u.User.String() != "u:p" || u.Scheme != "http" {
			t.Fatalf("%q leads elsewhere", got)
		}
		if strings.ContainsFunc(u.RequestURI(), func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Fatalf("%q is not one request line", u.RequestURI())
		}
	})
}
