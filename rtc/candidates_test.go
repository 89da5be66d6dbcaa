package rtc

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestCandidates(t *testing.T) {
	machine := addrs("127.0.0.1", "::1", "10.0.0.5", "fe80::1", "2001:db8::5", "203.0.113.7")
	names := map[string][]netip.Addr{"live.test": addrs("198.51.100.4", "2001:db8::4")}
	for name, x := range map[string]struct {
		c     Candidates
		api   string
		extra []string
		local []netip.Addr
		want  []string
	}{
		"interfaces":        {want: []string{"10.0.0.5", "203.0.113.7"}},
		"all families":      {c: Candidates{Family: AllFamilies}, want: []string{"10.0.0.5", "2001:db8::5", "203.0.113.7"}},
		"IPv6":              {c: Candidates{Family: IPv6}, want: []string{"2001:db8::5"}},
		"star":              {c: Candidates{Hosts: []string{"*"}}, want: []string{"10.0.0.5", "203.0.113.7"}},
		"loopback alone":    {local: addrs("127.0.0.1", "::1"), want: []string{"127.0.0.1"}},
		"API first":         {api: "127.0.0.1", want: []string{"127.0.0.1", "10.0.0.5", "203.0.113.7"}},
		"API, IPv6":         {api: "[::1]", want: []string{"::1", "10.0.0.5", "203.0.113.7"}},
		"API off":           {c: Candidates{NoAPIHost: true}, api: "127.0.0.1", want: []string{"10.0.0.5", "203.0.113.7"}},
		"API name":          {api: "live.test", want: []string{"198.51.100.4", "10.0.0.5", "203.0.113.7"}},
		"name kept":         {c: Candidates{KeepName: true, NoInterfaces: true}, api: "live.test", want: []string{"198.51.100.4", "live.test"}},
		"name not resolved": {c: Candidates{NoResolve: true, NoInterfaces: true}, api: "live.test", want: []string{"10.0.0.5"}},
		"name alone":        {c: Candidates{NoResolve: true, KeepName: true, NoInterfaces: true}, api: "live.test", want: []string{"live.test"}},
		"name, IPv6":        {c: Candidates{Family: IPv6, NoInterfaces: true}, api: "live.test", want: []string{"2001:db8::4"}},
		"bad name":          {c: Candidates{KeepName: true, NoInterfaces: true}, api: "a\r\nb=c", want: []string{"10.0.0.5"}},
		"configured":        {c: Candidates{Hosts: []string{"192.0.2.1"}}, api: "127.0.0.1", want: []string{"127.0.0.1", "192.0.2.1"}},
		"configured name":   {c: Candidates{Hosts: []string{"live.test"}}, want: []string{"198.51.100.4"}},
		"by the request":    {c: Candidates{Hosts: []string{"*"}}, api: "127.0.0.1", extra: []string{"192.0.2.9"}, want: []string{"127.0.0.1", "192.0.2.9", "10.0.0.5", "203.0.113.7"}},
		"both":              {c: Candidates{Hosts: []string{"192.0.2.1"}, NoAPIHost: true}, extra: []string{"192.0.2.9"}, want: []string{"192.0.2.9", "192.0.2.1"}},
		"nothing to tell":   {c: Candidates{NoInterfaces: true}, want: []string{"10.0.0.5"}},
		"other family":      {c: Candidates{Family: IPv6}, local: addrs("127.0.0.1", "::1", "fe80::1", "10.0.0.5"), want: []string{"10.0.0.5"}},
		"IPv6 loopback":     {c: Candidates{Family: IPv6}, local: addrs("127.0.0.1", "::1"), want: []string{"::1"}},
		"said twice":        {api: "10.0.0.5", want: []string{"10.0.0.5", "203.0.113.7"}},
	} {
		local := x.local
		if local == nil {
			local = machine
		}
		got := x.c.hosts(context.Background(), x.api, x.extra, func() []netip.Addr { return local }, func(_ context.Context, host string) []netip.Addr { return names[host] })
		require.Equal(t, x.want, got, name)
	}
	require.NotEmpty(t, localAddrs())
	require.Empty(t, lookupName(context.Background(), "a b"))
}

func TestSplitPort(t *testing.T) {
	for in, want := range map[string]struct {
		host string
		port int
	}{
		"192.0.2.1": {"192.0.2.1", 8000}, "192.0.2.1:9000": {"192.0.2.1", 9000}, "[::1]:9000": {"::1", 9000}, "::1": {"::1", 8000},
		"[::1]": {"::1", 8000}, "live.test:1": {"live.test", 1}, "live.test": {"live.test", 8000}, "a:0": {"a", 8000}, "a:x": {"a", 8000},
	} {
		host, port := splitPort(in, 8000)
		require.Equal(t, want.host, host, in)
		require.Equal(t, want.port, port, in)
	}
}
