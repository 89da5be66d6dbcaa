package gate

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

func TestRules(t *testing.T) {
	office := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	list := Rules{
		{Deny: true, From: []netip.Prefix{netip.MustParsePrefix("10.6.6.0/24")}},
		{Actions: Publish, From: office},
		{Actions: Publish, App: "guest", Stream: "cam[0-9]"},
		{Actions: Play, App: "paid", Claims: map[string]string{"plan": "gold*", "age": "18", "adult": "true"}},
		{Deny: true, App: "paid"},
		{Actions: Play, Vhost: "a.*"},
		{Actions: Play, Vhost: stream.DefaultVhost, App: "live"},
	}
	require.NoError(t, list.Check())
	type m = map[string]any
	for _, tt := range []struct {
		name           string
		a              stream.Action
		vhost, app, st string
		remote         string
		claims         m
		ok             bool
	}{
		{"publish from the office", stream.ActionPublish, "", "live", "x", "10.1.1.1:1", nil, true},
		{"over IPv6", stream.ActionPublish, "", "live", "x", "[2001:db8::5]:1", nil, true},
		{"first rule first", stream.ActionPublish, "", "live", "x", "10.6.6.6:1", nil, false},
		{"publish from outside", stream.ActionPublish, "", "live", "x", "192.0.2.1:1", nil, false},
		{"publish as a guest", stream.ActionPublish, "", "guest", "cam1", "192.0.2.1:1", nil, true},
		{"not by that name", stream.ActionPublish, "", "guest", "cam10", "192.0.2.1:1", nil, false},
		{"play", stream.ActionPlay, "", "live", "x", "192.0.2.1:1", nil, true},
		{"view", stream.ActionView, "", "live", "x", "192.0.2.1:1", nil, true},
		{"play what no rule is for", stream.ActionPlay, "", "guest", "cam1", "192.0.2.1:1", nil, false},
		{"vhost", stream.ActionPlay, "a.com", "any", "x", "192.0.2.1:1", nil, true},
		{"another vhost", stream.ActionPlay, "b.com", "live", "x", "192.0.2.1:1", nil, false},
		{"paid", stream.ActionPlay, "", "paid", "x", "192.0.2.1:1", m{"plan": "golden", "age": 18, "adult": true}, true},
		{"paid, one of several", stream.ActionPlay, "", "paid", "x", "192.0.2.1:1", m{"plan": []any{"x", "gold"}, "age": "18", "adult": true}, true},
		{"paid, other plan", stream.ActionPlay, "", "paid", "x", "192.0.2.1:1", m{"plan": "silver", "age": 18, "adult": true}, false},
		{"paid, a claim is missing", stream.ActionPlay, "", "paid", "x", "192.0.2.1:1", m{"plan": "gold", "age": 18}, false},
		{"paid, a claim of another type", stream.ActionPlay, "", "paid", "x", "192.0.2.1:1", m{"plan": m{"gold": 1}, "age": 18, "adult": true}, false},
		{"paid, lists in lists", stream.ActionPlay, "", "paid", "x", "192.0.2.1:1", m{"plan": []any{[]any{"gold"}}, "age": 18, "adult": true}, false},
		{"connect", stream.ActionConnect, "", "paid", "x", "192.0.2.1:1", nil, true},
	} {
		key := stream.Key{Vhost: tt.vhost, App: tt.app, Name: tt.st}
		if key.Vhost == "" {
			key.Vhost = stream.DefaultVhost
		}
		v := Vhost{Rules: list}
		param := ""
		if tt.claims != nil {
			v.JWT.Verifier = verifier(t)
			param = "?token=" + jwt(secret, tt.claims)
		}
		s := session(tt.a, named(key), from(tt.remote), with(param))
		require.Equal(t, map[bool]int{true: 0, false: 2015}[tt.ok], codeOf(t, v.Admit(t.Context(), s)), tt.name)
	}
	paid := session(stream.ActionPlay, named(stream.Key{Vhost: stream.DefaultVhost, App: "paid", Name: "x"}))
	require.Error(t, list.Admit(t.Context(), paid), "no claims are known")
	require.NoError(t, list.Admit(t.Context(), session(stream.ActionPlay)))
	require.NoError(t, Rules(nil).Admit(t.Context(), paid))

	for _, bad := range []Rule{{App: "["}, {Vhost: "[a"}, {Stream: `\`}, {Claims: map[string]string{"x": "[]"}}} {
		broken := Rules{{}, bad}
		require.Error(t, broken.Check())
		require.Error(t, broken.Admit(t.Context(), session(stream.ActionPlay)), "a rule that might deny is passed over: %+v", bad)
	}
}
