package conf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const secrets = `listen 1;
http_api { auth { username u; password hunter2; token one two; } }
tencentcloud_apm { other_secret s3cret; }
stream_caster { output rtmp://a:b@h/x; }
stream_caster { output rtmp://a:c@h/x; }
vhost a { http_hooks { on_play http://u:pw@h/x http://h/?token=abc&x=1; } exec { publish ff http://u:1@h; publish ff http://u:2@h; } }
vhost b { ingest i { engine { vparams { key_token x; } } } ingest j { engine { vparams { key_token y; } } } }
`

// What Effective hides is an error, unless there is a configuration to take it from.
func TestHiddenIsRefused(t *testing.T) {
	shown := mustLoad(t, secrets).Effective()
	_, err := load(shown)
	var list Errors
	require.ErrorAs(t, err, &list)
	require.Len(t, list, 12)
	for _, e := range list {
		require.Equal(t, "x.conf", e.File)
		require.Positive(t, e.Line)
		require.Contains(t, e.Text, "****** stands for a secret that is not known here")
	}
	_, err = load(base+"\nhttp_api { auth {\n password ******; } }", "SRS_HTTP_API_AUTH_PASSWORD=x")
	require.ErrorContains(t, err, "x.conf:5: http_api.auth.password: ****** stands for")
	_, err = load(base, "SRS_HTTP_API_AUTH_PASSWORD=******")
	require.ErrorContains(t, err, "SRS_HTTP_API_AUTH_PASSWORD: ****** stands for")
	// Elsewhere it is a word like others.
	require.Equal(t, "a******", mustLoad(t, base+"pid a******;").Root().String("pid"))
}

func TestHiddenIsKept(t *testing.T) {
	running := mustLoad(t, secrets, "SRS_SRT_SERVER_PASSPHRASE=fromtheenvironment")
	requireSame(t, running)
	for _, c := range []struct{ name, text, path, want, fault string }{
		{"same", "http_api { auth { password ******; } }", "http_api.auth.password", "hunter2", ""},
		{"list", "http_api { auth { token ****** ******; } }", "http_api.auth.token", "one", ""},
		{"shorter list", "http_api { auth { token ******; } }", "", "", "x.conf:2: http_api.auth.token: ******"},
		{"longer list", "http_api { auth { token ****** ****** ******; } }", "", "", "http_api.auth.token"},
		{"from the environment", "srt_server { passphrase ******; }", "srt_server.passphrase", "fromtheenvironment", ""},
		{"elsewhere", "rtmps { key http://u:******@h; }", "", "", "x.conf:2: rtmps.key: ******"},
		{"another URL", "vhost a { http_hooks { on_play http://u:******@other/x; } }", "", "", "vhost.http_hooks.on_play"},
		{"another vhost", "vhost c { http_hooks { on_play http://u:******@h/x; } }", "", "", "vhost.http_hooks.on_play"},
		{"one of two alike", "vhost a { exec { publish ff http://u:******@h; } }", "", "", "vhost.exec.publish"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions("x.conf")
			o.Texts = map[string][]byte{"x.conf": []byte("listen 1; vhost v {}\n" + c.text)}
			o.Keep = running
			f, err := Load(o)
			if c.fault != "" {
				require.ErrorContains(t, err, c.fault)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, f.Root().String(c.path))
		})
	}
	// Of a list, each URL keeps its own, also in another order.
	o := testOptions("x.conf")
	o.Keep = running
	o.Texts = map[string][]byte{"x.conf": []byte("listen 1; vhost a { http_hooks { on_play http://h/?token=******&x=1 http://new http://u:******@h/x; } }")}
	f, err := Load(o)
	require.NoError(t, err)
	require.Equal(t, []string{"http://h/?token=abc&x=1", "http://new", "http://u:pw@h/x"}, f.Vhosts()[0].List("http_hooks.on_play"))
}

func TestShownURLs(t *testing.T) {
	for in, want := range map[string]string{
		"http://u:p@h/x":                   "http://u:******@h/x",
		"http://u:p@ss@h/x":                "http://u:******@h/x",
		"http://u@corp:p@h/x":              "http://u@corp:******@h/x",
		"http://:p@h":                      "http://:******@h",
		"http://u@h:80/x@y":                "http://u@h:80/x@y",
		"rtmp://h:1935?x=a@b":              "rtmp://h:1935?x=a@b",
		"http://h/?a=1&token=t&key=k#x":    "http://h/?a=1&token=******&key=******#x",
		"http://h/?mytoken=t&Passwd=p&b=2": "http://h/?mytoken=******&Passwd=******&b=2",
		"rtmp://h/app?sign=1":              "rtmp://h/app?sign=******",
		"[vhost]/[app]/[stream].flv":       "[vhost]/[app]/[stream].flv",
	} {
		require.Equal(t, want, shown(&Item{}, nil, in))
		require.Equal(t, want, shown(&Item{}, nil, want))
		require.Equal(t, in != want, IsHidden(want), want)
	}
}

func TestIsHidden(t *testing.T) {
	for word, want := range map[string]bool{
		"******": true, "http://u:******@h": true, "/x?token=******&y": true, "a******": false, "": false, "http://u:p@h": false,
	} {
		require.Equal(t, want, IsHidden(word), word)
	}
}
