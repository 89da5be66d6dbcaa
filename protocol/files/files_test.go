package files

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/flv"
	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/stream"
)

// TestPaths has what paths lead to, and what must lead nowhere.
func TestPaths(t *testing.T) {
	root := tree(t)
	r := newRig(t, Config{Dir: root})
	for path, want := range map[string]string{
		"/":                                 "root index",
		"/?a=b":                             "root index",
		"//":                                "root index",
		"/index.html":                       "root index",
		"/a.txt":                            "0123456789",
		"/%61.txt":                          "0123456789",
		"//a.txt":                           "0123456789",
		"/in":                               "0123456789",
		"/idx/":                             "idx index",
		"/live%2fa.m3u8":                    "#EXTM3U",
		"/live//a.m3u8":                     "#EXTM3U",
		"/live/b%252ets":                    "odd name",
		"/.well-known/acme-challenge/token": "proof",
	} {
		status, body := r.get(t, path)
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, want, body, path)
	}
	long := strings.Repeat("a", 10<<10)
	for _, path := range []string{
		"/nosuch", "/nosuch/", "/live/", "/live", "/dir", "/dir/", "/a.txt/", "/a.txt/x", "/twisted/", "/twisted",
		"/../secret", "/%2e%2e/secret", "/..%2fsecret", "/%2e%2e%2fsecret", "/live/../../secret", "/live/%2e%2e/%2e%2e/secret",
		"/live/..", "/live/../a.txt", "/..", "/../", "/.", "/./a.txt", "/.../secret", "/../htmlx/secret",
		"/%252e%252e/secret", "/..%5csecret", "/%5c..%5csecret", "/%c0%ae%c0%ae/secret", "/..;/secret", "//../secret",
		"/out", "/outdir/secret", "/outdir/", "/abs", "/loop", "/dangling",
		"/.git/config", "/.git/", "/%2egit/config", "/.hidden", "/live/.env", "/.well-known/.secret", "/sub/.well-known/x",
		filepath.Join(filepath.Dir(root), "secret"), "/" + filepath.Join(filepath.Dir(root), "secret"),
		"/" + long, "/" + strings.Repeat("a/", 5<<10), "/" + strings.Repeat("a", 300), "/live/" + strings.Repeat("%2e%2e/", 1000),
	} {
		res, body := r.do(t, http.MethodGet, path)
		require.Equal(t, http.StatusNotFound, res.StatusCode, path)
		require.Equal(t, "Not Found", body, path)
		require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"))
	}
	for _, path := range []string{"/a%00.txt", "/%00", "/a.txt%0a", "/..%00/secret"} {
		status, body := r.get(t, path)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.NotContains(t, body, "0123", path)
	}
}

// TestUnreadable: what the server may not read is refused, and the log says so.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		require.Equal(t, http.StatusForbidden, refusalOf(t, syscall.EACCES)) // root may read all
	} else {
		root := tree(t)
		require.NoError(t, os.Chmod(filepath.Join(root, "a.txt"), 0))
		status, body := newRig(t, Config{Dir: root}).get(t, "/a.txt")
		require.Equal(t, http.StatusForbidden, status)
		require.Equal(t, "Forbidden", body)
	}
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, syscall.EMFILE))
	require.Equal(t, http.StatusNotFound, refusalOf(t, syscall.ENOTDIR))
}

func TestDirectory(t *testing.T) {
	r := newRig(t, Config{Dir: tree(t)})
	for path, want := range map[string]string{
		"/idx":         "./idx/",
		"/idx?a=b&c=d": "./idx/?a=b&c=d",
		"//idx":        "./idx/",
	} {
		res, body := r.do(t, http.MethodGet, path)
		require.Equal(t, http.StatusFound, res.StatusCode, path)
		require.Equal(t, want, res.Header.Get("Location"), path)
		require.Equal(t, "Found", body)
	}
}

func TestMethods(t *testing.T) {
	r := newRig(t, Config{Dir: tree(t)})
	res, body := r.do(t, http.MethodHead, "/a.txt")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, int64(10), res.ContentLength)
	require.Empty(t, body)
	res, body = r.do(t, http.MethodPost, "/a.txt", "Content-Length: 0", "If-None-Match: *")
	require.Equal(t, http.StatusNotModified, res.StatusCode)
	require.Empty(t, body)
	_, body = r.do(t, http.MethodPost, "/live/a.m3u8", "Content-Length: 0")
	require.Equal(t, "#EXTM3U", body)
	for _, method := range []string{http.MethodPut, http.MethodDelete, "PROPFIND"} {
		res, body := r.do(t, method, "/a.txt", "Content-Length: 0")
		require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
		require.Equal(t, "Method Not Allowed", body)
	}
	res, body = r.do(t, http.MethodHead, "/nosuch")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	require.Empty(t, body)
}

