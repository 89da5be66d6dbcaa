package api

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

// TestSecretsAreNowhere plants secrets in the configuration, sends them and wrong ones to every route,
// and looks for them in all that comes out.
func TestSecretsAreNowhere(t *testing.T) {
	const user, password, plain, wrong = "operator", "planted-password", "planted-token", "planted-guess"
	signed := jwt(jwtSecret, map[string]any{"exp": inAnHour()})
	forged := jwt("planted-secret-of-another-key-32-bytes", map[string]any{"exp": inAnHour()})
	cfg := Config{Root: true, Debug: true, Auth: AuthConfig{Username: user, Password: password, Tokens: []string{plain},
		JWT: &token.Config{Secrets: []string{jwtSecret}}, Throttle: token.ThrottleConfig{Free: 1 << 20}},
		Routes: map[string]http.Handler{"/api/v1/own/": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			panic(fmt.Sprint("failed at ", r.URL.Path))
		})}}
	o := operate(t, cfg)
	p := o.publish(t, stream.Key{Vhost: "v", App: "live", Name: "s"})
	var out []byte
	for _, r := range o.module.routes() {
		if r.auth == authEvents {
			continue // it would not end; TestEvents looks at what it says
		}
		for _, w := range [][]with{nil, {basic(user, password)}, {basic(user, wrong)}, {bearer(plain)}, {bearer(wrong)}, {bearer(signed)},
			{bearer(forged)}, {header("Authorization", wrong)}, {header("Authorization", "Digest "+wrong)}, {from(far), bearer(wrong)}} {
			for _, method := range []string{"GET", "POST"} {
				if r.path == "/api/v1/own/" && method == "GET" && w != nil {
					require.PanicsWithValue(t, http.ErrAbortHandler, func() {
						rec := o.ask(method, r.path+"x?access_token="+wrong, w...)
						out = append(out, rec.Body.Bytes()...)
						panic(http.ErrAbortHandler) // those who were not let in
					})
					continue
				}
				if r.path == "/api/v1/own/" {
					continue
				}
				rec := o.ask(method, r.path, w...)
				out = append(out, rec.Body.Bytes()...)
				out = fmt.Append(out, rec.Result().Header)
			}
		}
	}
	require.NoError(t, p.Close(nil))
	for _, bad := range []AuthConfig{{Username: user, Password: password, Anonymous: true}, {Username: user + ":", Password: password},
		{JWT: &token.Config{PublicKeys: plain}}, {JWT: &token.Config{Secrets: []string{password}}}} {
		out = fmt.Append(out, o.srv.Reload(t.Context(), protocol.Config{}, New(Config{Root: true, Routes: cfg.Routes, Auth: bad})))
	}
	out = fmt.Appendf(out, "%v %+v %s", cfg.Auth, cfg, o.log.String())
	require.Positive(t, o.srv.Panics())
	for name, secret := range map[string]string{"password": password, "token": plain, "JWT secret": jwtSecret, "JWT": signed,
		"guess": wrong, "forged JWT": forged, "its signature": forged[len(forged)-20:],
		"Basic": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))} {
		if i := bytes.Index(out, []byte(secret)); i >= 0 {
			t.Errorf("the %s is in what came out: …%s…", name, out[max(i-200, 0):min(i+len(secret)+50, len(out))])
		}
	}
}
