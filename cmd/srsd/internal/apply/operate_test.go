package apply

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/cmd/srsd/internal/conf"
	"github.com/srsgo/srs/protocol/api"
	"github.com/srsgo/srs/protocol/gate"
	"github.com/srsgo/srs/protocol/hook"
)

const jwtSecret = "0123456789abcdef0123456789abcdef"

// one gives the default vhost with some directives.
func one(t *testing.T, text string) vhost {
	t.Helper()
	return newConfig(t, "vhost __defaultVhost__ { "+text+" }").vhosts[conf.DefaultVhost]
}

func TestGate(t *testing.T) {
	c := newConfig(t, `limits { connections 9; bitrate 1000; players_per_stream 3; }`)
	require.Equal(t, gate.Limits{Total: gate.Limit{Connections: 9, Bitrate: 1_000_000}, PerStream: gate.Limit{Players: 3}}, c.gates().Limits)

	g := one(t, `refer { enabled on; all a.test b.test; publish c.test; play d.test; }`).gate
	require.Equal(t, gate.Refer{Enabled: true, All: []string{"a.test", "b.test"}, Publish: []string{"c.test"}, Play: []string{"d.test"}}, g.Refer)
	require.NotNil(t, g.Throttle)
	require.Equal(t, gate.Refer{}, one(t, `refer { all a.test; }`).gate.Refer)

	g = one(t, `security { enabled on; allow play 10.0.0.0/8; deny publish all; allow publish 192.0.2.7; }`).gate
	require.Equal(t, gate.Security{Enabled: true, Rules: []gate.SecurityRule{
		{Actions: gate.Publish},
		{Allow: true, Actions: gate.Play, Net: netip.MustParsePrefix("10.0.0.0/8")},
		{Allow: true, Actions: gate.Publish, Net: netip.MustParsePrefix("192.0.2.7/32")},
	}}, g.Security)
	g = one(t, `security { signed_url { enabled on; key a b; require_ip on; } }`).gate
	require.Equal(t, gate.SignedURL{Keys: []string{"a", "b"}, Actions: gate.Publish | gate.Play, RequireIP: true}, g.SignedURL)
	g = one(t, `security { jwt { enabled on; secret `+jwtSecret+`; param auth; } }`).gate
	require.NotNil(t, g.JWT.Verifier)
	require.Equal(t, "auth", g.JWT.Param)
	require.Equal(t, 5, one(t, `limits { publishers_per_ip 5; }`).gate.Limits.PerIP.Publishers)
}

func TestHook(t *testing.T) {
	h := one(t, `http_hooks { enabled on; on_connect http://a/1 http://a/2; on_close http://a/3; on_publish http://a/4;
		on_unpublish http://a/5; on_play http://a/6; on_stop http://a/7; on_dvr http://a/8; on_hls http://a/9;
		on_hls_notify http://a/10; timeout 1.5; on_error allow; verify_tls on; } hls { hls_nb_notify 0; }
		forward { enabled on; backend http://a/11; }`).hook
	url := func(n string) []string { return []string{"http://a/" + n} }
	require.Equal(t, hook.Vhost{
		OnConnect: []string{"http://a/1", "http://a/2"}, OnClose: url("3"), OnPublish: url("4"), OnUnpublish: url("5"),
		OnPlay: url("6"), OnStop: url("7"), OnDVR: url("8"), OnHLS: url("9"), OnHLSNotify: url("10"), NotifyBytes: -1,
		OnForward: "http://a/11", Timeout: 1500 * time.Millisecond, OnError: hook.Allow, VerifyTLS: true,
	}, h)
	require.Equal(t, hook.Vhost{}, one(t, `http_hooks { on_play http://a/1; } forward { backend http://a/2; }`).hook)
}

