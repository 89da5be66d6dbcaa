package conf

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// minimal is the example of the reference.
const minimal = `listen 1935 [::]:19350;
daemon off; srs_log_tank console;
http_api { enabled on; }
http_server { enabled on; }
vhost __defaultVhost__ {
  http_remux { enabled on; mount [vhost]/[app]/[stream].flv; }
  hls { enabled on; hls_fragment 4; hls_window 24; }
}
`

// base is the least that passes the checks without a warning.
const base = "listen 1935;\nvhost __defaultVhost__ {}\n"

// testOptions load a file called name on a known machine.
func testOptions(name string) Options {
	return Options{
		Path:     name,
		Environ:  []string{},
		Docker:   func() bool { return false },
		MaxFiles: func() uint64 { return 10000 },
		LocalIPs: func() int { return 2 },
	}
}

// load loads a text with an environment.
func load(text string, env ...string) (*File, error) {
	o := testOptions("x.conf")
	o.Environ = append(o.Environ, env...)
	o.ReadFile = files(map[string]string{"x.conf": text})
	return Load(o)
}

func mustLoad(t *testing.T, text string, env ...string) *File {
	t.Helper()
	f, err := load(text, env...)
	require.NoError(t, err)
	return f
}

// lines are the warnings as text.
func lines(f *File) string {
	var b strings.Builder
	for _, w := range f.Warnings() {
		b.WriteString(w.String() + "\n")
	}
	return b.String()
}

func TestLoadMinimal(t *testing.T) {
	f := mustLoad(t, minimal)
	require.Empty(t, f.Warnings())
	require.Equal(t, []string{":1935", "[::]:19350"}, f.Root().Addrs("listen"))
	require.False(t, f.Daemon())
	require.Equal(t, []string{"x.conf"}, f.Files())
	v, ok := f.Vhost("any")
	require.True(t, ok)
	require.Equal(t, 4.0, v.Float("hls.hls_fragment"))
	require.Equal(t, "[vhost]/[app]/[stream].flv", v.String("http_remux.mount"))

	o := testOptions("")
	o.Environ = []string{"SRS_ENV_ONLY=1", "SRS_LISTEN=1935", "SRS_HTTP_API_ENABLED=on", "SRS_HTTP_SERVER_ENABLED=on",
		"SRS_VHOST_HTTP_REMUX_ENABLED=on", "SRS_VHOST_HLS_ENABLED=on", "SRS_VHOST_HLS_HLS_FRAGMENT=4"}
	e, err := Load(o)
	require.NoError(t, err)
	require.Empty(t, e.Warnings())
	w, ok := e.Vhost("any")
	require.True(t, ok)
	require.Equal(t, DefaultVhost, w.Name)
	for _, path := range []string{"hls.hls_fragment", "hls.enabled", "http_remux.enabled", "http_remux.mount"} {
		require.Equal(t, v.String(path), w.String(path), path)
	}
}

func TestLoadOrder(t *testing.T) {
	o := testOptions("")
	o.ReadFile = files(map[string]string{
		DefaultPath: "listen 1;\nvhost a {}", "c.conf": "listen 2;\nvhost a {}", "e.conf": "listen 3;\nvhost a {}",
	})
	port := func() string {
		f, err := Load(o)
		require.NoError(t, err)
		return f.Path() + strings.Join(f.Root().Addrs("listen"), " ")
	}
	require.Equal(t, "conf/srs.conf:1", port())
	o.Path = "c.conf"
	require.Equal(t, "c.conf:2", port())
	o.Environ = []string{"SRS_CONFIG_FILE=e.conf"}
	require.Equal(t, "e.conf:3", port())
	o.EnvOnly = true // SRS_CONFIG_FILE does not count then
	require.Equal(t, "", port())
	o.EnvOnly, o.Environ = false, []string{"SRS_ENV_ONLY=off", "SRS_CONFIG_FILE=e.conf"}
	require.Equal(t, "", port(), "anything turns it on")
	o.Environ = []string{"SRS_ENV_ONLY=", "SRS_CONFIG_FILE="}
	require.Equal(t, "c.conf:2", port(), "empty is unset")
	o.Path = "none.conf"
	_, err := Load(o)
	var list Errors
	require.True(t, errors.As(err, &list))
	require.Equal(t, CodeConfig, list.Code())
	require.EqualError(t, err, "none.conf: cannot read none.conf: file does not exist")
}

func TestEnvOnly(t *testing.T) {
	o := testOptions("")
	o.EnvOnly = true
	f, err := Load(o)
	require.NoError(t, err)
	require.True(t, f.EnvOnly())
	require.Empty(t, f.Root().Addrs("listen"), "no port is no fault here")
	require.False(t, f.Root().Bool("daemon"))
	require.Equal(t, "console", f.Root().String("srs_log_tank"))
	require.Len(t, f.Vhosts(), 1)
	o.Environ = []string{"SRS_LISTEN=1935 1936", "SRS_DAEMON=on"}
	f, err = Load(o)
	require.NoError(t, err)
	require.Equal(t, []string{":1935", ":1936"}, f.Root().Addrs("listen"))
	require.True(t, f.Daemon())
}

