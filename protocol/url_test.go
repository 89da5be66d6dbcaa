package protocol

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/srsgo/srs/stream"
)

// rtmpURLs is shared by the table test and the fuzz seeds. want is
// vhost/app/stream, then host:port, then the query.
var rtmpURLs = []struct {
	tc, name         string
	vhost, app, strm string
	host             string
	port             int
	param, key       string
	err              error
}{
	{tc: "rtmp://host/live", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host:1936/live", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1936, key: "s"},
	{tc: "rtmp://host/live/", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live", name: "/s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live?vhost=v", name: "s", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=v", key: "s"},
	{tc: "rtmp://host/live?domain=v", name: "s", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?domain=v", key: "s"},
	{tc: "rtmp://host/live?domain=d&vhost=v&x=1", name: "s", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?domain=d&vhost=v&x=1", key: "s"},
	{tc: "rtmp://host/live", name: "s?vhost=v", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=v", key: "s"},
	{tc: "rtmp://host/live", name: "s?token=a&domain=v", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?token=a&domain=v", key: "s"},
	{tc: "rtmp://host/live?a=1", name: "s?b=2", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, param: "?b=2&a=1", key: "s"},
	{tc: "rtmp://host/live...vhost...v", name: "s", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=v", key: "s"},
	{tc: "rtmp://host/live", name: "s...vhost...v", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=v", key: "s"},
	{tc: "rtmp://host/live#k=v", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, param: "#k=v", key: "s"},
	{tc: "rtmp://host/live#vhost=v", name: "s", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "#vhost=v", key: "s"},
	{tc: "rtmp://host/a/b", name: "s", vhost: "host", app: "a/b", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live", name: "b/s", vhost: "host", app: "live/b", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live/_definst_", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live/_definst_?vhost=v", name: "s", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=v", key: "s"},
	{tc: "rtmp://host", name: "s", vhost: "host", app: DefaultApp, strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/", name: "s", vhost: "host", app: DefaultApp, strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live/s", name: "", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/a/b/s", name: "", vhost: "host", app: "a", strm: "b/s", host: "host", port: 1935, key: "b/s"},
	{tc: "rtmp://host/live?vhost=v/s", name: "", vhost: "v", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=v", key: "s"},
	{tc: "rtmp://host/live", name: "", err: ErrStreamName},
	{tc: "rtmp://host", name: "", err: ErrStreamName},
	{tc: "rtmp://host/live", name: "?token=x", err: ErrStreamName},
	// The default vhost's name is no name; alone it leaves no query.
	{tc: "rtmp://host/live?vhost=__defaultVhost__", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/live?vhost=__defaultVhost__&k=v", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, param: "?vhost=__defaultVhost__&k=v", key: "s"},
	// Spaces and slashes around names.
	{tc: "rtmp://host/ live /", name: " s ", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host//live//", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/my app", name: "my stream", vhost: "host", app: "my app", strm: "my stream", host: "host", port: 1935, key: "my stream"},
	// An unescaped slash in the query is taken for the end of the app.
	{tc: "rtmp://host/live", name: "s?u=http://a/b", vhost: "host", app: "live/s", strm: "b", host: "host", port: 1935, param: "?u=http://a", key: "b"},
	{tc: "rtmp://[::1]:1936/live", name: "s", vhost: "::1", app: "live", strm: "s", host: "::1", port: 1936, key: "s"},
	{tc: "rtmp://[2001:db8::2]/live", name: "s", vhost: "2001:db8::2", app: "live", strm: "s", host: "2001:db8::2", port: 1935, key: "s"},
	{tc: "rtmp://u:p@host/live", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmps://host/live", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 443, key: "s"},
	{tc: "srt://host/live", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 10080, key: "s"},
	{tc: "webrtc://host/live", name: "s", vhost: "host", app: "live", strm: "s", host: "host", port: 0, key: "s"},
	{tc: "rtmp://host/live", name: "s.flv", vhost: "host", app: "live", strm: "s.flv", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/v1.0", name: "s", vhost: "host", app: "v1.0", strm: "s", host: "host", port: 1935, key: "s"},
	{tc: "rtmp://host/直播", name: "频道.1", vhost: "host", app: "直播", strm: "频道.1", host: "host", port: 1935, key: "频道"},
	{tc: "rtmp://host/live", name: ".s", vhost: "host", app: "live", strm: ".s", host: "host", port: 1935, key: ".s"},
	{tc: "", name: "s", err: ErrURL},
	{tc: "host/live", name: "s", err: ErrURL},
	{tc: "://host/live", name: "s", err: ErrURL},
	{tc: "rtmp:///live", name: "s", err: ErrURL},
	{tc: "rtmp://host:x/live", name: "s", err: ErrURL},
	{tc: "rtmp://host:0/live", name: "s", err: ErrURL},
	{tc: "rtmp://a:b:c/live", name: "s", err: ErrURL},
	{tc: "rtmp://host/live", name: "..", err: ErrURL},
	{tc: "rtmp://host/live/../../etc", name: "s", err: ErrURL},
	{tc: "rtmp://host/live", name: `..\s`, err: ErrURL},
	{tc: "rtmp://host/live?vhost=../x", name: "s", err: ErrURL},
	{tc: "rtmp://host/live?vhost=..", name: "s", err: ErrURL},
	{tc: "rtmp://host/live", name: "a\x00b", err: ErrURL},
	{tc: "rtmp://host/live", name: "s?k=a\nb", err: ErrURL},
	{tc: "rtmp://host/live", name: strings.Repeat("s", 2000), err: ErrURL},
	{tc: "rtmp://host/live", name: "s?" + strings.Repeat("s", 9000), err: ErrURL},
}

func TestResolveRTMP(t *testing.T) {
	for _, tt := range rtmpURLs {
		r, err := ResolveRTMP(tt.tc, tt.name)
		if !errors.Is(err, tt.err) {
			t.Errorf("%.80q %.80q: error %v, want %v", tt.tc, tt.name, err, tt.err)
			continue
		}
		if tt.err != nil {
			if r != (Resolved{}) {
				t.Errorf("%.80q %.80q: a result with an error: %+v", tt.tc, tt.name, r)
			}
			continue
		}
		scheme, _, _ := strings.Cut(tt.tc, ":")
		want := Resolved{
			Key: stream.Key{Vhost: tt.vhost, App: tt.app, Name: tt.key}, Scheme: scheme, Host: tt.host, Port: tt.port,
			Vhost: tt.vhost, App: tt.app, Stream: tt.strm, Param: tt.param,
		}
		if r != want {
			t.Errorf("%q %q:\n got %+v\nwant %+v", tt.tc, tt.name, r, want)
		}
	}
}

var httpURLs = []struct {
	host, path, query, ext string
	vhost, app, strm, key  string
	err                    error
}{
	{"h", "/live/s.flv", "", ".flv", "h", "live", "s", "s", nil},
	{"h:8080", "/live/s.flv", "", ".flv", "h", "live", "s", "s", nil},
	{"[::1]:8080", "/live/s.flv", "", ".flv", "::1", "live", "s", "s", nil},
	{"[::1]", "/live/s.flv", "", ".flv", "::1", "live", "s", "s", nil},
	{"", "/live/s.flv", "", ".flv", stream.DefaultVhost, "live", "s", "s", nil},
	{"h", "/live/s.flv", "vhost=v", ".flv", "v", "live", "s", "s", nil},
	{"h", "/live/s.flv", "a=b&domain=v", ".flv", "v", "live", "s", "s", nil},
	{"h", "/live/s.flv", "vhost=__defaultVhost__", ".flv", "h", "live", "s", "s", nil},
	{"h", "//live//s.flv", "", ".flv", "h", "live", "s", "s", nil},
	{"h", "/a/b/s.m3u8", "", ".m3u8", "h", "a/b", "s", "s", nil},
	{"h", "/s.flv", "", ".flv", "h", DefaultApp, "s", "s", nil},
	{"h", "/live/s.1.flv", "", ".flv", "h", "live", "s.1", "s", nil},
	{"h", "/live/a?b#c.flv", "", ".flv", "h", "live", "a?b#c", "a?b#c", nil},
	{"h", "/live/s", "", "", "h", "live", "s", "s", nil},
	{"h", "/live/s.ts", "", ".flv", "", "", "", "", ErrURL},
	{"h", "/live/.flv", "", ".flv", "", "", "", "", ErrStreamName},
	{"h", "/.flv", "", ".flv", "", "", "", "", ErrStreamName},
	{"h", "", "", "", "", "", "", "", ErrStreamName},
	{"h", "/live/../s.flv", "", ".flv", "", "", "", "", ErrURL},
	{"h", "/live/...flv", "", ".flv", "", "", "", "", ErrURL},
	{"h", "/live/a\x00.flv", "", ".flv", "", "", "", "", ErrURL},
	{"h:x", "/live/s.flv", "", ".flv", "", "", "", "", ErrURL},
	{"h", "/live/s.flv", "vhost=%2e%2e", ".flv", "", "", "", "", ErrURL},
	{"h", "/live/" + strings.Repeat("s", 2000) + ".flv", "", ".flv", "", "", "", "", ErrURL},
}

func TestResolveHTTP(t *testing.T) {
	for _, tt := range httpURLs {
		r, err := ResolveHTTP(&http.Request{Host: tt.host, URL: &url.URL{Path: tt.path, RawQuery: tt.query}}, tt.ext)
		if !errors.Is(err, tt.err) {
			t.Errorf("%q %.80q: error %v, want %v", tt.host, tt.path, err, tt.err)
			continue
		}
		if want := (stream.Key{Vhost: tt.vhost, App: tt.app, Name: tt.key}); r.Key != want || r.Stream != tt.strm {
			t.Errorf("%q %q ?%s: got %+v, want %v and stream %q", tt.host, tt.path, tt.query, r, want, tt.strm)
		}
		if err == nil && (tt.query == "") != (r.Param == "") {
			t.Errorf("%q: param %q", tt.query, r.Param)
		}
	}
}

func TestVhosts(t *testing.T) {
	set := VhostSet{"a": true, "off": false, stream.DefaultVhost: true}
	for _, tt := range []struct {
		set  VhostSet
		host string
		want string
		ok   bool
	}{
		{nil, "any", stream.DefaultVhost, true},
		{set, "a", "a", true},
		{set, "127.0.0.1", stream.DefaultVhost, true},
		{set, "localhost", stream.DefaultVhost, true},
		{set, "off", "off", false},
		{VhostSet{"a": true}, "b", stream.DefaultVhost, false},
		{VhostSet{}, "b", stream.DefaultVhost, false},
	} {
		if name, ok := tt.set.Lookup(tt.host); name != tt.want || ok != tt.ok {
			t.Errorf("%v %q: %q, %v", tt.set, tt.host, name, ok)
		}
	}
	a, err := set.apply(ResolveRTMP("rtmp://127.0.0.1/live", "x"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := set.apply(ResolveHTTP(&http.Request{Host: "localhost:8080", URL: &url.URL{Path: "/live/x.flv"}}, ".flv"))
	if err != nil || a.Key != b.Key || a.Key.String() != "/live/x" {
		t.Errorf("one stream has two keys: %v and %v, %v", a.Key, b.Key, err)
	}
	if _, err := set.apply(ResolveRTMP("rtmp://off/live", "x")); !errors.Is(err, ErrVhost) || !errors.Is(err, stream.ErrNotFound) {
		t.Errorf("disabled vhost: %v", err)
	}
	p := PerVhost[int]{Default: 1, Vhosts: map[string]int{"a": 2}}
	if v, own := p.For("a"); v != 2 || !own {
		t.Error("own value", v, own)
	}
	if v, own := p.For("b"); v != 1 || own {
		t.Error("default value", v, own)
	}
}

// checkResolved holds what every resolved URL promises.
func checkResolved(t *testing.T, r Resolved) {
	t.Helper()
	if r.Key.App == "" || r.Key.Name == "" || r.Vhost == "" || len(r.Vhost)+len(r.App)+len(r.Stream) > maxNames {
		t.Fatalf("names: %+v", r)
	}
	for _, s := range []string{r.Key.Vhost, r.Key.App, r.Key.Name} {
		if strings.ContainsFunc(s, isControl) || s != strings.Trim(s, slashes) {
			t.Fatalf("name %q of %+v", s, r)
		}
		for seg := range strings.SplitSeq(strings.ReplaceAll(s, `\`, "/"), "/") {
			if seg == ".." || seg == "." {
				t.Fatalf("name %q of %+v leaves its directory", s, r)
			}
		}
	}
}

func FuzzResolveRTMP(f *testing.F) {
	for _, tt := range rtmpURLs {
		f.Add(tt.tc, tt.name)
	}
	f.Fuzz(func(t *testing.T, tc, name string) {
		if r, err := ResolveRTMP(tc, name); err == nil {
			checkResolved(t, r)
		}
	})
}

func FuzzResolveHTTP(f *testing.F) {
	for _, tt := range httpURLs {
		f.Add(tt.host, tt.path, tt.query, tt.ext)
	}
	f.Fuzz(func(t *testing.T, host, path, query, ext string) {
		if r, err := ResolveHTTP(&http.Request{Host: host, URL: &url.URL{Path: path, RawQuery: query}}, ext); err == nil {
			checkResolved(t, r)
		}
	})
}
