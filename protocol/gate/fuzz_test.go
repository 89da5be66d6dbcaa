package gate

import (
	"strings"
	"testing"

	"github.com/srsgo/srs/stream"
)

// A page's host has nothing in it that could end with a name it is not.
func FuzzPageHost(f *testing.F) {
	for _, s := range []string{"http://a.com:80/x", "http://u@a.com", "[::1]:80", `http://x\a.com`, "a?b#c", "http://[::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, page string) {
		host := pageHost(page)
		if strings.ContainsAny(host, `/\?#@`) || len(host) > 3*len(page)+3 { // a lower case may be longer
			t.Fatalf("%q of %q", host, page)
		}
		if below(host, "a.com") && host != "a.com" && !strings.HasSuffix(host, ".a.com") {
			t.Fatalf("%q is below a.com", host)
		}
	})
}

// No query and no claims get past a gate but by a good token.
func FuzzCredentials(f *testing.F) {
	f.Add("?token="+jwt("other", map[string]any{}), "live*")
	f.Add("?expires=1&sign=00?token=a.b.c#x", "[")
	f.Add("?sign=%zz&token=%", "")
	v := Vhost{SignedURL: SignedURL{Keys: []string{secret}}, JWT: JWT{Verifier: verifier(f)}}
	f.Fuzz(func(t *testing.T, param, pattern string) {
		if v.Admit(t.Context(), session(stream.ActionPlay, with(param))) == nil {
			t.Fatalf("%q is let in", param)
		}
		good := jwt(secret, map[string]any{"stream": pattern})
		ok, err := Rule{Stream: pattern}.names(live)
		want := ok && err == nil && pattern != ""
		if got := v.Admit(t.Context(), session(stream.ActionPlay, with("?token="+good))) == nil; got != want && strings.ToValidUTF8(pattern, "") == pattern {
			t.Fatalf("pattern %q: let in %v, want %v", pattern, got, want)
		}
	})
}