func TestRanges(t *testing.T) {
	root := tree(t)
	write(t, root, map[string]string{"a.mp4": "0123456789", "b.flv": "0123456789"})
	r := newRig(t, Config{Dir: root})
	for _, x := range []struct {
		path, header, body, contentRange string
	}{
		{"/a.txt", "bytes=2-4", "234", "bytes 2-4/10"},
		{"/a.txt", "bytes=7-", "789", "bytes 7-9/10"},
		{"/a.txt", "bytes=-2", "89", "bytes 8-9/10"},
		{"/a.txt", "bytes=5-99", "56789", "bytes 5-9/10"},
		{"/b.flv", "bytes=0-0", "0", "bytes 0-0/10"},
		{"/a.mp4", "bytes=2-4", "234", "bytes 2-4/10"},
		{"/a.mp4?range=2-4", "", "234", "bytes 2-4/10"},
		{"/a.mp4?bytes=2-4", "", "234", "bytes 2-4/10"},
		{"/a.mp4?start=2-4", "", "234", "bytes 2-4/10"},
		{"/a.mp4?bytes=bytes%3D7-", "", "789", "bytes 7-9/10"},
		{"/a.mp4?range=2-4", "bytes=0-1", "01", "bytes 0-1/10"},
	} {
		res, body := r.do(t, http.MethodGet, x.path, "Range: "+x.header)
		require.Equal(t, http.StatusPartialContent, res.StatusCode, "%+v", x)
		require.Equal(t, x.body, body, "%+v", x)
		require.Equal(t, x.contentRange, res.Header.Get("Content-Range"))
	}
	for _, x := range [][2]string{{"/a.txt", "bytes=10-"}, {"/a.txt", "bytes=x"}, {"/a.mp4?range=10-", ""}} {
		res, _ := r.do(t, http.MethodGet, x[0], "Range: "+x[1])
		require.Equal(t, http.StatusRequestedRangeNotSatisfiable, res.StatusCode, x)
	}
	for _, path := range []string{"/a.mp4?range=x-y", "/a.mp4?start=3", "/a.mp4?range=-", "/a.mp4?range=1-2,4-5", "/a.txt?range=2-4"} {
		status, body := r.get(t, path)
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, "0123456789", body)
	}
	res, body := r.do(t, http.MethodGet, "/a.txt", "Range: bytes=0-1,8-9")
	require.Equal(t, http.StatusPartialContent, res.StatusCode)
	require.Contains(t, res.Header.Get("Content-Type"), "multipart/byteranges")
	require.Contains(t, body, "Content-Range: bytes 0-1/10\r\n")
	require.Contains(t, body, "\r\n\r\n01\r\n")
	require.Contains(t, body, "\r\n\r\n89\r\n")
	require.Contains(t, body, "Content-Type: text/plain\r\n")
}

func TestConditional(t *testing.T) {
	root := tree(t)
	r := newRig(t, Config{Dir: root})
	res, _ := r.do(t, http.MethodGet, "/live/a.m3u8")
	tag, date := res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	require.Equal(t, "no-cache", res.Header.Get("Cache-Control"))
	for _, h := range []string{"If-None-Match: " + tag, "If-Modified-Since: " + date} {
		res, body := r.do(t, http.MethodGet, "/live/a.m3u8", h)
		require.Equal(t, http.StatusNotModified, res.StatusCode, h)
		require.Empty(t, body)
	}
	status, body := r.get(t, "/live/a.m3u8", "If-Range: "+tag, "Range: bytes=0-0")
	require.Equal(t, http.StatusPartialContent, status)
	require.Equal(t, "#", body)
	status, _ = r.get(t, "/live/a.m3u8", `If-Match: "other"`)
	require.Equal(t, http.StatusPreconditionFailed, status)

	write(t, root, map[string]string{"live/a.m3u8": "#EXTM3U\n"})
	status, body = r.get(t, "/live/a.m3u8", "If-None-Match: "+tag)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "#EXTM3U\n", body)
	status, body = r.get(t, "/live/a.m3u8", "If-Range: "+tag, "Range: bytes=0-0")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "#EXTM3U\n", body)
}

