package api

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/protocol"
	"github.com/srsgo/srs/protocol/token"
)

const (
	versionsPath = "/api/v1/versions"
	jwtSecret    = "a-secret-of-the-test-of-32-bytes-at-least"
)

func TestClosedOffLoopbackUntilACredentialIsSet(t *testing.T) {
	o := operate(t, Config{Root: true, Debug: true, Auth: AuthConfig{Hint: "Set http_api.auth."}})
	for _, x := range []struct {
		name string
		with []with
		want int
	}{
		{"loopback", nil, 200},
		{"loopback, IPv6", []with{from("[::1]:9")}, 200},
		{"loopback, all of 127/8", []with{from("127.9.9.9:9")}, 200},
		{"loopback as IPv6", []with{from("[::ffff:127.0.0.1]:9")}, 200},
		{"localhost", []with{host("localhost:1985")}, 200},
		{"no host", []with{host("")}, 200},
		{"IPv6 host", []with{host("[::1]:1985")}, 200},
		{"far", []with{from(far)}, 403},
		{"far, IPv6", []with{from("[2001:db8::1]:9")}, 403},
		{"no address", []with{from("")}, 403},
		{"far, claims to be near", []with{from(far), header("X-Forwarded-For", "127.0.0.1")}, 403},
		{"through a proxy", []with{header("X-Forwarded-For", "203.0.113.9")}, 403},
		{"through a proxy, spoofed", []with{header("X-Forwarded-For", "127.0.0.1")}, 403},
		{"through a proxy, Forwarded", []with{header("Forwarded", "for=203.0.113.9")}, 403},
		{"through a proxy, X-Real-IP", []with{header("X-Real-IP", "203.0.113.9")}, 403},
		{"through a proxy, Via", []with{header("Via", "1.1 example")}, 403},
		{"rebound name", []with{host("attacker.example:1985")}, 403},
		{"rebound name like an address", []with{host("127.0.0.1.attacker.example")}, 403},
		{"page of another site", []with{header("Origin", "https://attacker.example")}, 403},
		{"sandboxed page", []with{header("Origin", "null")}, 403},
		{"script of another site", []with{header("Sec-Fetch-Site", "cross-site")}, 403},
		{"page of another port", []with{header("Origin", "http://127.0.0.1:8080"), header("Sec-Fetch-Site", "same-site")}, 200},
		{"page of localhost", []with{header("Origin", "http://localhost:8080"), header("Sec-Fetch-Site", "cross-site")}, 200},
		{"credential that nobody asked for", []with{basic("admin", "admin")}, 200},
		{"far, credential that nobody asked for", []with{from(far), basic("admin", "admin")}, 403},
	} {
		for _, path := range []string{versionsPath, "/metrics", "/debug/pprof/", "/api/", "/api/v1/clients"} {
			w := o.ask("GET", path, x.with...)
			want := x.want
			if path == "/api/v1/clients" && want == 200 {
				want = 302
			}
			require.Equal(t, want, w.Code, "%s %s", x.name, path)
			if want == 403 {
				require.Contains(t, w.Body.String(), "Set http_api.auth.", x.name)
			}
		}
		for _, path := range []string{"/", "/healthz", "/readyz"} {
			require.Equal(t, 200, o.ask("GET", path, x.with...).Code, "%s %s: open", x.name, path)
		}
	}
	require.Equal(t, 403, o.askAt("http", "GET", versionsPath, from(far)).Code, "the streaming port")
	require.Equal(t, 403, o.askAt("exporter", "GET", "/metrics", from(far)).Code, "the exporter's port")
	require.Contains(t, o.log.String(), "answers this machine alone")
	require.Contains(t, o.log.String(), "Set http_api.auth.")
}

func TestAnonymousIsOpenAndSaysSo(t *testing.T) {
	o := operate(t, Config{Debug: true, Auth: AuthConfig{Anonymous: true}})
	require.Equal(t, 200, o.ask("GET", versionsPath, from(far)).Code)
	require.Equal(t, 200, o.ask("GET", "/metrics", from(far)).Code)
	require.Equal(t, 403, o.ask("GET", "/debug/pprof/", from(far)).Code, "profiles never are")
	require.Contains(t, o.log.String(), "level=WARN msg=\"api: open to everybody")
}

