package conf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvPrecedence(t *testing.T) {
	text := base + "pithy_print_ms 1; http_api { listen 1000; }"
	f := mustLoad(t, text, "SRS_PITHY_PRINT_MS=2", "SRS_HTTP_API_LISTEN=", "SRS_GRACE_START_WAIT=7")
	r := f.Root()
	require.Equal(t, 2, r.Int("pithy_print_ms"), "environment over file")
	require.Equal(t, "1000", r.String("http_api.listen"), "empty is unset")
	require.Equal(t, 7, r.Int("grace_start_wait"), "environment over default")
	require.Equal(t, 3200, r.Int("grace_final_wait"))
	require.True(t, r.Has("grace_start_wait"))
	file, line := r.Line("pithy_print_ms")
	require.Equal(t, "SRS_PITHY_PRINT_MS", file)
	require.Zero(t, line)
	file, line = r.Line("http_api.listen")
	require.Equal(t, "x.conf", file)
	require.Equal(t, 3, line)

	f = mustLoad(t, text, "SRS_PITHY_PRINT_MS=3", "SRS_PITHY_PRINT_MS=4", "nonsense")
	require.Equal(t, 3, f.Root().Int("pithy_print_ms"), "of two the first counts, as in getenv")
	require.Equal(t, "3", f.Getenv("SRS_PITHY_PRINT_MS"))
}

func TestEnvOfVhosts(t *testing.T) {
	f := mustLoad(t, "listen 1;vhost a { hls { hls_window 30; } }\nvhost b { enabled off; }",
		"SRS_VHOST_HLS_HLS_WINDOW=20", "SRS_VHOST_HLS_ENABLED=on", "SRS_VHOST_ENABLED=off")
	require.Len(t, f.Vhosts(), 2)
	for _, v := range f.Vhosts() {
		require.Equal(t, 20.0, v.Float("hls.hls_window"))
		require.True(t, v.Bool("hls.enabled"))
	}
	require.True(t, f.Vhosts()[0].Enabled)
	// A block's own scope reads the same.
	require.Equal(t, 20.0, f.Vhosts()[0].Blocks("hls")[0].Float("hls_window"))
}

func TestEnvChunkSize(t *testing.T) {
	text := "listen 1; chunk_size 4096; vhost a { chunk_size 8192; } vhost b { }"
	f := mustLoad(t, text, "SRS_CHUNK_SIZE=1000")
	a, _ := f.Vhost("a")
	b, _ := f.Vhost("b")
	require.Equal(t, 4096, f.Root().Int("chunk_size"))
	require.Equal(t, 8192, a.Int("chunk_size"))
	require.Equal(t, 4096, b.Int("chunk_size"), "the global one is the default")
	require.Contains(t, lines(f), "SRS_CHUNK_SIZE: it is not read")
	f = mustLoad(t, text, "SRS_VHOST_CHUNK_SIZE=1000")
	a, _ = f.Vhost("a")
	require.Equal(t, 1000, f.Root().Int("chunk_size"))
	require.Equal(t, 1000, a.Int("chunk_size"))
	require.Contains(t, lines(mustLoad(t, text, "SRS_VHOST_CHUNK_SIZE=1")), "SRS_VHOST_CHUNK_SIZE: 1 is outside 128 to 65536")
}

func TestEnvLists(t *testing.T) {
	f := mustLoad(t, base, "SRS_LISTEN= 1 2\t[::]:3 ", "SRS_VHOST_HTTP_HOOKS_ON_PLAY=http://a http://b",
		"SRS_VHOST_HTTP_HOOKS_ON_STOP=  ", "SRS_HEARTBEAT_DEVICE_ID=a b")
	require.Equal(t, []string{"1", "2", "[::]:3"}, f.Root().List("listen"))
	v, _ := f.Vhost("")
	require.Equal(t, []string{"http://a", "http://b"}, v.List("http_hooks.on_play"))
	require.Empty(t, v.List("http_hooks.on_stop"))
	require.False(t, v.Has("http_hooks.on_stop"))
	require.Equal(t, "a b", f.Root().String("heartbeat.device_id"))
}

