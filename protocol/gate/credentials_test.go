package gate

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol/token"
	"github.com/srsgo/srs/stream"
)

func TestSignedURL(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	sign := func(key string, g token.Grant) func(*stream.Request) {
		if g.Path == "" {
			g.Path = "/live/livestream"
		}
		if g.Expires.IsZero() {
			g.Expires = time.Now().Add(time.Hour)
		}
		return with("?" + token.Sign(key, g))
	}
	keys := SignedURL{Keys: []string{"planted next", secret}}
	playOnly, bound, exact := keys, keys, keys
	playOnly.Actions, bound.RequireIP, exact.Leeway = Play, true, -1
	a := stream.Key{Vhost: "a.com", App: "live", Name: "livestream"}
	for _, tt := range []struct {
		name string
		gate SignedURL
		a    stream.Action
		ask  []func(*stream.Request)
		ok   bool
	}{
		{"good", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{})}, true},
		{"good to view", keys, stream.ActionView, []func(*stream.Request){sign(secret, token.Grant{}), overHTTP}, true},
		{"good to publish", keys, stream.ActionPublish, []func(*stream.Request){sign(secret, token.Grant{Action: "publish"})}, true},
		{"a player's to publish", keys, stream.ActionPublish, []func(*stream.Request){sign(secret, token.Grant{})}, false},
		{"a publisher's to play", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{Action: "publish"})}, false},
		{"next key", keys, stream.ActionPlay, []func(*stream.Request){sign("planted next", token.Grant{})}, true},
		{"no key of ours", keys, stream.ActionPlay, []func(*stream.Request){sign("planted", token.Grant{})}, false},
		{"none", keys, stream.ActionPlay, nil, false},
		{"empty", keys, stream.ActionPlay, []func(*stream.Request){with("?expires=1&sign=")}, false},
		{"none is needed to connect", keys, stream.ActionConnect, nil, true},
		{"none is needed to publish", playOnly, stream.ActionPublish, nil, true},
		{"one is needed to play", playOnly, stream.ActionPlay, nil, false},
		{"off", SignedURL{}, stream.ActionPlay, nil, true},
		{"other stream", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{Path: "/live/other"})}, false},
		{"vhost", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{Path: "a.com/live/livestream"}), named(a)}, true},
		{"other vhost", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{}), named(a)}, false},
		{"address", bound, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{IP: ip})}, true},
		{"another's address", bound, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{IP: ip}), from("192.0.2.2:1")}, false},
		{"for all addresses", bound, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{})}, false},
		{"expired", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{Expires: time.Now().Add(-time.Hour)})}, false},
		{"expired within the leeway", keys, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{Expires: time.Now().Add(-20 * time.Second)})}, true},
		{"expired without leeway", exact, stream.ActionPlay, []func(*stream.Request){sign(secret, token.Grant{Expires: time.Now().Add(-20 * time.Second)})}, false},
	} {
		s := session(tt.a, tt.ask...)
		want := map[bool]int{true: 0, false: 2015}[tt.ok]
		require.Equal(t, want, codeOf(t, tt.gate.Admit(t.Context(), s)), tt.name)
		require.Equal(t, want, codeOf(t, Vhost{SignedURL: tt.gate}.Admit(t.Context(), s)), tt.name)
	}
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(f, keys), "planted", f)
		require.NotContains(t, fmt.Sprintf(f, Vhost{SignedURL: keys}), "planted", f)
	}
}

