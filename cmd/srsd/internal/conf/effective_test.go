package conf

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEffective(t *testing.T) {
	f := mustLoad(t, `listen 1935 [::]:1936;
http_api { enabled on; auth { enabled on; username admin; password hunter2; } }
srt_server { passphrase 0123456789abc; }
tencentcloud_apm { token t0ken; other_secret s3cret; other 1; }
stream_caster { enabled on; caster flv; listen 8936; output "rtmp://u:pw@h/a b"; }
vhost a {
  gop_cache off;
  chunk_size 128;
  http_hooks { enabled on; on_play http://u:pw@h/x?a=1&token=abc&b=2 http://h/?secret=zzz; }
  security { allow play all; deny publish 10.0.0.0/8; }
  transcode live { engine e { vparams { b 1; key_token x; } } }
  bandcheck { key k3y; }
}
vhost a { chunk_size 777; }`, "SRS_VHOST_HLS_ENABLED=on", "SRS_HTTP_API_AUTH_PASSWORD=fromenv")
	got := f.Effective()
	for _, want := range []string{
		"listen 1935 [::]:1936;\n", "http_api {\n    enabled on;\n    listen 1985;\n", "username admin;", "password ******;",
		"passphrase ******;", "token ******;", "other_secret ******;", "other 1;",
		"stream_caster {\n    enabled on;\n    caster flv;\n", `output "rtmp://u:******@h/a b";`,
		"vhost a {\n    enabled on;\n    chunk_size 128;\n", "        gop_cache off;\n",
		"on_play http://u:******@h/x?a=1&token=******&b=2 http://h/?secret=******;",
		"allow play all;", "deny publish 10.0.0.0/8;", "    transcode live {\n", "engine e {", "b 1;", "key_token ******;", "key ******;",
		"    hls {\n        enabled on;\n", "key ./conf/server.key;",
	} {
		require.Contains(t, got, want)
	}
	for _, secret := range []string{"hunter2", "fromenv", "0123456789abc", "t0ken", "s3cret", "777", ":pw@", "abc", "zzz", "k3y"} {
		require.NotContains(t, got, secret)
	}
}

// What Effective writes reads the same: values, vhosts and blocks.
func TestEffectiveReadsBack(t *testing.T) {
	for _, text := range []string{minimal, base, strings.ReplaceAll(full, "passphrase", "#"),
		base + `vhost "a b" { exec { publish "x y" 'say "hi"' a"b'c; publish z; } ingest i { engine { perfile { re; } extra { more 1; } } } }`} {
		f := mustLoad(t, text, "SRS_HTTP_SERVER_DIR=/a b;")
		requireSame(t, f)
	}
}

// The file that srsd comes with, alone and with every secret and variable there can be.
func TestSampleReadsBack(t *testing.T) {
	sample, err := os.ReadFile("../../srs.conf")
	require.NoError(t, err)
	requireSame(t, mustLoad(t, string(sample)))
	for _, it := range Schema() {
		if it.Secret && len(it.Env) > 0 {
			f := mustLoad(t, string(sample), it.Env[0]+"=planted0123456789")
			require.NotContains(t, f.Effective(), "planted")
			requireSame(t, f)
		}
	}
}

// requireSame loads what Effective writes and finds the same values.
func requireSame(t *testing.T, f *File) {
	t.Helper()
	first := f.Effective()
	o := testOptions("x.conf")
	o.Texts, o.Keep = map[string][]byte{"x.conf": []byte(first)}, f
	again, err := Load(o)
	require.NoError(t, err, first)
	require.Equal(t, first, again.Effective())
	for _, c := range Diff(f, again) {
		t.Errorf("%v", c)
	}
}

func FuzzEffective(f *testing.F) {
	for _, s := range []string{minimal, full, base + "http_api { auth { token a b; } } vhost a { exec { publish http://u:p@h 'a \"b'; publish http://u:q@h; } }",
		base + "stream_caster { caster flv; } stream_caster { listen 1; host x; } vhost a { ingest i { engine { vparams { key_token x; } } } ingest j {} hds { my_secret s; } }"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 1<<12 {
			if c, err := load(s); err == nil {
				requireSame(t, c)
			}
		}
	})
}

func TestReport(t *testing.T) {
	f := mustLoad(t, "listen 1935;\ndaemon off;\nvhost a {\n play { gop_cache off; }\n hds { mystery 1; }\n transcode { engine e { vparams { x 1; } } } }",
		"SRS_VHOST_HLS_ENABLED=on", "SRS_UTC_TIME=on", "SRS_VHOST_CHUNK_SIZE=4096")
	used, known := f.Report(func(u Use) bool {
		path := u.Path
		require.True(t, Known(path), path)
		return path == "listen" || path == "vhost.hls.enabled" || strings.HasPrefix(path, "vhost.play.")
	})
	require.Equal(t, []Use{
		{Path: "listen", File: "x.conf", Line: 1},
		{Path: "vhost.play.gop_cache", File: "x.conf", Line: 4},
		{Path: "vhost.hls.enabled", Env: "SRS_VHOST_HLS_ENABLED"},
	}, used)
	require.Equal(t, []Use{
		{Path: "daemon", File: "x.conf", Line: 2},
		{Path: "vhost.hds.mystery", File: "x.conf", Line: 5},
		{Path: "vhost.transcode.engine.vparams", File: "x.conf", Line: 6},
		{Path: "utc_time", Env: "SRS_UTC_TIME"},
		{Path: "vhost.chunk_size", Env: "SRS_VHOST_CHUNK_SIZE"},
	}, known)
}

func TestReportCasters(t *testing.T) {
	f := mustLoad(t, base+"stream_caster { caster flv;\n listen 1; }\nstream_caster { listen 2; caster gb28181;\n sip { listen 3; } }")
	used, known := f.Report(func(u Use) bool { return u.Caster != "gb28181" })
	require.Equal(t, "x.conf:4: stream_caster.listen", used[len(used)-1].String())
	require.Equal(t, Use{Path: "stream_caster.sip.listen", File: "x.conf", Line: 6, Caster: "gb28181"}, known[len(known)-1])
	require.Len(t, known, 3)
	require.Equal(t, "SRS_DAEMON: daemon", Use{Path: "daemon", Env: "SRS_DAEMON"}.String())
}

// The environment can hold what the grammar cannot say; it is shown, as near as can be.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "": `""`, "a b": `"a b"`, `a "b`: `'a "b'`, `"a`: `'"a'`, `a"b'c`: `a"b'c`, "}": `"}"`, "#a": `"#a"`, "a{": `"a{"`,
		"a\nb": `"a b"`, "a;": `"a;"`, `a "b" 'c'`: `"a 'b' 'c'"`,
	} {
		require.Equal(t, want, quote(in))
	}
}
