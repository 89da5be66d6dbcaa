package apply

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/files"
)

func TestFiles(t *testing.T) {
	const on = "http_server { enabled on; } "
	for text, want := range map[string]*files.Config{
		"":                                      nil,
		on:                                      {Dir: "./objs/nginx/html"},
		"http_server { enabled on; dir /srv; }": {Dir: "/srv"},
		on + "vhost v { http_static { enabled off; dir /v; } } vhost w { enabled off; http_static { enabled on; } }": {Dir: "./objs/nginx/html"},
		on + "vhost v { http_static { enabled on; } } vhost w { http_static { enabled on; mount [vhost]/hls; dir /w; } }": {
			Dir: "./objs/nginx/html", Mounts: []files.Mount{
				{Vhost: "v", Path: "[vhost]/", Dir: "./objs/nginx/html"}, {Vhost: "w", Path: "[vhost]/hls", Dir: "/w"},
			}},
		"http_stream { enabled on; dir /old; } vhost v { http { enabled on; dir /v; } }": {Dir: "/old", Mounts: []files.Mount{{Vhost: "v", Path: "[vhost]/", Dir: "/v"}}},
	} {
		require.Equal(t, want, newConfig(t, text).files, text)
	}
	n := len(newConfig(t, "").Modules(Control{}))
	require.Len(t, newConfig(t, on).Modules(Control{}), n+1)
	_, err := New(load(t, on+"vhost v { http_static { enabled on;\n mount [vhost]; } }"), slog.New(slog.DiscardHandler), nil)
	require.ErrorContains(t, err, `srs.conf:2: http_static.mount: "[vhost]" has no slash`)
	require.Equal(t, "./objs/nginx/html", newConfig(t, `http_server { enabled on; dir ""; }`).files.Dir, "none is the default")
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"http_server { enabled on; }":             "",
		"http_server { dir /no/such/directory; }": "",
		"http_server { enabled on; dir " + dir + "; } vhost v { http_static { enabled on; dir " + dir + "; } }": "",
		"http_server { enabled on;\n dir /no/such/directory; }":                                                 `srs.conf:2: http_server.dir: "/no/such/directory" is no directory now`,
		"http_server { enabled on; } vhost v {\n http_static { enabled on; dir /no/such/directory; } }":         `srs.conf:2: vhost.http_static.dir: "/no/such/directory" is no directory now`,
	} {
		list := Warnings(load(t, text))
		if want == "" {
			require.Empty(t, list, text)
			continue
		}
		require.Len(t, list, 1, text)
		require.True(t, strings.HasPrefix(list[0], want), list[0])
	}
}