func TestEnvDoubleNames(t *testing.T) {
	f := mustLoad(t, base, "SRS_LOG_TANK=console", "SRS_LOG_LEVEL=warn", "SRS_SRS_LOG_LEVEL=error", "SRS_LOG_FILE=a", "SRS_SRS_LOG_FILE=")
	require.Equal(t, "console", f.Root().String("srs_log_tank"))
	require.Equal(t, "error", f.Root().String("srs_log_level"))
	require.Equal(t, "a", f.Root().String("srs_log_file"))
	v, _ := mustLoad(t, base, "SRS_VHOST_SRT_TO_RTMP=off").Vhost("")
	require.False(t, v.Bool("srt.srt_to_rtmp"))
	v, _ = mustLoad(t, base, "SRS_VHOST_SRT_TO_RTMP=off", "SRS_VHOST_SRT_SRT_TO_RTMP=on").Vhost("")
	require.True(t, v.Bool("srt.srt_to_rtmp"))
}

func TestCandidate(t *testing.T) {
	file := base + "rtc_server { candidate $CANDIDATE; }\nstream_caster { sip { candidate $GB; } }"
	for _, c := range []struct {
		env  string
		want string
	}{
		{"", "*"}, {"CANDIDATE=", "*"}, {"CANDIDATE=192.0.2.1", "192.0.2.1"},
		{"SRS_RTC_SERVER_CANDIDATE=192.0.2.2", "192.0.2.2"}, {"SRS_RTC_SERVER_CANDIDATE=$HOST", "h"},
		{"SRS_RTC_SERVER_CANDIDATE=$NONE", "*"},
	} {
		f := mustLoad(t, file, c.env, "HOST=h", "GB=g")
		require.Equal(t, c.want, f.Root().String("rtc_server.candidate"), c.env)
		require.Equal(t, "g", f.Root().Blocks("stream_caster")[0].String("sip.candidate"))
	}
	f := mustLoad(t, base+"pid $HOME;", "HOME=h")
	require.Equal(t, "$HOME", f.Root().String("pid"), "nowhere else")
}

func TestUnknownEnv(t *testing.T) {
	require.Empty(t, lines(mustLoad(t, base, "SRS_SERVICE_HOST=10.0.0.1", "SRS_PORT=tcp://10.0.0.1:1935", "SRS_PORT_1935_TCP_PROTO=tcp",
		"SRS_DEVICE_IP=1", "SRS_REGION=x", "SRS_HTTP_API_ENABLE=", "PATH=/bin")))
	require.Equal(t, "SRS_HTTP_API_ENABLE: unknown variable, did you mean SRS_HTTP_API_ENABLED?\n",
		lines(mustLoad(t, base, "SRS_HTTP_API_ENABLE=on")))
}

// In the environment-only mode each directive that has variables is set by each of them, in every
// vhost, and what has none is left alone by what would be its variable.
func TestEnvOnlyOfAll(t *testing.T) {
	words := map[Kind]string{BoolOff: "on", BoolOn: "off", Int: "1", Float: "2.5", String: "y234567890", List: "y z",
		Addr: "17", AddrList: "17 18", Networks: "192.0.2.1 ::1"}
	first, err := Load(envOnly())
	require.NoError(t, err)
	for _, it := range Schema() {
		if it.Kind <= Free {
			continue
		}
		word := words[it.Kind]
		switch {
		case it.Enum != nil:
			word = it.Enum[len(it.Enum)-1]
		case it.Limits != nil:
			word = fmt.Sprintf("%.0f", it.Limits.Max)
		}
		names := it.Env
		if len(names) == 0 {
			names = []string{"SRS_" + strings.ToUpper(strings.ReplaceAll(it.Path, ".", "_"))}
		}
		for _, name := range names {
			if it.Path == "srs_log_tank" {
				word = "file"
			}
			o := envOnly(name + "=" + word)
			// What HTTPS and asprocess need.
			o.Environ = append(o.Environ, "SRS_HTTP_API_ENABLED=on", "SRS_HTTP_SERVER_ENABLED=on", "SRS_DAEMON=off",
				"SRS_VHOST_SECURITY_JWT_JWKS=x", "SRS_VHOST_SECURITY_SIGNED_URL_KEY=x")
			f, err := Load(o)
			require.NoError(t, err, name)
			if len(it.Env) == 0 {
				for _, c := range Diff(first, f) {
					require.NotEqual(t, it.Path, c.Directive)
				}
				continue
			}
			s, path := f.Root(), it.Path
			if rest, ok := strings.CutPrefix(path, "vhost."); ok {
				s, path = f.Vhosts()[0].Scope, rest
			}
			if it.Kind.several() {
				require.Equal(t, strings.Fields(word), s.List(path), name)
				continue
			}
			require.Equal(t, word, s.String(path), name)
		}
	}
}

// envOnly are the options of -e, on a known machine.
func envOnly(env ...string) Options {
	o := testOptions("")
	o.EnvOnly, o.Environ = true, env
	return o
}
