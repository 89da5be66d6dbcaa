package conf

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every check of SRS, with what passes just beside it.
func TestChecks(t *testing.T) {
	for _, c := range []struct{ name, in, env, want string }{
		{"empty", "# nothing\n", "", "x.conf: the configuration is empty"},
		{"listen", "vhost a {}", "", "x.conf: listen: it is missing"},
		{"listen without value", "listen; vhost a {}", "", "listen: it is missing"},
		{"listen by variable", "vhost a {}", "SRS_LISTEN=1", ""},
		{"listen port", "listen 0;", "", `x.conf:1: listen: "0" has no port`},
		{"listen second port", "listen 1 b;", "", `listen: "b" has no port`},
		{"listen IP", "listen 1.2.3:1;", "", `listen: "1.2.3:1" has no IP address`},
		{"is_full", base + "is_full on;", "", "x.conf:3: is_full: this file only lists"},
		{"is_full off", base + "is_full off;", "", ""},
		{"heartbeat", base + "heartbeat { interval 0.9; }", "", "x.conf:3: heartbeat.interval: 0 is not a positive"},
		{"heartbeat negative", base, "SRS_HEARTBEAT_INTERVAL=-1", "SRS_HEARTBEAT_INTERVAL: -1 is not a positive"},
		{"network", base + "stats { network 2; }", "", "x.conf:3: stats.network: 2 is not the index of a local address, there are 2"},
		{"network negative", base + "stats { network -1; }", "", "stats.network: -1 is not the index"},
		{"network last", base + "stats { network 1; }", "", ""},
		{"http_api.listen", base + "http_api { listen; }", "", "x.conf:3: http_api.listen: it is empty"},
		{"http_server.listen", base + `http_server { listen ""; }`, "", "http_server.listen: it is empty"},
		{"http_server.listen by variable", base + `http_server { listen; }`, "SRS_HTTP_SERVER_LISTEN=1", ""},
		{"HTTP shared only", base + "http_api { listen 8080; https { listen 1; } }", "", "x.conf:3: http_api.https.listen: http_api and http_server share HTTP port 8080 but not the HTTPS port: 1 and 8088"},
		{"HTTPS shared only", base + "http_api { https { listen 8088; } }", "", "share HTTPS port 8088 but not the HTTP port: 1985 and 8080"},
		{"both shared", base + "http_api { listen 8080; https { listen 8088; } }", "", ""},
		{"HTTPS follows", base + "http_api { listen 8080; }", "", ""},
		{"api https", base + "http_api { https { enabled on; } }", "", "x.conf:3: http_api.https.enabled: HTTPS is on while http_api is off"},
		{"server https", base + "http_server { https { enabled on; } }", "", "http_server.https.enabled: HTTPS is on while http_server is off"},
		{"server https with server", base + "http_server { https { enabled on; } }", "SRS_HTTP_SERVER_ENABLED=on", ""},
		{"log file", base + `srs_log_file "";`, "", "x.conf:3: srs_log_file: it is empty"},
		{"log file on console", base + `srs_log_file ""; srs_log_tank console;`, "", ""},
		{"two http_remux", base + "vhost a {\nhttp_remux {}\nhttp_remux {} }", "", "x.conf:5: vhost.http_remux: only one is allowed, the other is at x.conf:4"},
		{"ts twice", base + "vhost a { hls { enabled on; } http_remux { enabled on; mount [vhost]/[app]/[stream].ts; } }", "", "x.conf:3: vhost.http_remux.mount: HTTP-TS and HLS"},
		{"ts without hls", base + "vhost a { http_remux { enabled on; mount /[stream].ts; } }", "", ""},
		{"ts off", base + "vhost a { hls { enabled on; } http_remux { mount /[stream].ts; } }", "", ""},
		{"forward and idle", base + "vhost a { forward { enabled on; } publish { kickoff_for_idle 1; } }", "", "vhost.publish.kickoff_for_idle: it does not go with forward in vhost a"},
		{"forward and idle by variable", base + "vhost a { forward { enabled on; } }", "SRS_VHOST_PUBLISH_KICKOFF_FOR_IDLE=0.5", "SRS_VHOST_PUBLISH_KICKOFF_FOR_IDLE: it does not go"},
		{"forward off", base + "vhost a { forward { } publish { kickoff_for_idle 1; } }", "", ""},
		{"ingest", base + "vhost a { ingest i {}\ningest j {}\ningest i {} }", "", `x.conf:5: vhost.ingest: "i" is already at x.conf:3 in vhost a`},
		{"ingest elsewhere", base + "vhost a { ingest i {} } vhost b { ingest i {} }", "", ""},
		{"signed URL", base + "vhost a { security { signed_url {\n enabled on; } } }", "", "x.conf:4: vhost.security.signed_url.enabled: there is no key in vhost a"},
		{"signed URL with a key", base + "vhost a { security { signed_url { enabled on; key k; } } }", "", ""},
		{"JWT", base + "vhost a { security { jwt { enabled on; } } }", "", "vhost.security.jwt.enabled: there is no secret, public_key or jwks in vhost a"},
		{"JWT with a set", base + "vhost a { security { jwt { enabled on; } } }", "SRS_VHOST_SECURITY_JWT_JWKS=https://x", ""},
		{"limit", base + "vhost a { limits { players -1; } }", "", "x.conf:3: vhost.limits.players: -1 is outside 0 to"},
		{"asprocess", base + "asprocess on;", "", "x.conf:3: asprocess: it does not go with daemon on"},
		{"asprocess alone", base + "asprocess on; daemon off;", "", ""},
		{"max_connections", base + "max_connections 0;", "", "x.conf:3: max_connections: 0 is not a positive number"},
		{"max_connections limit", base + "max_connections 9872;", "", "9872 connections need more than 10000 open files, the limit is 10000"},
		{"max_connections below", base + "max_connections 9871;", "", ""},
		{"passphrase", base + "srt_server { passphrase short; }", "", "srt_server.passphrase: it has 5 characters, expected 10 to 79"},
		{"unknown caster", base + "stream_caster { enabled on; caster x; }", "", ""},
		{"bandcheck", base + "vhost a { bandcheck { enabled on; key a b; interval 30; limit_kbps 4000; } }", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(c.in, c.env)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, CodeConfig, e.Code)
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	_, err := load("max_connections -1;\nhtpp_api {}\nvhost a {\n hls { hls_fragment x; hls_on_error y; } }\nvhost b { ingest i {}\ningest i {} }")
	var list Errors
	require.True(t, errors.As(err, &list))
	require.Equal(t, []string{
		`x.conf:2: unknown directive "htpp_api", did you mean "http_api"?`,
		`x.conf:4: vhost.hls.hls_fragment: "x" is not a number (s, written without the unit)`,
		`x.conf:4: vhost.hls.hls_on_error: "y" is not one of continue, ignore, disconnect`,
		`x.conf: listen: it is missing, expected [ip:]port`,
		`x.conf:1: max_connections: -1 is not a positive number`,
		`x.conf:6: vhost.ingest: "i" is already at x.conf:5 in vhost b`,
	}, strings.Split(err.Error(), "\n"))
	require.Len(t, list.Unwrap(), 6)
	require.Equal(t, 4, list[1].Line)
	require.Equal(t, "x.conf", list[1].File)
	require.Equal(t, "vhost.hls.hls_fragment", list[1].Directive)
}

func TestNoLimitOfFiles(t *testing.T) {
	o := testOptions("x")
	o.ReadFile = files(map[string]string{"x": base + "max_connections 1000000;"})
	o.MaxFiles = func() uint64 { return 0 }
	_, err := Load(o)
	require.NoError(t, err)
}

func TestManyErrors(t *testing.T) {
	_, err := load(strings.Repeat("nonsense;\n", 10000))
	var list Errors
	require.True(t, errors.As(err, &list))
	require.Len(t, list, maxErrors+1)
	require.Equal(t, "there are more errors", list[maxErrors].Error())
}

// Reading goes on behind what cannot be parsed, so that one run tells of all.
func TestSyntaxErrorsAtOnce(t *testing.T) {
	o := testOptions("x.conf")
	o.ReadFile = files(map[string]string{"y.conf": "}\nnonsense 1;", "x.conf": `listen 1935
daemon off;
;
vhost a
{
  include none.conf y.conf;
  hls { enabled on }
  chunk_size "128
  min_latency "on"x;
  include {}
}
} { a 1; }
heartbeat { interval 0; }
vhost b {
`})
	_, err := Load(o)
	require.Equal(t, []string{
		`x.conf:1: unexpected end of line, expecting ";" or "{" on the line of the name`,
		`x.conf:3: unexpected ";"`,
		`x.conf:4: unexpected end of line, expecting ";" or "{" on the line of the name`,
		`x.conf:6: include: cannot read none.conf: file does not exist`,
		`y.conf:1: unexpected "}"`,
		`x.conf:7: unexpected "}"`,
		`x.conf:8: unexpected end of line inside quotes`,
		`x.conf:9: unexpected "x" after a closing quote, expecting a space, ";" or "{"`,
		`x.conf:10: include takes files and no block`,
		`x.conf:12: unexpected "}"`,
		`x.conf:12: unexpected "{"`,
		`x.conf:15: unexpected end of file, expecting "}" of "vhost" at line 14`,
		`y.conf:2: unknown directive "nonsense" in vhost`,
		`x.conf:13: heartbeat.interval: 0 is not a positive number of seconds`,
	}, strings.Split(err.Error(), "\n"))
	var list Errors
	require.True(t, errors.As(err, &list))
	for i, e := range list {
		require.Equal(t, i < 12, e.Syntax, e)
		require.Equal(t, CodeConfig, e.Code)
	}
	// What may only seem to be missing is not told.
	_, err = load("include a;\nvhost v {}")
	require.EqualError(t, err, "x.conf:1: include: cannot read a: file does not exist")
	_, err = load("listen 1935")
	require.EqualError(t, err, `x.conf:1: unexpected end of file, expecting ";" or "{"`)
}
