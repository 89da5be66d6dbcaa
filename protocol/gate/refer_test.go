package gate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

func TestRefer(t *testing.T) {
	page := func(url string) func(*stream.Request) {
		return func(r *stream.Request) { r.PageURL = url }
	}
	for _, tt := range []struct {
		name, page string
		list       []string
		ok         bool
	}{
		{"no list", "http://x.com/", nil, true},
		{"no list, no page", "", nil, true},
		{"same", "http://a.com/watch.html", []string{"a.com"}, true},
		{"below", "https://www.a.com/", []string{"a.com"}, true},
		{"second entry", "http://b.com", []string{"a.com", "b.com"}, true},
		{"other", "http://b.com/", []string{"a.com"}, false},
		{"no page", "", []string{"a.com"}, false},
		{"port", "http://a.com:8080/x", []string{"a.com"}, true},
		{"no scheme", "a.com/x", []string{"a.com"}, true},
		{"upper case", "HTTP://WWW.A.com", []string{"A.COM"}, true},
		{"dot at the end", "http://a.com./", []string{"a.com"}, true},
		{"SRS's quirk: it comes twice", "http://a.com.x.a.com/", []string{"a.com"}, true},
		{"not at the end", "http://a.com.evil.net/", []string{"a.com"}, false},
		{"end of another name", "http://nota.com/", []string{"a.com"}, false},
		{"end of another name, wanted", "http://cdn-a.com/", []string{"-a.com"}, true},
		{"dot before", "http://www.a.com/", []string{".a.com"}, true},
		{"in the path", "http://evil.net/a.com", []string{"a.com"}, false},
		{"in the query", "http://evil.net?.a.com", []string{"a.com"}, false},
		{"in the fragment", "http://evil.net#.a.com", []string{"a.com"}, false},
		{"behind a backslash", `http://evil.net\.a.com`, []string{"a.com"}, false},
		{"as a user", "http://a.com@evil.net/", []string{"a.com"}, false},
		{"user of it", "http://u:p@a.com/", []string{"a.com"}, true},
		{"IPv6", "http://[2001:db8::1]:80/", []string{"[2001:db8::1]"}, true},
		{"IPv6 without port", "http://[2001:db8::1]/", []string{"[2001:db8::1]"}, true},
		{"empty entry", "http://a.com/", []string{""}, false},
	} {
		want := map[bool]int{true: 0, false: 2015}[tt.ok]
		for what, x := range map[string]struct {
			c Refer
			a stream.Action
		}{
			"all":     {Refer{Enabled: true, All: tt.list}, stream.ActionOpen},
			"publish": {Refer{Enabled: true, Publish: tt.list}, stream.ActionPublish},
			"play":    {Refer{Enabled: true, Play: tt.list}, stream.ActionPlay},
		} {
			require.Equal(t, want, codeOf(t, x.c.Admit(t.Context(), session(x.a, page(tt.page)))), "%s: %s", tt.name, what)
		}
	}
	lists := Refer{Enabled: true, All: []string{"all.com"}, Publish: []string{"publish.com"}, Play: []string{"play.com"}}
	for _, tt := range []struct {
		name  string
		http  bool // Refer.HTTP
		a     stream.Action
		page  string
		other func(*stream.Request)
		ok    bool
	}{
		{"connect is too early", false, stream.ActionConnect, "http://evil/", nil, true},
		{"open asks for all", false, stream.ActionOpen, "http://publish.com/", nil, false},
		{"publish does not ask for all again", false, stream.ActionPublish, "http://publish.com/", nil, true},
		{"each has its own list", false, stream.ActionPlay, "http://publish.com/", nil, false},
		{"not over HTTP, as SRS", false, stream.ActionPlay, "http://evil/", overHTTP, true},
		{"over HTTP if asked", true, stream.ActionPlay, "http://evil/", overHTTP, false},
		{"over HTTP all is asked too", true, stream.ActionView, "http://play.com/", overHTTP, false},
		{"not over SRT", true, stream.ActionPlay, "", func(r *stream.Request) { r.Protocol = "srt" }, true},
	} {
		c := lists
		c.HTTP = tt.http
		s := session(tt.a, page(tt.page))
		if tt.other != nil {
			tt.other(&s.Request)
		}
		require.Equal(t, tt.ok, c.Admit(t.Context(), s) == nil, tt.name)
		c.Enabled = false
		require.NoError(t, c.Admit(t.Context(), s), tt.name)
	}
	both := Refer{Enabled: true, HTTP: true, All: []string{"a.com"}, Play: []string{"www.a.com"}}
	require.NoError(t, both.Admit(t.Context(), session(stream.ActionView, page("http://www.a.com/"), overHTTP)))
}