// TestBasicAsSRS asks what SRS was asked with http_api.auth on.
func TestBasicAsSRS(t *testing.T) {
	o := operate(t, Config{Root: true, Auth: AuthConfig{Username: "admin", Password: "se:cret"}},
		func(c *protocol.Config) { c.ServerName = "SRS/6.0.157(Hang)" })
	for _, x := range []struct {
		name, listener, method, path string
		with                         []with
		want                         int
	}{
		{"none", "api", "GET", versionsPath, nil, 401},
		{"wrong password", "api", "GET", versionsPath, []with{basic("admin", "wrong")}, 401},
		{"wrong user", "api", "GET", versionsPath, []with{basic("root", "se:cret")}, 401},
		{"nothing in it", "api", "GET", versionsPath, []with{basic("", "")}, 401},
		{"right, from afar", "api", "GET", versionsPath, []with{basic("admin", "se:cret"), from("198.51.100.1:1")}, 200},
		{"right, by name", "api", "GET", versionsPath, []with{basic("admin", "se:cret"), host("media.example")}, 200},
		{"scheme in small letters", "api", "GET", versionsPath, []with{header("Authorization", "basic YWRtaW46c2U6Y3JldA==")}, 200},
		{"bearer", "api", "GET", versionsPath, []with{bearer("se:cret"), from("198.51.100.2:1")}, 401},
		{"index", "api", "GET", "/api/", nil, 401},
		{"below an index", "api", "GET", "/api/v1/what", nil, 401},
		{"redirect", "api", "GET", "/api/v1/clients", nil, 401},
		{"streaming port", "http", "GET", versionsPath, nil, 401},
		{"events", "api", "GET", "/api/v1/events", nil, 401},
		{"JSONP", "api", "GET", versionsPath + "?callback=f", nil, 401},
		{"query", "api", "GET", versionsPath + "?access_token=se:cret", nil, 401},
		{"root", "api", "GET", "/", nil, 200},
		{"OPTIONS", "api", "OPTIONS", versionsPath, nil, 200},
		{"metrics on loopback", "api", "GET", "/metrics", nil, 200},
		{"metrics from afar", "api", "GET", "/metrics", []with{from(far)}, 401},
		{"metrics from afar, with", "exporter", "GET", "/metrics", []with{from(far), basic("admin", "se:cret")}, 200},
	} {
		w := o.askAt(x.listener, x.method, x.path, x.with...)
		require.Equal(t, x.want, w.Code, x.name)
		require.Equal(t, "SRS/6.0.157(Hang)", w.Header().Get("Server"))
		if x.want == 401 {
			require.Equal(t, []string{"Basic"}, w.Header().Values("WWW-Authenticate"), x.name)
			require.Empty(t, w.Body.String(), x.name)
			require.Empty(t, w.Header().Get("Content-Type"), x.name)
		}
	}
}

