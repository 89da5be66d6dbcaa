package gate

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/stream"
)

// rules reads several, separated by semicolons as in srs.conf.
func rules(t testing.TB, text string) []SecurityRule {
	t.Helper()
	list := []SecurityRule{}
	for one := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		r, err := ParseSecurityRule(one)
		require.NoError(t, err)
		list = append(list, r)
	}
	return list
}

func TestSecurity(t *testing.T) {
	const publish, play, view = stream.ActionPublish, stream.ActionPlay, stream.ActionView
	for _, tt := range []struct {
		name, rules string
		action      stream.Action
		remote      string
		want        int
	}{
		// No match: an allow of any kind, or no rules at all, refuse; rules that deny alone let in.
		{"no rules", "", play, "10.0.0.1:1", 1054},
		{"no rules, publish", "", publish, "10.0.0.1:1", 1054},
		{"deny alone, no match", "deny play 10.0.0.2", play, "10.0.0.1:1", 0},
		{"deny alone, other action", "deny play all", publish, "10.0.0.1:1", 0},
		{"allow, no match", "allow play 10.0.0.2", play, "10.0.0.1:1", 1054},
		{"allow of the other action", "allow publish all", play, "10.0.0.1:1", 1054},
		{"both, no match", "deny play 10.0.0.2; allow play 10.0.0.3", play, "10.0.0.1:1", 1054},
		{"deny of this, allow of the other", "deny play 10.0.0.2; allow publish all", play, "10.0.0.1:1", 1054},
		// Deny comes first, wherever it stands.
		{"deny all", "deny play all", play, "10.0.0.1:1", 1053},
		{"deny before allow", "deny play all; allow play 10.0.0.1", play, "10.0.0.1:1", 1053},
		{"deny after allow", "allow play 10.0.0.1; deny play all", play, "10.0.0.1:1", 1053},
		{"deny one, allow all: it", "allow play all; deny play 10.0.0.1", play, "10.0.0.1:1", 1053},
		{"deny one, allow all: another", "allow play all; deny play 10.0.0.1", play, "10.0.0.2:1", 0},
		{"second deny", "deny play 10.0.0.9; deny play 10.0.0.1", play, "10.0.0.1:1", 1053},
		{"second allow", "allow play 10.0.0.9; allow play 10.0.0.1", play, "10.0.0.1:1", 0},
		// Actions.
		{"publish denied", "deny publish all", publish, "10.0.0.1:1", 1053},
		{"publish allowed", "allow publish all; allow play 10.0.0.9", publish, "10.0.0.1:1", 0},
		{"view is play", "deny play all", view, "10.0.0.1:1", 1053},
		{"connect is neither", "deny play all; deny publish all", stream.ActionConnect, "10.0.0.1:1", 0},
		{"open is neither", "deny play all; deny publish all", stream.ActionOpen, "10.0.0.1:1", 0},
		// Addresses.
		{"address", "allow play 10.0.0.1", play, "10.0.0.1:1", 0},
		{"not a prefix of it", "allow play 10.0.0.1", play, "10.0.0.11:1", 1054},
		{"network", "allow play 10.0.0.0/8", play, "10.255.1.1:1", 0},
		{"outside the network", "allow play 10.0.0.0/8", play, "11.0.0.1:1", 1054},
		{"network with bits of a host", "allow play 10.1.2.3/8", play, "10.9.9.9:1", 0},
		{"network of one", "allow play 10.0.0.1/32", play, "10.0.0.2:1", 1054},
		{"network of all", "deny play 0.0.0.0/0", play, "10.0.0.2:1", 1053},
		{"IPv4 network, IPv6 client", "allow play 0.0.0.0/0", play, "[2001:db8::1]:1", 1054},
		{"IPv4 in IPv6", "allow play 10.0.0.0/8", play, "[::ffff:10.0.0.1]:1", 0},
		{"IPv6 address", "allow play 2001:db8::1", play, "[2001:db8::1]:1", 0},
		{"IPv6 address, other form", "allow play 2001:DB8:0::1", play, "[2001:db8::1]:1", 0},
		{"IPv6 address, other", "allow play 2001:db8::1", play, "[2001:db8::2]:1", 1054},
		{"IPv6 network", "deny play 2001:db8::/32", play, "[2001:db8:5::2]:1", 1053},
		{"no address, all", "allow play all", play, "@", 0},
		{"no address, network", "allow play 0.0.0.0/0; allow play ::/0", play, "@", 1054},
	} {
		s := session(tt.action, from(tt.remote))
		err := Security{Enabled: true, Rules: rules(t, tt.rules)}.Admit(t.Context(), s)
		require.Equal(t, tt.want, codeOf(t, err), tt.name)
		require.NoError(t, Security{Rules: rules(t, tt.rules)}.Admit(t.Context(), s), "%s, but disabled", tt.name)
	}
	require.Equal(t, 1052, codeOf(t, Security{Enabled: true}.Admit(t.Context(), session(publish))))
	require.NoError(t, Security{}.Admit(t.Context(), session(publish)))
}

func TestParseSecurityRule(t *testing.T) {
	for text, want := range map[string]SecurityRule{
		"allow play all":             {true, Play, netip.Prefix{}},
		" deny\tpublish  10.0.0.1 ":  {false, Publish, netip.MustParsePrefix("10.0.0.1/32")},
		"deny play 10.1.2.3/8":       {false, Play, netip.MustParsePrefix("10.0.0.0/8")},
		"allow publish ::1":          {true, Publish, netip.MustParsePrefix("::1/128")},
		"allow play ::ffff:10.0.0.1": {true, Play, netip.MustParsePrefix("10.0.0.1/32")},
	} {
		r, err := ParseSecurityRule(text)
		require.NoError(t, err, text)
		require.Equal(t, want, r, text)
	}
	for _, text := range []string{
		"", "allow", "allow play", "allow play all all", "permit play all", "allow watch all", "allow play any", "Allow play all",
		"allow play example.com", "allow play 10.0.0", "allow play 10.0.0.1/33", "allow play 10.0.0.1/", "allow play 010.0.0.1",
		"allow play ::ffff:10.0.0.0/104", "allow play 10.0.0.1:80", "allow play all;",
	} {
		_, err := ParseSecurityRule(text)
		require.Error(t, err, text)
	}
}

func FuzzParseSecurityRule(f *testing.F) {
	for _, s := range []string{"allow play all", "deny publish 10.0.0.0/8", "deny play 2001:db8::1%eth0", "allow play ::ffff:1.2.3.4/120"} {
		f.Add(s, "10.0.0.1:1")
	}
	f.Fuzz(func(t *testing.T, text, remote string) {
		r, err := ParseSecurityRule(text)
		if err != nil {
			if r != (SecurityRule{}) {
				t.Fatalf("%+v and %v", r, err)
			}
			return
		}
		if r.Net != r.Net.Masked() || r.Net.IsValid() == strings.HasSuffix(strings.TrimSpace(text), "all") {
			t.Fatalf("%q: %+v", text, r)
		}
		a := stream.ActionPlay
		if r.Actions == Publish {
			a = stream.ActionPublish
		}
		// One rule alone: it decides, or the other way round.
		refused := Security{Enabled: true, Rules: []SecurityRule{r}}.Admit(t.Context(), session(a, from(remote))) != nil
		r.Allow = !r.Allow
		if refused == (Security{Enabled: true, Rules: []SecurityRule{r}}.Admit(t.Context(), session(a, from(remote))) != nil) {
			t.Fatalf("%q decides the same allowing and denying", text)
		}
	})
}
