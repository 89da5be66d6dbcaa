package protocol

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"
)

var proxyNets = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fc00::/7"),
}

// forwardedCases are peers, headers and who the client is. The headers are one field a string.
var forwardedCases = []struct {
	name, peer string
	xff        []string
	real, want string
}{
	{"no header", "10.0.0.1:5", nil, "", "10.0.0.1:5"},
	{"one", "10.0.0.1:5", []string{"192.0.2.1"}, "", "192.0.2.1:0"},
	{"peer is nobody's proxy", "198.51.100.1:5", []string{"192.0.2.1"}, "192.0.2.1", "198.51.100.1:5"},
	{"client lies", "10.0.0.1:5", []string{"203.0.113.9, 192.0.2.1"}, "", "192.0.2.1:0"},
	{"client lies in a field of its own", "10.0.0.1:5", []string{"127.0.0.1", "192.0.2.1"}, "", "192.0.2.1:0"},
	{"chain of proxies", "10.0.0.1:5", []string{"203.0.113.9, 192.0.2.1 ,10.0.0.2,\t10.0.0.3"}, "", "192.0.2.1:0"},
	{"chain over fields", "10.0.0.1:5", []string{"192.0.2.1,10.0.0.2", "10.0.0.3"}, "", "192.0.2.1:0"},
	{"client inside", "10.0.0.1:5", []string{"10.0.0.9, 10.0.0.2"}, "", "10.0.0.9:0"},
	{"port", "10.0.0.1:5", []string{"192.0.2.1:777"}, "", "192.0.2.1:777"},
	{"IPv6", "[fc00::1]:5", []string{"2001:db8::1"}, "", "[2001:db8::1]:0"},
	{"IPv6 in brackets", "[fc00::1]:5", []string{"[2001:db8::1]"}, "", "[2001:db8::1]:0"},
	{"IPv6 with port", "[fc00::1]:5", []string{"[2001:db8::1]:777"}, "", "[2001:db8::1]:777"},
	{"IPv4 in IPv6", "[::ffff:10.0.0.1]:5", []string{"::ffff:192.0.2.1"}, "", "192.0.2.1:0"},
	{"zone", "[fc00::1%eth0]:5", []string{"fe80::1%eth0"}, "", "[fe80::1]:0"},
	{"real", "10.0.0.1:5", nil, "192.0.2.1", "192.0.2.1:0"},
	{"real comes second", "10.0.0.1:5", []string{"192.0.2.1"}, "192.0.2.2", "192.0.2.1:0"},
	{"unknown", "10.0.0.1:5", []string{"unknown"}, "192.0.2.2", "10.0.0.1:5"},
	{"empty", "10.0.0.1:5", []string{""}, "", "10.0.0.1:5"},
	{"empty element", "10.0.0.1:5", []string{"192.0.2.1,"}, "", "10.0.0.1:5"},
	{"malformed before the client", "10.0.0.1:5", []string{"x y, 192.0.2.1"}, "", "192.0.2.1:0"},
	{"malformed behind proxies", "10.0.0.1:5", []string{"x, 10.0.0.2"}, "", "10.0.0.1:5"},
	{"open bracket", "10.0.0.1:5", []string{"[2001:db8::1"}, "", "10.0.0.1:5"},
	{"IPv4 in brackets", "10.0.0.1:5", []string{"[192.0.2.1]"}, "", "10.0.0.1:5"},
	{"port out of range", "10.0.0.1:5", []string{"192.0.2.1:99999"}, "", "10.0.0.1:5"},
	{"newline", "10.0.0.1:5", []string{"192.0.2.1\n"}, "", "10.0.0.1:5"},
	{"real is malformed", "10.0.0.1:5", nil, "192.0.2.1, 192.0.2.2", "10.0.0.1:5"},
	{"not a socket's address", "@", []string{"192.0.2.1"}, "", "@"},
}

func header(xff []string, real string) http.Header {
	h := http.Header{}
	for _, x := range xff {
		h.Add("X-Forwarded-For", x)
	}
	if real != "" {
		h.Set("X-Real-IP", real)
	}
	return h
}

func TestForwarded(t *testing.T) {
	for _, tt := range forwardedCases {
		r := &http.Request{RemoteAddr: tt.peer, Header: header(tt.xff, tt.real)}
		if got := forwarded(r, proxyNets); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if got := forwarded(r, nil); got != tt.peer {
			t.Errorf("%s: without proxies: %s", tt.name, got)
		}
	}
	long := &http.Request{RemoteAddr: "10.0.0.1:5", Header: header(nil, "")}
	long.Header.Add("X-Forwarded-For", "192.0.2.1")
	for range maxHops - 1 {
		long.Header.Add("X-Forwarded-For", "10.0.0.2")
	}
	if got := forwarded(long, proxyNets); got != "192.0.2.1:0" {
		t.Errorf("%d hops: %s", maxHops, got)
	}
	long.Header.Add("X-Forwarded-For", "10.0.0.2")
	if got := forwarded(long, proxyNets); got != "10.0.0.1:5" {
		t.Errorf("more hops: %s", got)
	}
}

// Handlers see the client, behind a TCP proxy and behind one on a Unix socket.
func TestForwardedServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, h := httpServer(t,
		HTTPListener{Name: "http", Listen: []string{"127.0.0.1:0", "unix:" + path}, Forwarded: proxyNets},
		HTTPListener{Name: "bare", Listen: []string{"127.0.0.1:0"}})
	for _, name := range []string{"http", "bare"} {
		h.HTTP(name).Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.RemoteAddr)
		}))
	}
	ask := func(a net.Addr) string {
		tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, a.Network(), a.String())
		}}
		defer tr.CloseIdleConnections()
		r, _ := http.NewRequest("GET", "http://x/", nil)
		r.Header.Set("X-Forwarded-For", "192.0.2.7:99")
		res, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	for _, a := range s.HTTPAddrs("http") {
		if got := ask(a); got != "192.0.2.7:99" {
			t.Errorf("over %v: %s", a, got)
		}
	}
	if got := ask(s.HTTPAddrs("bare")[0]); netip.MustParseAddrPort(got).Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("without trusted proxies: %s", got)
	}
}

func FuzzForwarded(f *testing.F) {
	for _, tt := range forwardedCases {
		a, b := "", ""
		if len(tt.xff) > 0 {
			a = tt.xff[0]
		}
		if len(tt.xff) > 1 {
			b = tt.xff[1]
		}
		f.Add(tt.peer, a, b, tt.real)
	}
	f.Fuzz(func(t *testing.T, peer, a, b, real string) {
		got := forwarded(&http.Request{RemoteAddr: peer, Header: header([]string{a, b}, real)}, proxyNets)
		if got == peer {
			return
		}
		at, err := netip.ParseAddrPort(got)
		if err != nil || at.Addr().Zone() != "" || at.Addr().Is4In6() {
			t.Fatalf("client %q: %v", got, err)
		}
		if p, err := netip.ParseAddrPort(peer); err != nil || !contains(proxyNets, p.Addr()) {
			t.Fatalf("believed %q", peer)
		}
	})
}
