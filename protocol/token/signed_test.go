package token

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const path = "/live/livestream"

func TestSigned(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	soon := now.Add(time.Minute)
	ip := netip.MustParseAddr("192.0.2.7")
	plain := Sign("key", Grant{Path: path, Expires: soon})
	publish := Sign("key", Grant{Path: path, Expires: soon, Action: Publish, IP: ip})
	v6 := Sign("key", Grant{Path: path, Expires: soon, IP: netip.MustParseAddr("2001:db8::1")})
	if want := "expires=1900000060&action=publish&ip=192.0.2.7&sign="; !strings.HasPrefix(publish, want) {
		t.Errorf("%s, want %s…", publish, want)
	}
	for _, tt := range []struct {
		name, path, query string
		keys              []string
		want              error
	}{
		{"good", path, plain, []string{"key"}, nil},
		{"with ?", path, "?" + plain, []string{"key"}, nil},
		{"other parameters", path, "?vhost=a&" + plain + "&x=1", []string{"key"}, nil},
		{"any order", path, strings.Join(reversed(strings.Split(publish, "&")), "&"), []string{"key"}, nil},
		{"doubled", path, "?" + plain + "?" + plain, []string{"key"}, nil},
		{"second of the keys", path, plain, []string{"next", "key"}, nil},
		{"upper case", path, plain[:len(plain)-64] + strings.ToUpper(plain[len(plain)-64:]), []string{"key"}, nil},
		{"escaped", path, strings.ReplaceAll(v6, ":", "%3A"), []string{"key"}, nil},
		{"no keys", path, plain, nil, ErrSignature},
		{"empty key", path, Sign("", Grant{Path: path, Expires: soon}), []string{""}, ErrSignature},
		{"other key", path, plain, []string{"another"}, ErrSignature},
		{"other path", path + "2", plain, []string{"key"}, ErrSignature},
		{"other vhost", "a" + path, plain, []string{"key"}, ErrSignature},
		{"later", path, strings.Replace(plain, "=19", "=29", 1), []string{"key"}, ErrSignature},
		{"for all addresses", path, strings.Replace(publish, "&ip=192.0.2.7", "", 1), []string{"key"}, ErrSignature},
		{"for another address", path, strings.Replace(publish, "2.7", "2.8", 1), []string{"key"}, ErrSignature},
		{"for another action", path, strings.Replace(publish, "publish", "play", 1), []string{"key"}, ErrSignature},
		{"action put in", path, plain + "&action=publish", []string{"key"}, ErrSignature},
		{"tampered", path, plain[:len(plain)-1] + "x", []string{"key"}, ErrMalformed},
		{"signature cut", path, plain[:len(plain)-2], []string{"key"}, ErrMalformed},
		{"no signature", path, "expires=1900000060", []string{"key"}, ErrMalformed},
		{"nothing", path, "", []string{"key"}, ErrMalformed},
		{"two values", path, "expires=1&" + plain, []string{"key"}, ErrMalformed},
		{"expires in another form", path, strings.Replace(plain, "=19", "=019", 1), []string{"key"}, ErrMalformed},
		{"expires is none", path, strings.Replace(plain, "1900000060", "soon", 1), []string{"key"}, ErrMalformed},
		{"unknown action", path, plain + "&action=delete", []string{"key"}, ErrMalformed},
		{"empty action", path, plain + "&action=", []string{"key"}, ErrMalformed},
		{"bad address", path, plain + "&ip=me", []string{"key"}, ErrMalformed},
		{"address in another form", path, plain + "&ip=2001:DB8::1", []string{"key"}, ErrMalformed},
		{"bad escape", path, plain + "&ip=%zz", []string{"key"}, ErrMalformed},
		{"too long", path, plain + "&x=" + strings.Repeat("y", maxQuery), []string{"key"}, ErrMalformed},
		{"expired", path, Sign("key", Grant{Path: path, Expires: now}), []string{"key"}, ErrExpired},
		{"long ago", path, Sign("key", Grant{Path: path, Expires: time.Unix(-5, 0)}), []string{"key"}, ErrExpired},
	} {
		_, err := VerifySigned(tt.keys, tt.path, tt.query, now)
		check(t, tt.name, err, tt.want, tt.query)
	}
	g, err := VerifySigned([]string{"key"}, path, publish, now)
	if err != nil || g != (Grant{path, soon, Publish, ip}) {
		t.Errorf("%+v, %v", g, err)
	}
}

func reversed(s []string) (out []string) {
	for i := range s {
		out = append(out, s[len(s)-1-i])
	}
	return out
}

func TestGrant(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1")
	for _, tt := range []struct {
		g              Grant
		action, remote string
		ok             bool
	}{
		{Grant{}, Play, "192.0.2.1:1", true},
		{Grant{}, Publish, "192.0.2.1:1", false},
		{Grant{Action: Play}, Play, "192.0.2.1:1", true},
		{Grant{Action: Publish}, Publish, "192.0.2.1:1", true},
		{Grant{Action: Publish}, Play, "192.0.2.1:1", false},
		{Grant{IP: v4}, Play, "192.0.2.7:1", true},
		{Grant{IP: v4}, Play, "[::ffff:192.0.2.7]:1", true},
		{Grant{IP: v4}, Play, "192.0.2.8:1", false},
		{Grant{IP: v4}, Play, "@", false},
		{Grant{IP: v6}, Play, "[2001:db8::1]:1", true},
		{Grant{IP: v6}, Play, "[2001:db8::2]:1", false},
	} {
		if err := tt.g.Allows(tt.action, tt.remote); (err == nil) != tt.ok {
			t.Errorf("%+v %s from %s: %v", tt.g, tt.action, tt.remote, err)
		}
	}
}

// The commands of the package's documentation make what Sign makes.
func TestOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	for _, g := range []Grant{
		{Path: path, Expires: time.Unix(1900000000, 0)},
		{Path: "a.example" + path, Expires: time.Unix(1900000000, 0), Action: Publish, IP: netip.MustParseAddr("192.0.2.7")},
	} {
		c := exec.CommandContext(t.Context(), "sh", "-c", `printf %s "$TEXT" | openssl dgst -sha256 -hmac "$KEY" -r | cut -d' ' -f1`)
		query := Sign("a key's text", g)
		text, sign, _ := strings.Cut(query, "&sign=")
		c.Env = append(c.Environ(), "KEY=a key's text", "TEXT="+g.Path+"?"+text)
		out, err := c.CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != sign {
			t.Errorf("%s: openssl says %s, %v", query, out, err)
		}
	}
}

func FuzzVerifySigned(f *testing.F) {
	f.Add(path, Sign("key", Grant{Path: path, Expires: time.Unix(1, 0), Action: Publish, IP: netip.MustParseAddr("::1")}))
	f.Add(path, "?a=b&expires=-1&sign=00?expires=-1#x")
	f.Fuzz(func(t *testing.T, path, query string) {
		g, sign, err := parseSigned(query)
		if err != nil {
			if _, err := VerifySigned([]string{"key"}, path, query, time.Now()); err == nil {
				t.Fatal("taken, and malformed")
			}
			return
		}
		// What was read, signed anew, is the same again.
		g.Path = path
		again, err := VerifySigned([]string{"key"}, path, Sign("key", g), g.Expires.Add(-time.Second))
		if err != nil || again != g {
			t.Fatalf("%+v, %v: %+v (sign %x)", again, err, g, sign)
		}
	})
}