func TestTokensAndTheirScopes(t *testing.T) {
	o := operate(t, Config{Auth: AuthConfig{Tokens: []string{"first", "second"},
		JWT:      &token.Config{Secrets: []string{jwtSecret}},
		Throttle: token.ThrottleConfig{Free: 1000}}})
	claims := func(scope any) map[string]any {
		c := map[string]any{"exp": inAnHour(), "sub": "grafana"}
		if scope != nil {
			c["scope"] = scope
		}
		return c
	}
	for _, x := range []struct {
		name, token  string
		read, change int
	}{
		{"first", "first", 200, 200},
		{"second", "second", 200, 200},
		{"wrong", "third", 401, 401},
		{"prefix", "firs", 401, 401},
		{"empty", "", 401, 401},
		{"JWT of all", jwt(jwtSecret, claims(nil)), 200, 200},
		{"JWT to look", jwt(jwtSecret, claims("openid api:read")), 200, 403},
		{"JWT to change", jwt(jwtSecret, claims([]string{"api:write"})), 200, 200},
		{"JWT of no use here", jwt(jwtSecret, claims("openid")), 403, 403},
		{"JWT with an odd scope", jwt(jwtSecret, claims(7)), 403, 403},
		{"JWT with a null scope", jwt(jwtSecret, map[string]any{"exp": inAnHour(), "scope": nil}), 403, 403},
		{"JWT of another key", jwt("another-secret-of-the-test-of-32-bytes", claims(nil)), 401, 401},
		{"JWT without a signature", jwt("", claims(nil)), 401, 401},
		{"JWT that has expired", jwt(jwtSecret, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 401, 401},
	} {
		for _, q := range []struct {
			method, path string
			want         int
		}{
			{"GET", versionsPath, x.read},
			{"HEAD", versionsPath, x.read},
			{"GET", "/api/v1/raw?rpc=raw", x.read},
			{"GET", "/api/v1/raw?rpc=reload", x.change},
			{"GET", "/api/v1/raw?rpc=update&scope=dvr", x.change},
			{"DELETE", "/api/v1/clients/abc", x.change},
			{"GET", "/api/v1/clients/abc?callback=f&method=DELETE", x.change},
			{"POST", "/api/v1/reload", x.change},
		} {
			w := o.ask(q.method, q.path, bearer(x.token), from(far))
			require.Equal(t, q.want, w.Code, "%s: %s %s", x.name, q.method, q.path)
			if q.want == 401 {
				require.Equal(t, []string{"Bearer"}, w.Header().Values("WWW-Authenticate"))
			}
		}
	}
	require.Contains(t, o.log.String(), `msg="api: change" module=api method=DELETE path=/api/v1/clients/abc by=grafana`)
}

func TestTheQueryHasATokenForEventsAlone(t *testing.T) {
	o := operate(t, Config{Auth: AuthConfig{Tokens: []string{"first"}}})
	require.Equal(t, 401, o.ask("GET", versionsPath+"?access_token=first").Code)
	require.Equal(t, 401, o.ask("GET", "/metrics?access_token=first", from(far)).Code)
	require.Equal(t, 401, o.ask("GET", "/api/v1/events?access_token=wrong").Code)
	require.Equal(t, 405, o.ask("PUT", "/api/v1/events?access_token=first").Code, "let in")
}

// TestKeysThatCannotBeFetched is no fault of the client's.
func TestKeysThatCannotBeFetched(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close()) // nobody is there
	o := operate(t, Config{Auth: AuthConfig{JWT: &token.Config{JWKSURL: "http://" + l.Addr().String()}}})
	signed := jwt(jwtSecret, map[string]any{"exp": inAnHour()})
	signed = strings.Replace(signed, "eyJhbGciOiJIUzI1NiI", "eyJhbGciOiJSUzI1NiI", 1) // RS256
	for range 20 {
		require.Equal(t, 503, o.ask("GET", versionsPath, bearer(signed), from(far)).Code)
	}
}

func TestTheTokenInAQueryIsNotLogged(t *testing.T) {
	var addr string
	o := operate(t, Config{Auth: AuthConfig{Tokens: []string{"planted"}}}, withSocket(&addr))
	listen(t, addr, "?stream=x&access_token=planted&event=play", "")
	require.Contains(t, o.log.String(), "/api/v1/events?stream=x&access_token=***&event=play")
	require.NotContains(t, o.log.String(), "planted")
}

func TestABrowserCannotBeMadeToChangeAnything(t *testing.T) {
	o := operate(t, Config{Auth: AuthConfig{Username: "admin", Password: "secret", Tokens: []string{"token"}}})
	other := []with{header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "no-cors"), host("media.example")}
	user, page := append(other, basic("admin", "secret")), append(other, bearer("token"))
	for _, x := range []struct {
		method, path string
		want         int
	}{
		{"GET", versionsPath + "?callback=f", 200},
		{"GET", "/api/v1/raw?rpc=reload", 403},
		{"GET", "/api/v1/clients/abc?callback=f&method=DELETE", 403},
		{"POST", "/api/v1/reload", 403},
		{"DELETE", "/api/v1/clients/abc", 200}, // the browser has asked first
	} {
		require.Equal(t, x.want, o.ask(x.method, x.path, user...).Code, "%s %s", x.method, x.path)
		require.Equal(t, 200, o.ask(x.method, x.path, page...).Code, "%s %s: no browser adds a token", x.method, x.path)
	}
}