// TestTypes holds the types that a real SRS was seen to give, and that of all it does not know.
func TestTypes(t *testing.T) {
	root := tree(t)
	r := newRig(t, Config{Dir: root})
	for name, want := range map[string]string{
		"a.m3u8": "application/vnd.apple.mpegurl", "a.ts": "video/MP2T", "a.mpd": "application/dash+xml", "a.m4s": "video/iso.segment",
		"a.mp4": "video/mp4", "a.MP4": "video/mp4", "a.flv": "video/x-flv", "a.aac": "audio/x-aac", "a.mp3": "audio/mpeg",
		"a.m4a": "audio/x-m4a", "a.ogg": "audio/ogg", "a.json": "application/json", "a.xml": "text/xml", "a.html": "text/html",
		"a.js": "text/javascript", "a.css": "text/css", "a.ico": "image/x-icon", "a.png": "image/png", "a.jpg": "image/jpeg",
		"a.gif": "image/gif", "a.swf": "application/x-shockwave-flash", "a.zip": "application/zip",
		"a.unknown": "application/octet-stream", "noextension": "application/octet-stream",
	} {
		write(t, root, map[string]string{name: "<html>"})
		res, _ := r.do(t, http.MethodGet, "/"+name)
		require.Equal(t, want, res.Header.Get("Content-Type"), name)
	}
}

func TestMounts(t *testing.T) {
	root, top := tree(t), t.TempDir()
	write(t, top, map[string]string{"hls/a.ts": "hls", "hls/x/a.ts": "hls x", "deep/a.ts": "deep", "v/a.ts": "v", "v/index.html": "v index", "named/a.ts": "named", "host/a.ts": "host"})
	dir := func(name string) string { return filepath.Join(top, name) }
	r := newRig(t, Config{Dir: root, Mounts: []Mount{
		{Path: "/hls", Dir: dir("hls")},
		{Vhost: stream.DefaultVhost, Path: "[vhost]/hls/deep/", Dir: dir("deep")},
		{Vhost: stream.DefaultVhost, Path: "files.test/at", Dir: dir("host")},
		{Vhost: "v.test", Dir: dir("v")},
		{Vhost: "v.test", Path: "v.test/[vhost]/x", Dir: dir("named")},
		{Vhost: stream.DefaultVhost, Path: "/[vhost]/named", Dir: dir("named")},
		{Vhost: "off.test", Path: "/off", Dir: dir("v")},
	}}, func(c *protocol.Config) {
		c.Vhosts = protocol.VhostSet{stream.DefaultVhost: true, "v.test": true, "off.test": false}
	})
	for _, x := range []struct{ host, path, want string }{
		{"h", "/", "root index"},
		{"h", "/hls/a.ts", "hls"},
		{"v.test", "/hls/a.ts", "hls"},
		{"h", "/hls/deep/a.ts", "deep"},
		{"v.test", "/hls/deep/a.ts", ""},
		{"h", "/named/a.ts", "named"},
		{"h", "/hlsx/a.ts", ""},
		{"h", "/hls/", ""},
		{"h", "/at/a.ts", ""},
		{"FILES.test:8080", "/at/a.ts", "host"},
		{"v.test", "/", "v index"},
		{"v.test:80", "/a.ts", "v"},
		{"h", "/a.ts?vhost=v.test", "v"},
		{"v.test", "/a.txt", ""}, // its own mount takes the root's place
		{"v.test", "/v.test/x/a.ts", "named"},
		{"h", "/v.test/x/a.ts", ""},
		{"off.test", "/off/a.ts", ""},
		{"off.test", "/a.txt", "0123456789"},
	} {
		status, body := r.get(t, x.path, "Host: "+x.host)
		if x.want == "" {
			require.Equal(t, http.StatusNotFound, status, "%+v: %s", x, body)
			continue
		}
		require.Equal(t, http.StatusOK, status, "%+v", x)
		require.Equal(t, x.want, body, "%+v", x)
	}
	// Without a root there is nothing beside the mounts.
	r = newRig(t, Config{Mounts: []Mount{{Path: "/hls", Dir: dir("hls")}}})
	status, _ := r.get(t, "/")
	require.Equal(t, http.StatusNotFound, status)
	status, _ = r.get(t, "/hls")
	require.Equal(t, http.StatusNotFound, status)
}

func TestBadConfig(t *testing.T) {
	for _, x := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "files: no directory is given"},
		{Config{Mounts: []Mount{{Path: "[vhost]", Dir: "d"}}}, `files: mount "[vhost]": it has no slash`},
		{Config{Dir: "d", Mounts: []Mount{{Path: "/x"}}}, `files: mount "/x": no directory is given`},
	} {
		s := protocol.NewServer(protocol.Config{}, New(x.cfg))
		require.ErrorContains(t, s.Start(t.Context()), x.want)
		require.ErrorContains(t, New(Config{Dir: "d"}).Reload(New(x.cfg)), x.want)
	}
	require.ErrorContains(t, New(Config{}).Reload(flv.New(flv.Config{})), "files: reload with a *flv.Module")
	require.ErrorContains(t, New(Config{}).Reload(New(Config{Dir: "d", HTTP: "api"})), "listeners differ")
}
