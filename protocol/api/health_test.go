package api

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHealthAndReadiness(t *testing.T) {
	var wrong error
	o := operate(t, Config{Auth: AuthConfig{Username: "admin", Password: "secret"}, Ready: func() error { return wrong }})
	require.Equal(t, "ok\n", o.ask("GET", "/healthz", from(far)).Body.String())
	require.Equal(t, "ready\n", o.ask("GET", "/readyz", from(far)).Body.String())
	wrong = errors.New("the disk at /secret/place is full")
	w := o.ask("GET", "/readyz", from(far))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "not ready\n", w.Body.String(), "no detail from afar")
	require.Contains(t, o.ask("GET", "/readyz").Body.String(), wrong.Error())
	wrong = nil
	o.module.Drain()
	require.Equal(t, 503, o.ask("GET", "/readyz", from(far)).Code)
	require.Contains(t, o.ask("GET", "/readyz").Body.String(), "draining")
	require.Equal(t, 200, o.ask("GET", "/healthz", from(far)).Code, "alive still")
}

func TestGoProfiles(t *testing.T) {
	o := operate(t, Config{})
	require.Equal(t, 404, o.ask("GET", "/debug/pprof/").Code, "off")
	o = operate(t, Config{Debug: true, Auth: AuthConfig{Username: "admin", Password: "secret"}})
	require.Contains(t, o.ask("GET", "/debug/pprof/").Body.String(), "goroutine")
	require.Contains(t, o.ask("GET", "/debug/pprof/goroutine?debug=1").Body.String(), "goroutine profile")
	require.Equal(t, 404, o.ask("GET", "/debug/pprof/cmdline").Code)
	require.Equal(t, 404, o.ask("POST", "/debug/pprof/symbol").Code)
	for _, s := range []string{"1e9", "-1", "NaN", "x", "+Inf"} {
		require.Equal(t, 400, o.ask("GET", "/debug/pprof/profile?seconds="+s).Code, s)
	}
	require.Equal(t, 401, o.ask("GET", "/debug/pprof/heap", from(far)).Code)
	require.Equal(t, 200, o.ask("GET", "/debug/pprof/heap", from(far), basic("admin", "secret")).Code)
	require.Equal(t, 200, o.ask("GET", "/debug/pprof/trace?seconds=0.01").Code)
}