// TestGuessingIsSlowed lets an address guess as fast as it can for an hour, which gives it 5 guesses
// and then fewer and fewer.
func TestGuessingIsSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := operate(t, Config{Auth: AuthConfig{Username: "admin", Password: "secret"}})
		looked, refused := 0, 0
		for begin := time.Now(); time.Since(begin) < time.Hour; time.Sleep(100 * time.Millisecond) {
			switch w := o.ask("GET", versionsPath, basic("admin", "guess"), from(far)); w.Code {
			case 401:
				looked++
			case 429:
				refused++
				require.NotEmpty(t, w.Header().Get("Retry-After"))
			default:
				t.Fatal(w.Code)
			}
		}
		require.Less(t, looked, 40)
		require.Greater(t, refused, 35_000)
		right := basic("admin", "secret")
		require.Equal(t, 429, o.ask("GET", versionsPath, right, from(far)).Code, "whatever it brings")
		require.Equal(t, 200, o.ask("GET", versionsPath, right, from("203.0.113.10:1")).Code, "another address")
		require.Equal(t, 401, o.ask("GET", versionsPath, from(far)).Code, "without a credential")
		time.Sleep(10 * time.Minute)
		require.Equal(t, 200, o.ask("GET", versionsPath, right, from(far)).Code)
		require.Contains(t, string(o.module.export(nil)), "\nsrs_api_wrong_credentials_total ")
		require.LessOrEqual(t, strings.Count(o.log.String(), `msg="api: wrong credential"`), looked, "no line for what is not looked at")
	})
}

func TestAuthConfigsThatMakeNoSense(t *testing.T) {
	for name, cfg := range map[string]AuthConfig{
		"no password":     {Username: "admin"},
		"no user":         {Password: "planted"},
		"colon in a name": {Username: "a:b", Password: "planted"},
		"empty token":     {Tokens: []string{"planted", ""}},
		"weak JWT secret": {JWT: &token.Config{Secrets: []string{"planted"}}},
		"both":            {Username: "admin", Password: "planted", Anonymous: true},
	} {
		srv := protocol.NewServer(protocol.Config{}, New(Config{Auth: cfg}))
		err := srv.Start(t.Context())
		require.ErrorContains(t, err, "auth", name)
		require.NotContains(t, err.Error(), "planted", name)
		require.NoError(t, srv.Shutdown(t.Context()))
	}
}

func TestReloadChangesCredentials(t *testing.T) {
	o := operate(t, Config{Auth: AuthConfig{Username: "admin", Password: "old"}})
	next := func(a AuthConfig) error {
		return o.srv.Reload(t.Context(), protocol.Config{}, New(Config{Auth: a}))
	}
	require.NoError(t, next(AuthConfig{Username: "admin", Password: "new"}))
	require.Equal(t, 401, o.ask("GET", versionsPath, basic("admin", "old")).Code)
	require.Equal(t, 200, o.ask("GET", versionsPath, basic("admin", "new")).Code)
	require.ErrorContains(t, next(AuthConfig{Username: "admin"}), "need one another")
	require.Equal(t, 200, o.ask("GET", versionsPath, basic("admin", "new")).Code, "as before")
	require.NoError(t, next(AuthConfig{}))
	require.Equal(t, 200, o.ask("GET", versionsPath).Code)
	require.Equal(t, 403, o.ask("GET", versionsPath, from(far)).Code)
}

func FuzzLocal(f *testing.F) {
	f.Add("127.0.0.1:1", "localhost", "http://localhost:8080")
	f.Add("[::1%lo]:1", "[::1]:80", "null")
	f.Add("203.0.113.9:1", "a.example", "http://[")
	f.Fuzz(func(t *testing.T, remote, name, origin string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = remote, name
		r.Header.Set("Origin", origin)
		if a := token.Addr(remote); foreign(r) == "" && (!a.IsValid() || !a.IsLoopback()) {
			t.Fatalf("%q is taken for this machine", remote)
		}
	})
}