func TestJWT(t *testing.T) {
	c := JWT{Verifier: verifier(t)}
	publishOnly := c
	publishOnly.Actions = Publish
	type m = map[string]any
	for _, tt := range []struct {
		name   string
		a      stream.Action
		claims m
		ok     bool
	}{
		{"no claims to play", stream.ActionPlay, m{}, true},
		{"no claims to view", stream.ActionView, m{}, true},
		{"no claims to publish", stream.ActionPublish, m{}, false},
		{"action", stream.ActionPublish, m{"actions": "publish"}, true},
		{"list of actions", stream.ActionPublish, m{"actions": []string{"play", "publish"}}, true},
		{"other action", stream.ActionPlay, m{"actions": []string{"publish"}}, false},
		{"no action", stream.ActionPlay, m{"actions": []string{}}, false},
		{"null is no list", stream.ActionPlay, m{"actions": nil}, false},
		{"a number is no action", stream.ActionPlay, m{"actions": 2}, false},
		{"an action is no pattern", stream.ActionPlay, m{"actions": "*"}, false},
		{"stream", stream.ActionPlay, m{"vhost": "__defaultVhost__", "app": "live", "stream": "live*"}, true},
		{"any", stream.ActionPlay, m{"vhost": "*", "app": "*", "stream": "*"}, true},
		{"other stream", stream.ActionPlay, m{"stream": "cam*"}, false},
		{"part of the name", stream.ActionPlay, m{"stream": "live"}, false},
		{"other app", stream.ActionPlay, m{"app": "vod"}, false},
		{"other vhost", stream.ActionPlay, m{"vhost": "a.com"}, false},
		{"no pattern", stream.ActionPlay, m{"stream": "[live"}, false},
		{"empty", stream.ActionPlay, m{"stream": ""}, false},
		{"null", stream.ActionPlay, m{"app": nil}, false},
		{"another type", stream.ActionPlay, m{"app": []string{"live"}}, false},
		{"expired", stream.ActionPlay, m{"exp": time.Now().Add(-time.Hour).Unix()}, false},
	} {
		want := map[bool]int{true: 0, false: 2015}[tt.ok]
		s := session(tt.a, with("?x=1&token="+jwt(secret, tt.claims)))
		require.Equal(t, want, codeOf(t, c.Admit(t.Context(), s)), tt.name)
	}
	good := jwt(secret, m{})
	for param, ok := range map[string]bool{
		"": false, "?": false, "?token=": false, "?jwt=" + good: false, "?token=" + good: true, "token=" + good: true,
		"?a=b?token=" + good: true, "?token=" + good + "#x": true, "?token=%zz": false, "?token=" + jwt("planted", m{}): false,
	} {
		err := c.Admit(t.Context(), session(stream.ActionPlay, with(param)))
		require.Equal(t, ok, codeOf(t, err) == 0, "%s: %v", param, err)
	}
	require.NoError(t, JWT{Verifier: c.Verifier, Param: "jwt"}.Admit(t.Context(), session(stream.ActionPlay, with("?jwt="+good))))
	bearer := func(token string) *stream.Session {
		return session(stream.ActionPlay, with("?x=1"), func(r *stream.Request) { r.Bearer = token })
	}
	require.NoError(t, c.Admit(t.Context(), bearer(good)))
	for token, unauthorized := range map[string]bool{"": true, jwt("planted", m{}): true, jwt(secret, m{"exp": 1}): true, jwt(secret, m{"app": "vod"}): false} {
		var denied *stream.DeniedError
		require.ErrorAs(t, c.Admit(t.Context(), bearer(token)), &denied)
		require.Equal(t, unauthorized, denied.Unauthorized, "%v", denied)
	}
	require.NoError(t, publishOnly.Admit(t.Context(), session(stream.ActionPlay)))
	require.NoError(t, JWT{}.Admit(t.Context(), session(stream.ActionPlay)))
	require.NoError(t, c.Admit(t.Context(), session(stream.ActionOpen)))
}

// With both kinds of credentials asked for, one will do.
func TestEitherCredential(t *testing.T) {
	v := Vhost{SignedURL: SignedURL{Keys: []string{secret}}, JWT: JWT{Verifier: verifier(t)}}
	signed := token.Sign(secret, token.Grant{Path: live.String(), Expires: time.Now().Add(time.Hour)})
	good := jwt(secret, map[string]any{})
	for param, ok := range map[string]bool{
		"": false, "?" + signed: true, "?token=" + good: true, "?" + signed + "x&token=" + good: false, "?" + signed + "&token=x": true,
	} {
		require.Equal(t, ok, v.Admit(t.Context(), session(stream.ActionPlay, with(param))) == nil, param)
	}
	v.JWT.Actions = Publish
	require.Error(t, v.Admit(t.Context(), session(stream.ActionPlay, with("?token="+good))), "a token is not asked for to play")
}

func TestCredentialsThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := Vhost{JWT: JWT{Verifier: verifier(t)}, Throttle: token.NewThrottle(token.ThrottleConfig{Free: 2})}
		ask := func(param string) error { return v.Admit(t.Context(), session(stream.ActionPlay, with(param))) }
		good, expired := jwt(secret, map[string]any{}), jwt(secret, map[string]any{"exp": 1})
		for range 10 { // neither is a guess
			require.Error(t, ask(""))
			require.Error(t, ask("?token="+expired))
		}
		require.NoError(t, ask("?token="+good))
		for range 3 {
			require.Error(t, ask("?token="+jwt("planted", map[string]any{})))
		}
		err := ask("?token=" + good)
		require.Equal(t, 2015, codeOf(t, err))
		require.ErrorContains(t, err, "too many wrong tokens from 192.0.2.1")
		other := session(stream.ActionPlay, with("?token="+good), from("192.0.2.2:1"))
		require.NoError(t, v.Admit(t.Context(), other))
		time.Sleep(time.Second)
		require.NoError(t, ask("?token="+good))
	})
}