func TestDocker(t *testing.T) {
	f := mustLoad(t, base)
	require.True(t, f.Daemon())
	require.Equal(t, "file", f.Root().String("srs_log_tank"))

	f = mustLoad(t, base+"in_docker on;")
	require.True(t, f.Docker())
	require.False(t, f.Daemon())
	require.Equal(t, "console", f.Root().String("srs_log_tank"))
	require.True(t, mustLoad(t, base, "SRS_IN_DOCKER=on").Docker())
	require.True(t, mustLoad(t, base+"in_docker on; disable_daemon_for_docker off;").Daemon())

	o := testOptions("x")
	o.ReadFile = files(map[string]string{"x": base})
	o.Docker = func() bool { return true }
	f, err := Load(o)
	require.NoError(t, err)
	require.True(t, f.Docker())
}

func TestAutoReload(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "inotify_auto_reload on;": true, "in_docker on;": true, "auto_reload_for_docker off;": false,
		"in_docker on; auto_reload_for_docker off;": false, "in_docker on; auto_reload_for_docker off; inotify_auto_reload on;": true,
	} {
		require.Equal(t, want, mustLoad(t, base+text).AutoReload(), text)
	}
	f, err := Load(Options{EnvOnly: true, Environ: []string{"SRS_INOTIFY_AUTO_RELOAD=on", "SRS_MAX_CONNECTIONS=1"}})
	require.NoError(t, err)
	require.False(t, f.AutoReload(), "there is no file")
}

func TestVhosts(t *testing.T) {
	f := mustLoad(t, "listen 1;\nvhost a {}\nvhost off { enabled off; }\nvhost __defaultVhost__ { chunk_size 4096; }\nvhost a { chunk_size 5000; }")
	require.Contains(t, lines(f), `x.conf:5: vhost: "a" is ignored, it is already at x.conf:2`)
	require.Len(t, f.Vhosts(), 3)
	v, ok := f.Vhost("a")
	require.True(t, ok)
	require.Equal(t, "a", v.Name)
	require.Equal(t, 60000, v.Int("chunk_size"), "nothing comes from __defaultVhost__")
	_, ok = f.Vhost("off")
	require.False(t, ok)
	v, ok = f.Vhost("else")
	require.True(t, ok)
	require.Equal(t, DefaultVhost, v.Name)
	require.Equal(t, 4096, v.Int("chunk_size"))

	f = mustLoad(t, "listen 1;\nvhost a {}")
	_, ok = f.Vhost("b")
	require.False(t, ok)
	f = mustLoad(t, "listen 1;")
	_, ok = f.Vhost("b")
	require.False(t, ok)
	require.Contains(t, lines(f), "there is no vhost")
}

func TestInheritDefault(t *testing.T) {
	o := testOptions("x")
	o.InheritDefault = true
	o.ReadFile = files(map[string]string{"x": `listen 1;
vhost a { hls { hls_window 30; } }
vhost __defaultVhost__ { enabled off; hls { enabled on; hls_window 20; hls_path /d; } security { allow play all; } ingest d {} }`})
	f, err := Load(o)
	require.NoError(t, err)
	v, _ := f.Vhost("a")
	require.True(t, v.Bool("hls.enabled"))
	require.Equal(t, 30.0, v.Float("hls.hls_window"))
	require.Equal(t, "/d", v.String("hls.hls_key_file_path"))
	require.Equal(t, [][]string{{"play", "all"}}, v.Each("security.allow"))
	require.Empty(t, v.Blocks("ingest"))
	require.True(t, v.Bool("enabled"))
	require.True(t, v.Has("hls.enabled"))
	require.Contains(t, f.Effective(), "hls_path /d;")
}

func TestStartErrors(t *testing.T) {
	f := mustLoad(t, base+"stream_caster { enabled off; caster nonsense; }\nstream_caster { enabled on;\n caster nonsense; }\nstream_caster { enabled on; caster flv; }")
	list := f.StartErrors()
	require.EqualError(t, list, `x.conf:5: stream_caster.caster: "nonsense" is not one of mpegts_over_udp, flv, gb28181, rtsp`)
	require.Equal(t, CodeCaster, list.Code())
	require.Zero(t, mustLoad(t, base).StartErrors().Code())
}

func TestRealMachine(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("conf", 0o755))
	require.NoError(t, os.WriteFile(DefaultPath, []byte("listen 1935; max_connections 1; vhost a {}"), 0o644))
	_, err := Load(Options{Environ: []string{}})
	require.NoError(t, err)
}