func TestAPI(t *testing.T) {
	require.Nil(t, newConfig(t, "").api)
	a := newConfig(t, `http_api { enabled on; } stats { disk sda sdb; }`).api
	require.True(t, a.Root)
	require.Equal(t, ":1935", a.RTMP)
	require.Equal(t, []string{"sda", "sdb"}, a.Disks)
	require.True(t, a.Auth.Anonymous, "as SRS")
	require.True(t, a.Metrics.Off)
	require.False(t, a.Debug)

	a = newConfig(t, `http_server { enabled on; listen 8080; } http_api { enabled on; listen 8080; pprof on; events off;
		auth { enabled on; username u; password p:q; token t1 t2; jwt { secret `+jwtSecret+`; issuer i; audience a; } } }
		exporter { enabled on; label l; tag t; streams 0; }`).api
	require.False(t, a.Root, "it belongs to the files")
	require.Equal(t, []string{"u", "p:q"}, []string{a.Auth.Username, a.Auth.Password})
	require.Equal(t, []string{"t1", "t2"}, a.Auth.Tokens)
	require.Equal(t, []string{"a"}, a.Auth.JWT.Audience)
	require.Equal(t, "i", a.Auth.JWT.Issuer)
	require.False(t, a.Auth.Anonymous)
	require.Equal(t, api.MetricsConfig{Open: true, MaxStreams: -1, Code: "Go", Label: "l", Tag: "t"}, a.Metrics)
	require.True(t, a.Debug)
	require.True(t, a.Events.Off)
	require.False(t, newConfig(t, `http_api { enabled on; auth { anonymous off; } }`).api.Auth.Anonymous)
}

func TestHeartbeat(t *testing.T) {
	require.Nil(t, newConfig(t, "").heartbeat(nil))
	c := newConfig(t, `http_server { enabled on; } http_api { enabled on; listen 127.0.0.1:1985; } stats { network 0; }
		heartbeat { enabled on; interval 9; url http://a/b; device_id d; summaries on; ports on; }`, "SRS_DEVICE_IP=192.0.2.9")
	h := c.heartbeat(func() any { return 1 })
	require.Equal(t, 1, h.Summaries())
	require.Equal(t, hook.Ports{RTMP: []string{"1935"}, HTTP: []string{"8080"}, API: []string{"127.0.0.1:1985"}}, h.Ports())
	require.Equal(t, []any{"http://a/b", 9 * time.Second, "d", "192.0.2.9"}, []any{h.URL, h.Interval, h.DeviceID, h.IP})
	h = newConfig(t, `heartbeat { enabled on; }`).heartbeat(nil)
	require.Equal(t, []any{hook.DefaultHeartbeat, 10 * time.Second, conf.LocalIPs()[0].String()}, []any{h.URL, h.Interval, h.IP})
	require.Nil(t, h.Summaries)
	require.Nil(t, h.Ports)
	require.NotNil(t, newConfig(t, `heartbeat { enabled on; summaries on; }`).api)
}

// TestOperateErrors: what only shows when keys and rules are read names its place, and no secret.
func TestOperateErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.pem")
	require.NoError(t, os.WriteFile(bad, []byte("planted-secret"), 0o600))
	for text, want := range map[string]string{
		"vhost v { security { enabled on;\n allow play nobody; } }":                  "srs.conf:2: security.allow: ",
		"vhost v { security { jwt { enabled on; secret planted-secret; } } }":        "srs.conf:1: security.jwt: ",
		"vhost v { security { jwt { enabled on; public_key " + bad + "; } } }":       "srs.conf:1: security.jwt: ",
		"http_api { enabled on; auth { enabled on; username planted-secret; } }":     "srs.conf:1: http_api.auth.enabled: it needs a username and a password",
		"http_api { enabled on; auth { jwt { public_key /nonexistent/key.pem; } } }": "srs.conf:1: http_api.auth.jwt: ",
	} {
		_, err := New(load(t, text), slog.New(slog.DiscardHandler), nil)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "planted-secret", text)
	}
}

func TestChanges(t *testing.T) {
	x := NewChanges(
		load(t, `pid a.pid; vhost a { } vhost b { exec { enabled off; } }`),
		load(t, `pid b.pid; http_api { enabled on; } vhost b { exec { enabled on; } security { signed_url { key planted-secret; } } } limits { players 3; }`))
	require.NotEmpty(t, x.Applied)
	all := strings.Join(x.Applied, "\n")
	for _, want := range []string{"http_api.enabled: ", "vhost.a: ", "limits.players: ", "vhost.b.security.signed_url.key: "} {
		require.Contains(t, all, want)
	}
	require.Len(t, x.Restart, 1)
	require.Contains(t, x.Restart[0], "pid: ")
	require.Len(t, x.Ignored, 1)
	require.Contains(t, x.Ignored[0], "vhost.b.exec.enabled: ")
	require.NotContains(t, all, "planted-secret")
	require.Equal(t, Changes{}, NewChanges(load(t, `vhost a { }`), load(t, `vhost a { }`)))
}
